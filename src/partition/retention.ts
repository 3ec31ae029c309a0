/**
 * Forgetting in two steps: envelopes after `retainMs`, by dropping a whole week's table; ids 30 days after that,
 * packed. What is open, in review or dead is carried over into the present week instead, so that it stays
 * readable and replayable.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventId } from "../core/ids.ts";
import type { EventRecord } from "../core/partition/model.ts";
import { BUCKET_MS } from "./schema.ts";

interface EndedRow extends Record<string, SqlStorageValue> {
  id: string;
  state: string;
  ended: number | null;
  retain: number;
}

/** States whose events are kept until somebody has dealt with them, or `maxKeptMs` is over. */
const KEPT_STATES = new Set(["review", "dead"]);

export interface RetentionPlan {
  /** Ids to remember, sorted. */
  readonly remember: readonly string[];
  /** Still needed: to be carried over. */
  readonly keep: readonly string[];
}

/** When the table of a bucket may be looked at for dropping. */
export function bucketDueMs(bucket: number, retainMs: number): number {
  return (bucket + 1) * BUCKET_MS + retainMs;
}

/** null: something in the table is still open or younger than its retention. */
export function planBucket(sql: SqlStorage, bucket: number, nowMs: number): RetentionPlan | null {
  const rows = sql
    .exec<EndedRow>(
      `SELECT id, json_extract(record, '$.state') AS state, json_extract(record, '$.endedAtMs') AS ended,
              json_extract(record, '$.envelope.policy.retainMs') AS retain
       FROM events_${bucket}`,
    )
    .toArray();
  const keep: string[] = [];
  const remember: string[] = [];
  for (const row of rows) {
    if (row.ended === null) keep.push(row.id);
    else if (KEPT_STATES.has(row.state) && nowMs - row.ended < LIMITS.partition.keepExceptionsMs)
      keep.push(row.id);
    else if (nowMs - row.ended < row.retain) return null;
    else remember.push(row.id);
  }
  return { remember: remember.sort(), keep };
}

/** The last 26 characters: the rest of an id is the partition's own name. */
function hashOf(id: string): string {
  return id.slice(-HASH_CHARACTERS);
}

const HASH_CHARACTERS = 26;
const HASHES_PER_ROW = 256;

export function rememberIds(sql: SqlStorage, bucket: number, ids: readonly string[]): void {
  const hashes = ids.map(hashOf).sort();
  for (let start = 0; start < hashes.length; start += HASHES_PER_ROW) {
    const chunk = hashes.slice(start, start + HASHES_PER_ROW);
    sql.exec("INSERT OR REPLACE INTO remembered VALUES (?, ?, ?)", bucket, chunk[0] ?? "", chunk.join(""));
  }
}

export function isRemembered(sql: SqlStorage, id: EventId): boolean {
  const hash = hashOf(id);
  // Per bucket the one row that could hold it; a few dozen buckets at most.
  const rows = sql
    .exec<{ hashes: string }>(
      `SELECT hashes FROM remembered AS row WHERE first <= ?1 AND first =
         (SELECT MAX(first) FROM remembered WHERE bucket = row.bucket AND first <= ?1)`,
      hash,
    )
    .toArray();
  return rows.some(({ hashes }) => includesHash(hashes, hash));
}

/** Binary search in fixed-width text. */
function includesHash(hashes: string, wanted: string): boolean {
  let low = 0;
  let high = hashes.length / HASH_CHARACTERS - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = hashes.slice(middle * HASH_CHARACTERS, (middle + 1) * HASH_CHARACTERS);
    if (found === wanted) return true;
    if (found < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

/** Buckets whose ids may be forgotten, too. */
export function forgetIds(sql: SqlStorage, nowMs: number): void {
  const horizon = Math.floor((nowMs - LIMITS.partition.rememberIdsMs) / BUCKET_MS) - 1;
  sql.exec("DELETE FROM remembered WHERE bucket < ?", horizon);
}

/** A record moved into the present week keeps everything but the time that says which table holds it. */
export function carriedOver(record: EventRecord, nowMs: number): EventRecord {
  return { ...record, arrivedAtMs: nowMs };
}
