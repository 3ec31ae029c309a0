/** From a signed request to one signed delivery, over the real Worker: what every sender and operator may rely on. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { LOCAL_ADMIN_TOKEN } from "../../dev/lib/local-secrets.ts";
import type { Sample } from "../../dev/senders/sample.ts";
import {
  BEARER,
  dataOf,
  effectOf,
  effectsOf,
  eventIn,
  getEvent,
  logText,
  nowSeconds,
  readEvent,
  send,
  startGateway,
  type LocalGateway,
} from "../support/e2e-gateway.ts";
import { createSamples } from "../support/e2e-samples.ts";
import { until } from "../support/e2e-until.ts";

const samples = createSamples(11);
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER_SPAN = "00f067aa0ba902b7";

let gateway: LocalGateway;

beforeAll(async () => {
  gateway = await startGateway({ logLevel: "debug" });
});

afterAll(async () => {
  await gateway.close();
});

async function admin(method: "GET" | "POST" | "PUT", path: string, body?: object) {
  const response = await fetch(`${gateway.url}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${LOCAL_ADMIN_TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: pageSchema.parse(await response.json()) };
}

const pageSchema = z.looseObject({ events: z.optional(z.array(z.looseObject({ state: z.string() }))) });

/** The ledger follows a few seconds behind. */
function untilListed(filter: Readonly<Record<string, string>>, state: string) {
  return until(`an event ${JSON.stringify(filter)} is listed as ${state}`, async () => {
    const { events = [] } = (await admin("GET", `/events?${new URLSearchParams(filter)}`)).body;
    return events.length > 0 && events.every((event) => event.state === state) && events;
  });
}

interface Flow {
  readonly sample: Sample;
  readonly path: string;
  readonly type: string;
}

const flows: readonly Flow[] = [
  { sample: samples.stripe(), path: "/books", type: "books.entry" },
  { sample: samples.github(), path: "/tracker", type: "tracker.triaged" },
  { sample: samples.lead(), path: "/crm", type: "crm.lead_scored" },
];

/** A log line of the Worker's own: one JSON object. */
const lineSchema = z.looseObject({
  event: z.string(),
  event_id: z.optional(z.string()),
  trace_id: z.optional(z.string()),
  stage: z.optional(z.string()),
});

function logLines(): readonly z.output<typeof lineSchema>[] {
  return [...logText(gateway).matchAll(/\{"level":.*\}/g)].flatMap(([text]) => {
    const line = lineSchema.safeParse(JSON.parse(text));
    return line.success ? [line.data] : [];
  });
}

describe("the log", () => {
  it("is followed from the request to the delivery by one query, for the event or for its trace", async () => {
    const answer = await send(gateway, samples.lead());
    await eventIn(gateway, answer.id, "done");
    const wanted = ["ingest", "parse", "infer", "format", "deliver"];
    const ofEvent = () => logLines().filter((line) => line.event_id === answer.id);
    const stepsOf = () => ofEvent().map(({ event, stage }) => stage ?? event);
    await until(
      () => `every step is logged; so far: ${stepsOf().join(", ")}`,
      () => wanted.every((step) => stepsOf().includes(step)),
    );
    const found = ofEvent();
    expect(new Set(found.map((line) => line.trace_id))).toEqual(new Set([answer.traceId]));
  });

  it("has names in snake_case alone", () => {
    const names = logLines().flatMap((line) => [line.event, ...Object.keys(line)]);
    expect(names.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).toEqual([]);
  });
});

