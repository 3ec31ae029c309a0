import { describe, expect, it } from "vitest";
import { Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

describe("concurrency slots", () => {
  it("are never more than configured, and come back with the settlement", () => {
    const guard = new Guard({ maxConcurrent: 3 });
    const held = guard.grantAll();
    expect(held).toHaveLength(3);
    expect(guard.deny().reason).toBe("concurrency");
    guard.settle(held[0] ?? 0);
    guard.grant();
    guard.deny();
  });

  it("come back by themselves when a caller dies", () => {
    const guard = new Guard({ maxConcurrent: 2 });
    guard.grantAll();
    guard.pass(settings.slotLeaseMs - 1);
    guard.deny();
    guard.pass(1);
    expect(guard.grantAll()).toHaveLength(2);
  });

  it("are not freed twice by a settlement that was sent again", () => {
    const guard = new Guard({ maxConcurrent: 2 });
    const [first = 0] = guard.grantAll();
    guard.settle(first);
    guard.settle(first);
    expect(guard.grantAll()).toHaveLength(1);
  });

  it("are not freed by a settlement that comes after the slot expired and went to another", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    const late = guard.grant();
    guard.pass(settings.slotLeaseMs);
    guard.grant();
    guard.settle(late);
    guard.deny();
  });

  it("are held for their whole lease when the clock steps back: a guard's time does not", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    guard.pass(-60_000);
    guard.grant();
    guard.nowMs = START_MS + settings.slotLeaseMs - 1;
    guard.deny();
    guard.pass(1);
    guard.grant();
  });

  it("last as long as a long call says, up to a bound", () => {
    const guard = new Guard({ maxConcurrent: 1 });
    guard.grant({ leaseMs: 300_000 });
    guard.pass(299_999);
    guard.deny();
    guard.pass(1);
    guard.grant({ leaseMs: 1e9 });
    guard.pass(settings.maxSlotLeaseMs);
    guard.grant();
  });

  it("keep room for higher priorities: low may hold half, normal four fifths", () => {
    const guard = new Guard({ maxConcurrent: 10 });
    expect(guard.grantAll({ priority: "low" })).toHaveLength(5);
    expect(guard.grantAll({ priority: "normal" })).toHaveLength(3);
    expect(guard.grantAll({ priority: "high" })).toHaveLength(2);
  });

  it("leave lower priorities their part of what higher ones have not taken", () => {
    const guard = new Guard({ maxConcurrent: 10 });
    guard.grantAll({ priority: "high" }, 8);
    expect(guard.grantAll({ priority: "normal" })).toHaveLength(2);
  });

  it("spread their waiting callers by how long calls take", () => {
    const guard = new Guard({ maxConcurrent: 4 });
    guard.call({ ...SUCCESS, latencyMs: 2_000 });
    guard.grantAll({}, 4);
    const waits = Array.from({ length: 8 }, () => guard.deny().retryAtMs - START_MS);
    expect(waits).toEqual([500, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000]);
  });

  it("ask for a prompt settlement only when others may be waiting for it", () => {
    const guard = new Guard({ maxConcurrent: 10 });
    const soon = Array.from({ length: 6 }, () => guard.admit()).map(
      (decision) => decision.kind === "granted" && decision.settleSoon,
    );
    expect(soon).toEqual([false, false, false, false, true, true]);
  });

  it("are bounded in number even when nothing is configured: the state cannot grow without end", () => {
    const guard = new Guard();
    expect(guard.grantAll()).toHaveLength(settings.maxPermits);
    expect(guard.deny().reason).toBe("concurrency");
  });
});
