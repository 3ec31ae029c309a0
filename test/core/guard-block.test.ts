/** Blocks of grants: how many calls are granted ahead, when they count, and what a client does with them. */
import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/core/guard/model.ts";
import { summarize } from "../../src/core/guard/summary.ts";
import { createPermitPool } from "../../src/guard/permit-pool.ts";
import type { AdmissionRequest } from "../../src/guard/port.ts";
import { FAILURE, Guard, settings, START_MS, type Ask } from "./guard-support.ts";

const AHEAD = { calls: 100, tokens: 100 };

function aheadOf(guard: Guard, ask: Ask = {}): number {
  const decision = guard.admit({ tokens: 100, ahead: AHEAD, ...ask });
  if (decision.kind === "denied") throw new Error(`denied: ${decision.reason}`);
  return decision.ahead ?? 0;
}

describe("a block", () => {
  it("is only for callers who ask for one, and no larger than asked", () => {
    const guard = new Guard();
    expect(guard.admit()).not.toHaveProperty("ahead");
    expect(aheadOf(guard, { ahead: { calls: 3, tokens: 0 } })).toBe(3);
    expect(aheadOf(guard)).toBe(settings.maxBlockCalls);
  });

  it.each<[string, Limits, number]>([
    ["60 requests a minute: one call is hoarding enough", { requestsPerMinute: 60 }, 0],
    ["600 requests a minute", { requestsPerMinute: 600 }, 5],
    ["60,000 requests a minute", { requestsPerMinute: 60_000 }, settings.maxBlockCalls],
    ["20 times the call's tokens", { tokensPerMinute: 2_000 }, 0],
    ["600 times the call's tokens", { tokensPerMinute: 60_000 }, 5],
    ["three slots", { maxConcurrent: 3 }, 0],
    ["twenty slots: a quarter of them, with the call itself", { maxConcurrent: 20 }, 4],
  ])("takes a small part of what is free under %s", (_, limits, size) => {
    expect(aheadOf(new Guard(limits))).toBe(size);
  });

  it("leaves the rest to others: many callers at once are all granted, with smaller and smaller blocks", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    const sizes = Array.from({ length: 20 }, () => aheadOf(guard));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(sizes.at(-1)).toBe(0);
  });

  it("is not given while anybody waits for a turn, of whatever priority", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.grantAll({ priority: "low" });
    expect(aheadOf(guard)).toBe(0);
    guard.pass(60_000);
    expect(aheadOf(guard)).toBeGreaterThan(0);
  });

  it("is not given by a guard whose endpoint failed of late, or said that little is left", () => {
    const failed = new Guard();
    failed.call(FAILURE);
    expect(aheadOf(failed)).toBe(0);
    const told = new Guard();
    told.call({
      outcome: "success",
      latencyMs: 1,
      usedTokens: null,
      hint: { limited: false, remainingRequests: 9, requestsResetMs: 60_000 },
    });
    expect(aheadOf(told)).toBe(0);
  });

  it("counts from the time on at which its calls may begin, and for a minute", () => {
    const guard = new Guard();
    expect(aheadOf(guard, { ahead: { calls: 3, tokens: 0 } })).toBe(3);
    const counted = (afterMs: number) =>
      summarize(guard.state, { nowMs: START_MS + afterMs, settings }).requests.used.high;
    const minuteMs = settings.windowMs + settings.bucketMs + settings.transitMs;
    expect(counted(minuteMs - 1)).toBe(4);
    expect(counted(minuteMs)).toBe(3);
    expect(counted(minuteMs + settings.blockHoldMs - 1)).toBe(3);
    expect(counted(minuteMs + settings.blockHoldMs)).toBe(0);
  });

  it("that nobody used gives everything back", () => {
    const limits = { requestsPerMinute: 600, tokensPerMinute: 60_000, maxConcurrent: 40 };
    const used = new Guard(limits);
    const size = aheadOf(used);
    expect(size).toBeGreaterThan(1);
    for (let id = 2; id <= size + 1; id++) {
      used.settle(id, { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true });
    }
    const single = new Guard(limits);
    single.grant({ tokens: 100 });
    expect(used.grantAll({ tokens: 100 })).toHaveLength(single.grantAll({ tokens: 100 }).length);
  });
});

describe("an isolate's pool", () => {
  const request: AdmissionRequest = {
    guard: "model:fast",
    limits: { requestsPerMinute: 1_000 },
    priority: "normal",
    estimatedTokens: 50,
  };
  let nowMs = START_MS;
  const newPool = () => createPermitPool(() => nowMs);
  const permit = (permitId: number) => ({ permitId, tokens: 50, mayKeep: true });

  it("asks for nothing where calls come alone, and for as many as there were of late where they don't", () => {
    const pool = newPool();
    pool.take(request);
    expect(pool.wanted(request)).toBeUndefined();
    nowMs += settings.blockHoldMs;
    pool.take(request);
    expect(pool.wanted(request)).toBeUndefined();
    pool.take({ ...request, estimatedTokens: 80 });
    expect(pool.wanted({ ...request, estimatedTokens: 80 })).toEqual({ calls: 1, tokens: 80 });
    pool.take(request);
    // One is on its way already.
    expect(pool.wanted(request)).toEqual({ calls: 1, tokens: 80 });
  });

  it.each<[string, Partial<AdmissionRequest>]>([
    ["another guard", { guard: "model:slow" }],
    ["another priority", { priority: "low" }],
    ["more tokens than are reserved", { estimatedTokens: 51 }],
    ["other limits", { limits: { requestsPerMinute: 999 } }],
    ["a longer lease", { leaseMs: 1 }],
  ])("keeps its permits from a call with %s", (_, other) => {
    const pool = newPool();
    pool.add(request, [permit(1)], nowMs);
    expect(pool.take({ ...request, ...other })).toBeNull();
    expect(pool.take(request)).toEqual(expect.objectContaining({ permitId: 1 }));
    expect(pool.take(request)).toBeNull();
  });

  it("gives a permit out no longer than its time from the request on, and then gives it back once", () => {
    const pool = newPool();
    const askedAtMs = nowMs;
    nowMs += 500;
    pool.add(request, [permit(1), permit(2)], askedAtMs);
    nowMs = askedAtMs + settings.blockHoldMs - 1;
    expect(pool.take(request)).not.toBeNull();
    nowMs += 1;
    expect(pool.take(request)).toBeNull();
    const unused = [{ permitId: 2, report: expect.objectContaining({ unused: true }) }];
    expect(pool.takeUnused(request.guard, 10)).toEqual(unused);
    expect(pool.takeUnused(request.guard, 10)).toEqual([]);
  });

  it("begins no call under what it kept once the endpoint has failed", () => {
    const pool = newPool();
    pool.add(request, [permit(1), permit(2)], nowMs);
    pool.drop(request.guard);
    expect(pool.take(request)).toBeNull();
    expect(pool.takeUnused(request.guard, 10)).toHaveLength(2);
  });
});
