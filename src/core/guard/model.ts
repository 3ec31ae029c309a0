/**
 * The guard's data: one small JSON value per model endpoint or destination. Plain values; the machine
 * (`machine.ts`) maps them to new ones, the object stores them. Spec: docs/spec/guard.md.
 */
import * as z from "zod";
import { err, ok, type Result } from "../result.ts";

export const GUARD_STATE_VERSION = 1;

/** Bounds of what is read back from storage; above what the machine ever writes. */
const MAX_STORED_PERMITS = 10_000;
const MAX_STORED_BUCKETS = 500;

/** One number per priority: low, normal, high (`Level` is the index). */
const tripleSchema = z.readonly(z.tuple([z.number(), z.number(), z.number()]));
export type Triple = z.infer<typeof tripleSchema>;

export const prioritySchema = z.enum(["low", "normal", "high"]);

export const guardLimitsSchema = z.readonly(
  z.object({
    requestsPerMinute: z.optional(z.int().min(1)),
    tokensPerMinute: z.optional(z.int().min(1)),
    maxConcurrent: z.optional(z.int().min(1)),
    slowMs: z.optional(z.number().positive()),
    /** How far calls may run ahead of an even pace. Default: the settings'. */
    burstMs: z.optional(z.number().min(0)),
  }),
);
/** The limits as the caller's config has them. They come with every request; the guard has no config. */
export type Limits = z.infer<typeof guardLimitsSchema>;

const permitSchema = z.readonly(
  z.object({
    id: z.int(),
    priority: prioritySchema,
    grantedAtMs: z.number(),
    expiresAtMs: z.number(),
    /** Reserved, until the settlement says what was used. */
    tokens: z.number(),
    /** Of a block: its call may begin until then, so that is when it counts. */
    useByMs: z.optional(z.number()),
  }),
);
/** One call under way. Every grant is one, whether slots are limited or not. */
export type PermitRecord = z.infer<typeof permitSchema>;

const bucketSchema = z.readonly(
  z.object({ startMs: z.number(), requests: tripleSchema, tokens: tripleSchema }),
);
/** What was granted in one second, by priority. */
export type Bucket = z.infer<typeof bucketSchema>;

const rateSchema = z.readonly(
  z.object({
    buckets: z.readonly(z.array(bucketSchema).max(MAX_STORED_BUCKETS)),
    /** Virtual scheduling: the time up to which an even pace is used up, by kind and priority. */
    paceMs: z.readonly(z.object({ requests: tripleSchema, tokens: tripleSchema })),
  }),
);
export type RateState = z.infer<typeof rateSchema>;

const sampleSchema = z.readonly(z.object({ startMs: z.number(), calls: z.int(), failures: z.int() }));
export type Sample = z.infer<typeof sampleSchema>;

const breakerSchema = z.discriminatedUnion("phase", [
  z.readonly(
    z.object({
      phase: z.literal("closed"),
      samples: z.readonly(z.array(sampleSchema).max(MAX_STORED_BUCKETS)),
    }),
  ),
  z.readonly(z.object({ phase: z.literal("open"), untilMs: z.number(), cooldownMs: z.number() })),
  z.readonly(z.object({ phase: z.literal("half-open"), probeId: z.int(), cooldownMs: z.number() })),
  z.readonly(
    z.object({
      phase: z.literal("ramping"),
      /** The probe that went before: only later calls count. */
      probeId: z.int(),
      /** Calls at once. */
      limit: z.int(),
      cooldownMs: z.number(),
    }),
  ),
]);
export type Breaker = z.infer<typeof breakerSchema>;

const leftSchema = z.nullable(z.readonly(z.object({ amount: z.number(), untilMs: z.number() })));
/** What the other side said is left, until its reset. null: it has not said, or that is over. */
export type Left = z.infer<typeof leftSchema>;

const adaptiveSchema = z.readonly(
  z.object({
    /** Part of the configured rates in force, at most 1. */
    factor: z.number().positive().max(1),
    changedAtMs: z.number(),
    /** Stands in for a request limit nobody configured, from a 429 until the rate is restored. */
    observedPerMinute: z.nullable(z.number()),
    /** 429s since the last success, counted once per overload. */
    streak: z.int(),
    pausedUntilMs: z.number(),
    left: z.readonly(z.object({ requests: leftSchema, tokens: leftSchema })),
  }),
);
export type Adaptive = z.infer<typeof adaptiveSchema>;

const unwrittenSchema = z.readonly(
  z.object({
    grants: z.int(),
    tokens: z.number(),
    /** Something would be lost, though nothing that grants capacity. */
    changed: z.boolean(),
    /** Something would be lost that must not be: the breaker, the limits, a pause. */
    urgent: z.boolean(),
  }),
);
/** What has happened since the state was last written. */
export type Unwritten = z.infer<typeof unwrittenSchema>;

const guardStateSchema = z.readonly(
  z.object({
    v: z.literal(GUARD_STATE_VERSION),
    /** The latest time seen: a guard's time never runs backwards. */
    nowMs: z.number(),
    writtenAtMs: z.number(),
    /** Written after a time in which nothing happened: whatever happens next is written before it is known. Absent: it is not. */
    isClosed: z.optional(z.boolean()),
    unwritten: unwrittenSchema,
    limits: guardLimitsSchema,
    lastPermitId: z.int(),
    /** The longest lease granted so far: how long a permit that a restart lost may be in use. */
    longestLeaseMs: z.number(),
    permits: z.readonly(z.array(permitSchema).max(MAX_STORED_PERMITS)),
    rate: rateSchema,
    /** By priority, the first turn that is still free. */
    turnsMs: tripleSchema,
    breaker: breakerSchema,
    adaptive: adaptiveSchema,
    /** Moving average over successes; null before the first. */
    latencyMs: z.nullable(z.number()),
  }),
);
export type GuardState = z.infer<typeof guardStateSchema>;

/** A guard nobody has used. All its capacity is free. */
export function newGuardState(nowMs: number): GuardState {
  return {
    v: GUARD_STATE_VERSION,
    nowMs,
    writtenAtMs: 0,
    unwritten: NOTHING_UNWRITTEN,
    limits: {},
    lastPermitId: 0,
    longestLeaseMs: 0,
    permits: [],
    rate: { buckets: [], paceMs: { requests: [0, 0, 0], tokens: [0, 0, 0] } },
    turnsMs: [0, 0, 0],
    breaker: { phase: "closed", samples: [] },
    adaptive: {
      factor: 1,
      changedAtMs: 0,
      observedPerMinute: null,
      streak: 0,
      pausedUntilMs: 0,
      left: { requests: null, tokens: null },
    },
    latencyMs: null,
  };
}

export const NOTHING_UNWRITTEN: Unwritten = { grants: 0, tokens: 0, changed: false, urgent: false };

/** Parses a state from storage. Another version is refused, never guessed at. */
export function parseGuardState(value: unknown): Result<GuardState, string> {
  const parsed = guardStateSchema.safeParse(value);
  return parsed.success ? ok(parsed.data) : err(z.prettifyError(parsed.error));
}
