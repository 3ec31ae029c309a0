/**
 * What each builder of a config takes: every member, its words and its ranges. For whoever writes JavaScript, casts, or
 * mistypes a name; TypeScript says most of it earlier. What depends on other parts of a config (names, bindings, prices)
 * is checked when the whole is there, in `check-gateway.ts`.
 */
import * as z from "zod";
import { IDEMPOTENCY_MODES } from "../core/idempotency.ts";
import { PRIORITIES } from "../core/policy.ts";
import { didYouMean } from "./did-you-mean.ts";
import { LIMITS } from "./limits.ts";

type Shape = Readonly<Record<string, z.ZodType>>;

/** An object with these members and no other; a wrong name is told the right one. */
function members(shape: Shape) {
  const names = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      return issue.keys.map((key) => `"${key}" is not known here${didYouMean(key, names)}`).join("; ");
    },
  });
}

const text = z.string().min(1);
const flag = z.boolean();
const fn = z.custom((value) => typeof value === "function", { error: "is no function" });
const wholeNumber = z.int().min(0);
const count = z.int().min(1);
const share = z.number().min(0).max(1);
const duration = z.int().min(0).max(LIMITS.config.maxDurationMs);
const timeout = z.int().min(1).max(LIMITS.config.maxTimeoutMs);
/** RFC 3339, or milliseconds. Whether it is a time is said with its place, by the check of the whole. */
const moment = z.union([z.string(), z.number()]);
const words = <const Words extends readonly string[]>(allowed: Words) =>
  z.enum(allowed, {
    error: ({ input }) =>
      `${shown(input)} is not one of ${allowed.map((word) => `"${word}"`).join(", ")}` +
      (typeof input === "string" ? didYouMean(input, allowed) : ""),
  });
const made = (what: string, isMade: (value: object) => boolean) =>
  z.custom((value) => typeof value === "object" && value !== null && isMade(value), {
    error: `is no ${what}`,
  });
const zodSchema = made("zod schema", (value) => "safeParse" in value);
const optionals = (shape: Shape): Shape =>
  Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, schema.optional()]));

function shown(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}

const quota = members({ perMinute: z.number(), burst: z.number().optional() });

const retry = members({
  firstDelayMs: duration,
  factor: z.number().min(1).max(LIMITS.config.maxRetryFactor),
  jitter: share,
  maxDelayMs: duration,
  maxRetries: z.int().min(0).max(LIMITS.config.maxRetries),
});

const policy = members(
  optionals({
    ordering: words(["none", "arrival", "strict"]),
    onUnreachable: words(["refuse", "queue"]),
    lookahead: z.number(),
    settleMs: duration,
    leaseMs: duration,
    retry,
    delivery: retry,
    maxAgeMs: z.int().min(1).max(LIMITS.config.maxDurationMs),
    onDead: words(["continue", "pause"]),
    onReview: words(["continue", "hold"]),
    retainMs: z.int().min(1).max(LIMITS.config.maxDurationMs),
    gapWaitMs: duration,
    quota,
  }),
);

const priority = z.union([words(PRIORITIES), fn], {
  error: ({ input }) =>
    `${shown(input)} is neither a function nor one of ${PRIORITIES.map((word) => `"${word}"`).join(", ")}`,
});

/** Part of the customer's name, `space:key`: a colon would make two customers of one name. */
const space = z
  .string()
  .regex(/^[^:\s]{1,63}$/, "is no usable name: 1 to 63 characters, no colon and no space");

const shards = z.int().min(1).max(LIMITS.config.maxUnkeyedShards);

export const SOURCE_SHAPE = members({
  verify: made(
    "verification: use a sender's builder, as in stripe({ secrets: [...] })",
    (value) => "scheme" in value,
  ),
  events: z.record(
    z.string(),
    made("zod schema", (value) => "safeParse" in value || "versions" in value),
  ),
  partitionBy: fn.optional(),
  space: space.optional(),
  epoch: count.optional(),
  previousEpoch: members({
    epoch: count,
    partitionBy: fn.optional(),
    space: space.optional(),
    unkeyedShards: shards.optional(),
    until: moment.optional(),
  }).optional(),
  jurisdiction: words(["none", "eu", "us", "fedramp"]).optional(),
  home: fn.optional(),
  unkeyedShards: shards.optional(),
  dedupeBy: fn.optional(),
  idempotency: words(IDEMPOTENCY_MODES).optional(),
  orderBy: fn.optional(),
  priority: priority.optional(),
  filter: fn.optional(),
  onInvalid: words(["quarantine", "reject"]).optional(),
  maxBodyBytes: z.int().min(1).max(LIMITS.ingest.json.maxBodyBytes).optional(),
  quota: quota.optional(),
  policy: policy.optional(),
  routes: fn,
});

const PIPELINE = made(
  "pipeline: make it with definePipeline",
  (value) => "open" in value && "deliver" in value,
);
const commonRoute = { when: fn.optional(), priority: priority.optional(), policy: policy.optional() };

export const ROUTE_SHAPE = members({
  type: text,
  pipeline: PIPELINE,
  options: z.union([
    members({ ...commonRoute, mode: words(["async"]).optional() }),
    members({ ...commonRoute, mode: z.literal("sync"), deadlineMs: z.number(), default: z.json() }),
  ]),
});

const onDegraded = z.union([words(["retry", "review", "next-model"]), members({ fallback: fn })], {
  error: 'is none of "retry", "review", "next-model", { fallback }',
});

