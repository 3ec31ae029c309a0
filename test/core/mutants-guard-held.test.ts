/** Slots that are renewed while their calls run, and permits that wait for theirs, to the millisecond. */
import { describe, expect, it } from "vitest";
import { HeldPermits } from "../../src/guard/held-permits.ts";
import { createPermitPool } from "../../src/guard/permit-pool.ts";
import type { AdmissionRequest } from "../../src/guard/port.ts";
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
});
