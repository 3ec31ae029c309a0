/** What a guard begins with, what it takes from outside, and what it keeps of a minute, to the number. */
import { describe, expect, it } from "vitest";
import type * as z from "zod";
import { admitRequestSchema, decisionSchema } from "../../src/core/guard/commands.ts";
import { capsOf } from "../../src/core/guard/levels.ts";
import { guardLimitsSchema, newGuardState, parseGuardState } from "../../src/core/guard/model.ts";
import { guardOperationSchema, operateGuard } from "../../src/core/guard/operate.ts";
import { freeNow, usedInWindow, type Caps } from "../../src/core/guard/rate.ts";
import { settings, START_MS } from "./guard-support.ts";

const takes = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success;

describe("a guard that nobody has used", () => {
  it("holds nothing, owes nothing and waits for nobody", () => {
    expect(newGuardState(START_MS)).toEqual({
      v: 1,
      nowMs: START_MS,
      writtenAtMs: 0,
      unwritten: { grants: 0, tokens: 0, changed: false, urgent: false },
      limits: {},
      lastPermitId: 0,
      longestLeaseMs: 0,
      permits: [],
      rate: { buckets: [], paceMs: { requests: [0, 0, 0], tokens: [0, 0, 0] } },
      turnsMs: [0, 0, 0],
      breaker: { phase: "closed", samples: [] },
      adaptive: {
        factor: 1,
        changedAtMs: 0,
        observedPerMinute: null,
        streak: 0,
        pausedUntilMs: 0,
        left: { requests: null, tokens: null },
      },
      latencyMs: null,
    });
  });
});

describe("what comes from outside", () => {
  it("is a limit from one on, and a burst from nothing on", () => {
    for (const name of ["requestsPerMinute", "tokensPerMinute", "maxConcurrent"]) {
      expect([0, 1].map((limit) => takes(guardLimitsSchema, { [name]: limit }))).toEqual([false, true]);
    }
    expect([-1, 0].map((burstMs) => takes(guardLimitsSchema, { burstMs }))).toEqual([false, true]);
  });

  it("is a block of one call or more, granted with none or more, and an operator's word for a millisecond or more", () => {
    const request = { limits: {}, priority: "low", estimatedTokens: 0 };
    const block = (calls: number) => takes(admitRequestSchema, { ...request, ahead: { calls, tokens: 0 } });
    expect([0, 1].map(block)).toEqual([false, true]);
    const granted = { kind: "granted", permitId: 1, settleSoon: false };
    expect([-1, 0].map((ahead) => takes(decisionSchema, { ...granted, ahead }))).toEqual([false, true]);
    const trip = (forMs: number) => takes(guardOperationSchema, { kind: "trip", forMs });
    expect([0, 1].map(trip)).toEqual([false, true]);
  });

  it("is never a stored state that allows more than is configured", () => {
    const state = newGuardState(START_MS);
    const withFactor = (factor: number) =>
      parseGuardState({ ...state, adaptive: { ...state.adaptive, factor } });
    expect([1, 1.5].map((factor) => withFactor(factor).ok)).toEqual([true, false]);
  });
});

it("an operator's word is written before it is answered", () => {
  const at = { nowMs: START_MS, settings };
  for (const operation of [{ kind: "trip", forMs: 5 }, { kind: "reset" }] as const) {
    expect(operateGuard(newGuardState(START_MS), operation, at).unwritten.urgent).toBe(true);
  }
});

it.each([
  [1, [1, 1, 1]],
  [3, [1, 2, 3]],
  [10, [5, 8, 10]],
])("shares of %i are whole, rounded down, and at least one", (limit, caps) => {
  expect(capsOf(limit, settings.shares)).toEqual(caps);
});

describe("what is free of a minute", () => {
  const caps: NonNullable<Caps["requests"]> = [1_500, 2_400, 3_000];
  const rateWith = (...amounts: (readonly [number, number, number])[]) => ({
    buckets: amounts.map((requests, index) => ({
      startMs: START_MS + index * settings.bucketMs,
      requests,
      tokens: [0, 0, 0] as const,
    })),
    paceMs: { requests: [0, 0, 0] as const, tokens: [0, 0, 0] as const },
  });
  const nowMs = START_MS + 2_000;
  const free = (rate: ReturnType<typeof rateWith>, level: 0 | 1 | 2) =>
    freeNow(rate, "requests", caps, level, nowMs, settings);

  it("is a burst, where nothing is used", () => {
    expect(free(rateWith(), 2)).toBe(300);
  });

  it("is what the window has left, on the tightest share, and never less than nothing", () => {
    expect(free(rateWith([0, 0, 2_990]), 2)).toBe(10);
    expect(free(rateWith([1_490, 0, 0]), 0)).toBe(10);
    expect(free(rateWith([0, 0, 3_000]), 2)).toBe(0);
    expect(free(rateWith([0, 2_395, 0]), 0)).toBe(5);
  });

  it("is counted by priority, and forgotten when its time has come", () => {
    const rate = rateWith([1, 2, 3], [10, 20, 30]);
    expect(usedInWindow(rate, "requests", nowMs, settings)).toEqual([11, 22, 33]);
    const leavesAtMs = START_MS + settings.bucketMs + settings.windowMs + settings.transitMs;
    expect(usedInWindow(rate, "requests", leavesAtMs - 1, settings)).toEqual([11, 22, 33]);
    expect(usedInWindow(rate, "requests", leavesAtMs, settings)).toEqual([10, 20, 30]);
  });
});
