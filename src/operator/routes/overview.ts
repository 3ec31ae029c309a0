/** How things stand, in one look: counts, rates, what the config has, who is asking, what was done by whom. */
import * as z from "zod";
import { DAY_MS, HOUR_MS, LIMITS, MINUTE_MS } from "../../config/limits.ts";
import { eventSummarySchema } from "../../core/event-summary.ts";
import { err, ok } from "../../core/result.ts";
import { decodeCursor, encodeCursor } from "../../ledger/cursor.ts";
import { LATENCY_BOUNDS_MS, quantileMs } from "../../core/latency-histogram.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, scopeSchema } from "../schemas.ts";
import { BAD_CURSOR } from "./events.ts";

const stateSchema = eventSummarySchema.shape.state;

const rollupSchema = z
  .object({
    fromMs: z.int(),
    source: z.string(),
    pipeline: z.string(),
    state: stateSchema,
    code: z.string().meta({ description: "The failure's code; empty where nothing failed" }),
    ended: z.int(),
    late: z.int(),
    retried: z.int(),
    latencyMs: z.number().meta({
      description:
        "From where a run joined its order (acceptance, a replay, a decision) to its end, summed up",
    }),
    latencyCounts: z.array(z.int()).meta({
      description: `Counts by upper bound in ms: ${LATENCY_BOUNDS_MS.join(", ")}, and beyond`,
    }),
    p50Ms: z.nullable(z.number()),
    p95Ms: z.nullable(z.number()),
    modelCalls: z.int(),
    modelCached: z.int(),
    modelMs: z.number(),
    inputTokens: z.number(),
    outputTokens: z.number(),
    costMicros: z.number().meta({ description: "Millionths of a US dollar" }),
  })
  .meta({ id: "Rollup" });

export const rollupListSchema = z.object({ rollups: z.array(rollupSchema) }).meta({ id: "RollupList" });

export const overviewSchema = z
  .object({
    atMs: z.int(),
    exceptions: z.array(
      z.object({
        state: stateSchema,
        pipeline: z.string(),
        count: z.int(),
        oldestEndedAtMs: z.nullable(z.int()),
      }),
    ),
    openPartitions: z.int().meta({ description: `At most ${LIMITS.operator.maxPageSize} are counted` }),
    oldestDueAtMs: z.nullable(z.number()),
  })
  .meta({ id: "Overview" });

export const configNamesSchema = z
  .object({
    sources: z.array(z.string()),
    pipelines: z.array(z.string()),
    models: z.array(z.string()),
    destinations: z.array(z.string()),
  })
  .meta({ id: "ConfigNames" });

export const whoAmISchema = z
  .object({ tokenId: z.string(), name: z.string(), scopes: z.array(scopeSchema) })
  .meta({ id: "WhoAmI" });

const auditEntrySchema = z
  .object({
    id: z.string(),
    atMs: z.int(),
    actor: z.string(),
    actorName: z.string(),
    operation: z.string(),
    target: z.string(),
    detail: z.string(),
    status: z.nullable(z.int()),
    outcome: z.nullable(z.string()).meta({ description: "`ok`, or a problem's code; null: nobody knows" }),
  })
  .meta({ id: "AuditEntry" });

const MAX_ROLLUP_SPANS = 1_500;

