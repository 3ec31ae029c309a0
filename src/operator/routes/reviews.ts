/** Reviews: what waits for a person. Decided once: a decision names the run it was made for. */
import * as z from "zod";
import { partitionOf, type EventId } from "../../core/ids.ts";
import { toJsonValue } from "../../core/json-value.ts";
import type { ReviewDecision } from "../../core/partition/operate.ts";
import { err, ok } from "../../core/result.ts";
import type { OperatorDependencies } from "../port.ts";
import { appliedOr } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import { APPLIED, appliedSchema, eventPageSchema, eventSchema, reasonSchema } from "../schemas.ts";
import { eventParams, listEvents, listQuery } from "./events.ts";

const runSchema = z
  .int()
  .min(1)
  .meta({ description: "The run that was looked at: another one is not decided." });

export const reviewPageSchema = z
  .object({
    reviews: z.array(
      eventSchema
        .extend({
          ageMs: z.int().meta({ description: "How long it has been waiting" }),
          reason: z.string().meta({ description: "Why a person is asked; empty where that is not known" }),
        })
        .meta({ id: "Review" }),
    ),
    next: eventPageSchema.shape.next,
  })
  .meta({ id: "ReviewPage" });

export const reviewRoutes: readonly Route[] = [
  defineRoute({
    id: "listReviews",
    method: "get",
    path: "/reviews",
    scope: "read",
    tag: "Reviews",
    summary: "What waits for a decision, the longest waiting first",
    query: listQuery.omit({ state: true }),
    answer: reviewPageSchema,
    async handle({ query, deps }) {
      const page = await listEvents(deps, query, { order: "longest-waiting", states: ["review"] });
      if (!page.ok) return page;
      const nowMs = deps.nowMs();
      const reviews = page.value.events.map((event) => ({
        ...event,
        ageMs: Math.max(0, nowMs - (event.endedAtMs ?? nowMs)),
        reason: event.reason ?? "",
      }));
      return ok({ reviews, next: page.value.next });
    },
  }),
  defineRoute({
    id: "approveReview",
    method: "post",
    path: "/reviews/:id/approve",
    scope: "operate",
    tag: "Reviews",
    summary: "Deliver what is in review as it is",
    params: eventParams,
    body: z.object({ run: runSchema }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: `run ${body.run}` }),
    handle: ({ params, body, deps }) => decide(deps, params.id, body.run, { kind: "approve" }),
  }),
  defineRoute({
    id: "editReview",
    method: "post",
    path: "/reviews/:id/edit",
    scope: "operate",
    tag: "Reviews",
    summary: "Deliver another body instead",
    params: eventParams,
    body: z.object({ run: runSchema, body: z.unknown() }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: `run ${body.run}` }),
    async handle({ params, body, deps }) {
      const value = toJsonValue(body.body);
      if (!value.ok) return err({ status: 400, code: "invalid-request", title: "The request has no `body`" });
      return decide(deps, params.id, body.run, { kind: "edit", body: value.value });
    },
  }),
  defineRoute({
    id: "rejectReview",
    method: "post",
    path: "/reviews/:id/reject",
    scope: "operate",
    tag: "Reviews",
    summary: "Deliver nothing: the event ends as filtered",
    params: eventParams,
    body: z.object({ run: runSchema, reason: reasonSchema }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: `run ${body.run}: ${body.reason}` }),
    handle: ({ params, body, deps }) =>
      decide(deps, params.id, body.run, { kind: "reject", reason: body.reason }),
  }),
];

async function decide(deps: OperatorDependencies, id: EventId, run: number, decision: ReviewDecision) {
  const command = { kind: "review", id, run, decision } as const;
  const { outcome } = await deps.partitions.operate(partitionOf(id), command);
  const detail = "It is not in review in this run: somebody has decided it, or it has no output to edit.";
  const applied = appliedOr(outcome, detail);
  return applied.ok ? ok(APPLIED) : applied;
}
