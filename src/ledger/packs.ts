/**
 * Packed successes: summaries of one minute of acceptance, many to a row. Read a minute at a time, so that a page can be put
 * together with what lies in rows. What has a row is not believed of a pack: the row is newer.
 */
import * as z from "zod";
import { LIMITS, MINUTE_MS } from "../config/limits.ts";
import { eventSummarySchema, type EventSummary } from "../core/event-summary.ts";
import { shortHash, type PartitionName } from "../core/ids.ts";
import { compareInList, comparePositions, matches, positionIn } from "./filter.ts";
import { EXCEPTION_STATES, type EventPageRequest, type LedgerPosition } from "./port.ts";

const rowSchema = z.object({ minute_ms: z.int(), pack: z.string(), summaries: z.string() });
const summariesSchema = z.array(eventSummarySchema);

interface Pack {
  readonly minuteMs: number;
  readonly pack: string;
  readonly summaries: readonly EventSummary[];
}

/** The same events make the same pack: a batch that is delivered again writes nothing new. */
export async function packStatements(
  database: D1Database,
  summaries: readonly EventSummary[],
): Promise<D1PreparedStatement[]> {
  const insert = database.prepare(
    "INSERT OR IGNORE INTO packed_events (minute_ms, pack, summaries) VALUES (?, ?, ?)",
  );
  const statements: D1PreparedStatement[] = [];
  for (const [minuteMs, events] of byMinute(summaries)) {
    for (let start = 0; start < events.length; start += LIMITS.ledger.eventsPerPack) {
      const some = events.slice(start, start + LIMITS.ledger.eventsPerPack);
      const pack = await shortHash(some.map(({ id }) => id).sort());
      statements.push(insert.bind(minuteMs, pack, JSON.stringify(some)));
    }
  }
  return statements;
}

function byMinute(summaries: readonly EventSummary[]): ReadonlyMap<number, readonly EventSummary[]> {
  const groups = new Map<number, EventSummary[]>();
  for (const summary of summaries) {
    const minuteMs = minuteOf(summary.receivedAtMs);
    groups.set(minuteMs, [...(groups.get(minuteMs) ?? []), summary]);
  }
  return groups;
}

function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
}

export interface PackedPage {
  /** In the order of the list. */
  readonly events: readonly EventSummary[];
  /** Everything up to here has been read; null: there is no more. */
  readonly reach: LedgerPosition | null;
}

export async function readPacked(database: D1Database, request: EventPageRequest): Promise<PackedPage> {
  const { filter, order, after } = request;
  // Exceptions are always rows.
  if (filter.states?.every((state) => EXCEPTION_STATES.has(state)) === true) return NOTHING;
  const { packs, isLast } = await wholeMinutes(database, request);
  const known = new Map(packs.flatMap(({ summaries }) => summaries.map((summary) => [summary.id, summary])));
  const events = [...known.values()]
    .filter((event) => matches(filter, event))
    .filter((event) => after === null || comparePositions(positionIn(order, event), after, order) > 0)
    .sort((left, right) => compareInList(left, right, order));
  const lastMs = packs.at(-1)?.minuteMs ?? 0;
  const endMs = order === "newest" ? lastMs : lastMs + MINUTE_MS;
  return { events, reach: isLast ? null : { atMs: endMs, id: "" } };
}

const NOTHING: PackedPage = { events: [], reach: null };

/** A minute that was cut off is left for the next page; one that is alone is read to its end. */
async function wholeMinutes(
  database: D1Database,
  { filter, order, after }: EventPageRequest,
): Promise<{ readonly packs: readonly Pack[]; readonly isLast: boolean }> {
  const { packsPerPage } = LIMITS.ledger;
  const newest = order === "newest";
  // A cursor without an id stands before everything of its millisecond.
  const pastMs = after === null ? null : after.atMs - Number(newest && after.id === "");
  const fromMs = Math.max(filter.fromMs ?? 0, newest ? 0 : (pastMs ?? 0));
  const toMs = Math.min((filter.toMs ?? Infinity) - 1, newest ? (pastMs ?? Infinity) : Infinity);
  const conditions = ["minute_ms >= ?", ...(toMs === Infinity ? [] : ["minute_ms <= ?"])];
  const values = [minuteOf(fromMs), ...(toMs === Infinity ? [] : [minuteOf(toMs)])];
  const found = await database
    .prepare(
      `SELECT minute_ms, pack, summaries FROM packed_events WHERE ${conditions.join(" AND ")}
       ORDER BY minute_ms ${newest ? "DESC" : "ASC"}, pack LIMIT ?`,
    )
    .bind(...values, packsPerPage + 1)
    .all();
  const packs = found.results.map(packOf);
  if (packs.length <= packsPerPage) return { packs, isLast: true };
  const cutMs = packs.at(-1)?.minuteMs;
  const whole = packs.filter(({ minuteMs }) => minuteMs !== cutMs);
  if (whole.length > 0 || cutMs === undefined) return { packs: whole, isLast: false };
  const minute = await database.prepare("SELECT * FROM packed_events WHERE minute_ms = ?").bind(cutMs).all();
  return { packs: minute.results.map(packOf), isLast: false };
}

/** Ids among these that have a row. */
export async function withRows(database: D1Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const found = await database
    .prepare("SELECT id FROM events WHERE id IN (SELECT value FROM json_each(?))")
    .bind(JSON.stringify(ids))
    .all();
  return new Set(found.results.map((row) => z.object({ id: z.string() }).parse(row).id));
}

/** Takes a partition's events out of every pack. Reads all of them, some at a time: it is rarely done. */
export async function erasePacked(database: D1Database, partition: PartitionName): Promise<void> {
  const next = database.prepare(
    `SELECT minute_ms, pack, summaries FROM packed_events
     WHERE (minute_ms, pack) > (?, ?) AND instr(summaries, ?) > 0 ORDER BY minute_ms, pack LIMIT ?`,
  );
  const rewrite = database.prepare(
    "UPDATE packed_events SET summaries = ?3 WHERE minute_ms = ?1 AND pack = ?2",
  );
  let after: readonly [number, string] = [-1, ""];
  for (;;) {
    const found = await next.bind(...after, `evt_${partition}_`, LIMITS.ledger.packsPerPage).all();
    const packs = found.results.map(packOf);
    const last = packs.at(-1);
    if (last === undefined) return;
    await database.batch(
      packs.map(({ minuteMs, pack, summaries }) => {
        const left = summaries.filter((summary) => summary.partition !== partition);
        return rewrite.bind(minuteMs, pack, JSON.stringify(left));
      }),
    );
    after = [last.minuteMs, last.pack];
  }
}

function packOf(value: unknown): Pack {
  const { minute_ms: minuteMs, pack, summaries } = rowSchema.parse(value);
  return { minuteMs, pack, summaries: summariesSchema.parse(JSON.parse(summaries)) };
}
