/** What is written when, and what a restart takes for used, to the number. */
import { describe, expect, it } from "vitest";
import { hasUnwritten, mustWrite, reload, written } from "../../src/core/guard/durability.ts";
import type { GuardState, PermitRecord } from "../../src/core/guard/model.ts";
import { Guard, settings, START_MS } from "./guard-support.ts";

/** Everything that has happened is stored. */
function stored(guard: Guard): GuardState {
  guard.state = written(guard.state, guard.nowMs);
  return guard.state;
}

const must = (guard: Guard) => mustWrite(guard.state, { nowMs: guard.nowMs, settings });

describe("a write", () => {
  it("is due when more than a tenth of a limit is granted, not at a tenth", () => {
    for (const [tokens, isDue] of [
      [100, false],
      [101, true],
    ] as const) {
      const guard = new Guard({ tokensPerMinute: 1_000 });
      guard.grant();
      stored(guard);
      guard.grant({ tokens });
      expect(must(guard)).toBe(isDue);
    }
  });

  it("is due after a second, if there is anything to write", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.grant();
    stored(guard);
    guard.pass(settings.flushEveryMs);
    expect([must(guard), hasUnwritten(guard.state)]).toEqual([false, false]);
    guard.grant();
    expect([must(guard), hasUnwritten(guard.state)]).toEqual([true, true]);
    guard.nowMs -= 1;
    expect(must(guard)).toBe(false);
  });

  it("is dated with the guard's own time, which never runs backwards", () => {
    const { state } = new Guard();
    expect(written(state, START_MS + 9).writtenAtMs).toBe(START_MS + 9);
    expect(written({ ...state, nowMs: START_MS + 5 }, START_MS).writtenAtMs).toBe(START_MS + 5);
  });

  it("counts what a call used beyond its reservation, and only that", () => {
    for (const [usedTokens, unwrittenTokens] of [
      [150, 50],
      [50, 0],
      [100, 0],
      [null, 0],
    ] as const) {
      const guard = new Guard({ tokensPerMinute: 10_000 });
      const permitId = guard.grant({ tokens: 100 });
      stored(guard);
      guard.settle(permitId, { outcome: "success", latencyMs: 1, usedTokens });
      expect(guard.state.unwritten).toMatchObject({ tokens: unwrittenTokens, changed: true });
    }
  });

  it("counts nothing beyond a reservation of nothing, where nobody said what was used", () => {
    const guard = new Guard({ tokensPerMinute: 10_000 });
    const permitId = guard.grant();
    stored(guard);
    guard.settle(permitId, { outcome: "success", latencyMs: 1, usedTokens: null });
    expect(guard.state.unwritten.tokens).toBe(0);
  });

  it("is urgent for a halved rate and for a pause that is longer than what a write may be late, not for a little more of one", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    const [first, second, third, fourth] = guard.grantAll({}, 4);
    stored(guard);
    guard.settle(first ?? 0, {
      outcome: "success",
      latencyMs: 1,
      usedTokens: null,
      hint: { limited: true, retryAfterMs: 0 },
    });
    expect(guard.state.unwritten.urgent).toBe(true);
    const failed = (retryAfterMs: number) =>
      ({
        outcome: "transient",
        latencyMs: 1,
        usedTokens: null,
        hint: { limited: false, retryAfterMs },
      }) as const;
    stored(guard);
    guard.settle(second ?? 0, failed(10_000));
    expect(guard.state.unwritten.urgent).toBe(true);
    stored(guard);
    guard.settle(third ?? 0, failed(10_000 + settings.flushEveryMs));
    expect(guard.state.unwritten.urgent).toBe(false);
    guard.settle(fourth ?? 0, failed(10_001 + 2 * settings.flushEveryMs));
    expect(guard.state.unwritten.urgent).toBe(true);
  });

  it("is due for a renewal as for anything else", () => {
    const guard = new Guard({ maxConcurrent: 50 });
    const permitId = guard.grant();
    stored(guard);
    guard.renew([permitId]);
    expect(hasUnwritten(guard.state)).toBe(true);
  });
});

