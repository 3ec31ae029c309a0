/** What a guard is asked and what it answers. Data: they travel between a client and the object. */
import * as z from "zod";
import { guardLimitsSchema, prioritySchema } from "./model.ts";

const limitHintSchema = z.readonly(
  z.object({
    limited: z.boolean(),
    remainingRequests: z.optional(z.number()),
    requestsResetMs: z.optional(z.number()),
    remainingTokens: z.optional(z.number()),
    tokensResetMs: z.optional(z.number()),
    retryAfterMs: z.optional(z.number()),
  }),
);
/** The other side's word on its limits; times are counted from now. */
export type LimitHint = z.infer<typeof limitHintSchema>;

const callReportSchema = z.readonly(
  z.object({
    outcome: z.enum(["success", "transient", "permanent", "cancelled"]),
    latencyMs: z.number(),
    /** null: the other side did not say, and the reservation stands. */
    usedTokens: z.nullable(z.number().min(0)),
    /** No call was made under the permit: what it reserved goes back whole. */
    unused: z.optional(z.boolean()),
    hint: z.optional(limitHintSchema),
  }),
);
export type CallReport = z.infer<typeof callReportSchema>;

export const settlementSchema = z.readonly(z.object({ permitId: z.int(), report: callReportSchema }));
/** Applied at most once: a permit that is gone is not settled again. */
export type Settlement = z.infer<typeof settlementSchema>;

export const admitRequestSchema = z.readonly(
  z.object({
    limits: guardLimitsSchema,
    priority: prioritySchema,
    estimatedTokens: z.int().min(0),
    /** The turn this caller was given when it was last denied. */
    turnAtMs: z.optional(z.number()),
    /** How long the call may take at most. Default: `slotLeaseMs`. */
    leaseMs: z.optional(z.number().positive()),
    /** Further calls that the caller expects within `blockHoldMs`, and what each of them reserves. */
    ahead: z.optional(z.readonly(z.object({ calls: z.int().min(1), tokens: z.int().min(0) }))),
  }),
);
export type AdmitRequest = z.infer<typeof admitRequestSchema>;

export const decisionSchema = z.discriminatedUnion("kind", [
  z.readonly(
    z.object({
      kind: z.literal("granted"),
      permitId: z.int(),
      /** Others may be waiting for this call's end: its settlement should not wait for a ride. */
      settleSoon: z.boolean(),
      /** A success would be no news to anybody: its settlement may wait for the next admission, or be lost. */
      mayKeep: z.optional(z.boolean()),
      /** So many permits more, numbered on from `permitId`, each for one call begun within `blockHoldMs`. */
      ahead: z.optional(z.int().min(0)),
    }),
  ),
  z.readonly(
    z.object({
      kind: z.literal("denied"),
      reason: z.enum(["requests", "tokens", "concurrency", "breaker"]),
      retryAtMs: z.int(),
    }),
  ),
]);
export type Decision = z.infer<typeof decisionSchema>;
export type DeniedReason = Extract<Decision, { kind: "denied" }>["reason"];
