/** A stream's tables. Made when a generation starts, never by looking at a stream that does not exist. */
import type { Migration } from "../platform/migrations.ts";

export const STREAM_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: [
      // `asked`: what the model was asked, as far as asking again needs it.
      "CREATE TABLE stream (k INTEGER PRIMARY KEY CHECK (k = 1), record TEXT NOT NULL, asked TEXT NOT NULL)",
      // The key is the row's own number: one row written per chunk, no index.
      `CREATE TABLE chunks (
        last_id INTEGER PRIMARY KEY,
        first_id INTEGER NOT NULL,
        stored_at INTEGER NOT NULL,
        frames TEXT NOT NULL
      )`,
    ],
  },
];
