/**
 * What a partition has on disk, and what its loaded object has written since the last flush. Also keeps every
 * event's record as parsed rows, so that the rules need no look-ups of their own.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { EventId } from "../../src/core/ids.ts";
import type { EventRecord, OpenDecision, PartitionRecord } from "../../src/core/partition/model.ts";

/** Told of every record that is written, before it is durable. */
export type OnWrite = (before: EventRecord | undefined, after: EventRecord) => void;

interface Pending {
  readonly records: Map<EventId, EventRecord>;
  /** null: it is gone. */
  readonly decisions: Map<EventId, OpenDecision | null>;
  partition: PartitionRecord | null;
}

export class SimDisk {
  readonly name: string;
  readonly label: string;
  /** As flushed. */
  readonly records = new Map<EventId, EventRecord>();
  /** Questions that senders wait for, as flushed. */
  readonly decisions = new Map<EventId, OpenDecision>();
  partition: PartitionRecord | null = null;
  alarmMs: number | null = null;
  /** As the loaded object sees it. */
  workingAlarmMs: number | null = null;
  /** The first write since the last flush happened. */
  onDirty: () => void = () => {};
  onWrite: OnWrite = () => {};
  private readonly database = new DatabaseSync(":memory:");
  private readonly statements = new Map<string, StatementSync>();
  private isOpen = false;
  private isDirty = false;
  private working: Pending = emptyPending();
  private inSavepoint: Pending | null = null;

  constructor(name: string, label: string) {
    this.name = name;
    this.label = label;
  }

  get dirty(): boolean {
    return this.isDirty;
  }

  /** The record as the loaded object would read it. */
  current(id: EventId): EventRecord | undefined {
    return this.inSavepoint?.records.get(id) ?? this.working.records.get(id) ?? this.records.get(id);
  }

  currentPartition(): PartitionRecord | null {
    return this.working.partition ?? this.partition;
  }

  /** As the loaded object would read them. */
  *currentRecords(): Iterable<EventRecord> {
    for (const [id, record] of this.records) yield this.working.records.get(id) ?? record;
    for (const [id, record] of this.working.records) if (!this.records.has(id)) yield record;
  }

  read(sql: string, values: readonly SQLInputValue[]): Record<string, unknown>[] {
    return this.statement(sql).all(...values);
  }

  write(sql: string, values: readonly SQLInputValue[]): number {
    this.begin();
    const changes = Number(this.statement(sql).run(...values).changes);
    this.touch();
    this.follow(sql, values);
    return changes;
  }

  savepoint(): void {
    this.begin();
    this.database.exec("SAVEPOINT decision");
    this.inSavepoint = emptyPending();
  }

  release(): void {
    this.database.exec("RELEASE decision");
    const written = this.inSavepoint ?? emptyPending();
    this.inSavepoint = null;
    for (const [id, record] of written.records) this.working.records.set(id, record);
    for (const [id, decision] of written.decisions) this.working.decisions.set(id, decision);
    if (written.partition !== null) this.working.partition = written.partition;
  }

  rollbackToSavepoint(): void {
    this.database.exec("ROLLBACK TO decision");
    this.database.exec("RELEASE decision");
    this.inSavepoint = null;
  }

  setAlarm(atMs: number | null): void {
    this.workingAlarmMs = atMs;
    this.touch();
  }

  dropEverything(): void {
    const tables = this.read("SELECT name FROM sqlite_master WHERE type = 'table'", []);
    for (const { name } of tables) this.write(`DROP TABLE ${String(name)}`, []);
    this.statements.clear();
  }

  /** What was written becomes durable. @returns the records it changed, as they were before */
  flush(): ReadonlyMap<EventId, EventRecord | undefined> {
    if (this.isOpen) this.database.exec("COMMIT");
    const changed = new Map<EventId, EventRecord | undefined>();
    for (const [id, record] of this.working.records) {
      changed.set(id, this.records.get(id));
      this.records.set(id, record);
    }
    for (const [id, decision] of this.working.decisions) {
      if (decision === null) this.decisions.delete(id);
      else this.decisions.set(id, decision);
    }
    this.partition = this.working.partition ?? this.partition;
    this.alarmMs = this.workingAlarmMs;
    this.forget();
    return changed;
  }

  /** What was written since the last flush is gone. */
  rollback(): void {
    if (this.isOpen) this.database.exec("ROLLBACK");
    this.workingAlarmMs = this.alarmMs;
    this.forget();
  }

  /** Whether it has ends to tell that the ledger has not acknowledged. */
  hasUntold(): boolean {
    const isMade = this.read("SELECT name FROM sqlite_master WHERE name = 'outbox'", []).length > 0;
    return isMade && this.read("SELECT id FROM outbox LIMIT 1", []).length > 0;
  }

  /** Every stored record, read from the tables themselves. */
  readAll(): EventRecord[] {
    const tables = this.read(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'events_*'",
      [],
    );
    return tables.flatMap(({ name }) =>
      this.read(`SELECT record FROM ${String(name)}`, []).map(
        ({ record }) => JSON.parse(String(record)) as EventRecord, // written by the store
      ),
    );
  }

  close(): void {
    this.database.close();
  }

  private forget(): void {
    this.working = emptyPending();
    this.inSavepoint = null;
    this.isOpen = false;
    this.isDirty = false;
  }

  private begin(): void {
    if (this.isOpen) return;
    this.database.exec("BEGIN");
    this.isOpen = true;
  }

  private touch(): void {
    if (this.isDirty) return;
    this.isDirty = true;
    this.onDirty();
  }

  /** Rows are told by their first characters, as the store writes them. */
  private follow(sql: string, values: readonly SQLInputValue[]): void {
    const target = this.inSavepoint ?? this.working;
    if (DECISIONS.test(sql)) return followDecision(target, sql, values);
    for (const value of values) {
      if (typeof value !== "string") continue;
      if (value.startsWith(EVENT_ROW)) {
        const record = JSON.parse(value) as EventRecord; // written by the store
        this.onWrite(this.current(record.id), record);
        target.records.set(record.id, record);
      } else if (value.startsWith(PARTITION_ROW)) {
        target.partition = (JSON.parse(value) as { partition: PartitionRecord }).partition; // as above
      }
    }
  }

  private statement(sql: string): StatementSync {
    const known = this.statements.get(sql);
    if (known !== undefined) return known;
    const prepared = this.database.prepare(sql);
    this.statements.set(sql, prepared);
    return prepared;
  }
}

const DECISIONS = /^(?:INSERT OR REPLACE INTO|DELETE FROM) decisions /;
const EVENT_ROW = '{"v":1,"id":"evt_';
const PARTITION_ROW = '{"partition":{';

function emptyPending(): Pending {
  return { records: new Map(), decisions: new Map(), partition: null };
}

function followDecision(target: Pending, sql: string, values: readonly SQLInputValue[]): void {
  const [id, , row = "null"] = values as readonly [EventId, number?, string?]; // as the table writes them
  target.decisions.set(id, sql.startsWith("DELETE") ? null : (JSON.parse(row) as OpenDecision)); // as above
}
