/**
 * Counts as they travel and are stored: by series, deltas that add up. A series is written as Prometheus writes it,
 * `name{label="value"}`, with values of a charset that needs no escape. Pure; version 1.
 */
import * as z from "zod";
import { BUCKETS_SECONDS, METRICS, type LabelsOf, type MetricName } from "./catalogue.ts";

const SERIES = /^[a-z_]{1,64}(\{[a-z_]+="[A-Za-z0-9_.:/-]*"(,[a-z_]+="[A-Za-z0-9_.:/-]*")*\})?$/;
const seriesSchema = z.string().regex(SERIES).max(400);
const amountSchema = z.number().nonnegative();

export const countsSchema = z.object({
  counters: z.record(seriesSchema, amountSchema),
  /** The sum in seconds, then one count per bucket and one above the last; zeros at the end are left out. */
  histograms: z.record(
    seriesSchema,
    z
      .array(amountSchema)
      .min(1)
      .max(BUCKETS_SECONDS.length + 2),
  ),
});

export type Counts = z.infer<typeof countsSchema>;

const MAX_VALUE_CHARACTERS = 64;
const UNSAFE = /[^A-Za-z0-9_.:/-]/g;

/** What a label may hold. Nothing that a sender wrote survives as text. */
export function labelValue(text: string): string {
  return text.slice(0, MAX_VALUE_CHARACTERS).replace(UNSAFE, "_");
}

/** @param values in the order of the metric's labels, already bounded by `labelValue` */
export function seriesOf<Name extends MetricName>(name: Name, values: LabelsOf<Name>): string {
  const byLabel: Readonly<Record<string, string>> = values;
  const labels = METRICS[name].labels.map((label) => `${label}="${byLabel[label] ?? ""}"`);
  return labels.length === 0 ? name : `${name}{${labels.join(",")}}`;
}

/** `sluice_x{a="b"}` → `sluice_x` */
export function metricOf(series: string): string {
  const brace = series.indexOf("{");
  return brace === -1 ? series : series.slice(0, brace);
}

/** One label's value, from a series' own text; undefined when it has none such. */
export function labelOf(series: string, label: string): string | undefined {
  const start = series.indexOf(`${label}="`);
  if (start === -1) return undefined;
  const from = start + label.length + 2;
  return series.slice(from, series.indexOf('"', from));
}

/** Adds `delta` into `total`, which is changed. Beyond `maxSeries` new series are not taken, and counted as dropped. */
export function addCounts(total: Counts, delta: Counts, maxSeries = Number.POSITIVE_INFINITY): void {
  let room = maxSeries - Object.keys(total.counters).length - Object.keys(total.histograms).length;
  let dropped = 0;
  const takes = (known: boolean): boolean => {
    if (known) return true;
    if (room <= 0) {
      dropped++;
      return false;
    }
    room--;
    return true;
  };
  for (const [series, amount] of Object.entries(delta.counters)) {
    const known = total.counters[series];
    if (takes(known !== undefined)) total.counters[series] = (known ?? 0) + amount;
  }
  for (const [series, amounts] of Object.entries(delta.histograms)) {
    const known = total.histograms[series];
    if (takes(known !== undefined)) total.histograms[series] = addArrays(known ?? [], amounts);
  }
  if (dropped > 0) {
    const already = total.counters[DROPPED] ?? 0;
    total.counters[DROPPED] = already + dropped;
  }
}

const DROPPED: MetricName = "sluice_counts_dropped_total";

export function observe(amounts: readonly number[] | undefined, valueSeconds: number): number[] {
  const found = BUCKETS_SECONDS.findIndex((bound) => valueSeconds <= bound);
  const bucket = found === -1 ? BUCKETS_SECONDS.length : found;
  const sums = amounts === undefined ? [0] : amounts.slice();
  while (sums.length < bucket + 2) sums.push(0);
  sums[0] = (sums[0] ?? 0) + valueSeconds;
  sums[bucket + 1] = (sums[bucket + 1] ?? 0) + 1;
  return sums;
}

function addArrays(left: readonly number[], right: readonly number[]): number[] {
  const length = Math.max(left.length, right.length);
  return Array.from({ length }, (_, at) => (left[at] ?? 0) + (right[at] ?? 0));
}

export function isEmpty(counts: Counts): boolean {
  return Object.keys(counts.counters).length === 0 && Object.keys(counts.histograms).length === 0;
}
