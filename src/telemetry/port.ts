/** Reports that leave the way of an event. They never throw and never hold anything up for long. */
import type { EventSummary } from "../core/event-summary.ts";
import type { Jurisdiction, PartitionName } from "../core/ids.ts";
import type { Counts } from "../core/metrics/counts.ts";

export interface Telemetry {
  /** A driver leaves a partition with open work that is due at `dueMs`: the sweep will look after it. */
  partitionOpen(partition: PartitionName, dueMs: number): Promise<void>;
  /** These have ended, or re-entered. */
  eventsEnded(summaries: readonly EventSummary[]): Promise<void>;
}

export interface CountsReports {
  /** What this isolate has counted since it last said so. */
  counts(counts: Counts, jurisdiction: Jurisdiction): Promise<void>;
}