describe.concurrent("an event that was answered 200", () => {
  it.each(flows)("from $sample.sender reaches $path once, signed", async ({ sample, path, type }) => {
    const answer = await send(gateway, sample);
    expect(answer).toMatchObject({ status: 200, word: "queued" });
    expect(JSON.parse(answer.text)).toEqual({ id: answer.id, status: "queued", traceId: answer.traceId });
    await eventIn(gateway, answer.id, "done");
    const deliveries = effectsOf(gateway, sample);
    expect(deliveries).toHaveLength(1);
    expect(deliveries[0]).toMatchObject({
      path,
      webhookId: `${answer.id}.1.${path.slice(1)}`,
      signatureValid: true,
      contentType: "application/json",
      body: { type, id: answer.id },
      sluiceHeaders: {
        "x-sluice-event": answer.id,
        "x-sluice-run": "1",
        "x-sluice-sequence": expect.stringMatching(/^[1-9]\d*$/),
      },
    });
    expect(Math.abs(Number(deliveries[0]?.webhookTimestamp) - nowSeconds())).toBeLessThan(60);
  });

  it("from media reaches the queue that the platform's own services read", async () => {
    const sample = samples.media();
    const answer = await send(gateway, sample);
    const effect = await effectOf(gateway, sample);
    expect(effect).toMatchObject({
      path: "/verdicts",
      webhookId: `${answer.id}.1.verdicts`,
      body: { type: "moderation.verdict", id: answer.id },
    });
    expect(dataOf(effect.body)?.["verdict"]).toMatch(/^(approve|hold|reject)$/);
  });

  it("from documents becomes a chain of three linked events with one delivery at its end", async () => {
    const sample = samples.document();
    const answer = await send(gateway, sample);
    const effect = await effectOf(gateway, sample);
    expect(effect).toMatchObject({
      path: "/archive",
      signatureValid: true,
      body: {
        type: "document.classified",
        data: { documentId: expect.any(String), entities: expect.any(Array) },
      },
    });
    const last = await eventIn(gateway, effect.sluiceHeaders["x-sluice-event"] ?? "", "done");
    const middle = await readEvent(gateway, last.parent?.id ?? "");
    const first = await readEvent(gateway, middle?.parent?.id ?? "");
    expect(first).toMatchObject({ id: answer.id, state: "done", pipeline: "document-text", parent: null });
    expect(middle).toMatchObject({ state: "done", pipeline: "document-entities", parent: { depth: 1 } });
    expect(last).toMatchObject({ pipeline: "document-classify", parent: { depth: 2 } });
    expect(new Set([first, middle, last].map((event) => event?.traceId))).toEqual(new Set([answer.traceId]));
    expect(new Set([first, middle, last].map((event) => event?.["partition"]))).toHaveProperty("size", 1);
    expect(effectsOf(gateway, sample)).toHaveLength(1);
  });
});

describe.concurrent("a dead letter", () => {
  it("is found by its delivery id, gets another payload, is replayed, and reaches its destination once", async () => {
    const broken = samples.malformedLead();
    const { id } = await send(gateway, broken);
    const listed = await untilListed({ dedupeKey: broken.id, source: "leads" }, "dead");
    expect(listed).toMatchObject([{ id, failure: { code: "schema" } }]);
    expect(effectsOf(gateway, broken)).toEqual([]);
    const payload = samples.lead().payload;
    expect(
      await admin("PUT", `/events/${id}/payload`, { payload, reason: "their form was wrong" }),
    ).toMatchObject({
      status: 200,
    });
    expect(await admin("POST", `/events/${id}/replay`, {})).toMatchObject({ status: 200 });
    const effect = await effectOf(gateway, broken);
    expect(effect).toMatchObject({ path: "/crm", webhookId: `${id}.1.crm`, signatureValid: true });
    // Dead, edited, replayed, done: each is a word of its own to the ledger.
    expect(await untilListed({ dedupeKey: broken.id }, "done")).toMatchObject([{ id, run: 1, version: 4 }]);
    expect(effectsOf(gateway, broken)).toHaveLength(1);
  });
});

