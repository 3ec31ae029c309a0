/** Per-minute counts, read back as spans of any whole number of minutes. */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { eventSummarySchema } from "../core/event-summary.ts";
import { LATENCY_BUCKETS } from "../core/latency-histogram.ts";
import type { Rollup, RollupRequest } from "./port.ts";

const HISTOGRAM = Array.from({ length: LATENCY_BUCKETS }, (_, index) => `h${index}`);
const SUMMED = [
  "ended",
  "late",
  "retried",
  "latency_ms",
  "model_calls",
  "model_cached",
  "model_ms",
  "input_tokens",
  "output_tokens",
  "cost_micros",
  ...HISTOGRAM,
];

const rowSchema = z
  .object({
    from_ms: z.int(),
    source: z.string(),
    pipeline: z.string(),
    state: eventSummarySchema.shape.state,
    code: z.string(),
    ended: z.number(),
    late: z.number(),
    retried: z.number(),
    latency_ms: z.number(),
    model_calls: z.number(),
    model_cached: z.number(),
    model_ms: z.number(),
    input_tokens: z.number(),
    output_tokens: z.number(),
    cost_micros: z.number(),
  })
  .catchall(z.number());

export async function readRollups(
  database: D1Database,
  { fromMs, toMs, stepMs, source, pipeline }: RollupRequest,
): Promise<readonly Rollup[]> {
  const conditions = ["minute_ms >= ?2", "minute_ms < ?3"];
  const values: (string | number)[] = [stepMs, fromMs, toMs];
  for (const [column, value] of Object.entries({ source, pipeline })) {
    if (value === undefined) continue;
    values.push(value);
    conditions.push(`${column} = ?${values.length}`);
  }
  const found = await database
    .prepare(
      // D1 binds numbers as floats: only between integers does the division round down.
      `SELECT minute_ms / CAST(?1 AS INTEGER) * CAST(?1 AS INTEGER) AS from_ms, source, pipeline, state, code,
         ${SUMMED.map((name) => `SUM(${name}) AS ${name}`).join(", ")}
       FROM rollups WHERE ${conditions.join(" AND ")}
       GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5 LIMIT ${LIMITS.ledger.maxRollups}`,
    )
    .bind(...values)
    .all();
  return found.results.map(rollupOfRow);
}

function rollupOfRow(value: unknown): Rollup {
  const row = rowSchema.parse(value);
  return {
    fromMs: row.from_ms,
    source: row.source,
    pipeline: row.pipeline,
    state: row.state,
    code: row.code,
    ended: row.ended,
    late: row.late,
    retried: row.retried,
    latencyMs: row.latency_ms,
    latencyCounts: HISTOGRAM.map((name) => row[name] ?? 0),
    modelCalls: row.model_calls,
    modelCached: row.model_cached,
    modelMs: row.model_ms,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costMicros: row.cost_micros,
  };
}
