/** When a success may wait for a ride however long: only while it tells nobody anything. */
import { describe, expect, it } from "vitest";
import type { CallReport } from "../../src/core/guard/commands.ts";
import { FAILURE, Guard, settings, SUCCESS, type Ask } from "./guard-support.ts";

const LIMITED: CallReport = { ...FAILURE, hint: { limited: true } };

function mayKeep(guard: Guard, ask: Ask = {}): boolean | undefined {
  const decision = guard.admit(ask);
  return decision.kind === "granted" ? decision.mayKeep : undefined;
}

describe("a success may be kept back", () => {
  it("by a caller of a healthy guard without slots, also under rates", () => {
    expect(mayKeep(new Guard())).toBe(true);
    expect(mayKeep(new Guard({ requestsPerMinute: 1_000, tokensPerMinute: 1_000 }))).toBe(true);
  });

  it("while at most a quarter of the slots is held, hence never where they are few", () => {
    expect(mayKeep(new Guard({ maxConcurrent: 3 }))).toBe(false);
    const guard = new Guard({ maxConcurrent: 20 });
    expect(Array.from({ length: 6 }, () => mayKeep(guard))).toEqual([true, true, true, true, true, false]);
  });

  it("not while failures are sampled: the breaker needs it to judge their share", () => {
    const guard = new Guard();
    guard.call(FAILURE);
    expect(mayKeep(guard)).toBe(false);
    guard.pass(settings.breaker.sampleMs + settings.breaker.sampleBucketMs);
    expect(mayKeep(guard)).toBe(true);
  });

  it("not while the breaker finds its way back", () => {
    const guard = new Guard();
    for (let call = 0; call < settings.breaker.minCalls; call++) guard.call(FAILURE);
    guard.pass(settings.breaker.cooldownMs);
    expect(mayKeep(guard)).toBe(false);
  });

  it("not while a rate is reduced: successes restore it", () => {
    const guard = new Guard({ requestsPerMinute: 1_000 });
    guard.call(LIMITED);
    guard.pass(2 * settings.breaker.sampleMs);
    expect(mayKeep(guard)).toBe(false);
    for (let step = 0; step < 20; step++) {
      guard.pass(settings.adapt.everyMs);
      guard.call(SUCCESS);
    }
    expect(mayKeep(guard)).toBe(true);
  });
});
