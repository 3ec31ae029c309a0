/** One event as `GET /v1/events/:id` shows it. The payload stays inside. */
import { headOf } from "../core/envelope.ts";
import type { EventView } from "../core/partition/commands.ts";
import { isOpen, type EventRecord, type OpenDecision } from "../core/partition/model.ts";

export function viewOf(record: EventRecord, leased: boolean): EventView {
  const { envelope } = record;
  const waits = !leased && isOpen(record.state);
  return {
    id: record.id,
    run: record.run,
    state: leased && isOpen(record.state) ? "leased" : record.state,
    ...headOf(envelope),
    endedAtMs: record.endedAtMs,
    nextAtMs: waits && record.nextAtMs > 0 ? record.nextAtMs : null,
    attempts: record.attempts,
    deliveryAttempts: record.deliveryAttempts,
    deferrals: record.deferrals,
    starts: record.starts,
    sequence: record.sequence,
    late: record.late,
    parent: envelope.parent,
    output: record.output,
    deliveries: record.deliveries,
    failure: record.failure,
    timeline: record.timeline,
    ...(record.decision === undefined ? {} : { decision: record.decision }),
  };
}

/** Its sender is waiting: it is not in the log yet. */
export function undecidedView({ id, envelope, dueMs, askedAtMs, answer }: OpenDecision): EventView {
  return {
    id,
    run: 1,
    state: "pending",
    ...headOf(envelope),
    endedAtMs: null,
    nextAtMs: dueMs,
    attempts: 0,
    deliveryAttempts: 0,
    deferrals: 0,
    starts: 0,
    sequence: 0,
    late: false,
    parent: envelope.parent,
    output: null,
    deliveries: [],
    failure: null,
    timeline: [{ atMs: askedAtMs, what: "asked" }],
    ...(answer === null ? {} : { decision: answer }),
  };
}
