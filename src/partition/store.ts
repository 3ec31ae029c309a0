/**
 * Rows in, rows out. Knows where things lie, decides nothing. All calls are synchronous; the object runs
 * them inside one transaction with the decision they belong to.
 */
import type { EventId } from "../core/ids.ts";
import { isOpen, type EventRecord, type PartitionRecord, type Position } from "../core/partition/model.ts";
import { comparePositions, positionOf } from "../core/partition/order.ts";
import { PRIORITIES, type Priority } from "../core/policy.ts";
import { OpenCounts } from "./open-counts.ts";
import { parseRecord, type EventRow, type StoredPartition } from "./rows.ts";
import { RememberedIds } from "./remembered.ts";
import {
  bodiesOf,
  bucketDueMs,
  carriedOver,
  planBucket,
  planEarlyDrop,
  type RetentionPlan,
} from "./retention.ts";
import { bucketOfTime, createEventTable, EVENT_TABLE } from "./schema.ts";

export class PartitionStore {
  private readonly sql: SqlStorage;
  /** Event tables, oldest first. */
  private buckets: number[] = [];
  private mark: Position | null = null;
  private durableMark: Position | null = null;
  private readonly open = new OpenCounts();
  /** Tables that hold something younger than its retention: when to look again. */
  private readonly retainedUntilMs = new Map<number, number>();
  private readonly remembered: RememberedIds;
  private isStored = false;
  private highest = Number.NEGATIVE_INFINITY;
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
    this.remembered = new RememberedIds(sql);
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
    this.open.clear();
    this.remembered.load();
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
    return this.open.total;
  }

  get highestPriority(): Priority {
    return this.open.highest;
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
    return this.remembered.has(id);
  }

  /** An event of the last days that had any; null: nothing is kept. */
  newest(): EventRecord | null {
    for (const bucket of this.buckets.toReversed()) {
      const row = this.sql.exec<EventRow>(`SELECT record FROM events_${bucket} LIMIT 1`).toArray()[0];
      if (row !== undefined) return parseRecord(row);
    }
    return null;
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
      this.open.follow(known, record);
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
    if (oldest !== undefined)
      return Math.max(bucketDueMs(oldest, retainMs), this.retainedUntilMs.get(oldest) ?? 0);
    const remembered = this.remembered.oldestBucket;
    return remembered === null ? null : bucketDueMs(remembered, retainMs);
  }

  /** Tables in which everything has outlived its retention, or is to be kept anew. Deletes nothing. */
  planRetirement(nowMs: number, retainMs: number): readonly RetentionPlan[] {
    const old = this.buckets.filter((bucket) => bucketDueMs(bucket, retainMs) <= nowMs);
    return old.flatMap((bucket) => {
      const plan = planBucket(this.sql, bucket, nowMs);
      if (typeof plan !== "number") return plan;
      this.retainedUntilMs.set(bucket, plan);
      return [];
    });
  }

  /** Keys of every large body that is named here. */
  bodies(): string[] {
    return this.buckets.flatMap((bucket) => bodiesOf(this.sql, bucket));
  }

  /** @returns true when nothing at all is left */
  retire(plans: readonly RetentionPlan[], nowMs: number, retainMs: number): boolean {
    for (const { bucket, keep, remember } of plans) {
      const kept = keep.flatMap((id) => this.find(id as EventId) ?? []); // an id of our own table
      this.remembered.add(bucket, remember);
      this.sql.exec(`DROP TABLE events_${bucket}`);
      this.buckets = this.buckets.filter((candidate) => candidate !== bucket);
      for (const record of kept) this.insert(carriedOver(record, nowMs));
    }
    this.remembered.forget(nowMs);
    return this.buckets.length === 0 && this.nextRetentionMs(retainMs) === null;
  }

  /** Makes room: the oldest delivered events leave, their ids stay known. @returns keys of bodies nobody needs now */
  dropEarly(limit: number): { readonly dropped: number; readonly bodies: readonly string[] } {
    for (const bucket of this.buckets) {
      const { remember, bodies } = planEarlyDrop(this.sql, bucket, limit);
      if (remember.length === 0) continue;
      for (const id of remember) this.write(`DELETE FROM events_${bucket} WHERE id = ?`, id);
      this.remembered.add(bucket, remember);
      return { dropped: remember.length, bodies };
    }
    return { dropped: 0, bodies: [] };
  }

  private countOpen(bucket: number): void {
    const counted = this.sql.exec<{ priority: number; open: number }>(
      `SELECT priority, COUNT(*) AS open FROM ${this.openFrom(bucket)} GROUP BY priority`,
      ...this.markValues(),
    );
    for (const { priority, open } of counted) {
      this.open.add(PRIORITIES[priority] ?? "normal", open);
    }
    const top = this.sql.exec<{ ord: number | null }>(`SELECT MAX(ord) AS ord FROM events_${bucket}`).one();
    this.highest = Math.max(this.highest, top.ord ?? this.highest);
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
