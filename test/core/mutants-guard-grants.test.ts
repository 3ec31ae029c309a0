/** What a grant reserves, what a settlement gives back, and how large a block is, to the number. */
import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/core/guard/model.ts";
import { Guard, settings, START_MS, SUCCESS, type Ask } from "./guard-support.ts";

const UNUSED = { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true } as const;
const granted = (guard: Guard, ask: Ask) => {
  const decision = guard.admit(ask);
  if (decision.kind === "denied") throw new Error(decision.reason);
  return decision.ahead ?? 0;
};

describe("a block", () => {
  const wide: Limits = { requestsPerMinute: 6_000, tokensPerMinute: 600_000 };

  it("is reserved whole when it is granted, in the bucket of its last moment", () => {
    const guard = new Guard(wide);
    expect(granted(guard, { tokens: 7, ahead: { calls: 3, tokens: 11 } })).toBe(3);
    expect(guard.state.rate.buckets).toEqual([
      { startMs: START_MS, requests: [0, 0, 1], tokens: [0, 0, 7] },
      { startMs: START_MS + settings.blockHoldMs, requests: [0, 0, 3], tokens: [0, 0, 33] },
    ]);
    expect(guard.state.permits.map(({ id, tokens, useByMs }) => [id, tokens, useByMs])).toEqual([
      [1, 7, undefined],
      ...[2, 3, 4].map((id) => [id, 11, START_MS + settings.blockHoldMs]),
    ]);
  });

  it("of one call is one call", () => {
    const guard = new Guard(wide);
    expect(granted(guard, { ahead: { calls: 1, tokens: 0 } })).toBe(1);
    expect(guard.state.permits).toHaveLength(2);
  });

  it("that nobody used gives back each call and its tokens, and nothing else", () => {
    const guard = new Guard(wide);
    granted(guard, { tokens: 7, ahead: { calls: 3, tokens: 11 } });
    const paceMs = guard.state.rate.paceMs;
    guard.settle(2, UNUSED);
    expect(guard.state.rate.buckets[1]).toMatchObject({ requests: [0, 0, 2], tokens: [0, 0, 22] });
    expect(guard.state.rate.paceMs.requests[2]).toBeCloseTo(paceMs.requests[2] - 10);
    for (const permitId of [3, 4]) guard.settle(permitId, UNUSED);
    expect(guard.state.rate.buckets[1]).toMatchObject({ requests: [0, 0, 0], tokens: [0, 0, 0] });
    expect(guard.state.rate.buckets[0]).toMatchObject({ requests: [0, 0, 1], tokens: [0, 0, 7] });
  });

  it("takes no more than its part of the tokens, also at one token a call", () => {
    expect(granted(new Guard({ tokensPerMinute: 100 }), { ahead: { calls: 10, tokens: 1 } })).toBe(1);
    expect(granted(new Guard({ tokensPerMinute: 100 }), { tokens: 1, ahead: { calls: 10, tokens: 1 } })).toBe(
      0,
    );
    expect(granted(new Guard({ tokensPerMinute: 100 }), { tokens: 1, ahead: { calls: 10, tokens: 0 } })).toBe(
      10,
    );
  });

  it("keeps half of all permits for others", () => {
    const guard = new Guard();
    guard.grant();
    const [permit] = guard.state.permits;
    if (permit === undefined) throw new Error("no permit");
    const held = Array.from({ length: settings.maxPermits / 2 - 5 }, (_, id) => ({ ...permit, id }));
    guard.state = { ...guard.state, permits: held };
    expect(granted(guard, { ahead: { calls: 10, tokens: 0 } })).toBe(4);
  });

  it("keeps no more slots than the tightest share has to spare", () => {
    const guard = new Guard({ maxConcurrent: 100 });
    guard.grantAll({ priority: "low" }, 6);
    expect(granted(guard, { priority: "low", ahead: { calls: 10, tokens: 0 } })).toBe(5);
  });

  it.each([
    [
      "a pause",
      (guard: Guard, atMs: number) => {
        guard.state = { ...guard.state, adaptive: { ...guard.state.adaptive, pausedUntilMs: atMs } };
      },
    ],
    [
      "a turn",
      (guard: Guard, atMs: number) => {
        guard.state = { ...guard.state, turnsMs: [0, atMs, 0] };
      },
    ],
    [
      "what is left by the other side's word",
      (guard: Guard, atMs: number) => {
        const left = { requests: { amount: 1, untilMs: atMs }, tokens: null };
        guard.state = { ...guard.state, adaptive: { ...guard.state.adaptive, left } };
      },
    ],
  ])("is granted again at the moment in which %s is over", (_, set) => {
    const guard = new Guard(wide);
    set(guard, guard.nowMs);
    expect(granted(guard, { ahead: { calls: 3, tokens: 0 } })).toBe(3);
    const early = new Guard(wide);
    set(early, early.nowMs + 1);
    const decision = early.admit({ ahead: { calls: 3, tokens: 0 } });
    expect(decision.kind === "granted" ? (decision.ahead ?? 0) : 0).toBe(0);
  });
});

