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
import { PRIORITIES, type Priority } from "../core/policy.ts";
import { bucketDueMs, carriedOver, forgetIds, isRemembered, planBucket, rememberIds } from "./retention.ts";
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
  private buckets: number[] = [];
  private mark: Position | null = null;
  private durableMark: Position | null = null;
  private readonly openByPriority = new Map<Priority, number>();
  private isStored = false;
  private highest = Number.NEGATIVE_INFINITY;
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Reads what is stored. Null for a partition that has never stored anything. Also after a rolled-back write. */
  load(): PartitionRecord | null {
    const tables = this.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'")
      .toArray();
    this.buckets = tables
      .flatMap(({ name }) => EVENT_TABLE.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right);
    this.openByPriority.clear();
    this.highest = Number.NEGATIVE_INFINITY;
    const row = this.sql.exec<EventRow>("SELECT record FROM partition WHERE k = 1").toArray()[0];
    this.isStored = row !== undefined;
    if (row === undefined) {
      this.mark = null;
      this.durableMark = null;
      return null;
    }
    const stored = JSON.parse(row.record) as StoredPartition; // written by savePartition
    if (stored.partition.v !== 1)
      throw new Error(`unknown partition record version ${String(stored.partition.v)}`);
    this.mark = stored.mark;
    this.durableMark = stored.mark;
    for (const bucket of this.buckets) this.countOpen(bucket);
    return stored.partition;
  }

  get openEvents(): number {
    return [...this.openByPriority.values()].reduce((sum, count) => sum + count, 0);
  }

  get highestPriority(): Priority {
    return PRIORITIES.find((priority) => (this.openByPriority.get(priority) ?? 0) > 0) ?? "low";
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

  /** Past its retention, but known: a duplicate. */
  isRemembered(id: EventId): boolean {
    return isRemembered(this.sql, id);
  }

  /** The first open events in order. */
  firstOpen(limit: number): EventRecord[] {
    const records = this.select(limit, "");
    const [first] = records;
    // What ended since the row was last written is not scanned again and again.
    if (first !== undefined) this.mark = positionOf(first);
    return records;
  }

  /** The first open events in order among those that are due. */
  firstDue(limit: number, nowMs: number): EventRecord[] {
    this.firstOpen(1);
    return this.select(limit, `AND next_at <= ${Math.floor(nowMs)}`);
  }

  /** When the next open event after `nowMs` is due. */
  nextDueAfter(nowMs: number): number | null {
    if (this.openEvents === 0) return null;
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

  /** Writes what a decision changed. `before` is an event as it was loaded; undefined for a new one. */
  save(changed: readonly EventRecord[], before: (id: EventId) => EventRecord | undefined): void {
    for (const record of changed) {
      const known = before(record.id);
      if (known === undefined) this.insert(record);
      else this.update(record, known);
      this.countChange(known, -1);
      this.countChange(record, 1);
    }
  }

  /** True when the partition's row must be written too: it is missing, or its mark would skip an open event. */
  get needsPartition(): boolean {
    if (!this.isStored) return this.openEvents > 0;
    if (this.durableMark === null) return false;
    return this.mark === null || comparePositions(this.mark, this.durableMark) < 0;
  }

  savePartition(partition: PartitionRecord): void {
    this.firstOpen(1);
    const stored: StoredPartition = { partition, mark: this.mark };
    this.write("INSERT OR REPLACE INTO partition (k, record) VALUES (1, ?)", JSON.stringify(stored));
    this.durableMark = this.mark;
    this.isStored = true;
  }

  /** When a table may be old enough to be dropped; null when there is none, nor anything remembered. */
  nextRetentionMs(retainMs: number): number | null {
    const [oldest] = this.buckets;
    if (oldest !== undefined) return bucketDueMs(oldest, retainMs);
    const row = this.sql
      .exec<{ bucket: number | null }>("SELECT MIN(bucket) AS bucket FROM remembered")
      .one();
    return row.bucket === null ? null : bucketDueMs(row.bucket, retainMs);
  }

  /** Drops what has outlived its retention. @returns true when nothing at all is left */
  retire(nowMs: number, retainMs: number): boolean {
    for (const bucket of this.buckets.filter((candidate) => bucketDueMs(candidate, retainMs) <= nowMs)) {
      const plan = planBucket(this.sql, bucket, nowMs);
      if (plan === null) continue;
      const kept = plan.keep.flatMap((id) => this.find(id as EventId) ?? []); // an id of our own table
      rememberIds(this.sql, bucket, plan.remember);
      this.sql.exec(`DROP TABLE events_${bucket}`);
      this.buckets = this.buckets.filter((candidate) => candidate !== bucket);
      for (const record of kept) this.insert(carriedOver(record, nowMs));
    }
    forgetIds(this.sql, nowMs);
    return this.buckets.length === 0 && this.nextRetentionMs(retainMs) === null;
  }

  private countOpen(bucket: number): void {
    const counted = this.sql.exec<{ priority: number; open: number }>(
      `SELECT priority, COUNT(*) AS open FROM ${this.openFrom(bucket)} GROUP BY priority`,
      ...this.markValues(),
    );
    for (const { priority, open } of counted) {
      const name = PRIORITIES[priority] ?? "normal";
      this.openByPriority.set(name, (this.openByPriority.get(name) ?? 0) + open);
    }
    const top = this.sql.exec<{ ord: number | null }>(`SELECT MAX(ord) AS ord FROM events_${bucket}`).one();
    this.highest = Math.max(this.highest, top.ord ?? this.highest);
  }

  private countChange(record: EventRecord | undefined, change: 1 | -1): void {
    if (record === undefined || !isOpen(record.state)) return;
    const { priority } = record.envelope;
    this.openByPriority.set(priority, (this.openByPriority.get(priority) ?? 0) + change);
  }

  private select(limit: number, condition: string): EventRecord[] {
    if (this.openEvents === 0) return [];
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

  private insert(record: EventRecord): void {
    const bucket = bucketOfTime(record.arrivedAtMs);
    if (!this.buckets.includes(bucket)) {
      for (const statement of createEventTable(bucket)) this.write(statement);
      this.buckets = [...this.buckets, bucket].sort((left, right) => left - right);
    }
    this.reach(record);
    this.write(
      `INSERT INTO events_${bucket} (id, ord, received_at, open, priority, next_at, record)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      record.id,
      record.order,
      record.envelope.receivedAtMs,
      ...this.changing(record),
    );
  }

  private update(record: EventRecord, before: EventRecord): void {
    const bucket = bucketOfTime(before.arrivedAtMs);
    const set = "open = ?, priority = ?, next_at = ?, record = ?";
    if (record.order === before.order) {
      this.write(`UPDATE events_${bucket} SET ${set} WHERE id = ?`, ...this.changing(record), record.id);
      return;
    }
    // Back at the tail: the index moves with it.
    this.reach(record);
    const values = [...this.changing(record), record.order, record.id];
    this.write(`UPDATE events_${bucket} SET ${set}, ord = ? WHERE id = ?`, ...values);
  }

  private changing(record: EventRecord): SqlStorageValue[] {
    const priority = PRIORITIES.indexOf(record.envelope.priority);
    return [Number(isOpen(record.state)), priority, record.nextAtMs, JSON.stringify(record)];
  }

  /** Keeps the bounds of the order true for a record that is about to be stored at its position. */
  private reach(record: EventRecord): void {
    const position = positionOf(record);
    const isFirst = this.mark === null ? this.openEvents === 0 : comparePositions(position, this.mark) < 0;
    if (isFirst) this.mark = position;
    this.highest = Math.max(this.highest, record.order);
  }

  private write(statement: string, ...values: SqlStorageValue[]): void {
    this.rowsWritten += this.sql.exec(statement, ...values).rowsWritten;
  }
}

function parseRecord(row: EventRow): EventRecord {
  const record = JSON.parse(row.record) as EventRecord; // written by insert and update
  if (record.v !== EVENT_RECORD_VERSION) throw new Error(`unknown event record version ${String(record.v)}`);
  return record;
}
