/** The ledger over D1, for reading: lists, look-ups, rollups. Rows are parsed where they leave the database. */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { eventSummarySchema, type EventSummary } from "../core/event-summary.ts";
import { eventQuery } from "./event-query.ts";
import type { EventLedger, ExceptionCount, LedgerPosition } from "./port.ts";
import { readRollups } from "./rollups.ts";

const summaryRowSchema = z.object({ summary: z.string() });
const positionRowSchema = z.object({ received_at_ms: z.int(), id: z.string() });
const exceptionRowSchema = z.object({
  state: eventSummarySchema.shape.state,
  pipeline: z.string(),
  count: z.int(),
  oldest: z.nullable(z.int()),
});

export interface EventLedgerOptions {
  readonly database: D1Database;
  /** Rows one look-up reads at most where no index serves its filter. */
  readonly scanRows?: number;
}

export function createEventLedger({
  database,
  scanRows = LIMITS.ledger.scanRows,
}: EventLedgerOptions): EventLedger {
  return {
    async list(request) {
      const query = eventQuery(request, scanRows);
      const statements = [
        database.prepare(query.sql).bind(...query.values),
        ...(query.reach === null ? [] : [database.prepare(query.reach.sql).bind(...query.reach.values)]),
      ];
      const [found, reached] = await database.batch(statements);
      const summaries = (found?.results ?? []).map(summaryOfRow);
      const events = summaries.slice(0, request.limit);
      const last = events.at(-1);
      if (summaries.length > request.limit && last !== undefined)
        return { events, next: { receivedAtMs: last.receivedAtMs, id: last.id } };
      return { events, next: (reached?.results ?? []).map(positionOfRow)[0] ?? null };
    },
    async find(id) {
      const row = await database.prepare("SELECT summary FROM events WHERE id = ?").bind(id).first();
      return row === null ? null : summaryOfRow(row);
    },
    rollups: (request) => readRollups(database, request),
    async exceptions() {
      const found = await database
        .prepare(
          `SELECT state, pipeline, COUNT(*) AS count, MIN(ended_at_ms) AS oldest FROM events
           WHERE exception = 1 GROUP BY state, pipeline ORDER BY state, pipeline`,
        )
        .all();
      return found.results.map(exceptionOfRow);
    },
    async erase(partition) {
      await database
        .prepare("DELETE FROM events WHERE id > ?1 AND id < ?2")
        .bind(`evt_${partition}_`, `evt_${partition}\``)
        .run();
    },
  };
}

function summaryOfRow(row: unknown): EventSummary {
  return eventSummarySchema.parse(JSON.parse(summaryRowSchema.parse(row).summary));
}

function positionOfRow(row: unknown): LedgerPosition {
  const { received_at_ms: receivedAtMs, id } = positionRowSchema.parse(row);
  return { receivedAtMs, id };
}

function exceptionOfRow(row: unknown): ExceptionCount {
  const { state, pipeline, count, oldest } = exceptionRowSchema.parse(row);
  return { state, pipeline, count, oldestEndedAtMs: oldest };
}
