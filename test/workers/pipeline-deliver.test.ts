import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { failure } from "../../src/core/failure.ts";
import type { DeliveryRecord, StoredOutput } from "../../src/core/partition/model.ts";
import { err } from "../../src/core/result.ts";
import {
  accepted,
  bench,
  leasedEvent,
  NOW_MS,
  scriptedDestinations,
  scriptedGuard,
  type SendScript,
} from "./pipeline-fixtures.ts";
import type { ProcessorDeps } from "../../src/pipeline/runner.ts";
import type { ActiveSpan, Tracer } from "../../src/telemetry/tracer.ts";

const output: StoredOutput = {
  v: 1,
  stageVersion: "triage@3",
  value: null,
  body: { sorted: "lost" },
  type: "triage.completed",
  to: ["crm", "audit", "slack"],
  emits: [],
  model: null,
};
const all = { crm: accepted, audit: accepted, slack: accepted };
const recorded = (destination: string): DeliveryRecord => ({
  destination,
  idempotencyKey: "k",
  status: 200,
  deliveredAtMs: 1,
  durationMs: 1,
});
const unavailable = failure("deliver", "transient", "http_503", "503", 4_000);

interface DeliverOptions {
  readonly deliveries?: readonly DeliveryRecord[];
  readonly signal?: AbortSignal;
  readonly confirm?: (delivery: DeliveryRecord) => Promise<void>;
  readonly deps?: Partial<ProcessorDeps>;
}

async function deliver(destinations: ReturnType<typeof scriptedDestinations>, options: DeliverOptions = {}) {
  const confirmed: string[] = [];
  const { processor, lines } = bench([], { destinations: destinations.find, ...options.deps });
  const event = await leasedEvent({ deliveries: options.deliveries ?? [] });
  const confirm = async (delivery: DeliveryRecord) => {
    await options.confirm?.(delivery);
    confirmed.push(delivery.destination);
  };
  const signal = options.signal ?? new AbortController().signal;
  const result = await processor.deliver(event, output, signal, confirm);
  const sent = destinations.sent.map((message) => message.destination);
  return { result, sent, confirmed, event, lines };
}

/** Keeps what was said of every span, in order. */
function recordingSpans(traceparent: string) {
  const said: unknown[] = [];
  const span: ActiveSpan = {
    traceparent,
    set: (attributes) => void said.push(attributes),
    fail: (code) => void said.push(`failed: ${code}`),
  };
  return { said, spans: { within: (_, work) => work(span) } satisfies Partial<Tracer> };
}

describe("delivery, as it is watched,", () => {
  it("tells how each try went and how long it took", async () => {
    const seen: unknown[] = [];
    const destinations = scriptedDestinations({ ...all, audit: () => err(unavailable) });
    await deliver(destinations, { deps: { observe: (stage) => void seen.push(stage) } });
    const told = { pipeline: "triage", stage: "deliver", durationMs: 0 };
    expect(seen).toEqual([
      { ...told, destination: "crm", failure: null },
      { ...told, destination: "audit", failure: unavailable },
    ]);
  });

  it("has a span of its own, which its receiver's spans become children of", async () => {
    const destinations = scriptedDestinations({ ...all, audit: () => err(unavailable) });
    const { said, spans } = recordingSpans("00-its-own");
    await deliver(destinations, { deps: { spans } });
    expect(said).toEqual([{ "http.response.status_code": 200 }, "failed: http_503"]);
    expect(destinations.sent.map(({ traceparent }) => traceparent)).toEqual(["00-its-own", "00-its-own"]);
    const untraced = scriptedDestinations(all);
    const { event } = await deliver(untraced, { deps: { spans: recordingSpans("").spans } });
    expect(untraced.sent[0]?.traceparent).toBe(event.envelope.traceparent);
  });
});

