/** Event records as a partition stores them, delivered unless said otherwise. */
import { EVENT_RECORD_VERSION, type EventRecord } from "../../src/core/partition/model.ts";
import { envelopeOf } from "../support/envelopes.ts";

export const START_MS = 1_700_000_000_000;

export async function recordOf(
  customer: string,
  key: string,
  change: Partial<EventRecord> = {},
): Promise<EventRecord> {
  const envelope = await envelopeOf({ key, customer });
  return {
    v: EVENT_RECORD_VERSION,
    id: envelope.id,
    run: 1,
    state: "done",
    envelope,
    order: START_MS,
    arrivedAtMs: START_MS,
    enteredAtMs: START_MS,
    nextAtMs: 0,
    endedAtMs: START_MS,
    attempts: 0,
    deliveryAttempts: 0,
    deferrals: 0,
    starts: 0,
    sequence: 1,
    late: false,
    effectsBegun: true,
    output: null,
    deliveries: [],
    failure: null,
    timeline: [],
    lastRequest: "r",
    ...change,
  };
}
