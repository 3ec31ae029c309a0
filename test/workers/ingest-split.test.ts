import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource } from "../../src/config/define-source.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { hmacBase64 } from "../../dev/senders/webcrypto.ts";
import { encodeHex } from "../../src/core/hex.ts";
import { signSampleOf } from "../../dev/senders/signer.ts";
import type { AppendOutcome } from "../../src/ingest/ports.ts";
import { hubspot } from "../../src/ingest/senders/mail.ts";
import { NOW_MS, testIngest, testPipeline, type TestIngest } from "./ingest-support.ts";
import { requestOf, senderGateway, signed } from "./senders-support.ts";

const SECRET = "the app's client secret";
const pipeline = testPipeline("contacts");

const item = (eventId: number, objectId: number) => ({
  eventId,
  subscriptionId: 1,
  objectId,
  occurredAt: NOW_MS - eventId,
  subscriptionType: "contact.creation",
});

function hubspotSource(onInvalid: "quarantine" | "reject" = "quarantine") {
  return defineSource({
    verify: hubspot({ secrets: ["HUBSPOT_SECRET"] }),
    events: { "contact.creation": z.object({ eventId: z.number(), objectId: z.number() }) },
    partitionBy: ({ payload }) => payload.objectId,
    filter: ({ payload }) => payload.objectId !== 13,
    onInvalid,
    routes: (route) => [route("contact.creation", pipeline)],
  });
}

function gatewayFor(overrides: Parameters<typeof testIngest>[1] = {}, onInvalid?: "reject"): TestIngest {
  const secrets = { secret: () => SECRET };
  return testIngest({ hubspot: hubspotSource(onInvalid) }, { ...secrets, ...overrides });
}

async function sendBody(gateway: TestIngest, body: string): Promise<Response> {
  const signer = SIGNERS.get("hubspot");
  if (signer === undefined) throw new Error("HubSpot can be played");
  const url = "https://sluice.test/in/hubspot";
  const facts = { id: "1", type: "contact.creation", atMs: NOW_MS };
  return gateway.ingest(
    requestOf(await signSampleOf(signer, { ...facts, url, secret: SECRET, body })),
    "hubspot",
  );
}

interface Answer {
  readonly id: string | null;
  readonly status: string;
  readonly events?: readonly { readonly id: string | null; readonly status: string }[];
}

async function sendItems(gateway: TestIngest, items: readonly unknown[]) {
  const response = await sendBody(gateway, JSON.stringify(items));
  return { status: response.status, answer: await response.json<Answer>() };
}

