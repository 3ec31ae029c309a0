/**
 * Decisions that senders wait for, as rows: few, short-lived, apart from the log. Calls are synchronous, inside the
 * transaction of what they belong to.
 */
import type { EventId } from "../core/ids.ts";
import type { OpenDecision } from "../core/partition/model.ts";
import type { DecisionChanges } from "../core/partition/workspace.ts";
import type { EventRow } from "./rows.ts";

export class DecisionTable {
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;
  private readonly sql: SqlStorage;
  private next: number | null = null;
  private rows = 0;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Also after a rolled-back write: what is believed must be what is stored. */
  refresh(): void {
    const { at, count } = this.sql
      .exec<{ at: number | null; count: number }>(
        "SELECT MIN(due_at) AS at, COUNT(*) AS count FROM decisions",
      )
      .one();
    this.next = at;
    this.rows = count;
  }

  /** When the next one enters the log by itself; null: nobody waits. */
  get nextDueMs(): number | null {
    return this.next;
  }

  get count(): number {
    return this.rows;
  }

  find(id: EventId): OpenDecision | null {
    if (this.rows === 0) return null;
    const row = this.sql.exec<EventRow>("SELECT record FROM decisions WHERE id = ?", id).toArray()[0];
    return row === undefined ? null : parse(row);
  }

  /** Those that are named, and those that are due. */
  load(named: readonly EventId[], nowMs: number): OpenDecision[] {
    if (this.rows === 0) return [];
    const found = named.flatMap((id) => this.find(id) ?? []);
    if (this.next === null || this.next > nowMs) return found;
    const due = this.sql
      .exec<EventRow>("SELECT record FROM decisions WHERE due_at <= ? ORDER BY due_at", nowMs)
      .toArray()
      .map(parse);
    return [...found, ...due.filter(({ id }) => !named.includes(id))];
  }

  save({ put, remove }: DecisionChanges): void {
    if (put.length === 0 && remove.length === 0) return;
    for (const decision of put) {
      const { id, dueMs } = decision;
      this.write("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", id, dueMs, JSON.stringify(decision));
    }
    for (const id of remove) this.write("DELETE FROM decisions WHERE id = ?", id);
    this.refresh();
  }

  /** Keys of the large bodies that are named here. */
  bodies(): string[] {
    return this.sql
      .exec<EventRow>("SELECT record FROM decisions")
      .toArray()
      .flatMap((row) => {
        const { body } = parse(row).envelope;
        return body.kind === "stored" ? body.key : [];
      });
  }

  private write(statement: string, ...values: SqlStorageValue[]): void {
    this.rowsWritten += this.sql.exec(statement, ...values).rowsWritten;
  }
}

function parse(row: EventRow): OpenDecision {
  const decision = JSON.parse(row.record) as OpenDecision; // written by save
  if (decision.v !== 1) throw new Error(`unknown decision version ${String(decision.v)}`);
  return decision;
}
