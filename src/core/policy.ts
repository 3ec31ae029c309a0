/**
 * The rules an event travels with. Resolved once, at ingest, from the config, and carried in the
 * envelope as data: the partition needs no config, and a deploy never changes the rules of an event
 * that is already under way.
 */
import * as z from "zod";
import { DELIVERY_RETRY, MODEL_RETRY } from "./retry.ts";

export type Priority = "high" | "normal" | "low";
export const PRIORITIES: readonly Priority[] = ["high", "normal", "low"];

const retryPolicySchema = z.object({
  firstDelayMs: z.number(),
  factor: z.number(),
  jitter: z.number(),
  maxDelayMs: z.number(),
  maxRetries: z.number(),
});

/** `burst`: how many may come at once after a quiet time. Default: six seconds' worth. */
const quotaSchema = z.readonly(z.object({ perMinute: z.int().min(1), burst: z.optional(z.int().min(1)) }));
export type Quota = z.infer<typeof quotaSchema>;

export const eventPolicySchema = z.object({
  /**
   * `none`: an event never waits for another. `arrival`: by the sender's key, best effort within `settleMs`; what
   * came too late is marked and counted. `strict`: the order of acknowledgement, without exception.
   */
  ordering: z.enum(["none", "arrival", "strict"]),
  /**
   * `strict` only, when the partition cannot be reached in time: the sender is told to come again (default), or the
   * event is queued all the same, out of the order, marked late, and the answer says so.
   */
  onUnreachable: z.optional(z.enum(["refuse", "queue"])),
  /** How many events of one partition are worked on at once; effects stay in order. */
  lookahead: z.int(),
  /** How long after its arrival an event's effects wait for an earlier one (`arrival` only). */
  settleMs: z.int(),
  /** A driver that is silent for this long has lost the partition. */
  leaseMs: z.int(),
  retry: retryPolicySchema,
  delivery: retryPolicySchema,
  /** An event that is not finished by then expires, listed. */
  maxAgeMs: z.int(),
  onDead: z.enum(["continue", "pause"]),
  onReview: z.enum(["continue", "hold"]),
  /** How long a finished event's envelope is kept for replay. */
  retainMs: z.int(),
  /** For contiguous sender sequences: how long a gap is waited for. 0 = the key is not contiguous. */
  gapWaitMs: z.int(),
  /** How many of one customer's events of one source are worked on per minute. Beyond it they wait. Absent: any number. */
  quota: z.optional(quotaSchema),
});

export type EventPolicy = Readonly<z.infer<typeof eventPolicySchema>>;

export const DEFAULT_EVENT_POLICY: EventPolicy = {
  ordering: "arrival",
  lookahead: 4,
  settleMs: 250,
  leaseMs: 90_000,
  retry: MODEL_RETRY,
  delivery: DELIVERY_RETRY,
  maxAgeMs: 4 * 86_400_000,
  onDead: "continue",
  onReview: "continue",
  retainMs: 7 * 86_400_000,
  gapWaitMs: 0,
};
