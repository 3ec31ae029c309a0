/** What a partition tells the ledger, for tests. */
import { headOf } from "../../src/core/envelope.ts";
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
    ...headOf(envelope),
    parent: null,
    colo: "TST",
    late: false,
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
