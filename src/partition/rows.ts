/** What the partition's rows hold, as JSON. Read only what this program's version, or the one before, has written. */
import {
  EVENT_RECORD_VERSION,
  type EventRecord,
  type PartitionRecord,
  type Position,
} from "../core/partition/model.ts";

export interface EventRow extends Record<string, SqlStorageValue> {
  record: string;
}

/** What the partition's row holds. */
export interface StoredPartition {
  readonly partition: PartitionRecord;
  /** No open event lies before this position: where scans begin. */
  readonly mark: Position | null;
}

export function parseRecord(row: EventRow): EventRecord {
  const record = JSON.parse(row.record) as EventRecord; // written by insert and update
  if (record.v !== EVENT_RECORD_VERSION) throw new Error(`unknown event record version ${String(record.v)}`);
  return record;
}
