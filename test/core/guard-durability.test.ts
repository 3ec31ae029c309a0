import { describe, expect, it } from "vitest";
import {
  closedFor,
  hasUnwritten,
  mustWrite,
  notWritten,
  reload,
  written,
} from "../../src/core/guard/durability.ts";
import { newGuardState, parseGuardState, type GuardState, type Limits } from "../../src/core/guard/model.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const LIMITED: Limits = { requestsPerMinute: 100, tokensPerMinute: 10_000, maxConcurrent: 20 };

const needsWrite = (guard: Guard) => mustWrite(guard.state, { nowMs: guard.nowMs, settings });

function write(guard: Guard): GuardState {
  guard.state = written(guard.state, guard.nowMs);
  return guard.state;
}

function restart(guard: Guard, stored: GuardState): void {
  const parsed = parseGuardState(JSON.parse(JSON.stringify(stored)));
  if (!parsed.ok) throw new Error(parsed.error);
  guard.state = reload(parsed.value, { nowMs: guard.nowMs, settings });
}

describe("an idle guard", () => {
  it("that was written once more when nothing had happened is the same after a restart, however often", () => {
    const guard = new Guard(LIMITED);
    guard.grant();
    write(guard);
    const idle = write(guard);
    for (let restarts = 0; restarts < 10; restarts++) {
      guard.pass(1_000);
      restart(guard, guard.state);
    }
    expect(guard.state).toEqual({ ...idle, nowMs: guard.nowMs });
    expect(needsWrite(guard)).toBe(false);
  });

  it("writes whatever happens next before it is known: a grant, a settlement, a renewal", () => {
    const steps: ((guard: Guard, permitId: number) => void)[] = [
      (guard) => guard.grant(),
      (guard, permitId) => guard.settle(permitId),
      (guard, permitId) => guard.renew([permitId]),
    ];
    for (const step of steps) {
      const guard = new Guard({ requestsPerMinute: 1_000, maxConcurrent: 100 });
      const permitId = guard.grant();
      write(guard);
      write(guard);
      step(guard, permitId);
      expect(needsWrite(guard)).toBe(true);
      write(guard);
      step(guard, permitId);
      expect(needsWrite(guard)).toBe(false);
    }
  });

  it("whose write failed writes again with the next step: what is stored may still be closed", () => {
    const guard = new Guard({ requestsPerMinute: 1_000 });
    guard.grant();
    write(guard);
    write(guard);
    guard.grant();
    write(guard);
    guard.state = notWritten(guard.state);
    guard.grant();
    expect(needsWrite(guard)).toBe(true);
  });

  it("that callers come back to after each eviction serves them: no restart takes away what the last one left", () => {
    const guard = new Guard({ requestsPerMinute: 3_000, maxConcurrent: 20 });
    for (let visits = 0; visits < 20; visits++) {
      const decision = guard.admit({ priority: "low", leaseMs: settings.renewedLeaseMs });
      expect(decision.kind).toBe("granted");
      write(guard);
      restart(guard, write(guard));
      guard.pass(13_000);
    }
  });
});

describe("a guard that is restarted again and again", () => {
  it.each(["low", "normal", "high"] as const)(
    "makes nobody of %s priority wait for longer than what it takes for lost can last",
    (priority) => {
      const guard = new Guard({ requestsPerMinute: 3_000, maxConcurrent: 20 });
      for (let restarts = 0; restarts < 30; restarts++) {
        guard.admit({ priority, leaseMs: settings.renewedLeaseMs });
        restart(guard, write(guard));
        guard.pass(10_000);
      }
      guard.pass(settings.bucketMs + settings.windowMs + settings.transitMs);
      guard.grant({ priority, leaseMs: settings.renewedLeaseMs });
    },
  );
});

