/** The audit log in D1: a line before a call is done, its outcome after. Nothing changes a line once it has its outcome. */
import * as z from "zod";
import type { AuditEntry, AuditLog } from "./port.ts";

const rowSchema = z.object({
  id: z.string(),
  at_ms: z.int(),
  actor: z.string(),
  actor_name: z.string(),
  operation: z.string(),
  target: z.string(),
  detail: z.string(),
  status: z.nullable(z.int()),
  outcome: z.nullable(z.string()),
});

export function createAuditLog(database: D1Database): AuditLog {
  return {
    async begin({ id, atMs, actor, actorName, operation, target, detail }) {
      await database
        .prepare(
          `INSERT INTO audit (id, at_ms, actor, actor_name, operation, target, detail)
           VALUES (?, ?, ?, ?, ?, ?, ?)`,
        )
        .bind(id, atMs, actor, actorName, operation, target, detail)
        .run();
    },
    async finish(id, status, outcome) {
      await database
        .prepare("UPDATE audit SET status = ?2, outcome = ?3 WHERE id = ?1 AND outcome IS NULL")
        .bind(id, status, outcome)
        .run();
    },
    async list(filter, limit, after) {
      const conditions: string[] = [];
      const values: (string | number)[] = [];
      for (const [column, value] of Object.entries(filter)) {
        if (typeof value !== "string") continue;
        conditions.push(`${column} = ?`);
        values.push(value);
      }
      if (after !== null) {
        conditions.push("(at_ms, id) < (?, ?)");
        values.push(after.atMs, after.id);
      }
      const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
      const found = await database
        .prepare(`SELECT * FROM audit ${where} ORDER BY at_ms DESC, id DESC LIMIT ?`)
        .bind(...values, limit)
        .all();
      return found.results.map(entryOf);
    },
  };
}

function entryOf(value: unknown): AuditEntry {
  const { at_ms: atMs, actor_name: actorName, ...row } = rowSchema.parse(value);
  return { ...row, atMs, actorName };
}
