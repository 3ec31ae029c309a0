/**
 * The partition's tables. One row about the partition; events in tables by the week they arrived in, so that
 * retention drops a table instead of deleting rows (a deleted row costs as much as a written one).
 */
import { DAY_MS } from "../config/limits.ts";
import type { Migration } from "../platform/migrations.ts";

export const PARTITION_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: [
      "CREATE TABLE partition (k INTEGER PRIMARY KEY CHECK (k = 1), record TEXT NOT NULL)",
      // Ids past retention, packed and sorted: hundreds to a row, so that remembering one costs next to nothing.
      `CREATE TABLE remembered (
        bucket INTEGER NOT NULL,
        first TEXT NOT NULL,
        hashes TEXT NOT NULL,
        PRIMARY KEY (bucket, first)
      ) WITHOUT ROWID`,
    ],
  },
  {
    version: 2,
    statements: [
      // Ids of one week are packed more than once when some are dropped early: each time is a part of its own.
      `CREATE TABLE remembered_parts (
        bucket INTEGER NOT NULL,
        part INTEGER NOT NULL,
        first TEXT NOT NULL,
        hashes TEXT NOT NULL,
        PRIMARY KEY (bucket, part, first)
      ) WITHOUT ROWID`,
      "INSERT INTO remembered_parts SELECT bucket, 0, first, hashes FROM remembered",
      "DROP TABLE remembered",
      "ALTER TABLE remembered_parts RENAME TO remembered",
      // What the ledger is told until it has it.
      `CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        next_at INTEGER NOT NULL
      ) WITHOUT ROWID`,
    ],
  },
  {
    version: 3,
    statements: [
      // Events that a sender waits for an answer to: few at a time, gone when they enter the log.
      `CREATE TABLE decisions (
        id TEXT PRIMARY KEY,
        due_at INTEGER NOT NULL,
        record TEXT NOT NULL
      ) WITHOUT ROWID`,
    ],
  },
];

/** How much time one event table covers. */
export const BUCKET_MS = 7 * DAY_MS;

export const EVENT_TABLE = /^events_(\d+)$/;

export function bucketOfTime(arrivedAtMs: number): number {
  return Math.floor(arrivedAtMs / BUCKET_MS);
}

/**
 * The id is the key (dedupe is one look-up); the index is the order. Neither changes after the insert, so an
 * update is one row written. `record` holds the whole event; the other columns are what queries need of it.
 */
export function createEventTable(bucket: number): string[] {
  return [
    `CREATE TABLE events_${bucket} (
      id TEXT PRIMARY KEY,
      ord REAL NOT NULL,
      received_at INTEGER NOT NULL,
      open INTEGER NOT NULL,
      priority INTEGER NOT NULL,
      next_at INTEGER NOT NULL,
      record TEXT NOT NULL
    ) WITHOUT ROWID`,
    `CREATE INDEX events_${bucket}_order ON events_${bucket} (ord, received_at, id)`,
  ];
}
