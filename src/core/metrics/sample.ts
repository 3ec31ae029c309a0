/** What is taken once a minute: depth, ages, breakers, what waits for a person. Pure; version 1. */
import * as z from "zod";
import type { GaugeValue } from "./prometheus.ts";

const nullableCount = z.nullable(z.number());

export const sampleSchema = z.object({
  v: z.literal(1),
  atMs: z.int(),
  /** By lane and shard. null: the lane did not say. */
  lanes: z.array(z.object({ lane: z.string(), backlog: nullableCount, oldestAtMs: nullableCount })),
  partitions: z.object({
    open: z.number(),
    openEvents: z.number(),
    oldestOpenAtMs: nullableCount,
    paused: z.array(z.object({ partition: z.string(), sinceMs: z.number() })),
    pausedCount: z.number(),
  }),
  guards: z.array(
    z.object({
      guard: z.string(),
      /** null: the guard did not say. */
      phase: z.nullable(z.enum(["closed", "open", "half-open", "ramping"])),
      rateFactor: nullableCount,
    }),
  ),
  /** null: the ledger does not say. */
  deadLetters: nullableCount,
  reviews: nullableCount,
  oldestReviewAtMs: nullableCount,
  /** By jurisdiction. Absent from samples of the version before; null: the ledger did not say. */
  ledgers: z.optional(z.array(z.object({ ledger: z.string(), bytes: nullableCount }))),
});

export type Sample = z.infer<typeof sampleSchema>;

/** Samples of one moment, each of another ledger, as one. What one of them does not know is not known. */
export function mergeSamples(first: Sample, ...others: readonly Sample[]): Sample {
  return others.reduce(mergeTwo, first);
}

function mergeTwo(left: Sample, right: Sample): Sample {
  const { partitions } = left;
  const other = right.partitions;
  return {
    v: 1,
    atMs: Math.max(left.atMs, right.atMs),
    lanes: [...left.lanes, ...right.lanes],
    partitions: {
      open: partitions.open + other.open,
      openEvents: partitions.openEvents + other.openEvents,
      oldestOpenAtMs: earlier(partitions.oldestOpenAtMs, other.oldestOpenAtMs),
      paused: [...partitions.paused, ...other.paused].sort((one, two) => one.sinceMs - two.sinceMs),
      pausedCount: partitions.pausedCount + other.pausedCount,
    },
    guards: [...left.guards, ...right.guards],
    deadLetters: sumOf(left.deadLetters, right.deadLetters),
    reviews: sumOf(left.reviews, right.reviews),
    oldestReviewAtMs: earlier(left.oldestReviewAtMs, right.oldestReviewAtMs),
    ledgers: [...(left.ledgers ?? []), ...(right.ledgers ?? [])],
  };
}

function sumOf(left: number | null, right: number | null): number | null {
  return left === null || right === null ? null : left + right;
}

function earlier(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.min(left, right);
}

export function depthOf(sample: Sample): number {
  const backlog = sample.lanes.reduce((sum, lane) => sum + (lane.backlog ?? 0), 0);
  return backlog + sample.partitions.openEvents;
}

/** When the oldest event that has not ended was taken in; null: nothing waits. */
export function oldestOpenAtMs(sample: Sample): number | null {
  const times = [...sample.lanes.map((lane) => lane.oldestAtMs), sample.partitions.oldestOpenAtMs];
  const known = times.flatMap((time) => time ?? []);
  return known.length === 0 ? null : Math.min(...known);
}

const STATE_BY_PHASE = { closed: 0, "half-open": 1, ramping: 1, open: 2 } as const;

export function gaugesOf(sample: Sample): GaugeValue[] {
  const { atMs, partitions } = sample;
  const ageSeconds = (timeMs: number | null) => (timeMs === null ? 0 : Math.max(0, atMs - timeMs) / 1_000);
  const plain = (name: GaugeValue["name"], value: number | null): GaugeValue[] =>
    value === null ? [] : [{ name, labels: {}, value }];
  return [
    ...sample.lanes.flatMap(({ lane, backlog, oldestAtMs }): GaugeValue[] =>
      backlog === null
        ? []
        : [
            { name: "sluice_lane_backlog_messages", labels: { lane }, value: backlog },
            { name: "sluice_lane_oldest_seconds", labels: { lane }, value: ageSeconds(oldestAtMs) },
          ],
    ),
    ...plain("sluice_partitions_open", partitions.open),
    ...plain("sluice_partition_open_events", partitions.openEvents),
    ...plain("sluice_partitions_paused", partitions.pausedCount),
    ...plain("sluice_depth_events", depthOf(sample)),
    ...plain("sluice_oldest_open_seconds", ageSeconds(oldestOpenAtMs(sample))),
    ...sample.guards.flatMap(({ guard, phase, rateFactor }): GaugeValue[] =>
      phase === null || rateFactor === null
        ? []
        : [
            { name: "sluice_breaker_state", labels: { guard }, value: STATE_BY_PHASE[phase] },
            { name: "sluice_guard_rate_factor", labels: { guard }, value: rateFactor },
          ],
    ),
    ...plain("sluice_dead_letters", sample.deadLetters),
    ...plain("sluice_reviews", sample.reviews),
    ...plain("sluice_review_oldest_seconds", ageSeconds(sample.oldestReviewAtMs)),
    ...(sample.ledgers ?? []).flatMap(({ ledger, bytes }): GaugeValue[] =>
      bytes === null ? [] : [{ name: "sluice_ledger_bytes", labels: { ledger }, value: bytes }],
    ),
    ...plain("sluice_sampled_timestamp_seconds", atMs / 1_000),
  ];
}
