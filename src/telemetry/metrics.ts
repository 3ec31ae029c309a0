/**
 * Counting, as the rest of the gateway sees it. An isolate adds up in memory and sends what it has now and then: never
 * on an event's way, never throwing. Counts that are lost cost sight, not events.
 */
import type { CounterName, HistogramName, LabelsOf } from "../core/metrics/catalogue.ts";
import { labelValue, observe, seriesOf, type Counts } from "../core/metrics/counts.ts";

export interface Metrics {
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount?: number): void;
  /** @param durationMs not below 0; anything else is not counted */
  time<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, durationMs: number): void;
}

export interface CollectorLimits {
  /** Series of one collection; a message must hold them all. */
  readonly maxSeries: number;
  /** Values of one label, for as long as the isolate lives; what comes after is `other`. */
  readonly maxLabelValues: number;
}

export interface Collector extends Metrics {
  /** What was counted since the last call; null when nothing was. */
  drain(): Counts | null;
  isEmpty(): boolean;
}

export function createCollector(limits: CollectorLimits): Collector {
  let counters = new Map<string, number>();
  let histograms = new Map<string, number[]>();
  const valuesByLabel = new Map<string, Set<string>>();

  /** A label with ever new values (somebody's error codes) must not become ever new series. */
  const bounded = (name: string, label: string, text: string): string => {
    const value = labelValue(text);
    const key = `${name}.${label}`;
    const seen = valuesByLabel.get(key) ?? new Set<string>();
    valuesByLabel.set(key, seen);
    if (!seen.has(value) && seen.size >= limits.maxLabelValues) return OTHER;
    seen.add(value);
    return value;
  };
  /** By what was asked for: nearly every count is of a series that was counted before. */
  const knownSeries = new Map<string, string>();
  const seriesFor = <Name extends CounterName | HistogramName>(name: Name, labels: LabelsOf<Name>) => {
    const texts = Object.entries<string>(labels);
    const asked = texts.reduce((sum, [label, text]) => `${sum}\n${label}=${text}`, name as string);
    const known = knownSeries.get(asked);
    if (known !== undefined) return known;
    const safe = { ...labels };
    for (const [label, text] of texts) Object.assign(safe, { [label]: bounded(name, label, text) });
    const series = seriesOf(name, safe);
    if (knownSeries.size < limits.maxSeries) knownSeries.set(asked, series);
    return series;
  };
  /** true when there is room; else the count is added to what was dropped. */
  const takes = (isKnown: boolean): boolean => {
    if (isKnown || counters.size + histograms.size < limits.maxSeries) return true;
    const dropped = seriesOf("sluice_counts_dropped_total", {});
    counters.set(dropped, (counters.get(dropped) ?? 0) + 1);
    return false;
  };
  const isEmpty = () => counters.size === 0 && histograms.size === 0;
  return {
    isEmpty,
    count(name, labels, amount = 1) {
      if (!(amount > 0) || !Number.isFinite(amount)) return;
      const series = seriesFor(name, labels);
      if (takes(counters.has(series))) counters.set(series, (counters.get(series) ?? 0) + amount);
    },
    time(name, labels, durationMs) {
      if (!(durationMs >= 0) || !Number.isFinite(durationMs)) return;
      const series = seriesFor(name, labels);
      if (takes(histograms.has(series))) {
        histograms.set(series, observe(histograms.get(series), durationMs / 1_000));
      }
    },
    drain() {
      if (isEmpty()) return null;
      const counts = { counters: Object.fromEntries(counters), histograms: Object.fromEntries(histograms) };
      counters = new Map();
      histograms = new Map();
      return counts;
    },
  };
}

const OTHER = "other";
