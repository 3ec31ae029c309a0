import { describe, expect, it } from "vitest";
import {
  afterCall,
  afterExpiry,
  breakerVerdict,
  CLOSED,
  healthOf,
  type Health,
} from "../../src/core/guard/breaker.ts";
import type { Breaker } from "../../src/core/guard/model.ts";
import { FAILURE, Guard, settings, START_MS, SUCCESS } from "./guard-support.ts";

const NOW_MS = START_MS;
const rules = settings.breaker;
const sampled = (calls: number, failures: number): Breaker => ({
  phase: "closed",
  samples: [{ startMs: NOW_MS, calls, failures }],
});
const open: Breaker = { phase: "open", untilMs: NOW_MS + 30_000, cooldownMs: 30_000 };
const halfOpen: Breaker = { phase: "half-open", probeId: 7, cooldownMs: 30_000 };
const ramping = (limit: number): Breaker => ({ phase: "ramping", probeId: 7, limit, cooldownMs: 30_000 });
const opened = (cooldownMs: number): Breaker => ({ phase: "open", untilMs: NOW_MS + cooldownMs, cooldownMs });

describe("the breaker's transitions after a call", () => {
  it.each<[string, Breaker, number, Health, Breaker]>([
    ["closed counts a success", CLOSED, 8, "good", sampled(1, 0)],
    ["closed counts a failure", CLOSED, 8, "bad", sampled(1, 1)],
    ["closed does not count permanent errors and 429s", sampled(4, 4), 8, "alive", sampled(4, 4)],
    ["closed does not count cancelled calls", sampled(4, 4), 8, "unknown", sampled(4, 4)],
    ["closed stays below five calls", sampled(3, 3), 8, "bad", sampled(4, 4)],
    ["closed stays below half", sampled(6, 2), 8, "bad", sampled(7, 3)],
    ["closed opens at half of five and more", sampled(7, 3), 8, "bad", opened(30_000)],
    ["closed opens at the fifth of five failures", sampled(4, 4), 8, "bad", opened(30_000)],
    ["closed does not open on a success", sampled(4, 4), 8, "good", sampled(5, 4)],
    ["open ignores calls from before", open, 8, "bad", open],
    ["half-open ignores other calls", halfOpen, 6, "bad", halfOpen],
    ["half-open ramps after a good probe", halfOpen, 7, "good", ramping(rules.rampFrom)],
    ["half-open ramps when the probe was answered at all", halfOpen, 7, "alive", ramping(rules.rampFrom)],
    ["half-open opens for twice as long after a bad probe", halfOpen, 7, "bad", opened(60_000)],
    [
      "half-open lets another probe follow a cancelled one",
      halfOpen,
      7,
      "unknown",
      { ...open, untilMs: NOW_MS },
    ],
    ["ramping ignores calls from before the probe", ramping(4), 6, "bad", ramping(4)],
    ["ramping lets one more in after a success", ramping(4), 8, "good", ramping(5)],
    ["ramping halves after a failure", ramping(5), 8, "bad", ramping(2)],
    ["ramping opens for twice as long after a failure at one", ramping(1), 8, "bad", opened(60_000)],
    ["ramping learns nothing from a cancelled call", ramping(4), 8, "unknown", ramping(4)],
    ["ramping closes at its end", ramping(rules.rampTo), 8, "good", CLOSED],
  ])("%s", (_, before, permitId, health, after) => {
    expect(afterCall(before, { permitId, health }, NOW_MS, rules)).toEqual(after);
  });

  it("doubles the cool-down up to its bound", () => {
    const tired: Breaker = { phase: "half-open", probeId: 7, cooldownMs: 200_000 };
    expect(afterCall(tired, { permitId: 7, health: "bad" }, NOW_MS, rules)).toEqual(opened(300_000));
  });
});