export const overviewRoutes: readonly Route[] = [
  defineRoute({
    id: "getOverview",
    method: "get",
    path: "/overview",
    scope: "read",
    tag: "Overview",
    summary: "What nobody has dealt with, by state and pipeline; partitions with open work",
    answer: overviewSchema,
    async handle({ deps }) {
      const [exceptions, open] = await Promise.all([
        deps.ledger.exceptions(),
        deps.openPartitions.list(LIMITS.operator.maxPageSize),
      ]);
      return ok({
        atMs: deps.nowMs(),
        exceptions: [...exceptions],
        openPartitions: open.length,
        oldestDueAtMs: open[0]?.dueAtMs ?? null,
      });
    },
  }),
  defineRoute({
    id: "listRollups",
    method: "get",
    path: "/rollups",
    scope: "read",
    tag: "Overview",
    summary: "What ended, in spans of time: counts, latencies, tokens, price",
    query: z.object({
      fromMs: z.optional(z.coerce.number().int()).meta({ description: "Default: an hour ago" }),
      toMs: z.optional(z.coerce.number().int()),
      stepMinutes: z.coerce
        .number()
        .int()
        .min(1)
        .max(DAY_MS / MINUTE_MS)
        .default(1),
      source: z.optional(z.string().max(100)),
      pipeline: z.optional(z.string().max(100)),
    }),
    answer: rollupListSchema,
    async handle({ query: { fromMs, toMs, stepMinutes, source, pipeline }, deps }) {
      const endMs = toMs ?? deps.nowMs();
      const startMs = fromMs ?? endMs - HOUR_MS;
      const stepMs = stepMinutes * MINUTE_MS;
      if (endMs - startMs > stepMs * MAX_ROLLUP_SPANS) {
        const detail = `At most ${MAX_ROLLUP_SPANS} spans are answered at once: ask for longer ones.`;
        return err({
          status: 400,
          code: "too-many-spans",
          title: "The time is too long for this step",
          detail,
        });
      }
      const rollups = await deps.ledger.rollups({
        fromMs: startMs,
        toMs: endMs,
        stepMs,
        ...(source === undefined ? {} : { source }),
        ...(pipeline === undefined ? {} : { pipeline }),
      });
      return ok({
        rollups: rollups.map(({ latencyCounts, ...rollup }) => ({
          ...rollup,
          latencyCounts: [...latencyCounts],
          p50Ms: quantileMs(latencyCounts, 0.5),
          p95Ms: quantileMs(latencyCounts, 0.95),
        })),
      });
    },
  }),
  defineRoute({
    id: "getConfig",
    method: "get",
    path: "/config",
    scope: "read",
    tag: "Overview",
    summary: "Names that the config has",
    answer: configNamesSchema,
    handle: ({ deps: { catalog } }) =>
      Promise.resolve(
        ok({
          sources: [...catalog.sources],
          pipelines: [...catalog.pipelines],
          models: [...catalog.models],
          destinations: [...catalog.destinations],
        }),
      ),
  }),
  defineRoute({
    id: "whoAmI",
    method: "get",
    path: "/whoami",
    scope: "read",
    tag: "Overview",
    summary: "The token that asks",
    answer: whoAmISchema,
    handle: ({ actor }) => Promise.resolve(ok({ ...actor, scopes: [...actor.scopes] })),
  }),
  defineRoute({
    id: "listAudit",
    method: "get",
    path: "/audit",
    scope: "read",
    tag: "Audit",
    summary: "Every call that changed something, the newest first",
    query: z.object({
      actor: z.optional(z.string().max(100)).meta({ description: "A token's id" }),
      target: z.optional(z.string().max(300)),
      operation: z.optional(z.string().max(100)),
      ...pageQuery,
    }),
    answer: z
      .object({ entries: z.array(auditEntrySchema), next: z.nullable(z.string()) })
      .meta({ id: "AuditPage" }),
    async handle({ query: { limit, cursor, actor, target, operation }, deps }) {
      const after = cursor === undefined ? ok(null) : decodeCursor(cursor);
      if (!after.ok) return err(BAD_CURSOR);
      const filter = {
        ...(actor === undefined ? {} : { actor }),
        ...(target === undefined ? {} : { target }),
        ...(operation === undefined ? {} : { operation }),
      };
      const position = after.value;
      const found = await deps.audit.list(filter, limit + 1, position);
      const entries = found.slice(0, limit);
      const last = entries.at(-1);
      const next =
        found.length > limit && last !== undefined ? encodeCursor({ atMs: last.atMs, id: last.id }) : null;
      return ok({ entries, next });
    },
  }),
];
