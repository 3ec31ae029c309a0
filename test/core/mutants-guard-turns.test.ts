/** Turns, the spread of what is left of a minute, and what operators see, to the millisecond. */
import { describe, expect, it } from "vitest";
import type { AdmitRequest } from "../../src/core/guard/commands.ts";
import { newGuardState, type GuardState, type Limits } from "../../src/core/guard/model.ts";
import { charge, type Caps } from "../../src/core/guard/rate.ts";
import { summarize } from "../../src/core/guard/summary.ts";
import { nextTurn, yieldsToOthers } from "../../src/core/guard/turns.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const NO_CAPS: Caps = { requests: null, tokens: null };
const requestOf = (limits: Limits = {}, turnAtMs?: number): AdmitRequest => ({
  limits,
  priority: "high",
  estimatedTokens: 0,
  ...(turnAtMs === undefined ? {} : { turnAtMs }),
});
const stateWith = (change: Partial<GuardState>): GuardState => ({ ...newGuardState(START_MS), ...change });

describe("whoever is asked for a call", () => {
  const waited = stateWith({ turnsMs: [0, 0, START_MS + 1] });
  const yields = (state: GuardState, turnAtMs?: number) =>
    yieldsToOthers(state, requestOf({}, turnAtMs), START_MS, settings);

  it("comes in turn from a little before it on, and is a newcomer before that", () => {
    expect(yields(waited, START_MS + settings.yieldMs)).toBe(false);
    expect(yields(waited, START_MS + settings.yieldMs + 1)).toBe(true);
    expect(yields(waited, START_MS - 600_000)).toBe(false);
    expect(yields(waited)).toBe(true);
  });

  it("is no newcomer once the last turn has come", () => {
    expect(yields(stateWith({ turnsMs: [0, 0, START_MS] }))).toBe(false);
  });
});

describe("a turn", () => {
  const turn = (
    soonestMs: number,
    random = 0,
    state = newGuardState(START_MS),
    limits: Limits = {},
    caps = NO_CAPS,
  ) => {
    const given = nextTurn(state, requestOf(limits), caps, soonestMs, { nowMs: START_MS, random, settings });
    return [given.retryAtMs - START_MS, given.turnsMs[2] === 0 ? 0 : given.turnsMs[2] - START_MS];
  };

  it("is a whole millisecond, after now, with chance within its step", () => {
    expect(turn(START_MS - 5_000)).toEqual([1, 1 + settings.turnStepMs]);
    expect(turn(START_MS + 10.2)).toEqual([11, 11 + settings.turnStepMs]);
    expect(turn(START_MS + 10, 0.51)).toEqual([10 + 25, 10 + settings.turnStepMs]);
  });

  it("is at least a millisecond from the next, however fast callers are served", () => {
    const fast: Caps = { requests: [3_000_000, 4_800_000, 6_000_000], tokens: null };
    expect(turn(START_MS, 0, newGuardState(START_MS), {}, fast)).toEqual([1, 2]);
    expect(turn(START_MS, 0, stateWith({ latencyMs: 0 }), { maxConcurrent: 10 })).toEqual([1, 2]);
  });

  it("is set up to the longest time ahead, and beyond it by chance in the second half of that", () => {
    const far = START_MS + settings.maxTurnMs;
    expect(turn(far)).toEqual([settings.maxTurnMs, settings.maxTurnMs + settings.turnStepMs]);
    expect(turn(far + 1, 0.333_333)).toEqual([399_999, 0]);
    expect(turn(far + 1, 0)).toEqual([settings.maxTurnMs / 2, 0]);
  });

  it("for a slot is as far as the expected latency over the slots", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    guard.grant();
    expect(guard.deny()).toMatchObject({
      reason: "concurrency",
      retryAtMs: START_MS + settings.expectedLatencyMs,
    });
  });
});

