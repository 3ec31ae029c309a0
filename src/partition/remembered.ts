/**
 * Ids whose events are past retention: known for 30 days more, so that a late duplicate is still one. Packed and
 * sorted, hundreds to a row, in parts by the week of their arrival: remembering one costs next to nothing.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventId } from "../core/ids.ts";
import { BUCKET_MS } from "./schema.ts";

interface Part extends Record<string, SqlStorageValue> {
  bucket: number;
  part: number;
}

const HASH_CHARACTERS = 26;
const HASHES_PER_ROW = 256;
/** A part that is not full takes in what comes next: few parts, so that a look-up is cheap. */
const HASHES_PER_PART = 8_192;

export class RememberedIds {
  private readonly sql: SqlStorage;
  private parts: Part[] = [];

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Also after a rolled-back write. */
  load(): void {
    this.parts = this.sql
      .exec<Part>("SELECT DISTINCT bucket, part FROM remembered ORDER BY bucket, part")
      .toArray();
  }

  get oldestBucket(): number | null {
    return this.parts[0]?.bucket ?? null;
  }

  has(id: EventId): boolean {
    const hash = hashOf(id);
    return this.parts.some(({ bucket, part }) => {
      const rows = this.sql
        .exec<{ hashes: string }>(
          "SELECT hashes FROM remembered WHERE bucket = ? AND part = ? AND first <= ? ORDER BY first DESC LIMIT 1",
          bucket,
          part,
          hash,
        )
        .toArray();
      return rows.some(({ hashes }) => includesHash(hashes, hash));
    });
  }

  add(bucket: number, ids: readonly string[]): void {
    if (ids.length === 0) return;
    const last = this.parts.findLast((candidate) => candidate.bucket === bucket);
    const stored = last === undefined ? [] : this.hashesOf(last);
    const isMerged = last !== undefined && stored.length + ids.length <= HASHES_PER_PART;
    const part = last === undefined ? 0 : last.part + Number(!isMerged);
    if (isMerged) this.sql.exec("DELETE FROM remembered WHERE bucket = ? AND part = ?", bucket, part);
    const hashes = [...new Set([...(isMerged ? stored : []), ...ids.map(hashOf)])].sort();
    for (let start = 0; start < hashes.length; start += HASHES_PER_ROW) {
      const chunk = hashes.slice(start, start + HASHES_PER_ROW);
      this.sql.exec(
        "INSERT INTO remembered VALUES (?, ?, ?, ?)",
        bucket,
        part,
        chunk[0] ?? "",
        chunk.join(""),
      );
    }
    this.load();
  }

  /** Drops the weeks that are past remembering. */
  forget(nowMs: number): void {
    const horizon = Math.floor((nowMs - LIMITS.partition.rememberIdsMs) / BUCKET_MS) - 1;
    if (!this.parts.some(({ bucket }) => bucket < horizon)) return;
    this.sql.exec("DELETE FROM remembered WHERE bucket < ?", horizon);
    this.load();
  }

  private hashesOf({ bucket, part }: Part): string[] {
    const rows = this.sql
      .exec<{ hashes: string }>("SELECT hashes FROM remembered WHERE bucket = ? AND part = ?", bucket, part)
      .toArray();
    return rows.flatMap(({ hashes }) => hashes.match(EACH_HASH) ?? []);
  }
}

const EACH_HASH = new RegExp(`.{${HASH_CHARACTERS}}`, "g");

/** The last characters: the rest of an id is the partition's own name. */
function hashOf(id: string): string {
  return id.slice(-HASH_CHARACTERS);
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
