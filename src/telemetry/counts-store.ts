/**
 * Counts in D1: parts as they come, joined once a minute. What `/metrics` shows is the totals and the parts that are
 * not yet in them, so it never falls. A telemetry batch that is delivered again after its part was joined counts
 * twice: rare, and the price of one row per batch instead of one per series.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import { addCounts, countsSchema, type Counts } from "../core/metrics/counts.ts";

export interface CountsStore {
  /** Adds what a batch counted. The same part again changes nothing until it has been folded. */
  add(part: string, atMs: number, counts: Counts): Promise<void>;
  /** Joins the parts of minutes that began before `beforeMs`, and forgets minutes past their time. */
  fold(beforeMs: number): Promise<void>;
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

export function createCountsStore(database: D1Database, newId: () => string): CountsStore {
  const readTotals = async () => {
    const row = await database.prepare("SELECT fold, counts FROM metric_totals WHERE id = 1").first();
    return totalRow.parse(row);
  };
  return {
    async add(part, atMs, counts) {
      await database
        .prepare("INSERT OR IGNORE INTO metric_parts (minute_ms, part, counts) VALUES (?1, ?2, ?3)")
        .bind(startOfMinute(atMs), part, JSON.stringify(counts))
        .run();
    },

    async fold(beforeMs) {
      const found = await database
        .prepare("SELECT minute_ms, part, counts FROM metric_parts WHERE minute_ms < ?1 LIMIT ?2")
        .bind(startOfMinute(beforeMs), LIMITS.telemetry.maxFoldedParts)
        .all();
      const parts = found.results.map((row) => partRow.parse(row));
      const oldest = database
        .prepare("DELETE FROM metric_minutes WHERE minute_ms < ?1")
        .bind(beforeMs - LIMITS.telemetry.keepMinutesMs);
      if (parts.length === 0) {
        await oldest.run();
        return;
      }
      const totals = await readTotals();
      const minutes = await readMinutes(database, [...new Set(parts.map((part) => part.minute_ms))]);
      for (const { minute_ms: minuteMs, counts } of parts) {
        const minute = minutes.get(minuteMs) ?? emptyCounts();
        minutes.set(minuteMs, minute);
        addCounts(minute, counts, LIMITS.telemetry.maxTotalSeries);
        addCounts(totals.counts, counts, LIMITS.telemetry.maxTotalSeries);
      }
      // One transaction; each statement works only if this fold was the one that won.
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
        ...parts.map((part) =>
          database
            .prepare(`DELETE FROM metric_parts WHERE minute_ms = ?2 AND part = ?3 AND ${won}`)
            .bind(fold, part.minute_ms, part.part),
        ),
        oldest,
      ]);
    },

    async totals() {
      // Read together: between two reads a fold could move a part, and the sum would fall or count it twice.
      const [totals, parts] = await database.batch([
        database.prepare("SELECT fold, counts FROM metric_totals WHERE id = 1"),
        database.prepare("SELECT minute_ms, part, counts FROM metric_parts"),
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
          .prepare("SELECT minute_ms, counts FROM metric_parts WHERE minute_ms >= ?1 AND minute_ms < ?2")
          .bind(fromMs, untilMs),
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
  const marks = minutesMs.map((_, at) => `?${at + 1}`).join(", ");
  const found = await database
    .prepare(`SELECT minute_ms, counts FROM metric_minutes WHERE minute_ms IN (${marks})`)
    .bind(...minutesMs)
    .all();
  return new Map(
    found.results.map((row) => {
      const { minute_ms: minuteMs, counts } = minuteRow.parse(row);
      return [minuteMs, counts];
    }),
  );
}
