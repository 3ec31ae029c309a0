/**
 * Forgetting, a bounded number of rows a minute. Successes go after `retainDays`; what is dead or in review stays as long as
 * its partition keeps it, so that nothing which can still be replayed is missing from the lists.
 */
import { DAY_MS, LIMITS, MINUTE_MS } from "../config/limits.ts";

export interface RetentionOptions {
  readonly database: D1Database;
  readonly retainDays: number;
  readonly rowsPerRun?: number;
}

/** @returns rows deleted; as many as `rowsPerRun` per table: there may be more, the next minute goes on */
export async function retireLedger(options: RetentionOptions, nowMs: number): Promise<number> {
  const { database, retainDays, rowsPerRun = LIMITS.ledger.retireRowsPerRun } = options;
  const successMs = nowMs - retainDays * DAY_MS;
  const exceptionMs = nowMs - Math.max(LIMITS.ledger.keepExceptionsMs, retainDays * DAY_MS);
  const results = await database.batch([
    database
      .prepare(
        `DELETE FROM events WHERE id IN (SELECT id FROM events
           WHERE received_at_ms < ?1 AND (state NOT IN ('dead', 'review') OR received_at_ms < ?2)
           ORDER BY received_at_ms LIMIT ?3)`,
      )
      .bind(successMs, exceptionMs, rowsPerRun),
    database
      .prepare(
        `DELETE FROM packed_events WHERE (minute_ms, pack) IN
           (SELECT minute_ms, pack FROM packed_events WHERE minute_ms < ?1 ORDER BY minute_ms LIMIT ?2)`,
      )
      .bind(successMs - MINUTE_MS, rowsPerRun),
    database
      .prepare(
        `DELETE FROM rollups WHERE (minute_ms, source, pipeline, state, code) IN
           (SELECT minute_ms, source, pipeline, state, code FROM rollups WHERE minute_ms < ?1 ORDER BY minute_ms LIMIT ?2)`,
      )
      .bind(nowMs - LIMITS.ledger.keepRollupsMs, rowsPerRun),
    database
      .prepare(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
      )
      .bind(nowMs - LIMITS.ledger.keepAuditMs, rowsPerRun),
  ]);
  return results.reduce((sum, result) => sum + result.meta.changes, 0);
}
