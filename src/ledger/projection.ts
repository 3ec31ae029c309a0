/**
 * Event summaries into D1, version-guarded: an older one never replaces a newer one, and one that is known already
 * changes and counts nothing. One transaction per call, whatever its size; the rows travel as JSON, so that it is a
 * handful of statements.
 */
import * as z from "zod";
import { latencyOf, type EventSummary } from "../core/event-summary.ts";
import { MINUTE_MS } from "../config/limits.ts";
import type { LedgerSuccesses } from "../config/gateway-options.ts";
import { LATENCY_BUCKETS, latencyBucketOf } from "../core/latency-histogram.ts";
import { packStatements } from "./packs.ts";
import { EXCEPTION_STATES } from "./port.ts";

export interface Projection {
  /** @returns those it did not know, each once: what may be counted elsewhere, too */
  project(summaries: readonly EventSummary[]): Promise<readonly EventSummary[]>;
}

/** A parameter of D1 may be 2 MB. */
const MAX_CHUNK_CHARACTERS = 400_000;

const COLUMNS = [
  "id",
  "version",
  "state",
  "exception",
  "source",
  "type",
  "pipeline",
  "customer",
  "dedupe_key",
  "code",
  "late",
  "received_at_ms",
  "ended_at_ms",
  "summary",
] as const;

const HISTOGRAM = Array.from({ length: LATENCY_BUCKETS }, (_, index) => `h${index}`);
const SUMS = [
  "late",
  "retried",
  "latency_ms",
  "model_calls",
  "model_cached",
  "model_ms",
  "input_tokens",
  "output_tokens",
  "cost_micros",
] as const;
const COUNTED = ["ended", ...SUMS, ...HISTOGRAM];

/** Counted before the rows are written: what the ledger knows in this version, or a newer one, has been counted. */
const COUNT_ENDS = `
  INSERT INTO rollups (minute_ms, source, pipeline, state, code, ${COUNTED.join(", ")})
  SELECT value ->> 'minute_ms', value ->> 'source', value ->> 'pipeline', value ->> 'state', value ->> 'code',
    COUNT(*), ${SUMS.map((name) => `SUM(value ->> '${name}')`).join(", ")},
    ${HISTOGRAM.map((_, index) => `SUM(value ->> 'bucket' = ${index})`).join(", ")}
  FROM json_each(?1)
  WHERE value ->> 'minute_ms' IS NOT NULL AND NOT EXISTS
    (SELECT 1 FROM events WHERE events.id = value ->> 'id' AND events.version >= value ->> 'version')
  GROUP BY 1, 2, 3, 4, 5
  ON CONFLICT DO UPDATE SET ${COUNTED.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`;

/** Before this batch: only what has a row can be told apart from news. The others are told once. */
const KNOWN_VERSIONS = `
  SELECT id, version FROM events
  WHERE id IN (SELECT value ->> 'id' FROM json_each(?1) WHERE value ->> 'row')`;

const knownRow = z.object({ id: z.string(), version: z.int() });

const WRITE_ROWS = `
  INSERT INTO events (${COLUMNS.join(", ")})
  SELECT ${COLUMNS.map((name) => `value ->> '${name}'`).join(", ")}
  FROM json_each(?1) WHERE value ->> 'row'
  ON CONFLICT (id) DO UPDATE SET ${COLUMNS.slice(1)
    .map((name) => `${name} = excluded.${name}`)
    .join(", ")}
  WHERE version < excluded.version`;

export function createProjection(database: D1Database, successes: LedgerSuccesses): Projection {
  return {
    async project(summaries) {
      const count = database.prepare(COUNT_ENDS);
      const write = database.prepare(WRITE_ROWS);
      const known = database.prepare(KNOWN_VERSIONS);
      const told = withoutRepeats(summaries);
      const packed = successes === "packed" ? told.filter((summary) => !hasRow(summary, successes)) : [];
      const statements = [
        ...chunksOf(told, successes).flatMap((rows) => [
          known.bind(rows),
          count.bind(rows),
          write.bind(rows),
        ]),
        ...(await packStatements(database, packed)),
      ];
      if (statements.length === 0) return [];
      const results = await database.batch(statements);
      const versions = new Map<string, number>();
      for (const { results: rows } of results) {
        for (const row of rows) {
          const { id, version } = knownRow.parse(row);
          versions.set(id, version);
        }
      }
      return told.filter(({ id, version }) => (versions.get(id) ?? -1) < version);
    },
  };
}

/** In rising versions, each once: the same end may be told by its driver and by its partition. */
export function withoutRepeats(summaries: readonly EventSummary[]): EventSummary[] {
  const byVersion = new Map(summaries.map((summary) => [`${summary.version} ${summary.id}`, summary]));
  return [...byVersion.values()].sort((left, right) => left.version - right.version);
}

function chunksOf(summaries: readonly EventSummary[], successes: LedgerSuccesses): string[] {
  const chunks: string[] = [];
  let rows: string[] = [];
  let characters = 0;
  for (const summary of summaries) {
    const row = JSON.stringify(rowOf(summary, successes));
    if (characters + row.length > MAX_CHUNK_CHARACTERS && rows.length > 0) {
      chunks.push(`[${rows.join(",")}]`);
      rows = [];
      characters = 0;
    }
    rows.push(row);
    characters += row.length;
  }
  if (rows.length > 0) chunks.push(`[${rows.join(",")}]`);
  return chunks;
}

/** A success that was something else before has a row already, which must not go stale. */
function hasRow(summary: EventSummary, successes: LedgerSuccesses): boolean {
  return successes === "rows" || isException(summary) || summary.late || summary.version > 1;
}

export function isException({ state }: EventSummary): boolean {
  return EXCEPTION_STATES.has(state);
}

function rowOf(summary: EventSummary, successes: LedgerSuccesses) {
  const { endedAtMs, receivedAtMs, model } = summary;
  const latencyMs = latencyOf(summary);
  const asked = model !== null && !model.cached;
  return {
    id: summary.id,
    version: summary.version,
    state: summary.state,
    exception: Number(isException(summary)),
    source: summary.source,
    type: summary.type,
    pipeline: summary.pipeline,
    customer: summary.partitionKey,
    dedupe_key: summary.dedupeKey,
    code: summary.failure?.code ?? "",
    late: Number(summary.late),
    received_at_ms: receivedAtMs,
    ended_at_ms: endedAtMs,
    summary,
    row: Number(hasRow(summary, successes)),
    minute_ms: endedAtMs === null ? null : Math.floor(endedAtMs / MINUTE_MS) * MINUTE_MS,
    bucket: latencyBucketOf(latencyMs),
    retried: Number(summary.attempts + summary.deliveryAttempts > 0),
    latency_ms: latencyMs,
    model_calls: Number(asked),
    model_cached: Number(model !== null && model.cached),
    model_ms: asked ? Math.round(model.durationMs) : 0,
    input_tokens: Math.round(model?.inputTokens ?? 0),
    output_tokens: Math.round(model?.outputTokens ?? 0),
    cost_micros: Math.round(model?.costMicros ?? 0),
  };
}
