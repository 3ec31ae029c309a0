/** What an accepted request is answered, and what its log line says of its events. */
import type { JsonValue } from "../core/json.ts";
import type { LogFields } from "../telemetry/log.ts";
import type { DecisionRecord, EventState } from "../core/partition/model.ts";
import type { PlannedEvent } from "./accept.ts";
import type { DecidedEvent } from "./decide.ts";
import type { DurableOutcome } from "./durable.ts";
import type { IngestDependencies } from "./ports.ts";

export interface AnsweredEvent {
  /** null for a filtered event: it goes no further and has no id. */
  readonly id: string | null;
  readonly status: PlannedEvent["status"] | "decided" | "duplicate" | "filtered";
  /** Where the first of the duplicates is, and what it came to, as far as that is known. A hint: it may run again. */
  readonly state?: EventState;
  readonly result?: JsonValue;
  /** A strict event that is durable, but whose place in the order is not promised. */
  readonly order?: "suspended";
  /** To a sender that waits: the same for every request that carries this event. */
  readonly answer?: JsonValue;
  readonly by?: DecisionRecord["by"];
  /** The answer is the route's default, and a person looks at the event. */
  readonly flagged?: boolean;
}

/** What goes no further. */
export const FILTERED: AnsweredEvent = { id: null, status: "filtered" };

/** @param outcome what became of it, where its write says so */
export function answerEvent(
  { envelope, status }: PlannedEvent,
  outcome: DurableOutcome | undefined,
): AnsweredEvent {
  if (outcome?.status !== "duplicate")
    return { id: envelope.id, status, ...(outcome?.order === undefined ? {} : { order: outcome.order }) };
  const { state, result } = outcome;
  return {
    id: envelope.id,
    status: "duplicate",
    ...(state === undefined ? {} : { state }),
    ...(result === undefined ? {} : { result }),
  };
}

/**
 * The answer from the idempotency cache; null unless it knows all of the request's events. A sync route's answer and a
 * strict order's are their partition's alone.
 */
export async function answerDuplicates(
  { lookUp }: Pick<IngestDependencies, "lookUp">,
  source: string,
  planned: readonly (PlannedEvent | "filtered")[],
): Promise<readonly AnsweredEvent[] | null> {
  const events = planned.filter((event) => event !== "filtered");
  if (lookUp === undefined || events.length === 0) return null;
  if (events.some(({ sync, envelope }) => sync !== null || envelope.policy.ordering === "strict"))
    return null;
  const ids = events.map(({ envelope }) => envelope.id);
  const ends = (await lookUp(source, ids))?.values();
  if (ends === undefined) return null;
  return planned.map((event) => {
    if (event === "filtered") return FILTERED;
    const { id } = event.envelope;
    return answerEvent(event, { id, status: "duplicate", ...ends.next().value });
  });
}

/** A payload in quarantine is answered by default like everything else that the model did not decide. */
export function answerDecided({ envelope }: PlannedEvent, decided: DecidedEvent): AnsweredEvent {
  if (decided.kind === "known") return { id: envelope.id, status: "duplicate" };
  const { answer, by } = decided.decision;
  const status = decided.isDuplicate ? "duplicate" : "decided";
  return { id: envelope.id, status, answer, by, flagged: by === "default" };
}

/** The first event's answer, and all of them where a request became several. */
export function answerBody(events: readonly AnsweredEvent[], traceId: string): JsonValue {
  // A body without events is a sender's sign of life.
  const [first = FILTERED] = events;
  const listed = events.map((event) => ({ ...event }));
  return { ...first, traceId, ...(events.length > 1 ? { events: listed } : {}) };
}

export function eventFields(events: readonly AnsweredEvent[]): LogFields {
  const [first] = events;
  const count = (status: AnsweredEvent["status"]) => events.filter((event) => event.status === status).length;
  return {
    status: first?.status,
    event_id: first?.id,
    events: events.length,
    by: first?.by,
    unrouted: count("unrouted"),
    quarantined: count("quarantined"),
  };
}
