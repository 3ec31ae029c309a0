import { expect, it } from "vitest";
import { operateGuard } from "../../src/core/guard/operate.ts";
import { FAILURE, Guard, settings, START_MS } from "./guard-support.ts";

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
