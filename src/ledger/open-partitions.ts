/** Which partitions have open work, as far as drivers have reported it. A hint for the sweep, never the truth. */
import * as z from "zod";
import { parsePartitionName, type PartitionName } from "../core/ids.ts";

export interface OpenPartitions {
  report(reports: readonly OpenReport[], nowMs: number): Promise<void>;
  /** Due at or before `nowMs`, the longest overdue first. */
  overdue(nowMs: number, limit: number): Promise<readonly PartitionName[]>;
  settle(partition: PartitionName): Promise<void>;
  /** All of them, the longest due first. */
  list(limit: number): Promise<readonly OpenPartition[]>;
}

export interface OpenPartition {
  readonly partition: PartitionName;
  readonly dueAtMs: number;
  readonly reportedAtMs: number;
}

export interface OpenReport {
  readonly partition: PartitionName;
  readonly dueMs: number;
}

const listedSchema = z.object({
  partition: z.string(),
  due_at_ms: z.number(),
  reported_at_ms: z.number(),
});

const rowSchema = z.object({ partition: z.string() });

export function createOpenPartitions(database: D1Database): OpenPartitions {
  return {
    async report(reports, nowMs) {
      if (reports.length === 0) return;
      // An older report never replaces a newer one: batches may arrive in any order.
      const statement = database.prepare(
        `INSERT INTO open_partitions (partition, due_at_ms, reported_at_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (partition) DO UPDATE SET due_at_ms = ?2, reported_at_ms = ?3 WHERE reported_at_ms <= ?3`,
      );
      await database.batch(reports.map(({ partition, dueMs }) => statement.bind(partition, dueMs, nowMs)));
    },
    async overdue(nowMs, limit) {
      const found = await database
        .prepare("SELECT partition FROM open_partitions WHERE due_at_ms <= ?1 ORDER BY due_at_ms LIMIT ?2")
        .bind(nowMs, limit)
        .all();
      return found.results.flatMap((row) => {
        const name = parsePartitionName(rowSchema.parse(row).partition);
        return name.ok ? [name.value] : [];
      });
    },
    async settle(partition) {
      await database.prepare("DELETE FROM open_partitions WHERE partition = ?1").bind(partition).run();
    },
    async list(limit) {
      const found = await database
        .prepare("SELECT * FROM open_partitions ORDER BY due_at_ms LIMIT ?1")
        .bind(limit)
        .all();
      return found.results.flatMap((value) => {
        const row = listedSchema.parse(value);
        const name = parsePartitionName(row.partition);
        const times = { dueAtMs: row.due_at_ms, reportedAtMs: row.reported_at_ms };
        return name.ok ? [{ partition: name.value, ...times }] : [];
      });
    },
  };
}
