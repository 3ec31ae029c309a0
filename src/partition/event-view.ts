/** One event as `GET /v1/events/:id` shows it. The payload stays inside. */
import type { EventView } from "../core/partition/commands.ts";
import { isOpen, type EventRecord } from "../core/partition/model.ts";

export function viewOf(record: EventRecord, leased: boolean): EventView {
  const { envelope } = record;
  const waits = !leased && isOpen(record.state);
  return {
    id: record.id,
    run: record.run,
    state: leased && isOpen(record.state) ? "leased" : record.state,
    source: envelope.source,
    type: envelope.type,
    pipeline: envelope.pipeline,
    partition: envelope.partition,
    partitionKey: envelope.partitionKey,
    dedupeKey: envelope.dedupeKey,
    priority: envelope.priority,
    traceparent: envelope.traceparent,
    receivedAtMs: envelope.receivedAtMs,
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
  };
}
