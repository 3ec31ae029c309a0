/** What the telemetry queue carries, version 1. Never on the way of an event: losing it costs sight, not events. */
import * as z from "zod";
import { eventSummarySchema } from "../core/event-summary.ts";
import { jurisdictionOf, partitionNameSchema, type Jurisdiction } from "../core/ids.ts";
import { countsSchema } from "../core/metrics/counts.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";

const telemetrySchema = z.discriminatedUnion("kind", [
  /** A driver gave the partition back, or lost it, with work still open. */
  z.object({
    v: z.literal(1),
    kind: z.literal("partition_open"),
    partition: partitionNameSchema,
    dueMs: z.number(),
  }),
  /** Events that ended or re-entered. */
  z.object({
    v: z.literal(1),
    kind: z.literal("events"),
    events: z.array(eventSummarySchema),
    /** What the isolate has counted meanwhile rides along: a message of its own would cost as much again. */
    counts: z.optional(countsSchema),
  }),
  /** What an isolate has counted since it last said so. */
  z.object({ v: z.literal(1), kind: z.literal("counts"), counts: countsSchema }),
]);

export type TelemetryMessage = z.infer<typeof telemetrySchema>;

export function parseTelemetry(body: unknown): Result<TelemetryMessage, string> {
  const parsed = telemetrySchema.safeParse(body);
  return parsed.success ? ok(parsed.data) : err(z.prettifyError(parsed.error));
}

/** Of the events it tells of; null: it tells of none. One that was sent before a jurisdiction had its own may tell of several. */
export function jurisdictionOfReport(message: TelemetryMessage): Jurisdiction | null {
  switch (message.kind) {
    case "partition_open":
      return jurisdictionOf(message.partition);
    case "events": {
      const found = message.events.map(({ partition }) => jurisdictionOf(partition));
      return found.find((jurisdiction) => jurisdiction !== "none") ?? found[0] ?? null;
    }
    case "counts":
      return null;
    default:
      return unreachable(message);
  }
}
