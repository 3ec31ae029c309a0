/** How the rate follows the other side, and the breaker its samples, step by step. */
import { describe, expect, it } from "vitest";
import { adapt, capsInForce } from "../../src/core/guard/adapt.ts";
import {
  afterCall,
  breakerVerdict,
  healthOf,
  sampledCalls,
  startProbe,
} from "../../src/core/guard/breaker.ts";
import type { LimitHint } from "../../src/core/guard/commands.ts";
import { newGuardState, type Adaptive, type Breaker } from "../../src/core/guard/model.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const fresh = newGuardState(START_MS).adaptive;
const context = (nowMs: number) => ({
  nowMs,
  hasRequestLimit: true,
  requestsPerMinute: 100,
  grantedSince: { requests: 0, tokens: 0 },
});
const told = (
  adaptive: Adaptive,
  nowMs: number,
  hint?: LimitHint,
  outcome: "success" | "transient" = "success",
) =>
  adapt(
    adaptive,
    { outcome, latencyMs: 1, usedTokens: null, ...(hint === undefined ? {} : { hint }) },
    context(nowMs),
    settings.adapt,
  );
const { everyMs, hintHoldMs } = settings.adapt;

describe("a reduced rate", () => {
  const reduced = (factor: number) =>
    capsInForce({ requestsPerMinute: 100 }, { ...fresh, factor }, settings).requests;

  it("is rounded down, and never less than one", () => {
    expect(reduced(0.555)).toEqual([27, 44, 55]);
    expect(reduced(0.001)).toEqual([1, 1, 1]);
  });

  it("is halved once for an overload, which lasts as long as its time", () => {
    const halved = told(fresh, START_MS, { limited: true });
    expect(halved).toMatchObject({ factor: 0.5, changedAtMs: START_MS, streak: 1 });
    expect(told(halved, START_MS + everyMs - 1, { limited: true }).factor).toBe(0.5);
    expect(told(halved, START_MS + everyMs, { limited: true }).factor).toBe(0.25);
  });

  it("is restored by a tenth for each time that has passed, at most doubled, and not before", () => {
    const low = { ...fresh, factor: 1 / 16, changedAtMs: START_MS, streak: 3 };
    expect(told(low, START_MS + everyMs - 1)).toEqual({ ...low, streak: 0 });
    expect(told(low, START_MS + 10 * everyMs)).toMatchObject({
      factor: 1 / 8,
      changedAtMs: START_MS + 10 * everyMs,
      streak: 0,
    });
    const half = { ...fresh, factor: 0.5, changedAtMs: START_MS };
    expect(told(half, START_MS + 2 * everyMs).factor).toBeCloseTo(0.7);
    const whole = { ...fresh, changedAtMs: START_MS, streak: 2, observedPerMinute: 70 };
    expect(told(whole, START_MS + 10 * everyMs)).toEqual({ ...whole, streak: 0 });
  });

  it("stands in for a limit that nobody configured with what all priorities were granted", () => {
    const guard = new Guard();
    for (const [priority, calls] of [
      ["low", 70],
      ["normal", 40],
      ["high", 30],
    ] as const)
      guard.grantAll({ priority }, calls);
    guard.settle(1, { ...SUCCESS, hint: { limited: true } });
    expect(guard.state.adaptive.observedPerMinute).toBe(140);
  });
});

describe("a hint", () => {
  it("that says nothing of a wait pauses nothing", () => {
    expect(told(fresh, START_MS).pausedUntilMs).toBe(0);
    expect(told(fresh, START_MS, { limited: false, remainingRequests: 5 }).pausedUntilMs).toBe(0);
  });

  it.each([
    [undefined, { amount: 5, untilMs: START_MS + hintHoldMs }],
    [hintHoldMs + 1, { amount: 5, untilMs: START_MS + hintHoldMs }],
    [2, { amount: 5, untilMs: START_MS + 2 }],
    [1, { amount: 5, untilMs: START_MS + 1 }],
    [0, null],
    [-1, null],
  ])("of what is left, with a reset in %s ms, holds so long", (requestsResetMs, left) => {
    const hint = {
      limited: false,
      remainingRequests: 5,
      ...(requestsResetMs === undefined ? {} : { requestsResetMs }),
    };
    expect(told(fresh, START_MS, hint).left.requests).toEqual(left);
  });
});