describe("a settlement", () => {
  const tokensOf = (usedTokens: number | null) => {
    const guard = new Guard({ tokensPerMinute: 60_000, requestsPerMinute: 600 });
    const permitId = guard.grant({ tokens: 100 });
    const paced = guard.state.rate.paceMs.tokens[2];
    guard.pass(10_000);
    guard.settle(permitId, { ...SUCCESS, usedTokens });
    const buckets = guard.state.rate.buckets.map(({ startMs, requests, tokens }) => [
      startMs - START_MS,
      requests[2],
      tokens[2],
    ]);
    return { buckets, movedMs: guard.state.rate.paceMs.tokens[2] - paced };
  };

  it.each([
    [99, 1],
    [40, 60],
    [0, 100],
  ])(
    "of a call that used %i of 100 tokens gives back the rest, where and when it was taken, and no request",
    (used, back) => {
      const { buckets, movedMs } = tokensOf(used);
      expect(buckets).toEqual([[0, 1, used]]);
      expect(movedMs).toBeCloseTo(-back);
    },
  );

  it("of a call that used more takes it from now on, and no request", () => {
    expect(tokensOf(130).buckets).toEqual([
      [0, 1, 100],
      [10_000, 0, 30],
    ]);
  });

  it.each([100, null])("of a call that used %s leaves what is reserved", (used) => {
    expect(tokensOf(used)).toEqual({ buckets: [[0, 1, 100]], movedMs: 0 });
  });

  it("moves the expected latency a fifth of the way", () => {
    const guard = new Guard();
    guard.call({ ...SUCCESS, latencyMs: 100 });
    expect(guard.state.latencyMs).toBe(100);
    guard.call({ ...SUCCESS, latencyMs: 200 });
    expect(guard.state.latencyMs).toBeCloseTo(120);
  });
});

describe("a denial", () => {
  it("names the obstacle that lasts longest, and the first of two that last as long", () => {
    const guard = new Guard({ requestsPerMinute: 60, tokensPerMinute: 600, burstMs: 0 });
    guard.grant({ tokens: 100 });
    expect(guard.deny({ tokens: 1 }).reason).toBe("tokens");
    const equal = new Guard({ requestsPerMinute: 1, tokensPerMinute: 1 });
    equal.grant({ tokens: 1 });
    expect(equal.deny({ tokens: 1 }).reason).toBe("requests");
  });

  it("for want of permits says when one may come free", () => {
    const guard = new Guard();
    guard.grant();
    const [permit] = guard.state.permits;
    if (permit === undefined) throw new Error("no permit");
    guard.state = {
      ...guard.state,
      permits: Array.from({ length: settings.maxPermits }, (_, id) => ({ ...permit, id })),
    };
    expect(guard.deny()).toMatchObject({ reason: "concurrency", retryAtMs: START_MS + 1 });
  });

  it("of a share does not count what higher priorities hold", () => {
    const guard = new Guard({ maxConcurrent: 10 });
    guard.grantAll({ priority: "normal" }, 5);
    expect(guard.admit({ priority: "low" }).kind).toBe("granted");
  });
});
