/** What a minute's counts and gauges say, as readings for the rules. Pure. */
import { labelOf, metricOf, type Counts } from "../metrics/counts.ts";
import { BUCKETS_SECONDS, type HistogramName, type MetricName } from "../metrics/catalogue.ts";
import { depthOf, oldestOpenAtMs, type Sample } from "../metrics/sample.ts";
import type { RuleName } from "./rules.ts";

export interface Reading {
  readonly rule: RuleName;
  /** Whom it is of, as names: two different lists are two different things, whatever is in them. */
  readonly subject: readonly string[];
  /** null: not known this time. */
  readonly value: number | null;
  /** Instead of the rule's own floor. */
  readonly floor?: number;
}

/** JSON, so that ("a", "b/c") and ("a/b", "c") are two keys. */
export function keyOf({ rule, subject }: Pick<Reading, "rule" | "subject">): string {
  return JSON.stringify([rule, ...subject]);
}

/** What one D1 database takes: https://developers.cloudflare.com/d1/platform/limits/ */
export const LEDGER_MAX_BYTES = 10_000_000_000;
/** Fewer attempts in a window make no share. */
const MIN_ATTEMPTS = 20;
const MIN_MODEL_CALLS = 10;
/** Forged and mistaken requests are part of any open door. */
const SOURCE_FLOOR = 0.2;

/** @param counts of the last five whole minutes, added up */
export function readingsOf(counts: Counts, sample: Sample): Reading[] {
  return [...shareReadings(counts), ...latencyReadings(counts), ...gaugeReadings(sample)];
}

function shareReadings(counts: Counts): Reading[] {
  const attempts = observationsBy(counts, "sluice_stage_duration_seconds", "pipeline", ["stage", "parse"]);
  const failures = amountsBy(counts, "sluice_stage_failures_total", "pipeline", (series) => {
    return labelOf(series, "stage") !== "deliver";
  });
  const deliveries = amountsBy(counts, "sluice_deliveries_total", "destination");
  const failed = amountsBy(counts, "sluice_deliveries_total", "destination", (series) => {
    return labelOf(series, "outcome") !== "delivered";
  });
  const requests = amountsBy(counts, "sluice_ingest_requests_total", "source");
  const refused = amountsBy(counts, "sluice_ingest_refused_total", "source");
  return [
    ...sharesOf("pipeline", attempts, failures),
    ...sharesOf("destination", deliveries, failed),
    ...sharesOf("source", requests, refused).map((reading) => ({ ...reading, floor: SOURCE_FLOOR })),
  ];
}

function sharesOf(
  kind: string,
  all: ReadonlyMap<string, number>,
  bad: ReadonlyMap<string, number>,
): Reading[] {
  return [...all].flatMap(([name, total]) =>
    total < MIN_ATTEMPTS
      ? []
      : [{ rule: "error-rate", subject: [kind, name], value: Math.min(1, (bad.get(name) ?? 0) / total) }],
  );
}

function latencyReadings(counts: Counts): Reading[] {
  return Object.entries(counts.histograms).flatMap(([series, [, ...buckets]]): Reading[] => {
    if (metricOf(series) !== ("sluice_model_duration_seconds" satisfies HistogramName)) return [];
    const calls = buckets.reduce((sum, amount) => sum + amount, 0);
    if (calls < MIN_MODEL_CALLS) return [];
    const model = labelOf(series, "model") ?? "";
    return [{ rule: "model-latency", subject: ["model", model], value: quantileSeconds(buckets, 0.95) }];
  });
}

function gaugeReadings(sample: Sample): Reading[] {
  const { atMs, partitions } = sample;
  const isKnown = sample.lanes.every((lane) => lane.backlog !== null);
  const oldestMs = oldestOpenAtMs(sample);
  const ageSeconds = (timeMs: number) => Math.max(0, atMs - timeMs) / 1_000;
  const { oldestReviewAtMs, reviews } = sample;
  return [
    { rule: "depth", subject: [], value: isKnown ? depthOf(sample) : null },
    { rule: "oldest-event", subject: [], value: oldestMs === null ? 0 : ageSeconds(oldestMs) },
    { rule: "dead-letters", subject: [], value: sample.deadLetters },
    { rule: "review-backlog", subject: [], value: reviews },
    {
      rule: "review-age",
      subject: [],
      value: reviews === null ? null : oldestReviewAtMs === null ? 0 : ageSeconds(oldestReviewAtMs),
    },
    ...partitions.paused.map(({ partition }): Reading => ({
      rule: "paused-partition",
      subject: ["partition", partition],
      value: 1,
    })),
    ...(sample.ledgers ?? []).flatMap(({ ledger, bytes }): Reading[] =>
      (["ledger-filling", "ledger-nearly-full"] as const).map((rule) => ({
        rule,
        subject: ["ledger", ledger],
        value: bytes === null ? null : bytes / LEDGER_MAX_BYTES,
      })),
    ),
  ];
}

/**
 * What is known without a ledger: which of them cannot be used, and which breakers are open.
 * @param down those of `ledgers` that could not be read or written just now
 */
export function readingsWithoutLedger(
  ledgers: readonly string[],
  down: readonly string[],
  guards: Sample["guards"],
): Reading[] {
  return [
    ...ledgers.map((ledger): Reading => ({
      rule: "ledger-unavailable",
      subject: ["ledger", ledger],
      value: Number(down.includes(ledger)),
    })),
    ...guards.map(({ guard, phase }): Reading => ({
      rule: "breaker-open",
      subject: ["guard", guard],
      value: phase === null ? null : Number(phase === "open" || phase === "half-open"),
    })),
  ];
}

function amountsBy(
  counts: Counts,
  name: MetricName,
  label: string,
  matches: (series: string) => boolean = () => true,
): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [series, amount] of Object.entries(counts.counters)) {
    if (metricOf(series) !== name || !matches(series)) continue;
    const value = labelOf(series, label) ?? "";
    amounts.set(value, (amounts.get(value) ?? 0) + amount);
  }
  return amounts;
}

function observationsBy(
  counts: Counts,
  name: HistogramName,
  label: string,
  [onlyLabel, onlyValue]: readonly [string, string],
): Map<string, number> {
  const amounts = new Map<string, number>();
  for (const [series, [, ...buckets]] of Object.entries(counts.histograms)) {
    if (metricOf(series) !== name || labelOf(series, onlyLabel) !== onlyValue) continue;
    const value = labelOf(series, label) ?? "";
    const observed = buckets.reduce((sum, amount) => sum + amount, 0);
    amounts.set(value, (amounts.get(value) ?? 0) + observed);
  }
  return amounts;
}

/** Evenly through the bucket it falls into; what is above the last bound is taken for twice that bound. */
export function quantileSeconds(buckets: readonly number[], quantile: number): number {
  const total = buckets.reduce((sum, amount) => sum + amount, 0);
  const wanted = quantile * total;
  let below = 0;
  for (const [at, amount] of buckets.entries()) {
    if (amount > 0 && below + amount >= wanted) {
      const from = BUCKETS_SECONDS[at - 1] ?? 0;
      const to = BUCKETS_SECONDS[at] ?? from * 2;
      return from + ((to - from) * (wanted - below)) / amount;
    }
    below += amount;
  }
  return 0;
}