describe("a body of several events", () => {
  it("each is an event with its own id, customer, time and body, and the answer has their ids in order", async () => {
    const gateway = gatewayFor();
    const items = [item(1, 7), item(2, 8), item(3, 7)];
    const { status, answer } = await sendItems(gateway, items);
    expect(status).toBe(200);
    expect(gateway.appended).toHaveLength(3);
    expect(answer.events).toEqual(gateway.appended.map(({ id }) => ({ id, status: "queued" })));
    expect(new Set(gateway.appended.map(({ id }) => id)).size).toBe(3);
    expect(gateway.appended.map(({ partitionKey }) => partitionKey)).toEqual([
      "hubspot:7",
      "hubspot:8",
      "hubspot:7",
    ]);
    expect(gateway.appended.map(({ orderKey }) => orderKey)).toEqual(
      items.map(({ occurredAt }) => occurredAt),
    );
    expect(gateway.appended.map(({ body }) => body)).toEqual(
      items.map((one) => ({ kind: "inline", text: JSON.stringify(one) })),
    );
    expect(gateway.logs.at(-1)).toMatchObject({ events: 3 });
  });

  it("an item that comes again in another body is a duplicate, and only it", async () => {
    const gateway = gatewayFor();
    const first = await sendItems(gateway, [item(1, 7), item(2, 7)]);
    const second = await sendItems(gateway, [item(3, 7), item(2, 7)]);
    expect(second.answer.events?.map(({ status }) => status)).toEqual(["queued", "duplicate"]);
    expect(second.answer.events?.[1]?.id).toBe(first.answer.events?.[1]?.id);
  });

  it("an invalid item is quarantined and a filtered one answered so; the others go on", async () => {
    const gateway = gatewayFor();
    const { answer } = await sendItems(gateway, [
      item(1, 7),
      { ...item(2, 7), objectId: "x" },
      item(3, 13),
      item(4, 7),
    ]);
    expect(answer.events?.map(({ status }) => status)).toEqual([
      "queued",
      "quarantined",
      "filtered",
      "queued",
    ]);
    expect(answer.events?.[2]?.id).toBeNull();
    expect(gateway.appended).toHaveLength(3);
  });

  it("where invalid payloads are rejected, one of them rejects the body and nothing is written", async () => {
    const gateway = gatewayFor({}, "reject");
    const { status } = await sendItems(gateway, [item(1, 7), { ...item(2, 7), objectId: "x" }]);
    expect([status, gateway.appended.length]).toEqual([422, 0]);
  });

  it("one item that is not durable: 503 for all", async () => {
    const gateway = gatewayFor({
      append: async (envelopes) =>
        envelopes.map(({ id }, at): AppendOutcome =>
          at === 1 ? { id, status: "refused", reason: "shed" } : { id, status: "queued" },
        ),
    });
    expect((await sendItems(gateway, [item(1, 7), item(2, 7), item(3, 7)])).status).toBe(503);
  });

  it("none at all is a sign of life: 200, and nothing is written", async () => {
    const gateway = gatewayFor();
    const { status, answer } = await sendItems(gateway, []);
    expect([status, answer.id, answer.status]).toEqual([200, null, "filtered"]);
    expect(gateway.appended).toEqual([]);
  });

  it("more than are taken from one body: 413", async () => {
    const gateway = gatewayFor();
    const items = Array.from({ length: LIMITS.ingest.maxEventsPerBody + 1 }, (_, at) => item(at, 7));
    expect((await sendItems(gateway, items)).status).toBe(413);
    expect(gateway.appended).toEqual([]);
  });

  it("a body of another shape stays one event, and its schema says what is wrong", async () => {
    const gateway = gatewayFor();
    const response = await sendBody(gateway, JSON.stringify({ not: "an array" }));
    expect(await response.json()).toMatchObject({ status: "unrouted" });
    expect(gateway.appended).toHaveLength(1);
  });

  it("a large item goes to R2 by itself, the others stay inline", async () => {
    const gateway = gatewayFor();
    const large = { ...item(2, 7), filler: "x".repeat(LIMITS.ingest.maxMessageBytes) };
    expect((await sendItems(gateway, [item(1, 7), large])).status).toBe(200);
    expect(gateway.appended.map(({ body }) => body.kind)).toEqual(["inline", "stored"]);
    expect([...gateway.bodies.values()].map((bytes) => bytes.length)).toEqual([JSON.stringify(large).length]);
  });
});

describe("Meta's bodies", () => {
  async function idsOf(payloads: readonly unknown[]) {
    const gateway = await senderGateway();
    const signer = SIGNERS.get("meta");
    if (signer === undefined) throw new Error("Meta can be played");
    const statuses: string[][] = [];
    for (const payload of payloads) {
      const request = await signed(gateway, signer, { body: JSON.stringify(payload) });
      const response = await gateway.ingest(requestOf(request), "meta");
      const answer = await response.json<Answer>();
      statuses.push((answer.events ?? [answer]).map(({ status }) => status));
    }
    return { statuses, appended: gateway.appended };
  }
  const change = (value: unknown) => ({
    object: "whatsapp_business_account",
    entry: [{ id: "1", changes: [{ field: "messages", value }] }],
  });

  it("every message and every status of a message is an event, in the shape of the whole body", async () => {
    const value = {
      metadata: { phone_number_id: "5" },
      messages: [{ id: "wamid.1" }, { id: "wamid.2" }],
      statuses: [
        { id: "wamid.3", status: "sent" },
        { id: "wamid.3", status: "read" },
      ],
    };
    const { appended } = await idsOf([change(value)]);
    expect(appended.map(({ dedupeKey }) => dedupeKey)).toEqual([
      "wamid.1",
      "wamid.2",
      '["wamid.3","sent"]',
      '["wamid.3","read"]',
    ]);
    const [first] = appended;
    expect(first?.body).toEqual({
      kind: "inline",
      text: JSON.stringify(change({ metadata: { phone_number_id: "5" }, messages: [{ id: "wamid.1" }] })),
    });
  });

  it("a change without an id is known by its content, although the delivery's time differs", async () => {
    const feed = (time: number, text: string) => ({
      object: "page",
      entry: [{ id: "1", time, changes: [{ field: "feed", value: { item: "status", message: text } }] }],
    });
    const { statuses } = await idsOf([feed(1, "a"), feed(2, "a"), feed(2, "b")]);
    expect(statuses).toEqual([["queued"], ["duplicate"], ["queued"]]);
  });

  it("a body of another shape is one event", async () => {
    const { statuses } = await idsOf([{ object: "page", entry: [{ id: "1" }] }, { object: "page" }]);
    expect(statuses).toEqual([["queued"], ["queued"]]);
  });
});

