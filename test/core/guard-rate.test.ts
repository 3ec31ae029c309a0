import { describe, expect, it } from "vitest";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const MINUTE_MS = 60_000;
/** How long a grant counts. */
const COUNTED_MS = MINUTE_MS + settings.bucketMs + settings.transitMs;

/** Asks every `everyMs` for `forMs` and returns the times of the grants. */
function grantTimes(guard: Guard, everyMs: number, forMs: number, tokens = 0): number[] {
  const times: number[] = [];
  for (const endMs = guard.nowMs + forMs; guard.nowMs < endMs; guard.pass(everyMs)) {
    const decision = guard.admit({ tokens, turnAtMs: guard.nowMs });
    if (decision.kind === "granted") times.push(guard.nowMs);
  }
  return times;
}

function mostInAnyMinute(times: readonly number[]): number {
  return Math.max(...times.map((end) => times.filter((t) => t <= end && t > end - MINUTE_MS).length));
}

describe("requests per minute", () => {
  it.each([1, 2, 7, 60, 500])(
    "never grant more than %i in any sliding minute, and get close to it",
    (limit) => {
      const times = grantTimes(new Guard({ requestsPerMinute: limit }), 50, 10 * MINUTE_MS);
      expect(mostInAnyMinute(times)).toBeLessThanOrEqual(limit);
      // The count forgets a little late: nearly 60/61.5 of the limit is sustained.
      expect(times.length).toBeGreaterThanOrEqual(Math.floor((0.99 * limit * 10 * MINUTE_MS) / COUNTED_MS));
    },
  );

  it("spread an even load after a short burst instead of spending the minute at once", () => {
    const guard = new Guard({ requestsPerMinute: 60 });
    expect(guard.grantAll()).toHaveLength(7); // burstMs = 6 s at one a second, and the one that is due
    guard.pass(1_000);
    expect(guard.grantAll({ turnAtMs: guard.nowMs })).toHaveLength(1);
  });

  it("after a burst, what is left of the minute is spread over it: no gap, and no second burst", () => {
    const perSecond = 10;
    const guard = new Guard({ requestsPerMinute: perSecond * 60 });
    const times = grantTimes(guard, 20, 5 * MINUTE_MS);
    const within = (fromMs: number, forMs: number) =>
      times.filter((atMs) => atMs >= START_MS + fromMs && atMs < START_MS + fromMs + forMs).length;
    expect(within(0, 2_000)).toBeGreaterThanOrEqual(6 * perSecond);
    for (let fromMs = 2_000; fromMs < 5 * MINUTE_MS; fromMs += 1_000) {
      expect(within(fromMs, 1_000)).toBeGreaterThanOrEqual(0.6 * perSecond);
      expect(within(fromMs, 1_000)).toBeLessThanOrEqual(1.5 * perSecond);
    }
    // What the burst took was made up for within its minute, and nothing is lost afterwards.
    expect(within(MINUTE_MS, 4 * MINUTE_MS)).toBeGreaterThanOrEqual(0.96 * 4 * 60 * perSecond);
  });

  it("callers who come late find what they missed, up to a burst, and no gap a minute later", () => {
    const perSecond = 10;
    const guard = new Guard({ requestsPerMinute: perSecond * 60 });
    grantTimes(guard, 20, 2 * MINUTE_MS);
    guard.pass(3_000);
    const sinceMs = guard.nowMs;
    const times = grantTimes(guard, 20, 2 * MINUTE_MS);
    const within = (fromMs: number, forMs: number) =>
      times.filter((atMs) => atMs >= sinceMs + fromMs && atMs < sinceMs + fromMs + forMs).length;
    expect(within(0, 1_000)).toBeGreaterThanOrEqual(3 * perSecond);
    for (let fromMs = 1_000; fromMs < 110_000; fromMs += 1_000) {
      expect(within(fromMs, 1_000)).toBeGreaterThanOrEqual(0.6 * perSecond);
    }
  });

  it("a caller's own burst lets so many go at once, and the minute's limit holds all the same", () => {
    const guard = new Guard({ tokensPerMinute: 10, burstMs: (3 * MINUTE_MS) / 10 });
    expect(guard.grantAll({ tokens: 1 })).toHaveLength(4);
    const whole = new Guard({ tokensPerMinute: 10, burstMs: (99 * MINUTE_MS) / 10 });
    expect(whole.grantAll({ tokens: 1 })).toHaveLength(10);
  });

  it("bind low and normal to their shares, so that a flood leaves room above it", () => {
    const guard = new Guard({ requestsPerMinute: 100 });
    const granted = { low: 0, normal: 0, high: 0 };
    for (; guard.nowMs < START_MS + COUNTED_MS; guard.pass(100)) {
      for (const priority of ["low", "normal", "high"] as const) {
        if (priority === "high" && guard.nowMs < START_MS + MINUTE_MS / 2) continue;
        const decision = guard.admit({ priority, turnAtMs: guard.nowMs });
        if (decision.kind === "granted") granted[priority] += 1;
      }
    }
    expect(granted.low).toBeLessThanOrEqual(50);
    expect(granted.low + granted.normal).toBeLessThanOrEqual(80);
    expect(granted.low + granted.normal + granted.high).toBeLessThanOrEqual(100);
    expect(granted.high).toBeGreaterThanOrEqual(20);
  });
});