describe("delivery", () => {
  it("goes to every destination in order, and records each before the next but the last", async () => {
    const destinations = scriptedDestinations(all);
    const order: string[] = [];
    const { result, sent, confirmed, event } = await deliver(destinations, {
      confirm: async ({ destination }) => {
        order.push(`${destination} after ${destinations.sent.length}`);
      },
    });
    expect(sent).toEqual(["crm", "audit", "slack"]);
    expect(order).toEqual(["crm after 1", "audit after 2"]);
    expect(confirmed).toEqual(["crm", "audit"]);
    expect(result.kind).toBe("delivered");
    expect(result.deliveries.map((delivery) => delivery.destination)).toEqual(sent);
    expect(result.deliveries[0]).toEqual({
      destination: "crm",
      idempotencyKey: `${event.envelope.id}.1.crm`,
      status: 200,
      deliveredAtMs: NOW_MS,
      durationMs: 4,
    });
    expect(destinations.sent[0]).toEqual({
      destination: "crm",
      idempotencyKey: `${event.envelope.id}.1.crm`,
      eventId: event.envelope.id,
      run: 1,
      type: "triage.completed",
      body: { sorted: "lost" },
      partition: event.envelope.partition,
      sequence: 3,
      late: false,
      token: 7,
      traceparent: event.envelope.traceparent,
    });
  });

  it("never repeats what was recorded", async () => {
    const { result, sent, confirmed } = await deliver(scriptedDestinations(all), {
      deliveries: [recorded("crm"), recorded("slack")],
    });
    expect(sent).toEqual(["audit"]);
    expect(confirmed).toEqual([]);
    expect(result.deliveries.map((delivery) => delivery.destination)).toEqual(["crm", "slack", "audit"]);
  });

  it("sends nothing at all when everything was recorded", async () => {
    const deliveries = ["crm", "audit", "slack"].map(recorded);
    const { result, sent } = await deliver(scriptedDestinations(all), { deliveries });
    expect(sent).toEqual([]);
    expect(result).toEqual({ kind: "delivered", deliveries });
  });

  it("stops at a failure and keeps what was delivered before", async () => {
    const destinations = scriptedDestinations({ ...all, audit: () => err(unavailable) });
    const { result, sent, lines } = await deliver(destinations);
    expect(sent).toEqual(["crm", "audit"]);
    expect(result).toMatchObject({
      kind: "failed",
      failure: unavailable,
      deliveries: [{ destination: "crm" }],
    });
    expect(lines.at(-1)).toMatchObject({
      level: "warn",
      fields: { stage: "deliver", code: "http_503", destination: "audit" },
    });
  });

  it("retries under the same idempotency key", async () => {
    const destinations = scriptedDestinations({ ...all, crm: () => err(unavailable) });
    await deliver(destinations);
    await deliver(destinations);
    const keys = destinations.sent.map((message) => message.idempotencyKey);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
  });

  it("waits for a destination the config lost", async () => {
    const { result } = await deliver(scriptedDestinations({ crm: accepted }));
    expect(result).toMatchObject({
      kind: "failed",
      failure: { code: "destination_missing" },
      deliveries: [{ destination: "crm" }],
    });
  });

  it("takes a destination that throws for a passing failure", async () => {
    const throwing = () => {
      throw new TypeError("quotes the secret");
    };
    const { result } = await deliver(scriptedDestinations({ ...all, crm: throwing }));
    expect(result).toMatchObject({ failure: { class: "transient", code: "destination_threw" } });
    expect(JSON.stringify(result)).not.toContain("secret");
  });
});

describe("a lost lease", () => {
  it("starts no further effect", async () => {
    const lease = new AbortController();
    lease.abort();
    const { result, sent } = await deliver(scriptedDestinations(all), { signal: lease.signal });
    expect(sent).toEqual([]);
    expect(result).toMatchObject({ kind: "failed", failure: { class: "transient", code: "lease_lost" } });
  });

  it("aborts the delivery under way and does not wait for it", async () => {
    const lease = new AbortController();
    const signals: AbortSignal[] = [];
    const hanging: SendScript = (_, signal) => {
      signals.push(signal);
      lease.abort();
      return new Promise(() => {});
    };
    const guard = scriptedGuard();
    const destinations = scriptedDestinations({ ...all, audit: hanging }, { maxConcurrent: 1 });
    const { result } = await deliver(destinations, { signal: lease.signal, deps: { guard } });
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    expect(result).toMatchObject({ failure: { code: "lease_lost" }, deliveries: [{ destination: "crm" }] });
    expect(guard.settled.map((report) => report.outcome)).toEqual(["success", "cancelled"]);
  });

  it("that shows when a delivery is recorded ends the run, the delivery still known", async () => {
    const { result, sent } = await deliver(scriptedDestinations(all), {
      confirm: () => Promise.reject(new Error("fenced")),
    });
    expect(sent).toEqual(["crm"]);
    expect(result).toMatchObject({ failure: { code: "lease_lost" }, deliveries: [{ destination: "crm" }] });
  });
});