describe("the breaker lets through", () => {
  const permits = (...ids: number[]) => ids.map((id) => ({ id }));
  it.each([
    ["everything when closed", CLOSED, permits(1, 2, 3), { kind: "pass" }],
    ["nothing when open", open, [], { kind: "blocked", atMs: NOW_MS + 30_000 }],
    ["a probe after the cool-down", { ...open, untilMs: NOW_MS }, permits(1), { kind: "probe" }],
    ["nothing beside the probe", halfOpen, permits(7), { kind: "blocked", atMs: null }],
    ["as many as the ramp allows", ramping(2), permits(3, 8), { kind: "pass" }],
    ["no more than the ramp allows", ramping(2), permits(8, 9), { kind: "blocked", atMs: null }],
  ] as const)("%s", (_, breaker, underWay, verdict) => {
    expect(breakerVerdict(breaker, underWay, NOW_MS)).toEqual(verdict);
  });

  it("another probe when the permit of the last one expired", () => {
    expect(afterExpiry(halfOpen, () => false, NOW_MS)).toEqual({ ...open, untilMs: NOW_MS });
    expect(afterExpiry(halfOpen, (id) => id === 7, NOW_MS)).toBe(halfOpen);
    expect(afterExpiry(CLOSED, () => false, NOW_MS)).toBe(CLOSED);
  });
});

describe("a call's word on the endpoint's health", () => {
  const limited = { hint: { limited: true } };
  it.each([
    ["an answer in time is good", SUCCESS, 200, "good"],
    ["an answer slower than slowMs is a failure", { ...SUCCESS, latencyMs: 201 }, 200, "bad"],
    ["without slowMs no answer is too slow", { ...SUCCESS, latencyMs: 1e6 }, undefined, "good"],
    ["a transient error is a failure", FAILURE, 200, "bad"],
    ["a permanent error does not count", { ...SUCCESS, outcome: "permanent" }, 200, "alive"],
    ["a 429 does not count", { ...FAILURE, ...limited }, 200, "alive"],
    ["a cancelled call tells nothing", { ...FAILURE, outcome: "cancelled" }, 200, "unknown"],
  ] as const)("%s", (_, report, slowMs, health) => {
    expect(healthOf(report, slowMs)).toBe(health);
  });
});

describe("a guard whose endpoint fails", () => {
  function broken(): Guard {
    const guard = new Guard();
    for (let call = 0; call < 5; call++) guard.call(FAILURE);
    return guard;
  }

  it("denies every call until the cool-down is over, with no limit configured", () => {
    const guard = broken();
    const denied = guard.deny();
    expect(denied.reason).toBe("breaker");
    expect(denied.retryAtMs).toBeGreaterThanOrEqual(START_MS + 30_000);
    guard.pass(29_999);
    expect(guard.deny().reason).toBe("breaker");
  });

  it("forgets failures after a minute: four old ones and a new one don't open it", () => {
    const guard = new Guard();
    for (let call = 0; call < 4; call++) guard.call(FAILURE);
    guard.pass(66_000);
    guard.call(FAILURE);
    guard.grant();
  });

  it("lets exactly one of a hundred concurrent callers probe", () => {
    const guard = broken();
    guard.pass(30_000);
    const granted = Array.from({ length: 100 }, () => guard.admit()).filter(({ kind }) => kind === "granted");
    expect(granted).toHaveLength(1);
    guard.pass(60_000);
    expect(guard.deny().reason).toBe("breaker");
  });

  it("lets the next caller probe when the probe's caller died", () => {
    const guard = broken();
    guard.pass(30_000);
    guard.grant();
    guard.pass(settings.slotLeaseMs);
    guard.grant();
    expect(guard.deny().reason).toBe("breaker");
  });

  it("ramps up call by call after a good probe, and closes", () => {
    const guard = broken();
    guard.pass(30_000);
    guard.call(SUCCESS);
    const sizes: number[] = [];
    while (guard.state.breaker.phase === "ramping") {
      const round = guard.grantAll();
      sizes.push(round.length);
      for (const permitId of round) guard.settle(permitId, SUCCESS);
      guard.pass(100);
    }
    expect(sizes).toEqual([2, 4, 8, 16]);
    expect(guard.state.breaker.phase).toBe("closed");
  });

  it("settles late failures from before the opening without prolonging it", () => {
    const guard = new Guard();
    const early = guard.grantAll({}, 20);
    for (const permitId of early.slice(0, 10)) guard.settle(permitId, FAILURE);
    guard.pass(30_000);
    const probe = guard.grant();
    for (const permitId of early.slice(10)) guard.settle(permitId, FAILURE);
    guard.settle(probe, SUCCESS);
    expect(guard.state.breaker.phase).toBe("ramping");
  });
});
