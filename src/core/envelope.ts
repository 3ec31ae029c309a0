/**
 * The envelope: one accepted event, as it travels from ingest through a lane into its partition.
 * Version 1. A reader of version N accepts N − 1; an unknown version is refused, never guessed at.
 */
import * as z from "zod";
import { isLocationHint, type LocationHint } from "./homes.ts";
import { eventIdSchema, partitionNameSchema, partitionOf } from "./ids.ts";
import { eventPolicySchema } from "./policy.ts";
import { err, ok, type Result } from "./result.ts";

export const ENVELOPE_VERSION = 1;

/** The built-in pipeline of events that no route took: recorded, visible, filtered. No configured one has this name. */
export const UNROUTED_PIPELINE = "unrouted";

const bodySchema = z.discriminatedUnion("kind", [
  /** The raw body as text. Bodies that are not valid UTF-8 are refused at the door. */
  z.object({ kind: z.literal("inline"), text: z.string() }),
  /** Claim check: the body lies in R2, write-once, under this key. */
  z.object({ kind: z.literal("stored"), key: z.string(), sha256: z.string(), sizeBytes: z.int() }),
]);

const envelopeSchema = z.object({
  v: z.literal(ENVELOPE_VERSION),
  id: eventIdSchema,
  partition: partitionNameSchema,
  /** `space:key`, for people; routing uses the hash in `partition`. */
  partitionKey: z.string(),
  source: z.string(),
  dedupeKey: z.string(),
  type: z.string(),
  pipeline: z.string(),
  priority: z.enum(["high", "normal", "low"]),
  /** The sender's own time (ms) or sequence number, where it has one. */
  orderKey: z.nullable(z.number()),
  receivedAtMs: z.int(),
  /** Cloudflare location and continent of ingest. */
  origin: z.object({ colo: z.string(), continent: z.string() }),
  /** Near which of the platform's regions the partition should be made, if this event is its first. A hint only. */
  home: z.optional(z.custom<LocationHint>((value) => typeof value === "string" && isLocationHint(value))),
  traceparent: z.string(),
  /** Allow-listed request headers only; never a signature or a secret. */
  headers: z.record(z.string(), z.string()),
  body: bodySchema,
  policy: eventPolicySchema,
  /** The event that emitted this one. `depth` counts links from the event that came in. */
  parent: z.nullable(z.object({ id: eventIdSchema, depth: z.int() })),
  /**
   * The id this event would have had in the epoch before: set while a changed `partitionBy` is young, so that what the
   * old partition has is not taken for new.
   */
  previousId: z.optional(eventIdSchema),
  /** A strict event that could not reach its partition and was queued instead: its order is not promised. */
  orderSuspended: z.optional(z.boolean()),
  /**
   * Tells the signed bytes apart, and source and pipeline: set where a source wants a repeat of them under another id
   * marked. The event that had them first is in `repeatOf`, put there by the partition.
   */
  signedDigest: z.optional(z.string()),
  repeatOf: z.optional(eventIdSchema),
  /** Set when ingest accepted the event but its payload failed the schema: it becomes a listed dead letter. */
  quarantine: z.optional(z.object({ code: z.string(), message: z.string() })),
});

export type EventEnvelope = z.infer<typeof envelopeSchema>;
export type EnvelopeBody = z.infer<typeof bodySchema>;

/** What every list and view of events shows of an envelope: nothing of what it carries. */
export function headOf(envelope: EventEnvelope) {
  const { source, type, pipeline, partition, partitionKey, dedupeKey, priority, traceparent, receivedAtMs } =
    envelope;
  return { source, type, pipeline, partition, partitionKey, dedupeKey, priority, traceparent, receivedAtMs };
}

export type EnvelopeHead = Readonly<ReturnType<typeof headOf>>;

/** Parses an envelope from a queue message, a stored row or an RPC argument. */
export function parseEnvelope(value: unknown): Result<EventEnvelope, string> {
  const parsed = envelopeSchema.safeParse(value);
  if (!parsed.success) return err(z.prettifyError(parsed.error));
  if (partitionOf(parsed.data.id) !== parsed.data.partition)
    return err("the event id names another partition");
  return ok(parsed.data);
}