const budget = members({
  perDayUsd: z.number(),
  on: words(["stop", "downgrade"]),
  downgradeTo: text.optional(),
});

const infer = members({
  model: text,
  promptVersion: text,
  output: zodSchema,
  prompt: fn,
  checks: z.array(fn).optional(),
  temperature: z.number().min(0).max(2).optional(),
  maxOutputTokens: count.optional(),
  cacheTtlSeconds: count.optional(),
  shareAcrossLocations: flag.optional(),
  onDegraded: onDegraded.optional(),
  onDegradedBy: members(
    optionals({
      schema: onDegraded,
      check: onDegraded,
      truncated: onDegraded,
      refused: onDegraded,
      unreadable: onDegraded,
    }),
  ).optional(),
  fallbackModels: z.array(text).optional(),
  fallbackAfterAttempts: count.optional(),
  staleOnErrorSeconds: wholeNumber.optional(),
  onInjection: words(["flag", "review", "block"]).optional(),
  stream: flag.optional(),
  injectionThreshold: share.optional(),
});

export const PIPELINE_SHAPE = members({
  name: text,
  input: zodSchema,
  enrich: fn.optional(),
  infer: infer.optional(),
  format: fn,
  emits: z.array(text).optional(),
  deliver: z.array(text).refine((names) => new Set(names).size === names.length, "names a destination twice"),
  policy: policy.optional(),
  budget: budget.optional(),
});

/** Their numbers are judged with their place, by `check-limits.ts`. */
const limits = members(
  optionals({
    requestsPerMinute: z.number(),
    tokensPerMinute: z.number(),
    maxConcurrent: z.number(),
    slowMs: z.number(),
    shards: z.number(),
  }),
);
const variable = members({ variable: z.string() });
const address = z.union([text, variable], { error: 'is neither an address nor { variable: "…" }' });

export const HTTP_DESTINATION_SHAPE = members({
  url: address,
  secret: z.string(),
  limits: limits.optional(),
  timeoutMs: z.number().max(LIMITS.config.maxTimeoutMs).optional(),
});

export const QUEUE_DESTINATION_SHAPE = members({ binding: z.string(), limits: limits.optional() });

const price = members({
  inputPerMillion: z.number().min(0),
  outputPerMillion: z.number().min(0),
  cachedInputPerMillion: z.number().min(0).optional(),
  cacheWritePerMillion: z.number().min(0).optional(),
});

const model: Shape = {
  model: text,
  apiKey: z.union([z.string(), z.array(z.string())]).optional(),
  gatewayToken: text.optional(),
  limits: limits.optional(),
  timeouts: members(
    optionals({ connectMs: timeout, firstTokenMs: timeout, idleMs: timeout, totalMs: timeout }),
  ).optional(),
  price: price.optional(),
  budget: budget.optional(),
  endpoints: z.array(members({ region: text, baseUrl: address, limits: limits.optional() })).optional(),
  structuredOutput: flag.optional(),
};

/** Of a provider whose address is known. */
export const MODEL_SHAPE = members({ ...model, baseUrl: address.optional() });

export const OPENAI_COMPATIBLE_SHAPE = members({
  ...model,
  baseUrl: address,
  outputTokensField: words(["max_tokens", "max_completion_tokens"]).optional(),
  verbatim: flag.optional(),
});

/** Of any sender: further members are each sender's own, and TypeScript's to judge. */
export const SENDER_SHAPE = z.looseObject({
  secrets: z.array(z.union([z.string(), members({ name: text, until: moment })])),
  publicUrl: z.url({ protocol: /^https?$/ }).optional(),
  toleranceMs: z.number().min(1).max(LIMITS.config.maxDurationMs).optional(),
});

const startLimits = members({ startsPerMinute: z.number(), maxConcurrent: z.number() });
const backlog = members({ maxBacklog: z.number() });
const origin = z.union([z.string(), variable]);

export const GATEWAY_SHAPE = members({
  sources: z.record(
    z.string(),
    made("source: make it with defineSource", (value) => "verify" in value && "routes" in value),
  ),
  pipelines: z.array(PIPELINE).optional(),
  models: z.record(
    z.string(),
    made("model: make it with openaiCompatible, anthropic or google", (value) => "create" in value),
  ),
  destinations: z.record(
    z.string(),
    made("destination: make it with httpDestination or queueDestination", (value) => "kind" in value),
  ),
  lanes: members(optionals({ high: backlog, normal: backlog, low: backlog })).optional(),
  spaceBudgets: z.record(z.string(), budget).optional(),
  api: members(
    optionals({
      tokens: z.array(z.string()),
      adminTokens: z.array(z.string()),
      corsOrigins: z.array(origin),
      publicOrigin: origin,
      streamLimits: members(optionals({ perUser: startLimits, perToken: startLimits })),
    }),
  ).optional(),
  ledger: members(
    optionals({ successes: words(["rows", "packed", "none"]), retainDays: z.number() }),
  ).optional(),
  traces: members({
    endpoint: address,
    headers: z.record(z.string(), z.string()).optional(),
    sampleShare: z.number().optional(),
    serviceName: text.optional(),
  }).optional(),
  alerts: members({
    webhooks: z.array(
      z.union([
        members({ format: z.literal("slack"), url: variable }),
        members({ format: z.literal("standard"), url: address, secret: text }),
      ]),
    ),
    service: text.optional(),
    runbooks: text.optional(),
    above: z.record(z.string(), z.union([z.number(), z.literal(false)])).optional(),
    margin: z.record(z.string(), z.number()).optional(),
  }).optional(),
});
