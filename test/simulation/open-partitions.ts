/** What telemetry and the ledger know of partitions that drivers left with open work. Reports can be lost. */
import type { EventSummary } from "../../src/core/event-summary.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { OverduePartitions } from "../../src/lanes/sweep.ts";
import { parseTelemetry, type TelemetryMessage } from "../../src/telemetry/message.ts";
import type { Telemetry } from "../../src/telemetry/port.ts";
import type { Context } from "./context.ts";
import { never, type SimProcess } from "./process.ts";

const REPORT_MS = 20;
const BATCHED_MS = 5_000;

export class OpenPartitions implements OverduePartitions {
  /** What has ended goes to the ledger; wired by the world. */
  onEnded: (summaries: readonly EventSummary[]) => void = () => {};
  private readonly context: Context;
  private readonly dueMs = new Map<PartitionName, number>();

  constructor(context: Context) {
    this.context = context;
  }

  /** As one driver has it. */
  telemetry(process: SimProcess): Telemetry {
    const { clock, chance } = this.context;
    return {
      partitionOpen: async (partition, dueMs) => {
        if (!process.alive) return never();
        this.post({ v: 1, kind: "partition_open", partition, dueMs });
        await clock.wait(chance.latencyMs(REPORT_MS), `${process.name} reports`, process);
      },
      eventsEnded: async (summaries) => {
        if (!process.alive) return never();
        this.post({ v: 1, kind: "events", events: [...summaries] });
        await clock.wait(chance.latencyMs(REPORT_MS), `${process.name} tells`, process);
      },
    };
  }

  /** The queue's binding as a partition has it. `sender` may make the message wait before it leaves. */
  binding(sender: () => Promise<SimProcess>) {
    return {
      send: async (body: unknown): Promise<void> => {
        const process = await sender();
        if (!process.alive) await never();
        const message = parseTelemetry(JSON.parse(JSON.stringify(body)));
        if (message.ok) this.post(message.value);
        else this.context.violate("telemetry can be read", message.error);
      },
    };
  }

  private post(message: TelemetryMessage): void {
    const { clock, chance, faults, trace } = this.context;
    if (faults.strikes("report_lost", 0.1)) return trace.line("a report is lost");
    clock.schedule(chance.integer(0, BATCHED_MS), "reported", () => {
      if (message.kind === "events") this.onEnded(message.events);
      else if (message.kind === "partition_open") void this.report([message]);
    });
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
