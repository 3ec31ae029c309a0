/**
 * Counts as Analytics Engine points, for whoever asks with SQL. One point per series: index and first blob the
 * metric's name, then its labels' values in the catalogue's order; doubles: the amount, or seconds and observations.
 */
import { METRICS, type MetricName } from "../core/metrics/catalogue.ts";
import { labelOf, metricOf, type Counts } from "../core/metrics/counts.ts";

export interface PointWriter {
  writeDataPoint(point: {
    readonly indexes: string[];
    readonly blobs: string[];
    readonly doubles: number[];
  }): void;
}

export function writePoints(writer: PointWriter, counts: Counts, maxPoints: number): void {
  const counters = Object.entries(counts.counters).map(([series, amount]) => ({ series, doubles: [amount] }));
  const histograms = Object.entries(counts.histograms).map(([series, [sum = 0, ...buckets]]) => ({
    series,
    doubles: [sum, buckets.reduce((total, amount) => total + amount, 0)],
  }));
  for (const { series, doubles } of [...counters, ...histograms].slice(0, maxPoints)) {
    const name = metricOf(series);
    if (!isMetricName(name)) continue;
    const labels: readonly string[] = METRICS[name].labels;
    const blobs = [name, ...labels.map((label) => labelOf(series, label) ?? "")];
    writer.writeDataPoint({ indexes: [name], blobs, doubles });
  }
}

function isMetricName(name: string): name is MetricName {
  return name in METRICS;
}

/** What the platform binds has no class to test for. */
export function isPointWriter(value: unknown): value is PointWriter {
  return (
    typeof value === "object" &&
    value !== null &&
    "writeDataPoint" in value &&
    typeof value.writeDataPoint === "function"
  );
}
