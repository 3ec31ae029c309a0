/** The judge of `npm run chaos` must be able to fail: each promise broken in the records is seen. */
import { describe, expect, it } from "vitest";
import { isKept, judge } from "../../dev/chaos/judge.ts";
import type { Records } from "../../dev/chaos/records.ts";
import type { SinkRecord } from "../../dev/sink/sink-record.ts";

const KILL_AT_MS = 2_000;

function delivery(reference: string, receivedAtMs: number, change: Partial<SinkRecord> = {}): SinkRecord {
  return {
    id: `${reference} ${receivedAtMs}`,
    receivedAtMs,
    path: "/books",
    webhookId: `${reference}.1.books`,
    webhookTimestamp: null,
    signatureValid: true,
    traceparent: null,
    sluiceHeaders: {},
    contentType: null,
    bodyBytes: 0,
    body: { data: { reference } },
    status: 200,
    fault: null,
    ...change,
  };
}

/** Two events of one customer, acknowledged in this order; one kill. */
function records(...deliveries: readonly SinkRecord[]): Records {
  const ack = { customer: "stripe:cus_1", sender: "stripe", word: "queued", attempts: 1, ackedAtMs: 0 };
  return {
    acks: ["first", "second"].map((reference) => ({ ...ack, reference, eventId: `evt_${reference}` })),
    life: [
      { what: "start", atMs: 0 },
      { what: "kill", atMs: KILL_AT_MS },
    ],
    deliveries,
    calls: [],
    ends: [],
  };
}

const END = { eventId: "evt_1", state: "done", late: false, outputAtMs: null, setbacksAtMs: [] };

const kept = (given: Records): boolean => isKept(judge(given));

describe("the judge of a chaos run", () => {
  it("is content with every event once and in order, and with a repeat that a kill explains", () => {
    expect(kept(records(delivery("first", 1_000), delivery("second", 1_100)))).toBe(true);
    const repeated = records(delivery("first", 1_990), delivery("first", 9_000), delivery("second", 9_100));
    expect(kept(repeated)).toBe(true);
    expect(judge(repeated).sameKey).toBe(1);
  });

  it("calls an acknowledged event without an effect lost, unless it is listed as dead", () => {
    const lost = records(delivery("first", 1_000));
    expect(judge(lost).lost).toHaveLength(1);
    expect(kept(lost)).toBe(false);
    const listed = { ...END, reference: "second", state: "dead" };
    expect(kept({ ...lost, ends: [listed] })).toBe(true);
    expect(kept({ ...lost, ends: [{ ...listed, state: "done" }] })).toBe(false);
  });

  it("forgives no repeat without a kill or a failed try, and none under another key", () => {
    const later = [delivery("second", 3_000), delivery("second", 3_500)] as const;
    expect(kept(records(delivery("first", 2_900), ...later))).toBe(false);
    const retried = { ...END, reference: "second", setbacksAtMs: [3_200] };
    expect(kept({ ...records(delivery("first", 2_900), ...later), ends: [retried] })).toBe(true);
    const otherKey = delivery("first", 2_900, { webhookId: "first.2.books" });
    expect(kept(records(delivery("first", 1_990), otherKey, delivery("second", 3_000)))).toBe(false);
  });

  it("forgives an effect out of order only where it says that it is late", () => {
    expect(kept(records(delivery("second", 1_000), delivery("first", 1_100)))).toBe(false);
    const marked = delivery("first", 1_100, { sluiceHeaders: { "x-sluice-late": "true" } });
    expect(kept(records(delivery("second", 1_000), marked))).toBe(true);
  });

  it("forgives no second question to the model, the output being stored", () => {
    const call = {
      model: "m",
      textHash: "h",
      textStart: "msg_abcdefghijklmnopqrstuvwx",
      stream: false,
      status: 200,
      finishedAtMs: 1_500,
      abortedAtMs: null,
      promptTokens: 1,
      completionTokens: 1,
      fault: null,
    };
    const calls = [
      { ...call, id: "one", atMs: 1_400 },
      { ...call, id: "two", atMs: 2_500 },
    ];
    const delivered = records(delivery("first", 1_000), delivery("second", 1_100));
    const end = { ...END, reference: call.textStart };
    expect(kept({ ...delivered, calls, ends: [{ ...end, outputAtMs: 2_700 }] })).toBe(true);
    expect(kept({ ...delivered, calls, ends: [{ ...end, outputAtMs: 1_550 }] })).toBe(false);
    expect(kept({ ...delivered, calls, life: [] })).toBe(false);
    expect(kept({ ...delivered, calls, life: [], ends: [{ ...end, setbacksAtMs: [2_000] }] })).toBe(true);
  });
});
