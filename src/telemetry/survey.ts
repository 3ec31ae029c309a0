/**
 * How much is open in the partitions: those that drivers left with open work, or that may be paused, are asked in
 * turn, some every minute. Reads partitions and changes none.
 */
import * as z from "zod";
import { parsePartitionName, type PartitionName } from "../core/ids.ts";
import type { Sample } from "../core/metrics/sample.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";

/** What of a partition's status counts here. */
export interface SurveyedStatus {
  readonly openEvents: number;
  readonly oldestOpenAtMs: number | null;
  readonly partition: { readonly paused: { readonly sinceMs: number } | null };
}

export interface SurveyDependencies {
  readonly database: D1Database;
  /** null: the partition holds nothing. */
  readonly status: (partition: PartitionName) => Promise<SurveyedStatus | null>;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly maxPartitions: number;
  readonly concurrency: number;
}

export interface Survey {
  /** Partitions that may have stopped: an event of theirs ended dead or in review. */
  suspect(partitions: readonly PartitionName[]): Promise<void>;
  run(): Promise<void>;
  summary(): Promise<Sample["partitions"]>;
}

const nameRow = z.object({ partition: z.string() });
const totalsRow = z.object({
  open: z.number(),
  open_events: z.number(),
  oldest: z.nullable(z.number()),
  paused: z.number(),
});
const pausedRow = z.object({ partition: z.string(), paused_since_ms: z.number() });

export function createSurvey(deps: SurveyDependencies): Survey {
  const { database } = deps;
  // Never asked yet: counted as one open event until it is.
  const insert = `INSERT OR IGNORE INTO partition_survey (partition, surveyed_at_ms, open_events)`;
  const ask = async (partition: PartitionName): Promise<D1PreparedStatement | null> => {
    try {
      const status = await deps.status(partition);
      const paused = status?.partition.paused ?? null;
      if (status === null || (status.openEvents === 0 && paused === null)) {
        return database.prepare("DELETE FROM partition_survey WHERE partition = ?1").bind(partition);
      }
      return database
        .prepare(
          `UPDATE partition_survey SET surveyed_at_ms = ?2, open_events = ?3, oldest_open_at_ms = ?4,
           paused_since_ms = ?5 WHERE partition = ?1`,
        )
        .bind(partition, deps.nowMs(), status.openEvents, status.oldestOpenAtMs, paused?.sinceMs ?? null);
    } catch (thrown) {
      deps.log.warn("survey_failed", { partition, error: messageOf(thrown) });
      return null;
    }
  };
  return {
    async suspect(partitions) {
      if (partitions.length === 0) return;
      const statement = database.prepare(`${insert} VALUES (?1, 0, 0)`);
      await database.batch(partitions.map((partition) => statement.bind(partition)));
    },
    async run() {
      await database.prepare(`${insert} SELECT partition, 0, 1 FROM open_partitions`).run();
      const found = await database
        .prepare("SELECT partition FROM partition_survey ORDER BY surveyed_at_ms LIMIT ?1")
        .bind(deps.maxPartitions)
        .all();
      const names = found.results.flatMap((row) => {
        const name = parsePartitionName(nameRow.parse(row).partition);
        return name.ok ? [name.value] : [];
      });
      const updates: D1PreparedStatement[] = [];
      for (let at = 0; at < names.length; at += deps.concurrency) {
        const asked = await Promise.all(names.slice(at, at + deps.concurrency).map(ask));
        updates.push(...asked.flatMap((update) => update ?? []));
      }
      if (updates.length > 0) await database.batch(updates);
    },
    async summary() {
      const [totals, paused] = await database.batch([
        database.prepare(
          `SELECT COALESCE(SUM(open_events > 0), 0) AS open, COALESCE(SUM(open_events), 0) AS open_events,
           MIN(oldest_open_at_ms) AS oldest, COALESCE(SUM(paused_since_ms IS NOT NULL), 0) AS paused
           FROM partition_survey`,
        ),
        database
          .prepare(
            `SELECT partition, paused_since_ms FROM partition_survey WHERE paused_since_ms IS NOT NULL
             ORDER BY paused_since_ms LIMIT ?1`,
          )
          .bind(MAX_NAMED_PARTITIONS),
      ]);
      const {
        open,
        open_events: openEvents,
        oldest,
        paused: pausedCount,
      } = totalsRow.parse(totals?.results[0]);
      const named = (paused?.results ?? []).map((row) => {
        const { partition, paused_since_ms: sinceMs } = pausedRow.parse(row);
        return { partition, sinceMs };
      });
      return { open, openEvents, oldestOpenAtMs: oldest, paused: named, pausedCount };
    },
  };
}

/** Named one by one in a sample, and so each an alert of its own. */
const MAX_NAMED_PARTITIONS = 20;