describe.concurrent("one trace", () => {
  it("leads from the sender's request to the delivery, over the answer and the event", async () => {
    const sample = samples.lead();
    const answer = await send(gateway, sample, { traceparent: `00-${TRACE_ID}-${SENDER_SPAN}-01` });
    expect(answer.traceId).toBe(TRACE_ID);
    expect(answer.headers.get("traceparent")).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));
    expect(answer.headers.get("traceparent")).not.toContain(SENDER_SPAN);
    const effect = await effectOf(gateway, sample);
    expect(effect.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-01$`));
    expect((await eventIn(gateway, answer.id, "done")).traceId).toBe(TRACE_ID);
  });

  it("begins at the gateway when the sender's own is malformed", async () => {
    const answer = await send(gateway, samples.stripe(), {
      traceparent: `00-${"0".repeat(32)}-${SENDER_SPAN}-01`,
    });
    expect(answer).toMatchObject({ status: 200, traceId: expect.stringMatching(/^(?!0{32})[0-9a-f]{32}$/) });
  });
});

describe.concurrent("order", () => {
  it("of a customer's strict events is that of their acknowledgement", async () => {
    const customer = samples.customer();
    const inOrder = Array.from({ length: 8 }, () => samples.stripe(customer));
    for (const sample of inOrder) expect(await send(gateway, sample)).toMatchObject({ status: 200 });
    await Promise.all(inOrder.map((sample) => effectOf(gateway, sample)));
    const places = inOrder.map((sample) => {
      const at = gateway.sink.records
        .entries()
        .findIndex(({ body }) => dataOf(body)?.["reference"] === sample.id);
      return { at, sequence: Number(gateway.sink.records.entries()[at]?.sluiceHeaders["x-sluice-sequence"]) };
    });
    expect(places).toEqual(places.toSorted((left, right) => left.at - right.at));
    const sequences = places.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...new Set(sequences)].sort((left, right) => left - right));
  });
});

describe.concurrent("a delivery that is sent twice", () => {
  it("is one event with one effect", async () => {
    const customer = samples.customer();
    const sample = samples.github(customer);
    const [first, again] = [await send(gateway, sample), await send(gateway, sample)];
    expect(again).toMatchObject({ status: 200, id: first.id });
    await eventIn(gateway, first.id, "done");
    const afterwards = await send(gateway, sample);
    expect(afterwards).toMatchObject({ status: 200, id: first.id });
    // In the same partition and lane: once this one is through, the repeats before it have been looked at.
    const fence = await send(gateway, { ...samples.github(customer), payload: sample.payload });
    await eventIn(gateway, fence.id, "done");
    expect(effectsOf(gateway, sample)).toHaveLength(1);
  });

  it("is answered `duplicate` by a strict source, while it waits and after it was delivered", async () => {
    const customer = samples.customer();
    const sample = samples.stripe(customer);
    const first = await send(gateway, sample);
    expect(await send(gateway, sample)).toMatchObject({ status: 200, word: "duplicate", id: first.id });
    await eventIn(gateway, first.id, "done");
    expect(await send(gateway, sample)).toMatchObject({ status: 200, word: "duplicate", id: first.id });
    const fence = samples.stripe(customer);
    await send(gateway, fence);
    await effectOf(gateway, fence);
    expect(effectsOf(gateway, sample)).toHaveLength(1);
  });

  it("at the same moment, many times over, is one event with one effect", async () => {
    const sample = samples.lead();
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(gateway, sample)));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.map(({ word }) => word).sort()).toEqual([
      ...Array.from({ length: 9 }, () => "duplicate"),
      "queued",
    ]);
    await eventIn(gateway, answers[0]?.id ?? "", "done");
    expect(effectsOf(gateway, sample)).toHaveLength(1);
  });
});

it.concurrent("an event that no route wants is answered `unrouted` and stays visible", async () => {
  const answer = await send(gateway, samples.github(samples.customer(), "push"));
  expect(answer).toMatchObject({ status: 200, word: "unrouted" });
  const event = await eventIn(gateway, answer.id, "filtered");
  expect(event).toMatchObject({ type: "push", deliveries: [], output: null, failure: null });
});

describe.concurrent("GET /v1/events/:id", () => {
  it("shows state, timeline, output, deliveries and trace of a finished event", async () => {
    const sample = samples.lead();
    const answer = await send(gateway, sample);
    const event = await eventIn(gateway, answer.id, "done");
    expect(event).toMatchObject({
      id: answer.id,
      source: "leads",
      type: "enquiry.submitted",
      pipeline: "lead-scoring",
      partitionKey: `leads:${sample.customer}`,
      dedupeKey: sample.id,
      traceId: answer.traceId,
      attempts: 0,
      deliveryAttempts: 0,
      failure: null,
      parent: null,
      late: false,
      output: {
        type: "crm.lead_scored",
        value: { lead_score: expect.any(Number), intent: expect.any(String) },
        body: { reference: sample.id },
        model: { name: "fast", modelId: "sluice-standin-1", cached: false },
      },
      deliveries: [{ destination: "crm", idempotencyKey: `${answer.id}.1.crm`, status: 200 }],
    });
    const story = event.timeline.map(({ what }) => what);
    expect(story).toEqual(["received", "stored", "output", "delivered", "done"]);
    const times = event.timeline.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((left, right) => left - right));
  });

  it("never shows the payload", async () => {
    const sample = samples.stripe();
    const answer = await send(gateway, sample);
    await eventIn(gateway, answer.id, "done");
    const text = await (await getEvent(gateway, answer.id)).text();
    expect(JSON.stringify(sample.payload)).toContain("Order ");
    expect(text).not.toContain("Order ");
    expect(text).not.toContain("receipt_email");
  });

  it("is refused alike without a token, with a wrong one and in another scheme", async () => {
    const { id } = await send(gateway, samples.stripe());
    const token = BEARER.authorization.replace("Bearer ", "");
    const refused = await Promise.all(
      [
        {},
        { authorization: "Bearer wrong" },
        { authorization: `Bearer ${token.slice(0, -1)}` },
        { authorization: `Bearer ${token}x` },
        { authorization: `Basic ${btoa(`api:${token}`)}` },
        { authorization: token },
      ].map(async (headers: Record<string, string>) => {
        const response = await getEvent(gateway, id, headers);
        const { status } = response;
        const type = response.headers.get("content-type");
        return { status, type, asks: response.headers.get("www-authenticate"), text: await response.text() };
      }),
    );
    expect(refused[0]).toMatchObject({ status: 401, type: "application/problem+json", asks: "Bearer" });
    expect(JSON.parse(refused[0]?.text ?? "")).toMatchObject({
      status: 401,
      type: "urn:sluice:problem:unauthorized",
    });
    for (const answer of refused) expect(answer).toEqual(refused[0]);
  });

  it("tells a malformed id (400) from one that was never given (404)", async () => {
    const { id } = await send(gateway, samples.stripe());
    const other = `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`;
    expect((await getEvent(gateway, other)).status).toBe(404);
    for (const malformed of ["evt_1", `${id}0`, id.toUpperCase(), "..%2f..%2fhealthz", "%00"]) {
      const response = await getEvent(gateway, malformed);
      expect(await response.json()).toMatchObject({
        status: 400,
        type: "urn:sluice:problem:malformed-event-id",
      });
    }
  });

  it("shows a strict source's event from the moment of its acknowledgement", async () => {
    const { id } = await send(gateway, samples.stripe());
    const event = await readEvent(gateway, id);
    expect(event?.timeline.map(({ what }) => what)).toEqual(expect.arrayContaining(["received", "stored"]));
  });
});

it.concurrent("a path that is nobody's is a 404 problem, and health needs no token", async () => {
  const [nowhere, health, ready] = await Promise.all(
    ["/nowhere", "/healthz", "/readyz"].map((path) => fetch(`${gateway.url}${path}`)),
  );
  expect([nowhere?.status, health?.status, ready?.status]).toEqual([404, 200, 200]);
  expect(await nowhere?.json()).toMatchObject({ type: "urn:sluice:problem:not-found" });
  expect(await ready?.json()).toEqual({ status: "ready", missing: [], wrong: [] });
});

// Not concurrent, so last: whatever the tests above have sent, and however often.
it("no delivery of the whole run has come twice", () => {
  const keys = gateway.sink.records.entries().map(({ webhookId }) => webhookId);
  expect(keys.length).toBeGreaterThan(15);
  expect(keys).toEqual([...new Set(keys)]);
});
