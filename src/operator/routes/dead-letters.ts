/** Dead letters: what failed for good or expired. Listed, and replayed or discarded many at a time. */
import * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import type { EventSummary } from "../../core/event-summary.ts";
import { partitionOf } from "../../core/ids.ts";
import type { OperatorCommand } from "../../core/partition/operate.ts";
import { err, messageOf, ok, type Result } from "../../core/result.ts";
import { decodeCursor, encodeCursor } from "../../ledger/cursor.ts";
import type { EventFilter } from "../../ledger/port.ts";
import type { Problem } from "../../platform/problem.ts";
import type { OperatorDependencies } from "../port.ts";
import { defineRoute, type Route } from "../route.ts";
import {
  bulkAnswerSchema,
  eventPageSchema,
  filterSchema,
  fromStageSchema,
  reasonSchema,
} from "../schemas.ts";
import { BAD_CURSOR, listEvents, listQuery } from "./events.ts";

const DEAD_STATES = ["dead", "expired"] as const;

const bulkBody = {
  filter: filterSchema.default({}),
  limit: z.int().min(1).max(LIMITS.operator.maxBulkEvents).default(LIMITS.operator.maxBulkEvents),
  cursor: z.optional(z.string().max(500)),
};

export const deadLetterRoutes: readonly Route[] = [
  defineRoute({
    id: "listDeadLetters",
    method: "get",
    path: "/dead-letters",
    scope: "read",
    tag: "Dead letters",
    summary: "What failed for good, or expired; the newest first",
    query: listQuery.omit({ state: true }).extend({ state: z.optional(z.enum(DEAD_STATES)) }),
    answer: eventPageSchema,
    handle: ({ query: { state, ...query }, deps }) =>
      listEvents(deps, query, { order: "newest", states: state === undefined ? DEAD_STATES : [state] }),
  }),
  defineRoute({
    id: "replayDeadLetters",
    method: "post",
    path: "/dead-letters/replay",
    scope: "operate",
    tag: "Dead letters",
    summary: "Replay the dead letters that a filter selects, some at a time",
    description: "The oldest first. For more than a few hundred, or at a rate, start a replay instead.",
    body: z.object({ ...bulkBody, from: fromStageSchema.default("parse") }),
    answer: bulkAnswerSchema,
    audit: ({ body }) => ({ target: "dead-letters", detail: JSON.stringify(body.filter) }),
    handle: ({ body, deps }) =>
      applyToMany(deps, body, ({ id, version }) => ({
        kind: "replay",
        id,
        version,
        reuseOutput: body.from === "deliver",
      })),
  }),
  defineRoute({
    id: "discardDeadLetters",
    method: "post",
    path: "/dead-letters/discard",
    scope: "operate",
    tag: "Dead letters",
    summary: "Take the dead letters that a filter selects off the list, some at a time",
    body: z.object({ ...bulkBody, reason: reasonSchema }),
    answer: bulkAnswerSchema,
    audit: ({ body }) => ({
      target: "dead-letters",
      detail: `${body.reason} ${JSON.stringify(body.filter)}`,
    }),
    handle: ({ body, deps }) =>
      applyToMany(deps, body, ({ id }) => ({ kind: "discard", id, reason: body.reason })),
  }),
];

interface BulkRequest {
  readonly filter: EventFilter;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** One partition that cannot be reached holds up no other. */
async function applyToMany(
  deps: OperatorDependencies,
  { filter, limit, cursor }: BulkRequest,
  command: (event: EventSummary) => OperatorCommand,
): Promise<Result<z.input<typeof bulkAnswerSchema>, Problem>> {
  const after = cursor === undefined ? ok(null) : decodeCursor(cursor);
  if (!after.ok) return err(BAD_CURSOR);
  const page = await deps.ledger.list({
    filter: { ...filter, states: DEAD_STATES },
    order: "oldest",
    limit,
    after: after.value,
  });
  const applied: string[] = [];
  const refused: { id: string; reason: string }[] = [];
  for (let start = 0; start < page.events.length; start += LIMITS.operator.bulkAtOnce) {
    const some = page.events.slice(start, start + LIMITS.operator.bulkAtOnce);
    const outcomes = await Promise.all(some.map((event) => applyToOne(deps, event, command(event))));
    for (const [index, { id }] of some.entries()) {
      const outcome = outcomes[index] ?? "unavailable";
      if (outcome === "applied") applied.push(id);
      else refused.push({ id, reason: outcome });
    }
  }
  return ok({ applied, refused, next: page.next === null ? null : encodeCursor(page.next) });
}

async function applyToOne(deps: OperatorDependencies, { id }: EventSummary, command: OperatorCommand) {
  try {
    return (await deps.partitions.operate(partitionOf(id), command)).outcome;
  } catch (thrown) {
    deps.log.warn("operator_bulk_failed", { event_id: id, error: messageOf(thrown) });
    return "unavailable";
  }
}
