/**
 * The Prometheus text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure.
 * Series are already written in it (`counts.ts`); this groups them, adds HELP and TYPE, and makes buckets cumulative.
 */
import { BUCKETS_SECONDS, GAUGES, METRICS, type GaugeName, type MetricName } from "./catalogue.ts";
import { labelValue, metricOf, type Counts } from "./counts.ts";

export interface GaugeValue {
  readonly name: GaugeName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function prometheusText(counts: Counts, gauges: readonly GaugeValue[]): string {
  const blocks: string[] = [];
  for (const name of Object.keys(METRICS)) {
    if (!isMetricName(name)) continue;
    const { kind, help } = METRICS[name];
    const lines = kind === "counter" ? counterLines(counts, name) : histogramLines(counts, name);
    if (lines.length > 0)
      blocks.push(`# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n${lines.join("\n")}\n`);
  }
  for (const [name, help] of Object.entries(GAUGES)) {
    const lines = gauges.flatMap((gauge) => (gauge.name === name ? [gaugeLine(gauge)] : []));
    if (lines.length > 0) blocks.push(`# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join("\n")}\n`);
  }
  return blocks.join("");
}

function isMetricName(name: string): name is MetricName {
  return name in METRICS;
}

function counterLines(counts: Counts, name: string): string[] {
  return Object.entries(counts.counters).flatMap(([series, amount]) =>
    metricOf(series) === name ? [`${series} ${amount}`] : [],
  );
}

function histogramLines(counts: Counts, name: string): string[] {
  return Object.entries(counts.histograms).flatMap(([series, amounts]) =>
    metricOf(series) === name ? histogramOf(series, amounts) : [],
  );
}

function histogramOf(series: string, [sum = 0, ...buckets]: readonly number[]): string[] {
  const name = metricOf(series);
  const labels = series.slice(name.length + 1, -1);
  const withLabels = (suffix: string, more = "") => {
    const all = [labels, more].filter((part) => part !== "").join(",");
    return all === "" ? `${name}${suffix}` : `${name}${suffix}{${all}}`;
  };
  let seen = 0;
  const lines = BUCKETS_SECONDS.map((bound, at) => {
    seen += buckets[at] ?? 0;
    return `${withLabels("_bucket", `le="${bound}"`)} ${seen}`;
  });
  seen += buckets[BUCKETS_SECONDS.length] ?? 0;
  lines.push(`${withLabels("_bucket", 'le="+Inf"')} ${seen}`);
  lines.push(`${withLabels("_sum")} ${sum}`, `${withLabels("_count")} ${seen}`);
  return lines;
}

function gaugeLine({ name, labels, value }: GaugeValue): string {
  const written = Object.entries(labels).map(([label, text]) => `${label}="${labelValue(text)}"`);
  return `${written.length === 0 ? name : `${name}{${written.join(",")}}`} ${value}`;
}
