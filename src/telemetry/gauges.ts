/**
 * Takes the gauges of a moment and keeps them, one row a minute. Whoever does not answer in time is left out: a sample
 * with a gap is better than none.
 */
import * as z from "zod";
import { sampleSchema, type Sample } from "../core/metrics/sample.ts";
import { messageOf } from "../core/result.ts";
import { startOfMinute } from "./counts-store.ts";
import type { Logger } from "./log.ts";

export interface LaneGauge {
  readonly lane: string;
  readonly metrics: () => Promise<{
    readonly backlogCount: number;
    readonly oldestMessageTimestamp?: Date;
  }>;
}

export interface GuardGauge {
  readonly guard: string;
  /** null: it does not answer. */
  readonly read: () => Promise<{
    readonly phase: Sample["guards"][number]["phase"];
    readonly rateFactor: number;
  } | null>;
}

/** What waits for a person, as the ledger has it. */
export interface WaitingForPeople {
  readonly deadLetters: number;
  readonly reviews: number;
  readonly oldestReviewAtMs: number | null;
}

export interface GaugeSources {
  readonly lanes: readonly LaneGauge[];
  /** As `readGuards` has found them. */
  readonly guards: Sample["guards"];
  readonly partitions: () => Promise<Sample["partitions"]>;
  readonly waiting: () => Promise<WaitingForPeople | null>;
  /** `none`, or the jurisdiction whose ledger this is. */
  readonly ledger: string;
  readonly ledgerBytes: () => Promise<number | null>;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly timeoutMs: number;
}

type Asking = Pick<GaugeSources, "log" | "timeoutMs">;

/** @returns null when it fails or takes too long */
async function ask<Value>(
  { log, timeoutMs }: Asking,
  what: string,
  work: () => Promise<Value>,
): Promise<Value | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), timeoutMs);
  try {
    return await Promise.race([work(), late]);
  } catch (thrown) {
    log.warn("gauge_failed", { gauge: what, error: messageOf(thrown) });
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Apart from the sample, because it needs no ledger. Never throws. */
export function readGuards(guards: readonly GuardGauge[], asking: Asking): Promise<Sample["guards"]> {
  return Promise.all(
    guards.map(async ({ guard, read }) => {
      const found = await ask(asking, guard, read);
      return { guard, phase: found?.phase ?? null, rateFactor: found?.rateFactor ?? null };
    }),
  );
}

/** @throws when the ledger cannot say how much is open */
export async function takeSample(sources: GaugeSources): Promise<Sample> {
  const [lanes, partitions, waiting, bytes] = await Promise.all([
    Promise.all(
      sources.lanes.map(async ({ lane, metrics }) => {
        const found = await ask(sources, lane, metrics);
        return {
          lane,
          backlog: found?.backlogCount ?? null,
          oldestAtMs: found?.oldestMessageTimestamp?.getTime() ?? null,
        };
      }),
    ),
    sources.partitions(),
    ask(sources, "waiting", sources.waiting),
    ask(sources, "ledger", sources.ledgerBytes),
  ]);
  return {
    v: 1,
    atMs: sources.nowMs(),
    lanes,
    guards: sources.guards,
    partitions,
    deadLetters: waiting?.deadLetters ?? null,
    reviews: waiting?.reviews ?? null,
    oldestReviewAtMs: waiting?.oldestReviewAtMs ?? null,
    ledgers: [{ ledger: sources.ledger, bytes }],
  };
}

export interface SampleStore {
  put(sample: Sample): Promise<void>;
  latest(): Promise<Sample | null>;
  /** Oldest first. */
  between(fromMs: number, untilMs: number): Promise<readonly Sample[]>;
  forget(beforeMs: number): Promise<void>;
}

const sampleRow = z.object({
  sample: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(sampleSchema),
});

export function createSampleStore(database: D1Database): SampleStore {
  return {
    async put(sample) {
      await database
        .prepare("INSERT OR REPLACE INTO metric_samples (minute_ms, sample) VALUES (?1, ?2)")
        .bind(startOfMinute(sample.atMs), JSON.stringify(sample))
        .run();
    },
    async latest() {
      const row = await database
        .prepare("SELECT sample FROM metric_samples ORDER BY minute_ms DESC LIMIT 1")
        .first();
      return row === null ? null : sampleRow.parse(row).sample;
    },
    async between(fromMs, untilMs) {
      const found = await database
        .prepare(
          "SELECT sample FROM metric_samples WHERE minute_ms >= ?1 AND minute_ms < ?2 ORDER BY minute_ms",
        )
        .bind(fromMs, untilMs)
        .all();
      return found.results.map((row) => sampleRow.parse(row).sample);
    },
    async forget(beforeMs) {
      await database.prepare("DELETE FROM metric_samples WHERE minute_ms < ?1").bind(beforeMs).run();
    },
  };
}
