/** What the metrics were, for plots: counters by step, and a sample per step. Reads D1, writes nothing. */
import * as z from "zod";
import type { CounterName } from "../core/metrics/catalogue.ts";
import { mergeSamples, sampleSchema, type Sample } from "../core/metrics/sample.ts";

export interface PastSpan {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Whole minutes. */
  readonly stepMs: number;
}

export interface CounterStep {
  readonly atMs: number;
  /** As Prometheus writes it. */
  readonly series: string;
  readonly amount: number;
}

export interface MetricsPast {
  counters(names: readonly CounterName[], span: PastSpan): Promise<readonly CounterStep[]>;
  /** The first sample of each step; the oldest first. */
  samples(span: PastSpan): Promise<readonly Sample[]>;
  latest(): Promise<Sample | null>;
}

const stepRow = z.object({ at_ms: z.int(), series: z.string(), amount: z.number() });
const sampleRow = z.object({
  sample: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(sampleSchema),
});

const MINUTE_MS = 60_000;

export function createMetricsPast(database: D1Database): MetricsPast {
  return {
    async counters(names, { fromMs, untilMs, stepMs }) {
      // Added up where they lie: a day of every series would be megabytes.
      const wanted = names.map((_, at) => `series.key GLOB ?${at + 4}`).join(" OR ");
      const part = (table: string) =>
        `SELECT minute_ms / CAST(?1 AS INTEGER) * CAST(?1 AS INTEGER) AS at_ms, series.key AS series, series.value AS amount
         FROM ${table}, json_each(${table}.counts, '$.counters') AS series
         WHERE minute_ms >= ?2 AND minute_ms < ?3 AND (${wanted})`;
      const found = await database
        .prepare(
          `SELECT at_ms, series, SUM(amount) AS amount FROM (${part("metric_minutes")} UNION ALL ${part("metric_parts")})
           GROUP BY 1, 2 ORDER BY 1, 2`,
        )
        .bind(stepMs, fromMs, untilMs, ...names.map((name) => `${name}{*`))
        .all();
      return found.results.map((row) => {
        const { at_ms: atMs, series, amount } = stepRow.parse(row);
        return { atMs, series, amount };
      });
    },
    async samples({ fromMs, untilMs, stepMs }) {
      const found = await database
        .prepare(
          `SELECT sample, MIN(minute_ms) FROM metric_samples WHERE minute_ms >= ?1 AND minute_ms < ?2
           GROUP BY minute_ms / CAST(?3 AS INTEGER) ORDER BY minute_ms`,
        )
        .bind(Math.floor(fromMs / MINUTE_MS) * MINUTE_MS, untilMs, stepMs)
        .all();
      return found.results.map((row) => sampleRow.parse(row).sample);
    },
    async latest() {
      const row = await database
        .prepare("SELECT sample FROM metric_samples ORDER BY minute_ms DESC LIMIT 1")
        .first();
      return row === null ? null : sampleRow.parse(row).sample;
    },
  };
}

/** Those of several ledgers as one. */
export function unitePast(pasts: readonly MetricsPast[]): MetricsPast {
  return {
    async counters(names, span) {
      const steps = new Map<string, CounterStep>();
      for (const found of await Promise.all(pasts.map((past) => past.counters(names, span)))) {
        for (const step of found) {
          const key = JSON.stringify([step.atMs, step.series]);
          const known = steps.get(key);
          steps.set(key, known === undefined ? step : { ...known, amount: known.amount + step.amount });
        }
      }
      return [...steps.values()].sort((left, right) => left.atMs - right.atMs);
    },
    async samples(span) {
      const steps = new Map<number, Sample>();
      for (const found of await Promise.all(pasts.map((past) => past.samples(span)))) {
        for (const sample of found) {
          const step = Math.floor(sample.atMs / span.stepMs);
          const known = steps.get(step);
          steps.set(step, known === undefined ? sample : mergeSamples(known, sample));
        }
      }
      return [...steps.values()].sort((left, right) => left.atMs - right.atMs);
    },
    latest: () => latestOf(pasts),
  };
}

/** The last of each, joined; one that has none yet says nothing. */
export async function latestOf(stores: readonly Pick<MetricsPast, "latest">[]): Promise<Sample | null> {
  const samples = await Promise.all(stores.map((store) => store.latest()));
  const [first, ...others] = samples.flatMap((sample) => sample ?? []);
  return first === undefined ? null : mergeSamples(first, ...others);
}
