/** Slots that are renewed while their calls run, and permits that wait for theirs, to the millisecond. */
import { describe, expect, it } from "vitest";
import { HeldPermits } from "../../src/guard/held-permits.ts";
import { createPermitPool } from "../../src/guard/permit-pool.ts";
import type { AdmissionRequest, GuardClient } from "../../src/guard/port.ts";
import { partOf, shardedGuard } from "../../src/guard/shards.ts";
import { settings, START_MS } from "./guard-support.ts";

const { renewEveryMs, blockHoldMs } = settings;
const LONG_MS = 600_000;

function setUp() {
  const clock = { nowMs: START_MS };
  const timers: { delayMs: number; fire: () => void; isCancelled: boolean }[] = [];
  const beats: (readonly [guard: string, due: readonly number[]])[] = [];
  const held = new HeldPermits(
    () => clock.nowMs,
    (delayMs, fire) => {
      const timer = { delayMs, fire, isCancelled: false };
      timers.push(timer);
      return () => void (timer.isCancelled = true);
    },
    (guard) => beats.push([guard, held.takeDue(guard)]),
  );
  return { clock, timers, beats, held, delays: () => timers.map(({ delayMs }) => delayMs) };
}

describe("slots under way", () => {
  it("have one timer, for the one that was renewed the longest ago", () => {
    const { clock, timers, beats, held, delays } = setUp();
    held.hold("g", 1, LONG_MS);
    clock.nowMs += 4_000;
    held.hold("g", 2, LONG_MS);
    expect(delays()).toEqual([renewEveryMs]);
    clock.nowMs = START_MS + renewEveryMs;
    timers[0]?.fire();
    expect(beats).toEqual([["g", [1]]]);
    expect(delays()).toEqual([renewEveryMs, 4_000]);
  });

  it("beat for each guard once, and only for those that are due", () => {
    const { clock, timers, beats, held } = setUp();
    held.hold("g", 1, LONG_MS);
    held.hold("g", 2, LONG_MS);
    held.hold("h", 3, LONG_MS);
    clock.nowMs += 1;
    held.hold("late", 4, LONG_MS);
    clock.nowMs = START_MS + renewEveryMs;
    timers[0]?.fire();
    expect(beats).toEqual([
      ["g", [1, 2]],
      ["h", [3]],
    ]);
  });

  it("ride on what is sent anyway when half of the time has passed, each guard's own, once", () => {
    const { clock, held } = setUp();
    held.hold("g", 1, LONG_MS);
    held.hold("h", 2, LONG_MS);
    clock.nowMs += renewEveryMs / 2 - 1;
    expect(held.takeDue("g")).toEqual([]);
    clock.nowMs += 1;
    expect(held.takeDue("g")).toEqual([1]);
    expect(held.takeDue("g")).toEqual([]);
    expect(held.takeDue("h")).toEqual([2]);
  });

  it("that are released are renewed no more, and the last one stops the timer until there is another", () => {
    const { clock, timers, held, delays } = setUp();
    held.hold("g", 1, LONG_MS);
    held.hold("g", 2, LONG_MS);
    held.release("g", 1);
    expect(timers[0]?.isCancelled).toBe(false);
    clock.nowMs += renewEveryMs;
    expect(held.takeDue("g")).toEqual([2]);
    held.release("g", 2);
    expect(timers[0]?.isCancelled).toBe(true);
    held.hold("g", 3, LONG_MS);
    expect(delays()).toEqual([renewEveryMs, renewEveryMs]);
  });

  it("are renewed until their call must be over, and then forgotten", () => {
    const { clock, timers, beats, held } = setUp();
    held.hold("g", 1, renewEveryMs);
    held.hold("g", 2, renewEveryMs + 1);
    clock.nowMs += renewEveryMs;
    timers[0]?.fire();
    expect(beats).toEqual([["g", [2]]]);
    clock.nowMs += renewEveryMs;
    timers[1]?.fire();
    expect(beats).toHaveLength(1);
    expect(timers).toHaveLength(2);
  });

  it("are forgotten at the very end of their call", () => {
    const { clock, timers, held } = setUp();
    held.hold("g", 1, renewEveryMs);
    clock.nowMs += renewEveryMs;
    timers[0]?.fire();
    expect(timers).toHaveLength(1);
  });

  it("do not spin when a timer fires a little early", () => {
    const { clock, timers, beats, held, delays } = setUp();
    held.hold("g", 1, LONG_MS);
    clock.nowMs += renewEveryMs - 5;
    timers[0]?.fire();
    expect([beats, delays()]).toEqual([[], [renewEveryMs, 10]]);
  });
});

