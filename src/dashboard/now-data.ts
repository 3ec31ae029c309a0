/** The figures of the first page, made of rollups, counters and samples. Pure. */
import { labelOf, metricOf } from "../core/metrics/counts.ts";
import { depthOf, oldestOpenAtMs, type Sample } from "../core/metrics/sample.ts";
import { quantileMs } from "../core/latency-histogram.ts";
import type { CounterStep, PastSpan } from "../telemetry/past.ts";
import type { PlotPoint } from "./components/plot.tsx";

/** Of a rollup, what counts here. */
export interface RollupFigures {
  readonly fromMs: number;
  readonly state: string;
  readonly ended: number;
  readonly latencyCounts: readonly number[];
  readonly costMicros: number;
}

export interface NowFigures {
  readonly accepted: readonly PlotPoint[];
  readonly ended: readonly PlotPoint[];
  readonly failed: readonly PlotPoint[];
  readonly refused: readonly PlotPoint[];
  readonly p50: readonly PlotPoint[];
  readonly p95: readonly PlotPoint[];
  readonly cost: readonly PlotPoint[];
  readonly depth: readonly PlotPoint[];
  readonly oldest: readonly PlotPoint[];
  readonly total: {
    readonly ended: number;
    readonly failed: number;
    readonly accepted: number;
    readonly refused: number;
    readonly p50Ms: number | null;
    readonly p95Ms: number | null;
    readonly costMicros: number;
  };
}

const MINUTE_MS = 60_000;

interface Step {
  accepted: number;
  refused: number;
  ended: number;
  failed: number;
  costMicros: number;
  latencyCounts: readonly number[];
}

export function nowFigures(
  span: PastSpan,
  rollups: readonly RollupFigures[],
  counters: readonly CounterStep[],
  samples: readonly Sample[],
): NowFigures {
  const steps = new Map<number, Step>();
  const firstMs = Math.floor(span.fromMs / span.stepMs) * span.stepMs;
  for (let atMs = firstMs; atMs < span.untilMs; atMs += span.stepMs) steps.set(atMs, emptyStep());
  for (const rollup of rollups) addRollup(steps.get(rollup.fromMs), rollup);
  for (const counter of counters) addCounter(steps.get(counter.atMs), counter);
  const perMinute = (pick: (step: Step) => number): PlotPoint[] =>
    [...steps].map(([atMs, step]) => {
      // The step under way would look like a drop.
      const isWhole = atMs + span.stepMs <= span.untilMs;
      return { atMs, value: isWhole ? (pick(step) / span.stepMs) * MINUTE_MS : null };
    });
  const quantile = (share: number): PlotPoint[] =>
    [...steps].map(([atMs, { latencyCounts }]) => ({ atMs, value: quantileMs(latencyCounts, share) }));
  const all = [...steps.values()];
  const sum = (pick: (step: Step) => number) => all.reduce((total, step) => total + pick(step), 0);
  const latencies = all.reduce(
    (total, step) => addHistogram(total, step.latencyCounts),
    emptyStep().latencyCounts,
  );
  return {
    accepted: perMinute(({ accepted }) => accepted),
    refused: perMinute(({ refused }) => refused),
    ended: perMinute(({ ended }) => ended),
    failed: perMinute(({ failed }) => failed),
    cost: [...steps].map(([atMs, { costMicros }]) => ({ atMs, value: costMicros })),
    p50: quantile(0.5),
    p95: quantile(0.95),
    depth: samples.map((sample) => ({ atMs: sample.atMs, value: depthOf(sample) })),
    oldest: samples.map((sample) => ({ atMs: sample.atMs, value: ageOf(sample) })),
    total: {
      ended: sum(({ ended }) => ended),
      failed: sum(({ failed }) => failed),
      accepted: sum(({ accepted }) => accepted),
      refused: sum(({ refused }) => refused),
      p50Ms: quantileMs(latencies, 0.5),
      p95Ms: quantileMs(latencies, 0.95),
      costMicros: sum(({ costMicros }) => costMicros),
    },
  };
}

/** Of the oldest event that has not ended, when the sample was taken. */
export function ageOf(sample: Sample): number {
  const oldestMs = oldestOpenAtMs(sample);
  return oldestMs === null ? 0 : Math.max(0, sample.atMs - oldestMs);
}

function emptyStep(): Step {
  return { accepted: 0, refused: 0, ended: 0, failed: 0, costMicros: 0, latencyCounts: [] };
}

function addRollup(step: Step | undefined, { state, ended, costMicros, latencyCounts }: RollupFigures): void {
  if (step === undefined) return;
  step.ended += ended;
  if (state === "dead" || state === "expired") step.failed += ended;
  step.costMicros += costMicros;
  step.latencyCounts = addHistogram(step.latencyCounts, latencyCounts);
}

function addCounter(step: Step | undefined, { series, amount }: CounterStep): void {
  if (step === undefined) return;
  if (metricOf(series) === "sluice_ingest_refused_total") step.refused += amount;
  // A duplicate is answered, and is no event.
  else if (labelOf(series, "outcome") !== "duplicate") step.accepted += amount;
}

function addHistogram(left: readonly number[], right: readonly number[]): readonly number[] {
  const longer = left.length > right.length ? left : right;
  return longer.map((_, at) => (left[at] ?? 0) + (right[at] ?? 0));
}
