/** What the summaries of ended events add to the counts. Pure. */
import { latencyOf, type EventSummary } from "../event-summary.ts";
import type { CounterName, HistogramName, LabelsOf } from "./catalogue.ts";

interface Counting {
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number): void;
  time<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, durationMs: number): void;
}

/** @param summaries each state of each event once: a repeat would count twice */
export function countEvents(metrics: Counting, summaries: readonly EventSummary[]): void {
  for (const summary of summaries) countEvent(metrics, summary);
}

function countEvent(metrics: Counting, summary: EventSummary): void {
  const { state, source, pipeline, failure, model } = summary;
  // Open again: a replay or an approved review. It is counted when it ends.
  if (summary.endedAtMs === null) return;
  metrics.count("sluice_events_total", { source, pipeline, state });
  if (summary.late) metrics.count("sluice_events_late_total", { source });
  if (state === "done") metrics.time("sluice_event_duration_seconds", { pipeline }, latencyOf(summary));
  if (failure !== null && (state === "dead" || state === "expired")) {
    const { stage, code } = failure;
    metrics.count("sluice_event_failures_total", { pipeline, stage, class: failure.class, code });
  }
  if (model?.costMicros != null) {
    metrics.count("sluice_event_cost_usd_total", { pipeline, model: model.name }, model.costMicros / 1e6);
  }
}
