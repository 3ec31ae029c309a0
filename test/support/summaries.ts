/** What a partition tells the ledger, for tests. */
import type { EventSummary } from "../../src/core/event-summary.ts";
import { envelopeOf, type EnvelopeOptions } from "./envelopes.ts";

export type SummaryOptions = EnvelopeOptions & { readonly summary?: Partial<EventSummary> };

export async function summaryFor(options: SummaryOptions): Promise<EventSummary> {
  const envelope = await envelopeOf(options);
  return {
    v: 1,
    id: envelope.id,
    version: 1,
    run: 1,
    state: "done",
    source: envelope.source,
    type: envelope.type,
    pipeline: envelope.pipeline,
    partition: envelope.partition,
    partitionKey: envelope.partitionKey,
    dedupeKey: envelope.dedupeKey,
    priority: envelope.priority,
    traceparent: envelope.traceparent,
    parent: null,
    colo: "TST",
    late: false,
    receivedAtMs: envelope.receivedAtMs,
    endedAtMs: envelope.receivedAtMs + 300,
    attempts: 0,
    deliveryAttempts: 0,
    deferrals: 0,
    failure: null,
    model: null,
    deliveries: [],
    ...options.summary,
  };
}

export const DEAD: Partial<EventSummary> = {
  state: "dead",
  failure: { stage: "infer", class: "permanent", code: "http_400", message: "no" },
};