describe("a permit that waits", () => {
  const request: AdmissionRequest = { guard: "g", limits: {}, priority: "high", estimatedTokens: 5 };
  const permit = { permitId: 7, tokens: 5, mayKeep: true };
  const UNUSED = { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true };

  function pooled() {
    const clock = { nowMs: START_MS };
    const pool = createPermitPool(() => clock.nowMs);
    pool.add(request, [permit], START_MS - 10);
    return { clock, pool };
  }

  it("is used until its time is over by the clock of whoever asked", () => {
    const { clock, pool } = pooled();
    clock.nowMs = START_MS - 10 + blockHoldMs - 1;
    expect(pool.take(request)).toMatchObject(permit);
    expect(pool.takeUnused("g", 10)).toEqual([]);
  });

  it("is given back whole, once, when its time is over, and is nobody's then", () => {
    const { clock, pool } = pooled();
    clock.nowMs = START_MS - 10 + blockHoldMs;
    expect(pool.take(request)).toBeNull();
    expect(pool.takeUnused("g", 10)).toEqual([{ permitId: 7, report: UNUSED }]);
    expect(pool.takeUnused("g", 10)).toEqual([]);
  });

  it("reserves enough for the call that takes it", () => {
    const { pool } = pooled();
    expect(pool.take({ ...request, estimatedTokens: 6 })).toBeNull();
    expect(pool.take(request)).toMatchObject(permit);
  });

  it("is found to be over by whoever asks for what nobody used", () => {
    const { clock, pool } = pooled();
    clock.nowMs = START_MS - 10 + blockHoldMs;
    expect(pool.takeUnused("g", 10)).toEqual([{ permitId: 7, report: UNUSED }]);
    pool.drop("nobody");
    expect(pool.takeUnused("nobody", 10)).toEqual([]);
  });
});

describe("what is asked for ahead", () => {
  const request: AdmissionRequest = { guard: "g", limits: {}, priority: "high", estimatedTokens: 5 };

  function calling() {
    const clock = { nowMs: START_MS };
    const pool = createPermitPool(() => clock.nowMs);
    const take = (calls: number) => {
      for (let call = 0; call < calls; call++) pool.take(request);
    };
    return { clock, pool, take };
  }

  it("is what there was of late but for this call, up to a block", () => {
    const { pool, take } = calling();
    take(1);
    expect(pool.wanted(request)).toBeUndefined();
    const few = calling();
    few.take(4);
    expect(few.pool.wanted(request)).toEqual({ calls: 3, tokens: 5 });
    const many = calling();
    many.take(30);
    expect(many.pool.wanted(request)).toEqual({ calls: settings.maxBlockCalls, tokens: 5 });
  });

  it("leaves out what has been asked for and not answered, until that is past", () => {
    const { clock, pool, take } = calling();
    take(5);
    expect(pool.wanted(request)).toMatchObject({ calls: 4 });
    clock.nowMs += 1;
    take(3);
    expect(pool.wanted(request)).toMatchObject({ calls: 3 });
    clock.nowMs = START_MS + blockHoldMs;
    take(1);
    // Of eight calls three are left, and the later request for three.
    expect(pool.wanted(request)).toBeUndefined();
    take(2);
    expect(pool.wanted(request)).toMatchObject({ calls: 2 });
  });

  it("counts an answer as what it brought", () => {
    const { clock, pool, take } = calling();
    take(5);
    pool.wanted(request);
    clock.nowMs += 1;
    take(2);
    expect(pool.wanted(request)).toMatchObject({ calls: 2 });
    pool.add(request, [{ permitId: 9, tokens: 1, mayKeep: false }], START_MS);
    // Seven calls: one is this, one permit is kept, two are asked for.
    expect(pool.wanted(request)).toMatchObject({ calls: 3 });
  });
});

