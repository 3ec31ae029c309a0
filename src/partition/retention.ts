/**
 * Forgetting in two steps: envelopes after `retainMs`, by dropping a whole week's table; ids 30 days after that
 * (`remembered.ts`). What is open, in review or dead is carried over into the present week instead, so that it stays
 * readable and replayable. Under pressure of space, what was delivered goes before its time.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventRecord } from "../core/partition/model.ts";
import { BUCKET_MS } from "./schema.ts";

interface EndedRow extends Record<string, SqlStorageValue> {
  id: string;
  state: string;
  ended: number | null;
  retain: number;
  body: string | null;
}

/** An edited payload is inline: the large body it stands for is the original. */
const BODY_KEY =
  "COALESCE(json_extract(record, '$.envelope.body.key'), json_extract(record, '$.original.key'))";

/** States whose events are kept until somebody has dealt with them, or `keepExceptionsMs` is over. */
const KEPT_STATES = new Set(["review", "dead"]);

/** What leaves the log: its ids are remembered, its large bodies have no reader any more. */
export interface Leaving {
  readonly remember: readonly string[];
  /** Keys in the object store. */
  readonly bodies: readonly string[];
}

export interface RetentionPlan extends Leaving {
  readonly bucket: number;
  /** Still needed: to be carried over. */
  readonly keep: readonly string[];
}

/** When the table of a bucket may be looked at for dropping. */
export function bucketDueMs(bucket: number, retainMs: number): number {
  return (bucket + 1) * BUCKET_MS + retainMs;
}

/** @returns when to look again, while something in the table is younger than its retention */
export function planBucket(sql: SqlStorage, bucket: number, nowMs: number): RetentionPlan | number {
  const rows = sql
    .exec<EndedRow>(
      `SELECT id, json_extract(record, '$.state') AS state, json_extract(record, '$.endedAtMs') AS ended,
              json_extract(record, '$.envelope.policy.retainMs') AS retain,
              ${BODY_KEY} AS body
       FROM events_${bucket}`,
    )
    .toArray();
  const keep: string[] = [];
  const leaving: EndedRow[] = [];
  let retainedUntilMs = 0;
  for (const row of rows) {
    if (row.ended === null) keep.push(row.id);
    else if (KEPT_STATES.has(row.state) && nowMs - row.ended < LIMITS.partition.keepExceptionsMs)
      keep.push(row.id);
    else {
      leaving.push(row);
      retainedUntilMs = Math.max(retainedUntilMs, row.ended + row.retain);
    }
  }
  if (retainedUntilMs > nowMs) return retainedUntilMs;
  return { bucket, keep, ...leavingOf(leaving) };
}

/** The oldest delivered and filtered events of a table: nobody has to deal with them, only a replay could miss them. */
export function planEarlyDrop(sql: SqlStorage, bucket: number, limit: number): Leaving {
  const rows = sql
    .exec<Pick<EndedRow, "id" | "body">>(
      `SELECT id, ${BODY_KEY} AS body FROM events_${bucket}
       WHERE open = 0 AND json_extract(record, '$.state') IN ('done', 'filtered')
         AND id NOT IN (SELECT id FROM outbox)
       ORDER BY ord, received_at, id LIMIT ?`,
      limit,
    )
    .toArray();
  return leavingOf(rows);
}

/** Keys of all large bodies that a table's events name. */
export function bodiesOf(sql: SqlStorage, bucket: number): string[] {
  return sql
    .exec<{ body: string | null }>(`SELECT ${BODY_KEY} AS body FROM events_${bucket}`)
    .toArray()
    .flatMap(({ body }) => body ?? []);
}

function leavingOf(rows: readonly Pick<EndedRow, "id" | "body">[]): Leaving {
  return { remember: rows.map(({ id }) => id).sort(), bodies: rows.flatMap(({ body }) => body ?? []) };
}

/** A record moved into the present week keeps everything but the time that says which table holds it. */
export function carriedOver(record: EventRecord, nowMs: number): EventRecord {
  return { ...record, arrivedAtMs: nowMs };
}
