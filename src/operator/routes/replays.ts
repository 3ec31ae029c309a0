/** Replays of history: started with a filter and a rate, watched, cancelled; in shadow they only report. */
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { NOT_BEGUN } from "../../core/replay/progress.ts";
import { EMPTY_REPORT } from "../../core/replay/shadow-report.ts";
import { err, ok } from "../../core/result.ts";
import type { ReplayJob, ReplayRequest } from "../../replay/port.ts";
import { conflict, notFound } from "../problems.ts";
import { replaySchema, replayViewOf } from "../replay-view.ts";
import { defineRoute, type Route } from "../route.ts";
import { APPLIED, appliedSchema, filterSchema, fromStageSchema, pageQuery } from "../schemas.ts";

const replayParams = z.object({ id: z.string().min(1).max(64) });

const DEFAULT_EVENTS = 1_000;
const DEFAULT_RATE_PER_MINUTE = 60;

const replayBody = z.object({
  filter: filterSchema.default({}),
  states: z
    .array(z.enum(["done", "dead", "expired", "filtered"]))
    .min(1)
    .max(4)
    .default(["done"]),
  from: fromStageSchema.default("parse"),
  ratePerMinute: z.int().min(1).max(LIMITS.operator.replayMaxRatePerMinute).default(DEFAULT_RATE_PER_MINUTE),
  maxEvents: z.int().min(1).max(LIMITS.operator.replayMaxEvents).default(DEFAULT_EVENTS),
  shadow: z
    .optional(
      z.object({
        pipeline: z.string().max(100),
        decisionFields: z
          .optional(z.array(z.string().min(1).max(200)).min(1).max(20))
          .meta({ description: "Paths in the body, as in `verdict`; default: every text and truth value" }),
      }),
    )
    .meta({ description: "Run this pipeline instead, write nothing, deliver nothing, and report" }),
});

export const replayListSchema = z.object({ replays: z.array(replaySchema) }).meta({ id: "ReplayList" });

export const replayRoutes: readonly Route[] = [
  defineRoute({
    id: "listReplays",
    method: "get",
    path: "/replays",
    scope: "read",
    tag: "Replays",
    summary: "Replays of history, the newest first",
    query: z.object({ limit: pageQuery.limit }),
    answer: replayListSchema,
    handle: async ({ query, deps }) =>
      ok({ replays: (await deps.replays.list(query.limit)).map(replayViewOf) }),
  }),
  defineRoute({
    id: "startReplay",
    method: "post",
    path: "/replays",
    scope: "operate",
    tag: "Replays",
    summary: "Replay what a filter selects, the oldest first, at a rate",
    description:
      "Driven by the cron, a minute's worth at a time. Each event re-enters at the tail of its customer's order, in the low lane. What was accepted after the start is not touched. Only what the ledger has as rows is found.",
    status: 201,
    body: replayBody,
    answer: replaySchema,
    audit: ({ body }) => ({
      target: body.shadow === undefined ? "replay" : `shadow ${body.shadow.pipeline}`,
      detail: JSON.stringify({ ...body.filter, states: body.states, maxEvents: body.maxEvents }),
    }),
    async handle({ body, actor, deps }) {
      if (body.shadow !== undefined && !deps.catalog.pipelines.includes(body.shadow.pipeline)) {
        const detail = `The config has no pipeline called "${body.shadow.pipeline}".`;
        return err({ status: 400, code: "unknown-pipeline", title: "There is no such pipeline", detail });
      }
      const nowMs = deps.nowMs();
      const job: ReplayJob = {
        id: deps.newId(),
        status: "running",
        request: requestOf(body),
        createdAtMs: nowMs,
        createdBy: actor.name,
        updatedAtMs: nowMs,
        progress: NOT_BEGUN,
        report: body.shadow === undefined ? null : EMPTY_REPORT,
      };
      await deps.replays.create(job);
      return ok(replayViewOf(job));
    },
  }),
  defineRoute({
    id: "getReplay",
    method: "get",
    path: "/replays/:id",
    scope: "read",
    tag: "Replays",
    summary: "How far it has come; for a shadow, its report so far",
    params: replayParams,
    answer: replaySchema,
    problems: [404],
    async handle({ params, deps }) {
      const job = await deps.replays.find(params.id);
      return job === null ? err(notFound("replay")) : ok(replayViewOf(job));
    },
  }),
  defineRoute({
    id: "cancelReplay",
    method: "post",
    path: "/replays/:id/cancel",
    scope: "operate",
    tag: "Replays",
    summary: "Stop it; what has re-entered goes on",
    params: replayParams,
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params }) => ({ target: `replay ${params.id}` }),
    async handle({ params, deps }) {
      if (await deps.replays.cancel(params.id, deps.nowMs())) return ok(APPLIED);
      const known = await deps.replays.find(params.id);
      return err(known === null ? notFound("replay") : conflict("It is not running."));
    },
  }),
];

function requestOf(body: z.output<typeof replayBody>): ReplayRequest {
  const { filter, states, from, ratePerMinute, maxEvents, shadow } = body;
  return {
    filter: { ...filter, states },
    from,
    ratePerMinute,
    maxEvents,
    shadow:
      shadow === undefined
        ? null
        : { pipeline: shadow.pipeline, decisionFields: shadow.decisionFields ?? null },
  };
}