describe("a limit's shards", () => {
  const request: AdmissionRequest = {
    guard: "model:fast",
    limits: { requestsPerMinute: 101, slowMs: 500, shards: 3 },
    priority: "low",
    estimatedTokens: 0,
  };

  it("have their parts of what is counted, and the whole of what is not", () => {
    expect(partOf(request.limits, 3, 0)).toEqual({ requestsPerMinute: 34, slowMs: 500 });
    expect(partOf(request.limits, 3, 2)).toEqual({ requestsPerMinute: 33, slowMs: 500 });
    expect(partOf({ tokensPerMinute: 100 }, 2, 1)).toEqual({ tokensPerMinute: 50 });
  });

  it("are asked by name, from a home that chance gives; one alone has none", async () => {
    const asked: string[] = [];
    const inner: GuardClient = {
      admit: async ({ guard }) => {
        asked.push(guard);
        return { kind: "granted", permit: { settle: () => undefined } };
      },
      flush: async () => undefined,
    };
    for (const random of [0, 0.5, 0.99]) await shardedGuard(inner, new Map(), () => random).admit(request);
    const sharded = shardedGuard(inner, new Map(), () => 0.99);
    await sharded.admit({ ...request, limits: { requestsPerMinute: 100, shards: 2 } });
    await sharded.admit({ ...request, guard: "model:one", limits: { requestsPerMinute: 100 } });
    expect(asked).toEqual(["model:fast#0", "model:fast#1", "model:fast#2", "model:fast#1", "model:one"]);
  });

  /** Every shard says no, at the same time; the names that were asked. */
  const denied = async (random: number, homes: Map<string, number>, turnShard?: number) => {
    const asked: string[] = [];
    const inner: GuardClient = {
      admit: async ({ guard }) => {
        asked.push(guard.slice(-1));
        return { kind: "denied", reason: "requests", retryAtMs: START_MS };
      },
      flush: async () => undefined,
    };
    const turn = turnShard === undefined ? {} : { turnShard };
    const admission = await shardedGuard(inner, homes, () => random).admit({ ...request, ...turn });
    return { asked, admission };
  };

  it.each([
    [0, ["0", "1"]],
    [0.49, ["0", "1"]],
    [0.5, ["0", "2"]],
    [0.99, ["0", "2"]],
  ])(
    "are tried once more elsewhere, wherever chance %d says, and of equal turns the one at home stands",
    async (random, names) => {
      const { asked, admission } = await denied(random, new Map(), 0);
      expect(asked).toEqual(names);
      expect(admission).toMatchObject({ kind: "denied", turnShard: 0 });
    },
  );

  it("stay the home of whoever was denied everywhere", async () => {
    const homes = new Map<string, number>();
    await denied(0.5, homes);
    const { asked } = await denied(0, homes);
    expect(asked[0]).toBe("1");
  });

  it.each([
    [
      { limited: false, remainingRequests: 7, remainingTokens: 9 },
      { limited: false, remainingRequests: 2, remainingTokens: 3 },
    ],
    [
      { limited: false, remainingRequests: -1, remainingTokens: 0 },
      { limited: false, remainingRequests: -1, remainingTokens: 0 },
    ],
    [{ limited: true }, { limited: true }],
  ])("are told their part of what is left: of %o", async (hint, part) => {
    const reports: unknown[] = [];
    const inner: GuardClient = {
      admit: async () => ({
        kind: "granted",
        permit: { settle: (report) => void reports.push(report.hint) },
      }),
      flush: async () => undefined,
    };
    const admission = await shardedGuard(inner, new Map(), () => 0).admit(request);
    if (admission.kind === "granted") {
      admission.permit.settle({ outcome: "success", latencyMs: 1, usedTokens: null, hint });
    }
    expect(reports).toEqual([part]);
  });
});
