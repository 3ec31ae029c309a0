/**
 * The third way a partition is woken, after its lane and its alarm: every minute, partitions that drivers left with
 * open work and that are overdue are poked. A poke lets time pass, arms the alarm and rings the lane if work is due.
 */
import type { PartitionName } from "../core/ids.ts";
import { messageOf } from "../core/result.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { Logger } from "../telemetry/log.ts";

/** What the sweep needs of the ledger. */
export interface OverduePartitions {
  overdue(nowMs: number, limit: number): Promise<readonly PartitionName[]>;
  report(
    reports: readonly { readonly partition: PartitionName; readonly dueMs: number }[],
    nowMs: number,
  ): Promise<void>;
  settle(partition: PartitionName): Promise<void>;
}

export interface SweepDependencies {
  readonly openPartitions: OverduePartitions;
  readonly partitions: Pick<PartitionClient, "poke">;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly limits: {
    readonly sweepGraceMs: number;
    readonly sweepPartitions: number;
    readonly sweepAgainMs: number;
  };
}

export async function sweepPartitions(deps: SweepDependencies): Promise<void> {
  const { limits } = deps;
  // Lane and alarm come first: what is only just due is theirs.
  const overdue = await deps.openPartitions.overdue(
    deps.nowMs() - limits.sweepGraceMs,
    limits.sweepPartitions,
  );
  for (const partition of overdue) {
    try {
      const { openEvents, nextDueMs, untold = 0 } = await deps.partitions.poke(partition);
      if (openEvents + untold === 0) await deps.openPartitions.settle(partition);
      else await deps.openPartitions.report([{ partition, dueMs: dueAgain(deps, nextDueMs) }], deps.nowMs());
    } catch (thrown) {
      deps.log.warn("sweep_failed", { partition, error: messageOf(thrown) });
    }
  }
  if (overdue.length > 0) deps.log.info("swept", { partitions: overdue.length });
}

function dueAgain({ nowMs, limits }: SweepDependencies, nextDueMs: number | null): number {
  return Math.min(nextDueMs ?? nowMs(), nowMs() + limits.sweepAgainMs);
}
