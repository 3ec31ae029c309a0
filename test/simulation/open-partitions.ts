/** What telemetry and the ledger know of partitions that drivers left with open work. Reports can be lost. */
import type { PartitionName } from "../../src/core/ids.ts";
import type { OverduePartitions } from "../../src/lanes/sweep.ts";
import type { Telemetry } from "../../src/telemetry/port.ts";
import type { Context } from "./context.ts";
import { never, type SimProcess } from "./process.ts";

const REPORT_MS = 20;
const BATCHED_MS = 5_000;

export class OpenPartitions implements OverduePartitions {
  private readonly context: Context;
  private readonly dueMs = new Map<PartitionName, number>();

  constructor(context: Context) {
    this.context = context;
  }

  /** As one driver has it. */
  telemetry(process: SimProcess): Telemetry {
    const { clock, chance, faults } = this.context;
    return {
      partitionOpen: async (partition, dueMs) => {
        if (!process.alive) return never();
        if (!faults.strikes("report_lost", 0.1)) {
          const lateMs = chance.integer(0, BATCHED_MS);
          clock.schedule(lateMs, "reported", () => void this.report([{ partition, dueMs }]));
        }
        await clock.wait(chance.latencyMs(REPORT_MS), `${process.name} reports`, process);
      },
    };
  }

  /** Whether the sweep will look after it. */
  knows(partition: PartitionName): boolean {
    return this.dueMs.has(partition);
  }

  overdue(nowMs: number, limit: number): Promise<readonly PartitionName[]> {
    const due = [...this.dueMs].filter(([, dueMs]) => dueMs <= nowMs).slice(0, limit);
    return Promise.resolve(due.map(([partition]) => partition));
  }

  report(reports: readonly { readonly partition: PartitionName; readonly dueMs: number }[]): Promise<void> {
    for (const { partition, dueMs } of reports) this.dueMs.set(partition, dueMs);
    return Promise.resolve();
  }

  settle(partition: PartitionName): Promise<void> {
    this.dueMs.delete(partition);
    return Promise.resolve();
  }
}
