/**
 * What the operator API takes and answers, as zod schemas: the types of the code, the checks of the edge and the OpenAPI
 * document are all made of these. Names (`id`) are those of the document.
 */
import * as z from "zod";
import { guardSummarySchema } from "../core/guard/summary.ts";
import { eventSummarySchema } from "../core/event-summary.ts";
import { parseEventId, parsePartitionName, type EventId, type PartitionName } from "../core/ids.ts";
import { LIMITS } from "../config/limits.ts";
import { SCOPES } from "./port.ts";

const atMs = z.int().meta({ description: "Milliseconds since 1970, UTC." });

export const eventIdSchema = z
  .string()
  .refine((text): text is EventId => parseEventId(text).ok, "is not an event id")
  .meta({ description: "An event id: `evt_…`" });

export const partitionNameSchema = z
  .string()
  .refine((text): text is PartitionName => parsePartitionName(text).ok, "is not a partition's name")
  .meta({ description: "A partition's name, as in its events' ids" });

/** The ledger has the failure's words; the partition also what the other side answered. */
const failureSchema = z.nullable(
  eventSummarySchema.shape.failure.unwrap().extend({
    answer: z.optional(z.string()).meta({ description: "The beginning of what the other side answered" }),
  }),
);

/** One event in a list: what the ledger knows. */
export const eventSchema = eventSummarySchema
  .omit({ v: true, traceparent: true, id: true, partition: true, parent: true })
  .extend({
    id: z.string(),
    partition: z.string(),
    parent: z.nullable(z.string()),
    traceId: z.nullable(z.string()),
  })
  .meta({ id: "Event" });
export type EventItem = z.input<typeof eventSchema>;

export const eventPageSchema = z
  .object({
    events: z.array(eventSchema),
    next: z.nullable(z.string()).meta({
      description:
        "The cursor of the next page; null on the last. A page may be short, or empty, and have a next one.",
    }),
  })
  .meta({ id: "EventPage" });

const stateSchema = eventSummarySchema.shape.state;

export const payloadSchema = z
  .object({
    /** The JSON value; null when it cannot be read as such. */
    value: z.unknown(),
    text: z.string(),
    omittedBytes: z
      .optional(z.int())
      .meta({ description: "Its size, where it is larger than `payloadUpTo` and so not here" }),
  })
  .meta({ id: "Payload" });

/** One event as its partition has it. */
export const eventDetailSchema = eventSchema
  .omit({ version: true, model: true, deliveries: true, colo: true, parent: true, failure: true })
  .extend({
    state: z.union([stateSchema, z.literal("leased")]),
    retained: z.boolean().meta({
      description: "false: past its partition's retention; only what the ledger knows is left.",
    }),
    parent: z.nullable(z.object({ id: z.string(), depth: z.int() })),
    nextAtMs: z.nullable(atMs),
    starts: z.int(),
    sequence: z.int(),
    failure: failureSchema,
    decision: z
      .optional(
        z.object({
          by: z.enum(["model", "cache", "default"]),
          answer: z.unknown(),
          atMs,
          reason: z.nullable(z.string()).meta({ description: "Why it was the default; null: it was not" }),
          late: z
            .optional(z.object({ answer: z.unknown(), atMs }))
            .meta({ description: "What the model said after that. The sender was not told." }),
        }),
      )
      .meta({ description: "What its waiting sender was told; absent: no sender waited" }),
    output: z.nullable(
      z.object({
        value: z.unknown(),
        body: z.unknown(),
        type: z.string(),
        to: z.array(z.string()),
        draft: z.boolean().meta({ description: "Not deliverable: approved, the model is asked again" }),
        model: eventSummarySchema.shape.model,
      }),
    ),
    deliveries: z.array(
      z.object({
        destination: z.string(),
        idempotencyKey: z.optional(z.string()),
        status: z.number(),
        deliveredAtMs: z.optional(atMs),
        durationMs: z.number(),
      }),
    ),
    timeline: z.array(z.object({ atMs, what: z.string(), detail: z.optional(z.string()) })),
    payload: z.optional(payloadSchema).meta({ description: "With `payload=1`, while it is retained." }),
    original: z
      .optional(payloadSchema)
      .meta({ description: "With `payload=1`: what it came with, if it was edited." }),
  })
  .meta({ id: "EventDetail" });
export type EventDetail = z.input<typeof eventDetailSchema>;

const limitSchema = z.coerce.number().int().min(1).max(LIMITS.operator.maxPageSize);

export const pageQuery = {
  limit: limitSchema.default(LIMITS.operator.defaultPageSize),
  cursor: z.optional(z.string().max(500)),
};

const MAX_STATES = 8;
const textSchema = z.string().min(1).max(500);

/** Conditions of a list, as a query string has them. */
export const filterQuery = {
  state: z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(stateSchema).max(MAX_STATES))
    .optional()
    .meta({ description: `Any of, separated by commas: ${stateSchema.options.join(", ")}` }),
  source: z.optional(textSchema),
  type: z.optional(textSchema),
  pipeline: z.optional(textSchema),
  partition: z.optional(partitionNameSchema),
  customer: z.optional(textSchema).meta({ description: "`space:key`, as in `partitionKey`" }),
  dedupeKey: z.optional(textSchema).meta({ description: "The sender's own id of the delivery" }),
  code: z.optional(textSchema).meta({ description: "The failure's code" }),
  late: z.optional(z.stringbool()),
  fromMs: z.optional(z.coerce.number().int()).meta({ description: "Accepted at or after" }),
  toMs: z.optional(z.coerce.number().int()).meta({ description: "Accepted before" }),
};

/** The same conditions in a body, without the state. */
export const filterSchema = z
  .object({
    source: z.optional(textSchema),
    type: z.optional(textSchema),
    pipeline: z.optional(textSchema),
    partition: z.optional(partitionNameSchema),
    customer: z.optional(textSchema),
    dedupeKey: z.optional(textSchema),
    code: z.optional(textSchema),
    late: z.optional(z.boolean()),
    fromMs: z.optional(z.int()),
    toMs: z.optional(z.int()),
  })
  .meta({ id: "Filter" });

export const reasonSchema = z.string().trim().min(1).max(LIMITS.operator.maxReasonCharacters);

/** `parse`: everything is made anew. `deliver`: the stored output is used; where there is none, everything is made anew. */
export const fromStageSchema = z.enum(["parse", "deliver"]);

export const appliedSchema = z.object({ status: z.literal("applied") }).meta({ id: "Applied" });
export const APPLIED = { status: "applied" } as const;

export const bulkAnswerSchema = z
  .object({
    applied: z.array(z.string()).meta({ description: "Ids of the events it was done to" }),
    refused: z.array(z.object({ id: z.string(), reason: z.string() })),
    next: z
      .nullable(z.string())
      .meta({ description: "Call again with this cursor for what is left; null: nothing is." }),
  })
  .meta({ id: "BulkAnswer" });

export const scopeSchema = z.enum(SCOPES);

export const guardSchema = z
  .object({
    name: z.string(),
    limits: z
      .object({
        requestsPerMinute: z.optional(z.number()),
        tokensPerMinute: z.optional(z.number()),
        maxConcurrent: z.optional(z.number()),
      })
      .meta({ description: "As the config has them; of a limit that is split, this guard's part" }),
    state: z.nullable(guardSummarySchema),
  })
  .meta({ id: "Guard", description: "`state` is null when the guard cannot be reached." });
