/**
 * Counts in D1: parts as they come, joined once a minute. What `/metrics` shows is the totals and the oldest parts that
 * are not yet in them, so it never falls. A telemetry batch that is delivered again after its part was joined counts
 * twice: rare, and the price of one row per batch instead of one per series.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import type { MetricName } from "../core/metrics/catalogue.ts";
import { addCounts, countsSchema, type Counts } from "../core/metrics/counts.ts";

export interface CountsStore {
  /** Adds what a batch counted. The same part again changes nothing until it has been folded. */
  add(part: string, atMs: number, counts: Counts): Promise<void>;
  /**
   * Joins the parts of minutes that began before `beforeMs`, the oldest first, until none is left, `untilMs` has passed or
   * `maxFoldQueries` are spent. Then it gives up what is beyond the table's bound, and counts it. It does the same with a
   * part that cannot be read, which would otherwise stop every later fold. Forgets minutes past their time.
   */
  fold(beforeMs: number, untilMs: number): Promise<void>;
  totals(): Promise<Counts>;
  /** By the start of the minute. */
  minutes(fromMs: number, untilMs: number): Promise<ReadonlyMap<number, Counts>>;
}

const countsText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("not JSON");
      return z.NEVER;
    }
  })
  .pipe(countsSchema);
const minuteRow = z.object({ minute_ms: z.int(), counts: countsText });
const totalRow = z.object({ fold: z.string(), counts: countsText });

/** The minute and the name of a part. */
type PartKey = readonly [minuteMs: number, part: string];
const keyRow = z.object({ minute_ms: z.int(), part: z.string() });
const partCounts = z.object({ counts: countsText });
const SHED: MetricName = "sluice_counts_shed_total";

export interface CountsStoreDependencies {
  readonly database: D1Database;
  readonly newId: () => string;
  readonly nowMs: () => number;
  readonly limits?: CountsLimits;
}

type CountsLimits = Readonly<
  Record<
    | "maxFoldedParts"
    | "maxReadParts"
    | "maxWaitingParts"
    | "maxShedParts"
    | "maxSheds"
    | "maxFoldQueries"
    | "maxTotalSeries"
    | "keepMinutesMs",
    number
  >
>;

