/**
 * What the ledger is told of one event: enough to list, count and alert, never its payload. Made by the partition
 * when an event ends or re-enters; carried by the telemetry queue; projected into D1. Version 1.
 */
import * as z from "zod";
import { headOf } from "./envelope.ts";
import { eventIdSchema, partitionNameSchema, type EventId } from "./ids.ts";
import type { EventRecord } from "./partition/model.ts";

export const eventSummarySchema = z.object({
  v: z.literal(1),
  id: eventIdSchema,
  /** Rises each time the event ends, re-enters or gets another payload: an older summary never replaces a newer one. */
  version: z.int(),
  run: z.int(),
  state: z.enum(["pending", "retrying", "deferred", "done", "dead", "review", "filtered", "expired"]),
  source: z.string(),
  type: z.string(),
  pipeline: z.string(),
  partition: partitionNameSchema,
  partitionKey: z.string(),
  dedupeKey: z.string(),
  priority: z.enum(["high", "normal", "low"]),
  traceparent: z.string(),
  /** The event that emitted this one. */
  parent: z.nullable(eventIdSchema),
  colo: z.string(),
  late: z.boolean(),
  receivedAtMs: z.int(),
  /** When it last joined its order again: a replay, or a person's decision. Absent: it did not, or an older version tells. */
  reenteredAtMs: z.optional(z.int()),
  /** null: it has re-entered and is open again. */
  endedAtMs: z.nullable(z.int()),
  attempts: z.int(),
  deliveryAttempts: z.int(),
  deferrals: z.int(),
  failure: z.nullable(
    z.object({ stage: z.string(), class: z.string(), code: z.string(), message: z.string() }),
  ),
  /** Why it is in review, was filtered, or ended as it did: the words of its timeline. */
  reason: z.optional(z.string()),
  model: z.nullable(
    z.object({
      name: z.string(),
      modelId: z.string(),
      inputTokens: z.number(),
      outputTokens: z.number(),
      estimatedUsage: z.boolean(),
      costMicros: z.nullable(z.number()),
      durationMs: z.number(),
      cached: z.boolean(),
      degraded: z.optional(z.string()),
    }),
  ),
  deliveries: z.array(z.object({ destination: z.string(), status: z.number(), durationMs: z.number() })),
});

export type EventSummary = z.infer<typeof eventSummarySchema>;

/** Names a summary the ledger has: its partition stops sending it. */
export interface SummaryReceipt {
  readonly id: EventId;
  readonly version: number;
}

/**
 * What its partition keeps telling until the ledger has it: everything that waits for a person, and whatever has been
 * told otherwise before. A plain success that is never told is only missing from a list.
 */
export function isOutboxed({ state, version }: Pick<EventRecord, "state" | "version">): boolean {
  return state === "dead" || state === "review" || state === "expired" || (version ?? 0) > 1;
}

export function summaryOf(record: EventRecord): EventSummary {
  const { envelope, failure, output } = record;
  return {
    v: 1,
    id: record.id,
    version: record.version ?? 0,
    run: record.run,
    state: record.state,
    ...headOf(envelope),
    parent: envelope.parent?.id ?? null,
    colo: envelope.origin.colo,
    late: record.late,
    ...(record.enteredAtMs === record.arrivedAtMs ? {} : { reenteredAtMs: record.enteredAtMs }),
    endedAtMs: record.endedAtMs,
    attempts: record.attempts,
    deliveryAttempts: record.deliveryAttempts,
    deferrals: record.deferrals,
    failure: failure && {
      stage: failure.stage,
      class: failure.class,
      code: failure.code,
      message: failure.message,
    },
    ...reasonOf(record),
    model: output?.model ?? null,
    deliveries: record.deliveries.map(({ destination, status, durationMs }) => ({
      destination,
      status,
      durationMs,
    })),
  };
}

/**
 * How long the gateway took: from acceptance to the end, or from when the event last joined its order again. What lies between
 * is nobody's latency: a dead letter that is replayed a week later did not take a week.
 *
 * @returns milliseconds; 0 while it is open
 */
export function latencyOf({ receivedAtMs, reenteredAtMs, endedAtMs }: EventSummary): number {
  return endedAtMs === null ? 0 : Math.max(0, endedAtMs - (reenteredAtMs ?? receivedAtMs));
}

/** Of what has ended: what was noted after its end (an edit, a late answer) is not why. */
function reasonOf({ endedAtMs, state, timeline }: EventRecord): Pick<EventSummary, "reason"> {
  const detail = endedAtMs === null ? undefined : timeline.findLast(({ what }) => what === state)?.detail;
  return detail === undefined ? {} : { reason: detail };
}
