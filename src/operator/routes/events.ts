/** Events: found by anything the ledger knows, looked at in their partition, run again, got out of the way, edited. */
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import { partitionOf, type EventId } from "../../core/ids.ts";
import { toJsonValue } from "../../core/json-value.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { OperatorCommand } from "../../core/partition/operate.ts";
import type { EventFilter, EventPageRequest } from "../../ledger/port.ts";
import { decodeCursor, encodeCursor } from "../../ledger/cursor.ts";
import type { Problem } from "../../platform/problem.ts";
import { itemOf, readDetail } from "../event-detail.ts";
import type { OperatorDependencies } from "../port.ts";
import { appliedOr, UNKNOWN_EVENT } from "../problems.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  APPLIED,
  appliedSchema,
  eventDetailSchema,
  eventIdSchema,
  eventPageSchema,
  filterQuery,
  fromStageSchema,
  pageQuery,
  reasonSchema,
} from "../schemas.ts";

export const eventParams = z.object({ id: eventIdSchema });
export const listQuery = z.object({ ...filterQuery, ...pageQuery });

export const eventRoutes: readonly Route[] = [
  defineRoute({
    id: "listEvents",
    method: "get",
    path: "/events",
    scope: "read",
    tag: "Events",
    summary: "Find events, the newest first",
    query: listQuery,
    answer: eventPageSchema,
    handle: ({ query, deps }) => listEvents(deps, query, { order: "newest" }),
  }),
  defineRoute({
    id: "getEvent",
    method: "get",
    path: "/events/:id",
    scope: "read",
    tag: "Events",
    summary: "One event: state, timeline, output, deliveries; with `payload=1` what it came with",
    params: eventParams,
    query: z.object({
      payload: z.optional(z.stringbool()),
      payloadUpTo: z.coerce
        .number()
        .int()
        .min(0)
        .default(LIMITS.ingest.json.maxBodyBytes)
        .meta({ description: "Bytes; a larger payload is left out, and its size said" }),
    }),
    answer: eventDetailSchema,
    problems: [404],
    async handle({ params, query, deps }) {
      const detail = await readDetail(deps, params.id, query.payload === true ? query.payloadUpTo : null);
      return detail === null ? err(UNKNOWN_EVENT) : ok(detail);
    },
  }),
  defineRoute({
    id: "replayEvent",
    method: "post",
    path: "/events/:id/replay",
    scope: "operate",
    tag: "Events",
    summary: "Run an ended event again, at the tail of its customer's order, in the low lane",
    description:
      "A dead letter keeps its run: what was delivered stays delivered. A delivered event gets the next run, and its effects happen again under new idempotency keys.",
    params: eventParams,
    body: z.object({ from: fromStageSchema.default("parse") }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: `from ${body.from}` }),
    handle: ({ params, body, deps }) =>
      operateOn(
        deps,
        { kind: "replay", id: params.id, reuseOutput: body.from === "deliver" },
        "Only an event that has ended, and is not in review, can be replayed.",
      ),
  }),
  defineRoute({
    id: "skipEvent",
    method: "post",
    path: "/events/:id/skip",
    scope: "operate",
    tag: "Events",
    summary: "End an open event as a dead letter, so that those behind it go on",
    params: eventParams,
    body: z.object({ reason: reasonSchema }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: body.reason }),
    handle: ({ params, body, deps }) =>
      operateOn(
        deps,
        { kind: "skip", id: params.id, reason: body.reason },
        "Only an open event can be skipped.",
      ),
  }),
  defineRoute({
    id: "editPayload",
    method: "put",
    path: "/events/:id/payload",
    scope: "operate",
    tag: "Events",
    summary: "Give a dead letter, or an event in review, another payload; the original is kept",
    description:
      "The event stays where it is: replay it, or decide its review, and it is worked on with the new payload. Where effects of the old one may be out, it becomes the next run.",
    params: eventParams,
    body: z.object({ payload: z.unknown(), reason: z.optional(reasonSchema) }),
    answer: appliedSchema,
    problems: [404, 409, 413],
    audit: ({ params, body }) => ({ target: params.id, detail: body.reason ?? "" }),
    handle: ({ params, body, deps }) => editPayload(deps, params.id, body.payload),
  }),
  defineRoute({
    id: "discardEvent",
    method: "post",
    path: "/events/:id/discard",
    scope: "operate",
    tag: "Dead letters",
    summary: "Take a dead letter off the list, with a reason",
    params: eventParams,
    body: z.object({ reason: reasonSchema }),
    answer: appliedSchema,
    problems: [404, 409],
    audit: ({ params, body }) => ({ target: params.id, detail: body.reason }),
    handle: ({ params, body, deps }) =>
      operateOn(
        deps,
        { kind: "discard", id: params.id, reason: body.reason },
        "Only a dead or expired event can be discarded.",
      ),
  }),
];

/** @param detail what the event would have to be, for a 409 */
export async function operateOn(
  deps: OperatorDependencies,
  command: Extract<OperatorCommand, { readonly id: EventId }>,
  detail: string,
): Promise<Result<typeof APPLIED, Problem>> {
  const { outcome } = await deps.partitions.operate(partitionOf(command.id), command);
  const applied = appliedOr(outcome, detail);
  return applied.ok ? ok(APPLIED) : applied;
}

async function editPayload(
  deps: OperatorDependencies,
  id: EventId,
  payload: unknown,
): Promise<Result<typeof APPLIED, Problem>> {
  const value = toJsonValue(payload);
  if (!value.ok) {
    return err({ status: 400, code: "invalid-request", title: "The request has no `payload`" });
  }
  const text = JSON.stringify(value.value);
  if (new TextEncoder().encode(text).length > LIMITS.operator.maxPayloadBytes) {
    const detail = `An edited payload may have ${LIMITS.operator.maxPayloadBytes} bytes.`;
    return err({ status: 413, code: "payload-too-large", title: "The payload is too large", detail });
  }
  return operateOn(
    deps,
    { kind: "edit", id, text },
    "Only a dead or expired event, or one in review, can be edited.",
  );
}

type ListQuery = z.output<typeof listQuery>;

function filterOf(query: ListQuery): EventFilter {
  const { state, limit: _, cursor: __, ...conditions } = query;
  return { ...conditions, states: state };
}

export const BAD_CURSOR: Problem = {
  status: 400,
  code: "invalid-cursor",
  title: "This is not a cursor of this list",
};

export async function listEvents(
  deps: OperatorDependencies,
  query: ListQuery,
  { order, states }: Pick<EventPageRequest, "order"> & { readonly states?: EventFilter["states"] },
): Promise<Result<z.input<typeof eventPageSchema>, Problem>> {
  const after = query.cursor === undefined ? ok(null) : decodeCursor(query.cursor);
  if (!after.ok) return err(BAD_CURSOR);
  const asked = filterOf(query);
  const filter = states === undefined ? asked : { ...asked, states: asked.states ?? states };
  const page = await deps.ledger.list({ filter, order, limit: query.limit, after: after.value });
  return ok({
    events: page.events.map(itemOf),
    next: page.next === null ? null : encodeCursor(page.next),
  });
}
