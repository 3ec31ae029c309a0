import { describe, expect, it } from "vitest";
import type { CallReport, LimitHint } from "../../src/core/guard/commands.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const limited = (hint: Partial<LimitHint> = {}): CallReport => ({
  ...FAILURE,
  hint: { limited: true, ...hint },
});
const told = (hint: Partial<LimitHint>): CallReport => ({ ...SUCCESS, hint: { limited: false, ...hint } });

describe("a 429", () => {
  it("halves the rate, once for all answers of one overload", () => {
    const guard = new Guard({ requestsPerMinute: 100 });
    for (const permitId of guard.grantAll({}, 10)) guard.settle(permitId, limited());
    expect(guard.state.adaptive.factor).toBe(0.5);
    guard.pass(settings.adapt.everyMs);
    guard.call(limited());
    expect(guard.state.adaptive.factor).toBe(0.25);
  });

  it("never takes the rate to zero", () => {
    const guard = new Guard({ requestsPerMinute: 100 });
    for (let call = 0; call < 20; call++) {
      guard.call(limited({ retryAfterMs: 0 }));
      guard.pass(120_000);
    }
    expect(guard.state.adaptive.factor).toBe(settings.adapt.minFactor);
  });

  it("is forgotten in steps by successes, and only by successes", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.call(limited({ retryAfterMs: 0 }));
    const factors: number[] = [];
    for (let call = 0; call < 6; call++) {
      guard.pass(settings.adapt.everyMs);
      guard.call(call === 0 ? FAILURE : SUCCESS);
      factors.push(Math.round(guard.state.adaptive.factor * 100) / 100);
    }
    // The failure restored nothing, but its time counts: the first success makes two steps.
    expect(factors).toEqual([0.5, 0.7, 0.8, 0.9, 1, 1]);
  });

  it("pauses the guard for as long as Retry-After says", () => {
    const guard = new Guard();
    guard.call(limited({ retryAfterMs: 7_000 }));
    expect(guard.deny()).toMatchObject({ reason: "requests", retryAtMs: START_MS + 7_000 });
    guard.pass(6_999);
    guard.deny();
    guard.pass(1);
    guard.grant();
  });

  it("without Retry-After pauses longer each time, until a call succeeds", () => {
    const guard = new Guard();
    const pauses: number[] = [];
    for (let call = 0; call < 9; call++) {
      guard.call(limited());
      pauses.push(guard.state.adaptive.pausedUntilMs - guard.nowMs);
      guard.pass(61_000);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
    guard.call(SUCCESS);
    guard.pass(61_000);
    guard.call(limited());
    expect(guard.state.adaptive.pausedUntilMs - guard.nowMs).toBe(1_000);
  });

  it("sets a rate where none is configured, and successes lift it again", () => {
    const guard = new Guard();
    const [first = 0, ...others] = guard.grantAll({}, 120);
    guard.settle(first, limited({ retryAfterMs: 0 }));
    for (const permitId of others) guard.settle(permitId);
    // Half of the 120 that were seen in the last minute; they fill it.
    expect(guard.deny().reason).toBe("requests");
    guard.pass(61_000);
    expect(guard.grantAll({ turnAtMs: guard.nowMs }).length).toBeLessThanOrEqual(60);
    guard.pass(61_000);
    guard.call(SUCCESS, { turnAtMs: guard.nowMs });
    expect(guard.state.adaptive).toMatchObject({ factor: 1, observedPerMinute: null });
    expect(guard.grantAll({}, 500)).toHaveLength(500);
  });

  it("does not open the breaker: the endpoint is well", () => {
    const guard = new Guard();
    for (const permitId of guard.grantAll({}, 20)) guard.settle(permitId, limited({ retryAfterMs: 0 }));
    expect(guard.state.breaker.phase).toBe("closed");
  });
});

describe("hints of the other side", () => {
  it("Retry-After on another failure pauses as well; on a success it is ignored", () => {
    const guard = new Guard();
    guard.call(told({ retryAfterMs: 7_000 }));
    guard.call({ ...FAILURE, hint: { limited: false, retryAfterMs: 7_000 } });
    expect(guard.deny().retryAtMs).toBe(START_MS + 7_000);
  });

  it("nothing beyond what is left goes out before the reset", () => {
    const guard = new Guard({ requestsPerMinute: 600 });
    guard.call(told({ remainingRequests: 3, requestsResetMs: 4_000 }));
    expect(guard.grantAll()).toHaveLength(3);
    expect(guard.deny()).toMatchObject({ reason: "requests" });
    guard.pass(4_000);
    guard.grant();
  });

  it("count calls that went out since, and tokens by their estimate", () => {
    const guard = new Guard({ tokensPerMinute: 100_000 });
    const first = guard.grant({ tokens: 100 });
    guard.grant({ tokens: 400 });
    guard.settle(first, told({ remainingTokens: 1_000, tokensResetMs: 60_000 }));
    expect(guard.deny({ tokens: 601 }).reason).toBe("tokens");
    guard.grant({ tokens: 600 });
    expect(guard.deny({ tokens: 1 })).toMatchObject({ reason: "tokens" });
  });

  it("hold for a bounded time: a reset is often told as the time until the bucket is full", () => {
    const guard = new Guard();
    guard.call(told({ remainingRequests: 0, requestsResetMs: 3_600_000 }));
    guard.deny();
    guard.pass(settings.adapt.hintHoldMs);
    guard.grant();
  });

  it("that make no sense are ignored", () => {
    const guard = new Guard();
    guard.call(told({ remainingRequests: -1, requestsResetMs: 60_000 }));
    guard.call(told({ remainingRequests: 0, requestsResetMs: -5 }));
    guard.call(limited({ retryAfterMs: -5 }));
    guard.grant();
  });
});
