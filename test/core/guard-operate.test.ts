import { expect, it } from "vitest";
import { operateGuard } from "../../src/core/guard/operate.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const at = { nowMs: START_MS, settings };

it("a tripped guard denies until its time, then lets one probe through, as after any opening", () => {
  const guard = new Guard();
  guard.state = operateGuard(guard.state, { kind: "trip", forMs: 90_000 }, at);
  expect(guard.deny().reason).toBe("breaker");
  guard.nowMs = START_MS + 90_000;
  guard.grant();
  expect(guard.deny().reason).toBe("breaker");
});

it("a reset guard grants at once at its full rate, and what is under way still counts", () => {
  const guard = new Guard({ maxConcurrent: 1, requestsPerMinute: 60 });
  const permitId = guard.grant();
  const limited = { ...FAILURE, hint: { limited: true, retryAfterMs: 60_000 } };
  guard.settle(permitId, limited);
  expect(guard.deny().reason).toBe("requests");
  guard.state = operateGuard(guard.state, { kind: "reset" }, at);
  expect(guard.state.adaptive).toMatchObject({ factor: 1, pausedUntilMs: 0 });
  guard.grant();
  expect(guard.deny().reason).toBe("concurrency");
});

it("a reset guard has forgotten how often it was told to slow down: the next time it pauses as at first", () => {
  const guard = new Guard();
  const limited = { ...SUCCESS, hint: { limited: true } };
  const pauseAfterMs = () => {
    guard.pass(settings.adapt.everyMs);
    guard.call(limited);
    return guard.state.adaptive.pausedUntilMs - guard.nowMs;
  };
  expect(pauseAfterMs()).toBe(settings.adapt.firstPauseMs);
  guard.pass(settings.adapt.firstPauseMs);
  expect(pauseAfterMs()).toBe(2 * settings.adapt.firstPauseMs);
  guard.state = operateGuard(guard.state, { kind: "reset" }, { nowMs: guard.nowMs, settings });
  expect(pauseAfterMs()).toBe(settings.adapt.firstPauseMs);
});
