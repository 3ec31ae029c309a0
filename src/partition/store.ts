/**
 * Rows in, rows out. Knows where things lie, decides nothing. All calls are synchronous; the object runs
 * them inside one transaction with the decision they belong to.
 */
import type { EventId } from "../core/ids.ts";
import {
  EVENT_RECORD_VERSION,
  isOpen,
  type EventRecord,
  type PartitionRecord,
  type Position,
} from "../core/partition/model.ts";
import { comparePositions, positionOf } from "../core/partition/order.ts";
import { bucketOfTime, createEventTable, EVENT_TABLE } from "./schema.ts";

interface EventRow extends Record<string, SqlStorageValue> {
  record: string;
}

/** What the partition's row holds. */
interface StoredPartition {
  readonly partition: PartitionRecord;
  /** No open event lies before this position: where scans begin. */
  readonly mark: Position | null;
}

export class PartitionStore {
  private readonly sql: SqlStorage;
  /** Event tables, oldest first. */
  private buckets: number[];
  private mark: Position | null = null;
  private durableMark: Position | null = null;
  private openCount = 0;
  private isStored = false;
  private highest = Number.NEGATIVE_INFINITY;
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    const tables = sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .toArray();
    this.buckets = tables
      .flatMap(({ name }) => EVENT_TABLE.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right);
  }

  /** Null for a partition that has never stored anything. */
  loadPartition(): PartitionRecord | null {
    const row = this.sql.exec<EventRow>("SELECT record FROM partition WHERE k = 1").toArray()[0];
    if (row === undefined) return null;
    const stored = JSON.parse(row.record) as StoredPartition; // written by savePartition
    if (stored.partition.v !== 1)
      throw new Error(`unknown partition record version ${String(stored.partition.v)}`);
    this.mark = stored.mark;
    this.durableMark = stored.mark;
    this.isStored = true;
    for (const bucket of this.buckets) this.countOpen(bucket);
    return stored.partition;
  }

  get openEvents(): number {
    return this.openCount;
  }

  get storedBytes(): number {
    return this.sql.databaseSize;
  }

  get highestOrder(): number {
    return this.highest;
  }

  find(id: EventId): EventRecord | null {
    for (const bucket of this.buckets.toReversed()) {
      const row = this.sql
        .exec<EventRow>(`SELECT record FROM events_${bucket} WHERE id = ?`, id)
        .toArray()[0];
      if (row !== undefined) return parseRecord(row);
    }
    return null;
  }

  /** The first open events in order. */
  firstOpen(limit: number): EventRecord[] {
    return this.select(limit, "");
  }

  /** The first open events in order among those that are due. */
  firstDue(limit: number, nowMs: number): EventRecord[] {
    return this.select(limit, `AND next_at <= ${Math.floor(nowMs)}`);
  }

  /** When the next open event after `nowMs` is due. */
  nextDueAfter(nowMs: number): number | null {
    if (this.openCount === 0) return null;
    const times = this.buckets.flatMap((bucket) => {
      const row = this.sql
        .exec<{ at: number | null }>(
          `SELECT MIN(next_at) AS at FROM ${this.openFrom(bucket)} AND next_at > ?`,
          ...this.markValues(),
          nowMs,
        )
        .one();
      return row.at ?? [];
    });
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Writes what a decision changed. `before` tells whether an event is already stored. */
  save(
    changed: readonly EventRecord[],
    isStored: (id: EventId) => boolean,
    wasOpen: (id: EventId) => boolean,
  ): void {
    for (const record of changed) {
      if (isStored(record.id)) this.update(record);
      else this.insert(record);
      this.openCount += Number(isOpen(record.state)) - Number(wasOpen(record.id));
    }
  }

  /** True when the partition's row must be written too: it is missing, or its mark would skip an open event. */
  get needsPartition(): boolean {
    if (!this.isStored) return this.openCount > 0;
    if (this.durableMark === null) return false;
    return this.mark === null || comparePositions(this.mark, this.durableMark) < 0;
  }

  savePartition(partition: PartitionRecord): void {
    this.refreshMark();
    const stored: StoredPartition = { partition, mark: this.mark };
    this.count(
      this.sql.exec("INSERT OR REPLACE INTO partition (k, record) VALUES (1, ?)", JSON.stringify(stored)),
    );
    this.durableMark = this.mark;
    this.isStored = true;
  }

  private countOpen(bucket: number): void {
    const counted = this.sql
      .exec<{ open: number }>(`SELECT COUNT(*) AS open FROM ${this.openFrom(bucket)}`, ...this.markValues())
      .one();
    this.openCount += counted.open;
    const top = this.sql.exec<{ ord: number | null }>(`SELECT MAX(ord) AS ord FROM events_${bucket}`).one();
    this.highest = Math.max(this.highest, top.ord ?? this.highest);
  }

  private select(limit: number, condition: string): EventRecord[] {
    if (this.openCount === 0) return [];
    const records = this.buckets.flatMap((bucket) =>
      this.sql
        .exec<EventRow>(
          `SELECT record FROM ${this.openFrom(bucket)} ${condition} ORDER BY ord, received_at, id LIMIT ?`,
          ...this.markValues(),
          limit,
        )
        .toArray()
        .map(parseRecord),
    );
    return records
      .sort((left, right) => comparePositions(positionOf(left), positionOf(right)))
      .slice(0, limit);
  }

  private openFrom(bucket: number): string {
    const from = this.mark === null ? "1" : "(ord, received_at, id) >= (?, ?, ?)";
    return `events_${bucket} WHERE ${from} AND open = 1`;
  }

  private markValues(): SqlStorageValue[] {
    return this.mark === null ? [] : [this.mark.order, this.mark.receivedAtMs, this.mark.id];
  }

  private refreshMark(): void {
    const first = this.firstOpen(1)[0];
    if (first !== undefined) this.mark = positionOf(first);
  }

  private insert(record: EventRecord): void {
    const bucket = bucketOfTime(record.arrivedAtMs);
    if (!this.buckets.includes(bucket)) {
      for (const statement of createEventTable(bucket)) this.count(this.sql.exec(statement));
      this.buckets = [...this.buckets, bucket].sort((left, right) => left - right);
    }
    const position = positionOf(record);
    if (this.mark === null ? this.openCount === 0 : comparePositions(position, this.mark) < 0)
      this.mark = position;
    this.highest = Math.max(this.highest, record.order);
    this.count(
      this.sql.exec(
        `INSERT INTO events_${bucket} (id, ord, received_at, open, next_at, record) VALUES (?, ?, ?, ?, ?, ?)`,
        record.id,
        record.order,
        record.envelope.receivedAtMs,
        Number(isOpen(record.state)),
        record.nextAtMs,
        JSON.stringify(record),
      ),
    );
  }

  private update(record: EventRecord): void {
    const bucket = bucketOfTime(record.arrivedAtMs);
    this.count(
      this.sql.exec(
        `UPDATE events_${bucket} SET open = ?, next_at = ?, record = ? WHERE id = ?`,
        Number(isOpen(record.state)),
        record.nextAtMs,
        JSON.stringify(record),
        record.id,
      ),
    );
  }

  private count(cursor: SqlStorageCursor<Record<string, SqlStorageValue>>): void {
    this.rowsWritten += cursor.rowsWritten;
  }
}

function parseRecord(row: EventRow): EventRecord {
  const record = JSON.parse(row.record) as EventRecord; // written by insert and update
  if (record.v !== EVENT_RECORD_VERSION) throw new Error(`unknown event record version ${String(record.v)}`);
  return record;
}
