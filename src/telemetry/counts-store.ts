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
   * Joins the parts of minutes that began before `beforeMs`, the oldest first, until none is left or `untilMs` has passed;
   * then gives up what is beyond the table's bound, and counts it. Forgets minutes past their time.
   */
  fold(beforeMs: number, untilMs: number): Promise<void>;
  totals(): Promise<Counts>;
  /** By the start of the minute. */
  minutes(fromMs: number, untilMs: number): Promise<ReadonlyMap<number, Counts>>;
}

const countsText = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(countsSchema);
const partRow = z.object({ minute_ms: z.int(), part: z.string(), counts: countsText });
const minuteRow = z.object({ minute_ms: z.int(), counts: countsText });
const totalRow = z.object({ fold: z.string(), counts: countsText });

/** The minute and the name of a part. */
type PartKey = readonly [minuteMs: number, part: string];
const keyRow = z.object({ minute_ms: z.int(), part: z.string() });
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
  /** @returns how many parts it took: the oldest, at most `maxFoldedParts` */
  const foldSome = async (beforeMs: number): Promise<number> => {
    const found = await database
      .prepare(
        "SELECT minute_ms, part, counts FROM metric_parts WHERE minute_ms < ?1 ORDER BY minute_ms, part LIMIT ?2",
      )
      .bind(beforeMs, limits.maxFoldedParts)
      .all();
    const parts = found.results.map((row) => partRow.parse(row));
    if (parts.length === 0) return 0;
    const totals = await readTotals();
    const minutes = await readMinutes(database, [...new Set(parts.map((part) => part.minute_ms))]);
    for (const { minute_ms: minuteMs, counts } of parts) {
      const minute = minutes.get(minuteMs) ?? emptyCounts();
      minutes.set(minuteMs, minute);
      addCounts(minute, counts, limits.maxTotalSeries);
      addCounts(totals.counts, counts, limits.maxTotalSeries);
    }
    await replaceTotals(totals, {
      minutes,
      remove: parts.map(({ minute_ms: minuteMs, part }) => [minuteMs, part]),
    });
    return parts.length;
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

  const shed = async (): Promise<void> => {
    const beyond = await database
      .prepare(
        "SELECT minute_ms, part FROM metric_parts ORDER BY minute_ms DESC, part DESC LIMIT ?2 OFFSET ?1",
      )
      .bind(limits.maxWaitingParts, limits.maxShedParts)
      .all();
    const remove = beyond.results.map((row): PartKey => {
      const { minute_ms: minuteMs, part } = keyRow.parse(row);
      return [minuteMs, part];
    });
    if (remove.length === 0) return;
    const totals = await readTotals();
    const given: Counts = { counters: { [SHED]: remove.length }, histograms: {} };
    addCounts(totals.counts, given);
    await replaceTotals(totals, { minutes: new Map(), remove });
  };

  return {
    async add(part, atMs, counts) {
      await database
        .prepare("INSERT OR IGNORE INTO metric_parts (minute_ms, part, counts) VALUES (?1, ?2, ?3)")
        .bind(startOfMinute(atMs), part, JSON.stringify(counts))
        .run();
    },

    async fold(beforeMs, untilMs) {
      let found: number;
      do found = await foldSome(startOfMinute(beforeMs));
      while (found === limits.maxFoldedParts && nowMs() < untilMs);
      await database
        .prepare("DELETE FROM metric_minutes WHERE minute_ms < ?1")
        .bind(beforeMs - limits.keepMinutesMs)
        .run();
      // The time was not enough. What is beyond the bound is given up, and counted, before the table takes the ledger's room.
      if (found === limits.maxFoldedParts) await shed();
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
        addCounts(counts, partRow.parse(row).counts, LIMITS.telemetry.maxTotalSeries);
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
            "SELECT minute_ms, counts FROM metric_parts WHERE minute_ms >= ?1 AND minute_ms < ?2 ORDER BY minute_ms, part LIMIT ?3",
          )
          .bind(fromMs, untilMs, limits.maxReadParts),
      ]);
      const byMinute = new Map<number, Counts>();
      for (const row of [...(folded?.results ?? []), ...(parts?.results ?? [])]) {
        const { minute_ms: minuteMs, counts } = minuteRow.parse(row);
        const known = byMinute.get(minuteMs);
        if (known === undefined) byMinute.set(minuteMs, counts);
        else addCounts(known, counts);
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