describe("the breaker", () => {
  const of = settings.breaker;
  const call = (breaker: Breaker, permitId: number, health: "good" | "bad", nowMs = START_MS) =>
    afterCall(breaker, { permitId, health }, nowMs, of);

  it("takes a call for slow that is slower than its limit, not as slow", () => {
    expect(healthOf({ ...SUCCESS, latencyMs: 500 }, 500)).toBe("good");
    expect(healthOf({ ...SUCCESS, latencyMs: 501 }, 500)).toBe("bad");
  });

  it("keeps its cool-down through the probe", () => {
    const probing = startProbe({ phase: "open", untilMs: START_MS, cooldownMs: 60_000 }, 7, of);
    expect(probing).toEqual({ phase: "half-open", probeId: 7, cooldownMs: 60_000 });
    expect(startProbe({ phase: "closed", samples: [] }, 7, of)).toMatchObject({ cooldownMs: of.cooldownMs });
  });

  const ramping = (limit: number): Breaker => ({ phase: "ramping", probeId: 7, limit, cooldownMs: 60_000 });

  it("counts calls after the probe while it ramps up, the probe itself not among them", () => {
    expect(breakerVerdict(ramping(1), [{ id: 6 }, { id: 7 }], START_MS)).toEqual({ kind: "pass" });
    expect(breakerVerdict(ramping(1), [{ id: 8 }], START_MS)).toMatchObject({ kind: "blocked" });
    expect(call(ramping(3), 7, "good")).toEqual(ramping(3));
    expect(call(ramping(3), 8, "good")).toEqual(ramping(4));
  });

  it("halves what it lets through after a failure, and opens only from one", () => {
    expect(call(ramping(5), 8, "bad")).toEqual(ramping(2));
    expect(call(ramping(2), 8, "bad")).toEqual(ramping(1));
    expect(call(ramping(1), 8, "bad")).toEqual({
      phase: "open",
      untilMs: START_MS + 120_000,
      cooldownMs: 120_000,
    });
  });

  it("samples calls by the time they began to be counted, and keeps the others as they were", () => {
    const earlier = { startMs: START_MS - 2 * of.sampleBucketMs, calls: 3, failures: 1 };
    const before = { startMs: START_MS - of.sampleBucketMs, calls: 2, failures: 0 };
    const current = { startMs: START_MS, calls: 4, failures: 1 };
    const samples = (breaker: Breaker) => (breaker.phase === "closed" ? breaker.samples : []);
    const closed = (...all: (typeof current)[]): Breaker => ({ phase: "closed", samples: all });
    expect(samples(call(closed(earlier, before, current), 1, "good", START_MS + 1))).toEqual([
      earlier,
      before,
      { startMs: START_MS, calls: 5, failures: 1 },
    ]);
    expect(samples(call(closed(earlier, before), 1, "bad", START_MS + 1))).toEqual([
      earlier,
      before,
      { startMs: START_MS, calls: 1, failures: 1 },
    ]);
  });

  it("forgets a sample a minute after the last call that it can have counted", () => {
    const samples = [{ startMs: START_MS, calls: 3, failures: 1 }];
    const endMs = START_MS + of.sampleBucketMs + of.sampleMs;
    expect(sampledCalls(samples, endMs - 1, of)).toEqual({ calls: 3, failures: 1 });
    expect(sampledCalls(samples, endMs, of)).toEqual({ calls: 0, failures: 0 });
  });

  it("stays with its probe while that is under way, whatever else expires", () => {
    const guard = new Guard({ maxConcurrent: 50 });
    for (let calls = 0; calls < of.minCalls; calls++) guard.call(FAILURE);
    guard.pass(of.cooldownMs);
    const probeId = guard.grant({ leaseMs: 60_000 });
    expect(guard.state.breaker).toMatchObject({ phase: "half-open", probeId });
    const [probe] = guard.state.permits;
    if (probe === undefined) throw new Error("no probe");
    const other = { ...probe, id: probeId - 1 };
    const withPermits = (...permits: (typeof probe)[]) => {
      guard.state = { ...guard.state, permits };
      guard.pass(1);
      guard.renew([-1]);
      return guard.state.breaker.phase;
    };
    expect(withPermits(probe, { ...other, expiresAtMs: guard.nowMs })).toBe("half-open");
    expect(withPermits({ ...probe, expiresAtMs: guard.nowMs }, other)).toBe("open");
  });

  it("tells whoever it holds back while it probes to come when an answer can be there", () => {
    const guard = new Guard({}, () => 0);
    guard.call({ ...SUCCESS, latencyMs: 2_000 });
    guard.state = { ...guard.state, breaker: { phase: "half-open", probeId: 99, cooldownMs: 30_000 } };
    expect(guard.deny()).toMatchObject({ reason: "breaker", retryAtMs: START_MS + 2_000 });
  });
});