describe("a restart", () => {
  const limits = { requestsPerMinute: 199, tokensPerMinute: 1_000, maxConcurrent: 39 };
  const restart = (state: GuardState, nowMs: number) => reload(state, { nowMs, settings });
  const bucketOf = (timeMs: number) => Math.floor(timeMs / settings.bucketMs) * settings.bucketMs;

  it.each([
    ["long after the last write", 60_000, settings.flushEveryMs],
    ["right after it", 300, 300],
    ["on a machine whose clock is behind", -5_000, 0],
  ])("%s takes a tenth for used, as late as it can have been", (_, afterMs, lostAfterMs) => {
    const guard = new Guard(limits);
    guard.nowMs += 30_000;
    guard.grant({ tokens: 10, leaseMs: 200_000 });
    const state = stored(guard);
    const lostAtMs = guard.nowMs + lostAfterMs;
    const reloaded = restart(state, guard.nowMs + afterMs);
    expect(reloaded.nowMs).toBe(Math.max(guard.nowMs, guard.nowMs + afterMs));
    expect(reloaded.rate.buckets.at(-1)).toEqual({
      startMs: bucketOf(lostAtMs + settings.blockHoldMs),
      requests: [19, 0, 0],
      tokens: [100, 0, 0],
    });
    expect(reloaded.permits.slice(1)).toEqual(
      [2, 3, 4].map((id): PermitRecord => ({
        id,
        priority: "low",
        grantedAtMs: lostAtMs,
        expiresAtMs: lostAtMs + settings.blockHoldMs + 200_000,
        tokens: 0,
      })),
    );
    expect(mustWrite(reloaded, { nowMs: reloaded.nowMs, settings })).toBe(true);
    expect(hasUnwritten(reloaded)).toBe(false);
  });

  it("holds lost slots for the longest lease there was, and no longer", () => {
    const guard = new Guard(limits);
    guard.grant({ leaseMs: 300_000 });
    guard.grant({ leaseMs: 1_000 });
    expect(guard.state.longestLeaseMs).toBe(300_000);
    const short = new Guard(limits);
    short.grant({ leaseMs: 1_000 });
    const expiresAtMs = restart(stored(short), START_MS + 60_000).permits.at(-1)?.expiresAtMs;
    expect(expiresAtMs).toBe(START_MS + settings.flushEveryMs + settings.blockHoldMs + 1_000);
  });

  it("takes every slot for renewed at the last moment that can have been lost, within the longest lease there is", () => {
    const guard = new Guard(limits);
    guard.grant({ leaseMs: settings.maxSlotLeaseMs }); // longer than a renewal anyway
    guard.grant({ leaseMs: settings.renewedLeaseMs });
    const state = stored(guard);
    const lostAtMs = START_MS + settings.flushEveryMs;
    const expiries = (of: GuardState) =>
      restart(of, START_MS + 60_000)
        .permits.slice(0, 2)
        .map((permit) => permit.expiresAtMs);
    expect(expiries(state)).toEqual([START_MS + settings.maxSlotLeaseMs, lostAtMs + settings.renewedLeaseMs]);
    const grantedAtMs = START_MS - settings.maxSlotLeaseMs + 5_000;
    const old = state.permits.map((permit) => ({ ...permit, grantedAtMs, expiresAtMs: START_MS + 3_000 }));
    expect(expiries({ ...state, permits: old })).toEqual([START_MS + 5_000, START_MS + 5_000]);
  });

  it("takes nothing for used of what has no limit", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.call();
    const reloaded = restart(stored(guard), START_MS + 60_000);
    expect(reloaded.permits).toEqual([]);
    expect(reloaded.rate.buckets.at(-1)).toMatchObject({ requests: [60, 0, 0], tokens: [0, 0, 0] });
  });

  it("reckons with the rate that was seen, where none is configured and a 429 has come", () => {
    const guard = new Guard();
    guard.grant();
    const { adaptive } = guard.state;
    guard.state = { ...guard.state, adaptive: { ...adaptive, factor: 0.5, observedPerMinute: 100 } };
    expect(restart(stored(guard), START_MS + 60_000).rate.buckets.at(-1)?.requests).toEqual([10, 0, 0]);
  });
});