describe("the state is written", () => {
  it("before the first grant is known, so that no restart finds an unused guard", () => {
    const guard = new Guard(LIMITED);
    guard.grant();
    expect(needsWrite(guard)).toBe(true);
  });

  it("at most once a second under a steady load that stays below a tenth of the limits", () => {
    const guard = new Guard({ requestsPerMinute: 6_000 });
    let writes = 0;
    for (; guard.nowMs < START_MS + 10_000; guard.pass(20)) {
      guard.call();
      if (!needsWrite(guard)) continue;
      writes += 1;
      write(guard);
    }
    expect(writes).toBe(10);
  });

  it("sooner when more than a tenth of a limit would be at stake", () => {
    const guard = new Guard(LIMITED);
    guard.grant();
    write(guard);
    guard.grant();
    guard.grant();
    expect(needsWrite(guard)).toBe(false);
    guard.grant();
    expect(needsWrite(guard)).toBe(true);
    write(guard);
    guard.pass(10_000);
    write(guard);
    guard.grant({ tokens: 1_001 });
    expect(needsWrite(guard)).toBe(true);
  });

  it("at once when a call takes longer than any before: a restart must know how long a lost one may last", () => {
    const guard = new Guard(LIMITED);
    guard.grant({ leaseMs: 20_000 });
    write(guard);
    guard.grant({ leaseMs: 20_000 });
    expect(needsWrite(guard)).toBe(false);
    guard.grant({ leaseMs: 20_001 });
    expect(needsWrite(guard)).toBe(true);
  });

  it.each([
    [
      "the breaker opened",
      (guard: Guard) => guard.grantAll({}, 9).forEach((permitId) => guard.settle(permitId, FAILURE)),
    ],
    ["the rate was halved", (guard: Guard) => guard.call({ ...FAILURE, hint: { limited: true } })],
    ["the limits changed", (guard: Guard) => guard.grant({ limits: { requestsPerMinute: 50 } })],
  ])("at once when %s", (_, change) => {
    const guard = new Guard({ requestsPerMinute: 1_000 });
    guard.call();
    write(guard);
    guard.call();
    expect(needsWrite(guard)).toBe(false);
    change(guard);
    expect(needsWrite(guard)).toBe(true);
  });

  it("before a probe is let through", () => {
    const guard = new Guard();
    for (const permitId of guard.grantAll({}, 5)) guard.settle(permitId, FAILURE);
    guard.pass(30_000);
    write(guard);
    guard.grant();
    expect(needsWrite(guard)).toBe(true);
  });

  it("not for denials: a flood costs nothing", () => {
    const guard = new Guard({ requestsPerMinute: 1 });
    guard.grant();
    write(guard);
    guard.pass(5_000);
    for (let call = 0; call < 100; call++) guard.deny();
    expect(needsWrite(guard)).toBe(false);
    expect(hasUnwritten(guard.state)).toBe(false);
  });

  it("later when only a settlement is unwritten", () => {
    const guard = new Guard();
    const permitId = guard.grant();
    write(guard);
    guard.settle(permitId, SUCCESS);
    expect(needsWrite(guard)).toBe(false);
    expect(hasUnwritten(guard.state)).toBe(true);
  });
});

describe("a restart", () => {
  it("takes for used what may have been granted since the last write", () => {
    const guard = new Guard(LIMITED);
    guard.grant({ tokens: 100 });
    const stored = write(guard);
    restart(guard, stored);
    const [low, normal, high] = guard.state.rate.buckets
      .map((bucket) => bucket.requests)
      .reduce((sum, amounts) => [sum[0] + amounts[0], sum[1] + amounts[1], sum[2] + amounts[2]] as const);
    expect([low, normal, high]).toEqual([10, 0, 1]);
    expect(guard.state.permits).toHaveLength(1 + 2);
  });

  it("never creates slots, and a settlement finds its permit even when the grant was lost", () => {
    const guard = new Guard({ maxConcurrent: 20 });
    guard.grantAll({}, 18);
    const stored = write(guard);
    const lost = [guard.grant(), guard.grant()];
    expect(needsWrite(guard)).toBe(false);
    restart(guard, stored);
    guard.deny();
    guard.settle(lost[0] ?? 0);
    guard.settle(lost[0] ?? 0);
    const [again = 0] = guard.grantAll();
    expect(again).toBeGreaterThan(lost[1] ?? 0);
    guard.deny();
  });

  it("never creates a rate, however often it happens", () => {
    const guard = new Guard({ requestsPerMinute: 100 });
    const times: number[] = [];
    let stored = newGuardState(START_MS);
    for (; guard.nowMs < START_MS + 180_000; guard.pass(37)) {
      if (guard.admit({ turnAtMs: guard.nowMs }).kind === "granted") times.push(guard.nowMs);
      if (needsWrite(guard)) stored = write(guard);
      if (times.length % 9 === 8) restart(guard, stored);
    }
    const most = Math.max(...times.map((end) => times.filter((t) => t <= end && t > end - 60_000).length));
    expect(times.length).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(100);
  });

  it("costs at most a tenth of the limits, and only for a while", () => {
    const guard = new Guard(LIMITED);
    guard.call();
    const stored = write(guard);
    guard.pass(30_000);
    restart(guard, stored);
    guard.grant();
    guard.pass(settings.slotLeaseMs);
    expect(guard.grantAll({ turnAtMs: guard.nowMs }).length).toBeGreaterThanOrEqual(10);
    expect(guard.state.permits.every((permit) => permit.priority === "high")).toBe(true);
  });

  it("keeps an open breaker open, and a probe under way the only one", () => {
    const guard = new Guard();
    for (let call = 0; call < 5; call++) guard.call(FAILURE);
    restart(guard, write(guard));
    expect(guard.deny().reason).toBe("breaker");
    guard.pass(30_000);
    const probe = guard.grant();
    restart(guard, write(guard));
    guard.deny();
    guard.settle(probe, SUCCESS);
    guard.grant();
  });

  it("with a state that cannot be read lets nothing through for as long as old calls could matter", () => {
    const guard = new Guard(LIMITED);
    guard.state = closedFor(newGuardState(START_MS), START_MS, settings);
    expect(guard.deny().retryAtMs).toBeGreaterThanOrEqual(START_MS + settings.slotLeaseMs);
    guard.pass(settings.slotLeaseMs);
    guard.grant({ turnAtMs: guard.nowMs });
  });
});

describe("the stored state", () => {
  it.each([
    ["another version", { ...newGuardState(START_MS), v: 2 }],
    ["nothing", undefined],
    ["a state without its breaker", { ...newGuardState(START_MS), breaker: { phase: "ajar" } }],
  ])("is refused when it is %s", (_, value) => {
    expect(parseGuardState(value).ok).toBe(false);
  });
});
