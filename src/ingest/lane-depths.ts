/**
 * How deep the lanes are, as far as this isolate knows: what their queues answered to its own writes. Costs no call.
 * Other isolates know other things; each sheds by what it has seen itself.
 */
import { LIMITS } from "../config/limits.ts";
import { highestOf, isShed, type DepthReading, type LaneLimits } from "../core/shedding.ts";
import type { Priority } from "../core/policy.ts";

export interface LaneDepths {
  /** What a queue said after a write. */
  readonly observe: (priority: Priority, shard: number, backlog: number) => void;
  /** Whether events of these priorities, which come together, are to be left with their sender. */
  readonly sheds: (priorities: readonly Priority[]) => boolean;
}

export function createLaneDepths(limits: LaneLimits, nowMs: () => number): LaneDepths {
  const readings: Record<Priority, DepthReading[]> = { high: [], normal: [], low: [] };
  return {
    observe(priority, shard, backlog) {
      readings[priority][shard] = { backlog, readAtMs: nowMs() };
    },
    sheds(priorities) {
      const priority = highestOf(priorities);
      if (priority === null) return false;
      return isShed(priority, readings, limits, nowMs(), LIMITS.lanes.depthFreshMs);
    },
  };
}
