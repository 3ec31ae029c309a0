/**
 * Whether the same signed bytes came before under another id: for sources whose sender leaves that open and whose
 * events are to be marked, not refused (`onRepeat: "flag"`). One row per such event, in tables by week that are dropped
 * whole; sources that don't ask cost nothing, not even a table. Part of the offer's own transaction.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId } from "../core/ids.ts";
import { BUCKET_MS, bucketOfTime } from "./schema.ts";

const TABLE = /^digests_(\d+)$/;

export class Repeats {
  private readonly sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Marks what is a repeat, and remembers what is not. An event that comes again is no repeat of itself. */
  mark(events: readonly EventEnvelope[], nowMs: number): readonly EventEnvelope[] {
    if (events.every(({ signedDigest }) => signedDigest === undefined)) return events;
    const buckets = this.buckets();
    return events.map((event) => {
      if (event.signedDigest === undefined) return event;
      const first = this.find(buckets, event.signedDigest);
      if (first !== null) return first === event.id ? event : { ...event, repeatOf: first };
      const bucket = bucketOfTime(nowMs);
      if (!buckets.includes(bucket)) {
        this.sql.exec(
          `CREATE TABLE digests_${bucket} (digest TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID`,
        );
        buckets.push(bucket);
      }
      this.sql.exec(`INSERT INTO digests_${bucket} VALUES (?, ?)`, event.signedDigest, event.id);
      return event;
    });
  }

  /** For as long as ids are remembered after an event's shortest retention: a repeat later than that is a new event. */
  forget(nowMs: number): void {
    const { rememberIdsMs, minRetainMs } = LIMITS.partition;
    const horizon = bucketOfTime(nowMs - rememberIdsMs - minRetainMs - BUCKET_MS);
    for (const bucket of this.buckets()) if (bucket < horizon) this.sql.exec(`DROP TABLE digests_${bucket}`);
  }

  private find(buckets: readonly number[], digest: string): EventId | null {
    for (const bucket of buckets) {
      const [row] = this.sql
        .exec<{ id: EventId }>(`SELECT id FROM digests_${bucket} WHERE digest = ?`, digest)
        .toArray();
      if (row !== undefined) return row.id;
    }
    return null;
  }

  /** Read each time: a partition that is erased loses them behind our back. */
  private buckets(): number[] {
    return this.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'digests_%'")
      .toArray()
      .flatMap(({ name }) => Number(TABLE.exec(name)?.[1] ?? Number.NaN))
      .filter((bucket) => Number.isInteger(bucket));
  }
}
