/** What `GET /metrics` answers: counters from all isolates' counts, gauges from the last sample. */
import { gaugesOf } from "../core/metrics/sample.ts";
import { prometheusText } from "../core/metrics/prometheus.ts";
import { err, messageOf, ok, type Result } from "../core/result.ts";
import type { CountsStore } from "./counts-store.ts";
import type { SampleStore } from "./gauges.ts";
import type { Logger } from "./log.ts";

export interface MetricsTextDependencies {
  readonly counts: Pick<CountsStore, "totals">;
  readonly samples: Pick<SampleStore, "latest">;
  readonly log: Logger;
}

/** @returns the Prometheus text; an error while the ledger cannot be read: better no values than counters that start anew */
export async function readMetricsText(
  deps: MetricsTextDependencies,
): Promise<Result<string, "ledger_unavailable">> {
  try {
    const [counts, sample] = await Promise.all([deps.counts.totals(), deps.samples.latest()]);
    return ok(prometheusText(counts, sample === null ? [] : gaugesOf(sample)));
  } catch (thrown) {
    deps.log.warn("metrics_unavailable", { error: messageOf(thrown) });
    return err("ledger_unavailable");
  }
}
