/**
 * How far a replay of history has come. Pure. The next events are written down, with the version they were seen in, before
 * anything is done to them: whoever goes on after a crash does the same ones again, and what was done is recognised by its version.
 */
import * as z from "zod";
import { eventIdSchema, type EventId } from "../ids.ts";

const targetSchema = z.readonly(
  z.object({
    id: eventIdSchema,
    version: z.int(),
  }),
);
export type ReplayTarget = z.infer<typeof targetSchema>;

const positionSchema = z.nullable(z.readonly(z.object({ receivedAtMs: z.int(), id: z.string() })));

export const replayProgressSchema = z.readonly(
  z.object({
    v: z.literal(1),
    /** Where the next page begins. */
    after: positionSchema,
    /** There is no next page. */
    exhausted: z.boolean(),
    /** Taken, and not known to be done. */
    chunk: z.readonly(z.array(targetSchema)),
    /** How often this chunk was begun. */
    tries: z.int(),
    seen: z.int(),
    applied: z.int(),
    /** Not in a state that allows it, or moved on since it was listed. */
    refused: z.int(),
    /** Given up after so many tries. */
    failed: z.int(),
  }),
);
export type ReplayProgress = z.infer<typeof replayProgressSchema>;

export type ReplayOutcome =
  | "applied"
  | "refused"
  /** Its partition, or a model, cannot be reached just now. */
  | "again"
  /** A guard said not yet: it waits, however long, and uses up no try. */
  | "waits";

export const NOT_BEGUN: ReplayProgress = {
  v: 1,
  after: null,
  exhausted: false,
  chunk: [],
  tries: 0,
  seen: 0,
  applied: 0,
  refused: 0,
  failed: 0,
};

/** How many events the next page may have; 0: there is something to do first, or nothing left. */
export function wantedEvents(progress: ReplayProgress, maxEvents: number, atMost: number): number {
  if (progress.exhausted || progress.chunk.length > 0) return 0;
  return Math.max(0, Math.min(atMost, maxEvents - progress.seen));
}

export function takePage(
  progress: ReplayProgress,
  targets: readonly ReplayTarget[],
  next: ReplayProgress["after"],
): ReplayProgress {
  const seen = progress.seen + targets.length;
  return { ...progress, chunk: targets, tries: 0, seen, after: next, exhausted: next === null };
}

/** What came of the chunk. Events without an outcome were not reached: they stay. */
export function settleChunk(
  progress: ReplayProgress,
  outcomes: ReadonlyMap<EventId, ReplayOutcome>,
  maxTries: number,
): ReplayProgress {
  const count = (wanted: ReplayOutcome) =>
    progress.chunk.filter(({ id }) => outcomes.get(id) === wanted).length;
  const outcomeOf = ({ id }: ReplayTarget) => outcomes.get(id) ?? "again";
  const waiting = progress.chunk.filter((target) => outcomeOf(target) === "waits");
  const unreached = progress.chunk.filter((target) => outcomeOf(target) === "again");
  const tries = unreached.length === 0 ? 0 : progress.tries + 1;
  const gaveUp = tries >= maxTries;
  return {
    ...progress,
    chunk: progress.chunk.filter(
      (target) => waiting.includes(target) || (!gaveUp && unreached.includes(target)),
    ),
    tries: gaveUp ? 0 : tries,
    applied: progress.applied + count("applied"),
    refused: progress.refused + count("refused"),
    failed: progress.failed + (gaveUp ? unreached.length : 0),
  };
}

export function isFinished(progress: ReplayProgress, maxEvents: number): boolean {
  return progress.chunk.length === 0 && (progress.exhausted || progress.seen >= maxEvents);
}
