/** What a telemetry batch adds to the counts: the isolates' own, and one for each event that ended. */
import type { EventSummary } from "../core/event-summary.ts";
import type { PartitionName } from "../core/ids.ts";
import { LIMITS } from "../config/limits.ts";
import { countEvents } from "../core/metrics/events.ts";
import { addCounts, isEmpty, type Counts } from "../core/metrics/counts.ts";
import type { CountsStore } from "./counts-store.ts";
import { createCollector } from "./metrics.ts";
import type { Survey } from "./survey.ts";

export interface CountsBatch {
  /** Names the batch: the same one again is not counted again. */
  readonly part: string;
  readonly atMs: number;
  readonly counts: readonly Counts[];
  /** Of events whose end nobody has told before. */
  readonly ended: readonly EventSummary[];
}

export interface CountsIntake {
  readonly counts: Pick<CountsStore, "add">;
  readonly survey: Pick<Survey, "suspect">;
}

/** @throws when the ledger is down: the batch comes again */
export async function takeCounts(intake: CountsIntake, batch: CountsBatch): Promise<void> {
  const { counts, ended } = batch;
  const collector = createCollector({ ...LIMITS.telemetry, maxSeries: LIMITS.telemetry.maxTotalSeries });
  countEvents(collector, ended);
  const sum: Counts = collector.drain() ?? { counters: {}, histograms: {} };
  for (const part of counts) addCounts(sum, part, LIMITS.telemetry.maxTotalSeries);
  // Their source may pause the partition on such an end, and a paused partition rings nobody.
  const stopped = ended.filter(({ state }) => state === "dead" || state === "review");
  await intake.survey.suspect([...new Set<PartitionName>(stopped.map(({ partition }) => partition))]);
  if (!isEmpty(sum)) await intake.counts.add(batch.part, batch.atMs, sum);
}
