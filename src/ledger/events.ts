/** The ledger over D1, for reading: lists, look-ups, rollups. Rows are parsed where they leave the database. */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { eventSummarySchema, type EventSummary } from "../core/event-summary.ts";
import { eventQuery } from "./event-query.ts";
import { compareInList, comparePositions, positionIn } from "./filter.ts";
import { erasePacked, readPacked, withRows, type PackedPage } from "./packs.ts";
import type { EventLedger, EventPage, EventPageRequest, ExceptionCount, LedgerPosition } from "./port.ts";
import { readRollups } from "./rollups.ts";

const summaryRowSchema = z.object({ summary: z.string() });
const positionRowSchema = z.object({ at_ms: z.int(), id: z.string() });
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
      const [rows, packed] = await Promise.all([
        listRows(database, request, scanRows),
        readPacked(database, request),
      ]);
      return packed.events.length === 0 && packed.reach === null
        ? rows
        : withPacked(database, request, rows, packed);
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
      await erasePacked(database, partition);
      await database
        .prepare("DELETE FROM events WHERE id > ?1 AND id < ?2")
        .bind(`evt_${partition}_`, `evt_${partition}\``)
        .run();
    },
  };
}

async function listRows(
  database: D1Database,
  request: EventPageRequest,
  scanRows: number,
): Promise<EventPage> {
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
    return { events, next: positionIn(request.order, last) };
  return { events, next: (reached?.results ?? []).map(positionOfRow)[0] ?? null };
}

/** One list of two: as far as both have been read. */
async function withPacked(
  database: D1Database,
  { order, limit }: EventPageRequest,
  rows: EventPage,
  packed: PackedPage,
): Promise<EventPage> {
  const [reach = null] = [rows.next, packed.reach]
    .flatMap((position) => position ?? [])
    .sort((left, right) => comparePositions(left, right, order));
  const isRow = new Set(rows.events.map(({ id }) => id));
  const merged = [...rows.events, ...packed.events.filter(({ id }) => !isRow.has(id))]
    .filter((event) => reach === null || comparePositions(positionIn(order, event), reach, order) <= 0)
    .sort((left, right) => compareInList(left, right, order));
  const page = merged.slice(0, limit);
  const last = page.at(-1);
  const unpacked = page.filter(({ id }) => !isRow.has(id)).map(({ id }) => id);
  // A row that the filter left out says that what the pack says is over.
  const outdated = await withRows(database, unpacked);
  const events = page.filter(({ id }) => !outdated.has(id));
  const isCut = merged.length > limit && last !== undefined;
  return { events, next: isCut ? positionIn(order, last) : reach };
}

function summaryOfRow(row: unknown): EventSummary {
  return eventSummarySchema.parse(JSON.parse(summaryRowSchema.parse(row).summary));
}

function positionOfRow(row: unknown): LedgerPosition {
  const { at_ms: atMs, id } = positionRowSchema.parse(row);
  return { atMs, id };
}

function exceptionOfRow(row: unknown): ExceptionCount {
  const { state, pipeline, count, oldest } = exceptionRowSchema.parse(row);
  return { state, pipeline, count, oldestEndedAtMs: oldest };
}