describe("the time for an event's deliveries", () => {
  it("aborts a destination that does not keep its own", async () => {
    const heard = Promise.withResolvers<unknown>();
    const hanging: SendScript = (_, signal) => {
      signal.addEventListener("abort", () => heard.resolve(signal.reason));
      return new Promise(() => {});
    };
    const destinations = scriptedDestinations({ ...all, crm: hanging });
    const { result } = await deliver(destinations, { deps: { timeouts: { deliverMs: 1 } } });
    expect(result).toMatchObject({ failure: { class: "transient", code: "deliver_timeout" } });
    expect(await heard.promise).toMatchObject({ name: "TimeoutError" });
  });

  it("covers all of them together: what is left is put off, not failed", async () => {
    let nowMs = NOW_MS;
    const slow: SendScript = (...send) => {
      nowMs += 30_000;
      return accepted(...send);
    };
    const destinations = scriptedDestinations({ crm: slow, audit: slow, slack: slow });
    const deps = { nowMs: () => nowMs, timeouts: { deliverMs: 60_000 } };
    const { result, sent } = await deliver(destinations, { deps });
    expect(sent).toEqual(["crm", "audit"]);
    expect(result).toMatchObject({ kind: "deferred", untilMs: nowMs, deliveries: [{}, {}] });
  });
});

describe("a guarded destination", () => {
  const limited = { requestsPerMinute: 60 };
  const denied = (afterMs: number) =>
    ({ kind: "denied", reason: "requests", retryAtMs: NOW_MS + afterMs }) as const;

  it("is asked for at its guard, with the event's priority, and every permit is settled once", async () => {
    const guard = scriptedGuard();
    const limitedFor = failure("deliver", "transient", "http_429", "429", 9_000);
    const destinations = scriptedDestinations({ ...all, audit: () => err(limitedFor) }, limited);
    await deliver(destinations, { deps: { guard } });
    expect(guard.asked[0]).toEqual({
      guard: "destination:crm",
      limits: limited,
      priority: "normal",
      estimatedTokens: 0,
      leaseMs: LIMITS.stages.deliverTimeoutMs,
    });
    expect(guard.granted).toBe(2);
    expect(guard.settled).toEqual([
      { outcome: "success", latencyMs: 0, usedTokens: 0 },
      { outcome: "transient", latencyMs: 0, usedTokens: 0, hint: { limited: true, retryAfterMs: 9_000 } },
    ]);
  });

  it("costs no call to a guard where there are no limits", async () => {
    const guard = scriptedGuard();
    await deliver(scriptedDestinations(all), { deps: { guard } });
    expect(guard.asked).toEqual([]);
  });

  it("is waited for in place when its turn is near", async () => {
    const guard = scriptedGuard([denied(500), denied(700)]);
    const waits: number[] = [];
    const sleep = async (delayMs: number) => void waits.push(delayMs);
    const { result } = await deliver(scriptedDestinations(all, limited), { deps: { guard, sleep } });
    expect(result.kind).toBe("delivered");
    expect(waits).toEqual([500, 700]);
  });

  it("defers the event when its turn is far, or when waiting adds up to that", async () => {
    for (const script of [[denied(2_001)], [denied(1_500), denied(600)], [denied(0), denied(60_000)]]) {
      const guard = scriptedGuard(script);
      const { result, sent } = await deliver(scriptedDestinations(all, limited), { deps: { guard } });
      expect(sent).toEqual([]);
      expect(result).toEqual({
        kind: "deferred",
        deliveries: [],
        untilMs: script.at(-1)?.retryAtMs,
        reason: "destination crm: requests",
      });
    }
  });

  it("that says 'now' for ever is given up after a bounded number of requests", async () => {
    const guard = scriptedGuard(Array.from({ length: 1_000 }, () => denied(0)));
    const { result } = await deliver(scriptedDestinations(all, limited), { deps: { guard } });
    expect(result.kind).toBe("deferred");
    expect(guard.asked.length).toBeLessThanOrEqual(101);
  });

  it("keeps what was delivered before the denial", async () => {
    const guard = scriptedGuard([null, denied(60_000)]);
    const { result } = await deliver(scriptedDestinations(all, limited), { deps: { guard } });
    expect(result).toMatchObject({ kind: "deferred", deliveries: [{ destination: "crm" }] });
  });
});