export function createCountsStore({
  database,
  newId,
  nowMs,
  limits = LIMITS.telemetry,
}: CountsStoreDependencies): CountsStore {
  const readTotals = async () => {
    const row = await database.prepare("SELECT fold, counts FROM metric_totals WHERE id = 1").first();
    return totalRow.parse(row);
  };
  /** @returns how many parts it took: the oldest, at most `maxFoldedParts`; and how many queries */
  const foldSome = async (
    beforeMs: number,
  ): Promise<{ readonly taken: number; readonly queries: number }> => {
    const found = await database
      .prepare(
        "SELECT minute_ms, part, counts FROM metric_parts WHERE minute_ms < ?1 ORDER BY minute_ms, part LIMIT ?2",
      )
      .bind(beforeMs, limits.maxFoldedParts)
      .all();
    const keys = found.results.map(keyOf);
    if (keys.length === 0) return { taken: 0, queries: 1 };
    const totals = await readTotals();
    const minutes = await readMinutes(database, [...new Set(keys.map(([minuteMs]) => minuteMs))]);
    let unreadable = 0;
    for (const row of found.results) {
      const [minuteMs] = keyOf(row);
      const counts = readableCounts(row);
      if (counts === null) {
        unreadable++;
        continue;
      }
      const minute = minutes.get(minuteMs) ?? emptyCounts();
      minutes.set(minuteMs, minute);
      addCounts(minute, counts, limits.maxTotalSeries);
      addCounts(totals.counts, counts, limits.maxTotalSeries);
    }
    if (unreadable > 0) addCounts(totals.counts, shedParts(unreadable));
    await replaceTotals(totals, { minutes, remove: keys });
    // Three reads; in the transaction the totals, each minute, and what is removed.
    return { taken: keys.length, queries: 5 + minutes.size };
  };

  /** One transaction; each statement works only if this fold was the one that won. */
  const replaceTotals = async (
    totals: z.output<typeof totalRow>,
    {
      minutes,
      remove,
    }: { readonly minutes: ReadonlyMap<number, Counts>; readonly remove: readonly PartKey[] },
  ): Promise<void> => {
    const fold = newId();
    const won = "EXISTS (SELECT 1 FROM metric_totals WHERE fold = ?1)";
    await database.batch([
      database
        .prepare("UPDATE metric_totals SET fold = ?1, counts = ?2 WHERE id = 1 AND fold = ?3")
        .bind(fold, JSON.stringify(totals.counts), totals.fold),
      ...[...minutes].map(([minuteMs, counts]) =>
        database
          .prepare(`INSERT OR REPLACE INTO metric_minutes (minute_ms, counts) SELECT ?2, ?3 WHERE ${won}`)
          .bind(fold, minuteMs, JSON.stringify(counts)),
      ),
      database
        .prepare(
          `DELETE FROM metric_parts WHERE (minute_ms, part) IN
             (SELECT value ->> 0, value ->> 1 FROM json_each(?2)) AND ${won}`,
        )
        .bind(fold, JSON.stringify(remove)),
    ]);
  };

  /** @returns how many parts it gave up: at most `maxShedParts` */
  const shedSome = async (): Promise<number> => {
    const beyond = await database
      .prepare(
        "SELECT minute_ms, part FROM metric_parts ORDER BY minute_ms DESC, part DESC LIMIT ?2 OFFSET ?1",
      )
      .bind(limits.maxWaitingParts, limits.maxShedParts)
      .all();
    const remove = beyond.results.map(keyOf);
    if (remove.length === 0) return 0;
    const totals = await readTotals();
    addCounts(totals.counts, shedParts(remove.length));
    await replaceTotals(totals, { minutes: new Map(), remove });
    return remove.length;
  };
  const shed = async (): Promise<void> => {
    for (let round = 0; round < limits.maxSheds; round++) {
      if ((await shedSome()) < limits.maxShedParts) return;
    }
  };

  return {
    async add(part, atMs, counts) {
      await database
        .prepare("INSERT OR IGNORE INTO metric_parts (minute_ms, part, counts) VALUES (?1, ?2, ?3)")
        .bind(startOfMinute(atMs), part, JSON.stringify(counts))
        .run();
    },

    async fold(beforeMs, untilMs) {
      let queries = 0;
      let isBehind: boolean;
      do {
        const folded = await foldSome(startOfMinute(beforeMs));
        queries += folded.queries;
        isBehind = folded.taken === limits.maxFoldedParts;
      } while (isBehind && nowMs() < untilMs && queries < limits.maxFoldQueries);
      await database
        .prepare("DELETE FROM metric_minutes WHERE minute_ms < ?1")
        .bind(beforeMs - limits.keepMinutesMs)
        .run();
      // Time or queries were not enough. What is beyond the bound is given up, and counted, before the table takes the ledger's room.
      if (isBehind) await shed();
    },

    async totals() {
      // Read together: between two reads a fold could move a part, and the sum would fall or count it twice.
      const [totals, parts] = await database.batch([
        database.prepare("SELECT fold, counts FROM metric_totals WHERE id = 1"),
        // The oldest, as a fold takes them: what it moves leaves room for the next, and the sum still does not fall.
        database
          .prepare("SELECT minute_ms, part, counts FROM metric_parts ORDER BY minute_ms, part LIMIT ?1")
          .bind(limits.maxReadParts),
      ]);
      const { counts } = totalRow.parse(totals?.results[0]);
      for (const row of parts?.results ?? []) {
        addCounts(counts, readableCounts(row) ?? emptyCounts(), LIMITS.telemetry.maxTotalSeries);
      }
      return counts;
    },

    async minutes(fromMs, untilMs) {
      const [folded, parts] = await database.batch([
        database
          .prepare("SELECT minute_ms, counts FROM metric_minutes WHERE minute_ms >= ?1 AND minute_ms < ?2")
          .bind(fromMs, untilMs),
        database
          .prepare(
            `SELECT minute_ms, part, counts FROM metric_parts WHERE minute_ms >= ?1 AND minute_ms < ?2
             ORDER BY minute_ms, part LIMIT ?3`,
          )
          .bind(fromMs, untilMs, limits.maxReadParts),
      ]);
      const byMinute = new Map<number, Counts>();
      for (const row of folded?.results ?? []) {
        const { minute_ms: minuteMs, counts } = minuteRow.parse(row);
        byMinute.set(minuteMs, counts);
      }
      for (const row of parts?.results ?? []) {
        const [minuteMs] = keyOf(row);
        const minute = byMinute.get(minuteMs) ?? emptyCounts();
        byMinute.set(minuteMs, minute);
        addCounts(minute, readableCounts(row) ?? emptyCounts());
      }
      return byMinute;
    },
  };
}

/** What several ledgers have counted, added up. */
export function uniteCounts(
  stores: readonly Pick<CountsStore, "totals" | "minutes">[],
): Pick<CountsStore, "totals" | "minutes"> {
  return {
    async totals() {
      const sum = emptyCounts();
      for (const counts of await Promise.all(stores.map((store) => store.totals()))) {
        addCounts(sum, counts, LIMITS.telemetry.maxTotalSeries);
      }
      return sum;
    },
    async minutes(fromMs, untilMs) {
      const sums = new Map<number, Counts>();
      for (const minutes of await Promise.all(stores.map((store) => store.minutes(fromMs, untilMs)))) {
        for (const [minuteMs, counts] of minutes) {
          const known = sums.get(minuteMs);
          if (known === undefined) sums.set(minuteMs, counts);
          else addCounts(known, counts);
        }
      }
      return sums;
    },
  };
}

export function startOfMinute(timeMs: number): number {
  return Math.floor(timeMs / 60_000) * 60_000;
}

function keyOf(row: unknown): PartKey {
  const { minute_ms: minuteMs, part } = keyRow.parse(row);
  return [minuteMs, part];
}

/** null: not what any version of this table holds. */
function readableCounts(row: unknown): Counts | null {
  const read = partCounts.safeParse(row);
  return read.success ? read.data.counts : null;
}

function shedParts(amount: number): Counts {
  return { counters: { [SHED]: amount }, histograms: {} };
}

function emptyCounts(): Counts {
  return { counters: {}, histograms: {} };
}

async function readMinutes(database: D1Database, minutesMs: readonly number[]): Promise<Map<number, Counts>> {
  const found = await database
    .prepare(
      "SELECT minute_ms, counts FROM metric_minutes WHERE minute_ms IN (SELECT value FROM json_each(?1))",
    )
    .bind(JSON.stringify(minutesMs))
    .all();
  return new Map(
    found.results.map((row) => {
      const { minute_ms: minuteMs, counts } = minuteRow.parse(row);
      return [minuteMs, counts];
    }),
  );
}