describe("tokens per minute", () => {
  it("are reserved before the call: concurrent callers cannot spend them together", () => {
    const guard = new Guard({ tokensPerMinute: 10_000 });
    const granted = Array.from({ length: 50 }, () => guard.admit({ tokens: 3_000 })).filter(
      (decision) => decision.kind === "granted",
    );
    expect(granted.length * 3_000).toBeLessThanOrEqual(10_000);
    expect(granted.length).toBeGreaterThan(0);
  });

  it("never pass the limit in any sliding minute, and large calls still get close to it", () => {
    const times = grantTimes(new Guard({ tokensPerMinute: 10_000 }), 100, 10 * MINUTE_MS, 3_000);
    expect(mostInAnyMinute(times) * 3_000).toBeLessThanOrEqual(10_000);
    expect(times.length).toBeGreaterThanOrEqual(29);
  });

  it("come back when a call used less than was reserved", () => {
    const guard = new Guard({ tokensPerMinute: 10_000 });
    const permitId = guard.grant({ tokens: 10_000 });
    guard.deny({ tokens: 9_000 });
    guard.settle(permitId, { ...SUCCESS, usedTokens: 1_000 });
    guard.grant({ tokens: 9_000, turnAtMs: guard.nowMs });
    guard.pass(20_000);
    expect(guard.deny({ tokens: 1, turnAtMs: guard.nowMs }).reason).toBe("tokens");
  });

  it("count what a call used beyond its reservation", () => {
    const guard = new Guard({ tokensPerMinute: 10_000 });
    guard.settle(guard.grant({ tokens: 100 }), { ...SUCCESS, usedTokens: 10_000 });
    guard.pass(30_000);
    expect(guard.deny({ tokens: 100 }).reason).toBe("tokens");
    guard.pass(32_000);
    guard.grant({ tokens: 100, turnAtMs: guard.nowMs });
  });

  it("stay reserved when the other side did not say what was used, or the settlement came twice", () => {
    const guard = new Guard({ tokensPerMinute: 10_000 });
    guard.settle(guard.grant({ tokens: 5_000 }), FAILURE);
    guard.pass(24_000);
    const permitId = guard.grant({ tokens: 5_000 });
    guard.settle(permitId, { ...SUCCESS, usedTokens: 4_000 });
    guard.settle(permitId, { ...SUCCESS, usedTokens: 0 });
    guard.pass(36_000);
    expect(guard.deny({ tokens: 1_001, turnAtMs: guard.nowMs }).reason).toBe("tokens");
    guard.grant({ tokens: 1_000, turnAtMs: guard.nowMs });
  });

  it("let a call that is larger than its share through once a minute is empty, not never", () => {
    const guard = new Guard({ tokensPerMinute: 1_000 });
    guard.grant({ tokens: 100 });
    const denied = guard.deny({ tokens: 5_000 });
    guard.nowMs = denied.retryAtMs;
    guard.grant({ tokens: 5_000, turnAtMs: denied.retryAtMs });
  });

  it("do not make a large call wait for calls without tokens", () => {
    const guard = new Guard({ tokensPerMinute: 1_000 });
    guard.grant({ tokens: 0 });
    guard.grant({ tokens: 5_000 });
  });
});

describe("a denial", () => {
  it("gives every caller a time of its own, one pace apart", () => {
    const guard = new Guard({ requestsPerMinute: 60 }, () => 0.999);
    guard.grantAll();
    const times = Array.from({ length: 100 }, () => guard.deny().retryAtMs);
    expect(new Set(times).size).toBe(100);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeGreaterThanOrEqual(START_MS + 99_000);
    // A pace is what the window sustains.
    expect(times.at(-1)).toBeLessThanOrEqual(START_MS + (99 * COUNTED_MS) / 60 + 4_000);
  });

  it("serves those first whose turn has come: a newcomer waits, unless capacity lies unused", () => {
    const guard = new Guard({ requestsPerMinute: 60 });
    guard.grantAll({}, 7);
    const first = guard.deny().retryAtMs;
    guard.deny();
    guard.nowMs = first;
    expect(guard.admit().kind).toBe("denied");
    expect(guard.admit({ turnAtMs: first }).kind).toBe("granted");
    guard.pass(1_000 + settings.yieldMs);
    expect(guard.admit().kind).toBe("granted");
  });

  it("sets no turn further ahead than its bound", () => {
    const guard = new Guard({ requestsPerMinute: 1 }, () => 0.5);
    guard.grant();
    for (let index = 0; index < 1_000; index++) {
      expect(guard.deny().retryAtMs).toBeLessThanOrEqual(START_MS + settings.maxTurnMs + MINUTE_MS);
    }
  });
});
