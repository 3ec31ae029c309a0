/** What travels in a lane: an event, or the news that a partition has work. Version 1. */
import * as z from "zod";
import { parseEnvelope, type EventEnvelope } from "../../core/envelope.ts";
import { partitionNameSchema, type PartitionName } from "../../core/ids.ts";
import type { Priority } from "../../core/policy.ts";
import { err, ok, type Result } from "../../core/result.ts";

export type LaneMessage =
  | { readonly v: 1; readonly kind: "event"; readonly envelope: EventEnvelope }
  /** Holds no event: the partition itself says what is due. */
  | { readonly v: 1; readonly kind: "ring"; readonly partition: PartitionName; readonly priority: Priority };

const messageSchema = z.discriminatedUnion("kind", [
  z.object({ v: z.literal(1), kind: z.literal("event"), envelope: z.unknown() }),
  z.object({
    v: z.literal(1),
    kind: z.literal("ring"),
    partition: partitionNameSchema,
    priority: z.enum(["high", "normal", "low"]),
  }),
]);

export function parseLaneMessage(body: unknown): Result<LaneMessage, string> {
  const parsed = messageSchema.safeParse(body);
  if (!parsed.success) return err(z.prettifyError(parsed.error));
  if (parsed.data.kind === "ring") return ok(parsed.data);
  const envelope = parseEnvelope(parsed.data.envelope);
  return envelope.ok ? ok({ v: 1, kind: "event", envelope: envelope.value }) : envelope;
}
