/**
 * What the ledger must be told and has not acknowledged: ids with their version, nothing else. The driver's run
 * tells it first; what is still here after a while is told again by the partition's alarm, ever more rarely, for
 * as long as it takes. Calls are synchronous, inside the transaction of what they belong to.
 */
import { LIMITS } from "../config/limits.ts";
import { parseEventId, type EventId } from "../core/ids.ts";
import type { SummaryReceipt } from "../core/event-summary.ts";
import type { EventRecord } from "../core/partition/model.ts";

interface OutboxRow extends Record<string, SqlStorageValue> {
  id: string;
  tries: number;
}

export class Outbox {
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;
  private readonly sql: SqlStorage;
  private next: number | null = null;

  constructor(sql: SqlStorage) {
    this.sql = sql;
  }

  /** Also after a rolled-back write: what is believed must be what is stored. */
  load(): void {
    this.next = this.sql.exec<{ at: number | null }>("SELECT MIN(next_at) AS at FROM outbox").one().at;
  }

  /** When something must be told again; null: the ledger has everything. */
  get nextAtMs(): number | null {
    return this.next;
  }

  count(): number {
    return this.sql.exec<{ count: number }>("SELECT COUNT(*) AS count FROM outbox").one().count;
  }

  put(records: readonly EventRecord[], nowMs: number): void {
    const nextAtMs = nowMs + LIMITS.partition.outboxFirstMs;
    for (const { id, version } of records) {
      this.write("INSERT OR REPLACE INTO outbox VALUES (?, ?, 0, ?)", id, version ?? 0, nextAtMs);
      this.next = Math.min(this.next ?? nextAtMs, nextAtMs);
    }
  }

  /** What is due to be told, and its next time set: a message that is lost is followed by another one. */
  take(nowMs: number): EventId[] {
    if (this.next === null || this.next > nowMs) return [];
    const rows = this.sql
      .exec<OutboxRow>(
        "SELECT id, tries FROM outbox WHERE next_at <= ? ORDER BY next_at LIMIT ?",
        nowMs,
        LIMITS.partition.outboxEvents,
      )
      .toArray();
    for (const { id, tries } of rows) {
      const waitMs = Math.min(
        LIMITS.partition.outboxFirstMs * 2 ** (tries + 1),
        LIMITS.partition.outboxAgainMs,
      );
      this.write("UPDATE outbox SET tries = tries + 1, next_at = ? WHERE id = ?", nowMs + waitMs, id);
    }
    this.load();
    return rows.flatMap(({ id }) => {
      const parsed = parseEventId(id);
      return parsed.ok ? (id as EventId) : []; // parsed: a valid id
    });
  }

  acknowledge(receipts: readonly SummaryReceipt[]): void {
    for (const { id, version } of receipts) {
      this.write("DELETE FROM outbox WHERE id = ? AND version <= ?", id, version);
    }
    this.load();
  }

  private write(statement: string, ...values: SqlStorageValue[]): void {
    this.rowsWritten += this.sql.exec(statement, ...values).rowsWritten;
  }
}