describe("senders that repeat themselves", () => {
  it("GitHub's body under another delivery id is the same event; Shopify's is another", async () => {
    const gateway = await senderGateway();
    for (const [name, expected] of [
      ["github", "duplicate"],
      ["bitbucket", "duplicate"],
      ["shopify", "queued"],
    ] as const) {
      const signer = SIGNERS.get(name);
      if (signer === undefined) throw new Error(`${name} can be played`);
      const body = JSON.stringify({ action: "opened", of: name });
      const statuses: string[] = [];
      for (const id of ["delivery-1", "delivery-2"]) {
        const response = await gateway.ingest(requestOf(await signed(gateway, signer, { id, body })), name);
        statuses.push((await response.json<Answer>()).status);
      }
      expect(statuses).toEqual(["queued", expected]);
      // People still find it by the delivery's id.
      expect(gateway.appended.at(-1)?.dedupeKey).toBe("delivery-2");
    }
  });
});

it("sources that sign nothing are named in the log once, when the gateway starts", async () => {
  const { logs } = await senderGateway();
  const named = logs.filter(({ event }) => event === "ingest_unsigned_source");
  expect(named.map(({ source }) => String(source)).sort()).toEqual([
    "gitlab",
    "microsoft-graph",
    "telegram",
    "unsigned",
  ]);
  expect(named.every(({ level }) => level === "warn")).toBe(true);
});

describe("Mailgun", () => {
  const mailgunSigner = SIGNERS.get("mailgun");
  const send = async (
    gateway: Awaited<ReturnType<typeof senderGateway>>,
    members: Record<string, unknown>,
  ) => {
    if (mailgunSigner === undefined) throw new Error("Mailgun can be played");
    const request = await signed(gateway, mailgunSigner, { id: "token-1", body: JSON.stringify(members) });
    const response = await gateway.ingest(requestOf(request), "mailgun");
    return response.json<Answer>();
  };
  const delivered = { event: "delivered", timestamp: NOW_MS / 1_000, recipient: "ada@example.com" };

  it("a batch becomes one event for each of its elements, the same when it is sent again", async () => {
    const gateway = await senderGateway();
    const batch = { "event-data": [delivered, { ...delivered, event: "opened" }, delivered] };
    const first = await send(gateway, batch);
    expect(first.events?.map(({ status }) => status)).toEqual(["queued", "queued", "queued"]);
    expect(new Set(first.events?.map(({ id }) => id)).size).toBe(3);
    expect(gateway.appended.map(({ type }) => type)).toEqual(["delivered", "opened", "delivered"]);
    const again = await send(gateway, batch);
    expect(again.events?.map(({ id, status }) => [id, status])).toEqual(
      first.events?.map(({ id }) => [id, "duplicate"]),
    );
  });

  it("one signature is one event, whatever place its body claims", async () => {
    const gateway = await senderGateway();
    const first = await send(gateway, { "event-data": delivered });
    for (const place of [0, 1, "x"]) {
      const again = await send(gateway, { "event-data": delivered, "batch-place": place });
      expect(again).toMatchObject({ id: first.id, status: "duplicate" });
    }
  });
});

it("Twilio's Event Streams: every CloudEvent of a body is an event with its own id, whatever token the delivery has", async () => {
  const gateway = await senderGateway();
  const event = (id: string | undefined, type: string) => ({
    specversion: "1.0",
    type,
    source: "/2010-04-01/Accounts/AC1/Messages/SM1.json",
    ...(id === undefined ? {} : { id }),
    time: "2025-10-09T08:53:20Z",
    data: { messageSid: "SM1" },
  });
  const body = JSON.stringify([
    event("EV1", "com.twilio.messaging.message.sent"),
    event("EV2", "com.twilio.messaging.message.delivered"),
    event(undefined, "a"),
    event(undefined, "b"),
  ]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body)));
  const url = `https://sluice.test/in/twilio?bodySHA256=${encodeHex(digest)}`;
  const headers = {
    "content-type": "application/json",
    "x-twilio-signature": await hmacBase64("SHA-1", "the secret of twilio", url),
    "i-twilio-idempotency-token": "one-delivery",
  };
  const response = await gateway.ingest(requestOf({ url, body, headers }), "twilio");
  expect(response.status).toBe(200);
  expect(gateway.appended.map(({ type }) => type)).toEqual([
    "com.twilio.messaging.message.sent",
    "com.twilio.messaging.message.delivered",
    "a",
    "b",
  ]);
  expect(gateway.appended.slice(0, 2).map(({ dedupeKey }) => dedupeKey)).toEqual(["EV1", "EV2"]);
  expect(new Set(gateway.appended.map(({ id }) => id)).size).toBe(4);
  expect(gateway.appended[0]?.orderKey).toBe(Date.parse("2025-10-09T08:53:20Z"));
});
