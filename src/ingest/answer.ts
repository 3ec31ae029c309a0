/** What an accepted request is answered, and what its log line says of its events. */
import type { JsonValue } from "../core/json.ts";
import type { LogFields } from "../telemetry/log.ts";
import type { DecisionRecord } from "../core/partition/model.ts";
import type { PlannedEvent } from "./accept.ts";
import type { DecidedEvent } from "./decide.ts";
import type { DurableOutcome } from "./durable.ts";

export interface AnsweredEvent {
  /** null for a filtered event: it goes no further and has no id. */
  readonly id: string | null;
  readonly status: PlannedEvent["status"] | "decided" | "duplicate" | "filtered";
  /** What the first of the duplicates came to, where that is known. */
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
  const { result } = outcome;
  return { id: envelope.id, status: "duplicate", ...(result === undefined ? {} : { result }) };
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
    eventId: first?.id,
    events: events.length,
    by: first?.by,
    unrouted: count("unrouted"),
    quarantined: count("quarantined"),
  };
}