describe("a grant", () => {
  const caps: Caps = { requests: [300, 480, 600], tokens: [3_000, 4_800, 6_000] };
  /** How far one grant moves the pace, when so much was used at the start. */
  const takenMs = (used: number, cost: { requests: number; tokens: number }, nowMs: number) => {
    const kind = cost.requests > 0 ? "requests" : "tokens";
    const bucket = { startMs: START_MS, requests: [0, 0, 0], tokens: [0, 0, 0] } as const;
    const rate = {
      buckets: [{ ...bucket, [kind]: [0, 0, used] }],
      paceMs: { requests: [0, 0, 0], tokens: [0, 0, 0] } as const,
    };
    return charge(rate, cost, caps, 2, { nowMs, countsAtMs: nowMs }, settings).paceMs[kind][2] - nowMs;
  };
  const ONE = { requests: 1, tokens: 0 };
  const burstOverMs = START_MS + settings.burstMs;

  it("takes its even time while a burst lasts, and from its end on a part of what is left", () => {
    expect(takenMs(590, ONE, burstOverMs - 1)).toBe(100);
    expect(takenMs(590, ONE, burstOverMs)).toBe(100 * settings.maxStretch);
    expect(takenMs(1, ONE, burstOverMs)).toBe(100);
    expect(takenMs(500, { requests: 0, tokens: 10 }, burstOverMs)).toBeCloseTo((10 * 55_500) / 5_500);
    expect(takenMs(1_000, { requests: 0, tokens: 10 }, burstOverMs)).toBeCloseTo((10 * 55_500) / 5_000);
  });

  it("of the last call that is left takes the longest, and one beyond is the window's to hold back", () => {
    expect(takenMs(599, ONE, burstOverMs)).toBe(100 * settings.maxStretch);
    expect(takenMs(600, ONE, burstOverMs)).toBe(100);
  });

  it("counts in the bucket it falls into, and is settled whenever there is a ride where slots are not limited", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.pass(settings.bucketMs - 1);
    expect(guard.admit()).toMatchObject({ kind: "granted", settleSoon: false });
    expect(guard.state.rate.buckets.map(({ startMs }) => startMs)).toEqual([START_MS]);
  });
});

describe("what an operator sees", () => {
  const see = (state: GuardState) => summarize(state, { nowMs: START_MS, settings });

  it("of a guard without limits has no caps, and nothing that is over", () => {
    const state = stateWith({ turnsMs: [START_MS, 0, 0] });
    const seen = see({ ...state, adaptive: { ...state.adaptive, pausedUntilMs: START_MS } });
    const none = { low: 0, normal: 0, high: 0 };
    expect(seen).toMatchObject({
      breaker: { phase: "closed", untilMs: null, calls: 0, failures: 0 },
      requests: { used: none, cap: null },
      tokens: { used: none, cap: null },
      slots: { used: none, cap: null },
      pausedUntilMs: null,
      queuedUntilMs: null,
    });
  });

  it("is the whole limit, what was sampled, and the last turn of all", () => {
    const guard = new Guard({ requestsPerMinute: 600, maxConcurrent: 10 });
    guard.call(SUCCESS);
    guard.call(FAILURE);
    guard.state = {
      ...guard.state,
      turnsMs: [START_MS + 5, START_MS + 9, START_MS + 7],
      adaptive: { ...guard.state.adaptive, pausedUntilMs: START_MS + 1 },
    };
    expect(see(guard.state)).toMatchObject({
      breaker: { phase: "closed", untilMs: null, calls: 2, failures: 1 },
      requests: { used: { low: 0, normal: 0, high: 2 }, cap: 600 },
      slots: { cap: 10 },
      pausedUntilMs: START_MS + 1,
      queuedUntilMs: START_MS + 9,
    });
  });

  it("of an open breaker is its end, and no samples", () => {
    const seen = see(stateWith({ breaker: { phase: "open", untilMs: START_MS + 30, cooldownMs: 30_000 } }));
    expect(seen.breaker).toEqual({ phase: "open", untilMs: START_MS + 30, calls: 0, failures: 0 });
  });
});
