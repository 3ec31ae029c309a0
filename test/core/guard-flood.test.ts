/** Many callers on a clock of their own: what a flood does to throughput, fairness and high priority. */
import { describe, expect, it } from "vitest";
import type { Limits } from "../../src/core/guard/model.ts";
import type { Priority } from "../../src/core/policy.ts";
import { Guard, START_MS, SUCCESS } from "./guard-support.ts";

const MINUTE_MS = 60_000;
const CALL_MS = 2_000;

interface Caller {
  readonly priority: Priority;
  readonly arrivesAtMs: number;
}

interface Served extends Caller {
  readonly waitMs: number;
  readonly tries: number;
}

interface Simulation {
  readonly limits: Limits;
  readonly callers: readonly Caller[];
  /** Whether callers tell the guard the turn they were given. */
  readonly tellTurns: boolean;
}

/** A small generator with a fixed start: the same run every time. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Every caller comes back when it was told to, until it is served; each call takes two seconds. */
function simulate({ limits, callers, tellTurns }: Simulation): Served[] {
  const guard = new Guard(limits, createRandom());
  const served: Served[] = [];
  const due = new Map<number, (() => void)[]>();
  const schedule = (atMs: number, action: () => void) => {
    due.set(atMs, [...(due.get(atMs) ?? []), action]);
  };
  const ask = (caller: Caller, tries: number, turnAtMs: number | undefined) => {
    const told = turnAtMs === undefined || !tellTurns ? {} : { turnAtMs };
    const decision = guard.admit({ priority: caller.priority, tokens: 100, ...told });
    if (decision.kind === "denied") {
      schedule(decision.retryAtMs, () => ask(caller, tries + 1, decision.retryAtMs));
      return;
    }
    served.push({ ...caller, tries, waitMs: guard.nowMs - caller.arrivesAtMs });
    schedule(guard.nowMs + CALL_MS, () =>
      guard.settle(decision.permitId, { ...SUCCESS, latencyMs: CALL_MS }),
    );
  };
  for (const caller of callers) schedule(caller.arrivesAtMs, () => ask(caller, 1, undefined));
  for (; due.size > 0; guard.pass(1)) {
    for (const action of due.get(guard.nowMs) ?? []) action();
    due.delete(guard.nowMs);
  }
  return served;
}

const flood = (count: number, priority: Priority): Caller[] =>
  Array.from({ length: count }, () => ({ priority, arrivesAtMs: START_MS }));

const steady = (count: number, everyMs: number, priority: Priority): Caller[] =>
  Array.from({ length: count }, (_, index) => ({
    priority,
    arrivesAtMs: START_MS + 500 + Math.floor(index * everyMs),
  }));

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? Number.POSITIVE_INFINITY;
}

const finishedAtMs = (served: readonly Served[]) =>
  Math.max(...served.map((caller) => caller.arrivesAtMs + caller.waitMs)) - START_MS;

describe.each([true, false])("under a flood (callers tell their turns: %s)", (tellTurns) => {
  it.each<[string, Limits, number]>([
    ["60 requests a minute", { requestsPerMinute: 60 }, 5],
    ["600 requests a minute", { requestsPerMinute: 600 }, 50],
    ["tokens", { tokensPerMinute: 12_000 }, 10],
    ["slots", { maxConcurrent: 6 }, 15],
  ])("high priority is served within 30 s (p95) when the limit is %s", (_, limits, highPerMinute) => {
    const high = steady(highPerMinute * 5, MINUTE_MS / highPerMinute, "high");
    const served = simulate({ limits, callers: [...flood(300, "low"), ...high], tellTurns });
    const waits = served.filter(({ priority }) => priority === "high").map(({ waitMs }) => waitMs);
    expect(waits).toHaveLength(high.length);
    expect(p95(waits)).toBeLessThanOrEqual(30_000);
  });

  it("everyone is served, at nearly the rate of the limit, with few vain tries", () => {
    const served = simulate({ limits: { requestsPerMinute: 120 }, callers: flood(600, "high"), tellTurns });
    expect(served).toHaveLength(600);
    expect(finishedAtMs(served)).toBeLessThanOrEqual(1.1 * 5 * MINUTE_MS);
    // One denial, and one admission in its turn, is the least there is.
    expect(served.reduce((sum, { tries }) => sum + tries, 0) / served.length).toBeLessThanOrEqual(2.1);
  });

  it("nobody comes in vain again and again, whatever the mix of priorities", () => {
    const callers = [...flood(240, "low"), ...flood(240, "normal"), ...flood(120, "high")];
    const served = simulate({ limits: { requestsPerMinute: 120 }, callers, tellTurns });
    expect(served).toHaveLength(600);
    expect(served.reduce((sum, { tries }) => sum + tries, 0) / served.length).toBeLessThanOrEqual(3.5);
    expect(Math.max(...served.map(({ tries }) => tries))).toBeLessThanOrEqual(20);
  });

  it("slots stay busy while callers wait for them", () => {
    const served = simulate({ limits: { maxConcurrent: 10 }, callers: flood(300, "high"), tellTurns });
    expect(served).toHaveLength(300);
    expect(finishedAtMs(served)).toBeLessThanOrEqual(2 * (300 / 10) * CALL_MS);
  });
});
