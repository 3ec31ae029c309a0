/** Numbers beyond 2^53 through the whole gateway: as keys, in what is stored, in what is delivered, in bodies of several events. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { definePipeline, defineSource, hubspot, id, stripe } from "../../src/index.ts";
import { hmacBase64 } from "../../dev/senders/webcrypto.ts";
import { SECRET, stripeHeader } from "./ingest-support.ts";
import { answerSchema, wholeGateway } from "./whole-gateway.ts";

const order = z.looseObject({
  id: id(),
  type: z.string(),
  customer: z.object({ id: id() }),
  total: z.number(),
});
const copy = definePipeline({
  name: "copy",
  input: z.unknown(),
  format: ({ input }) => ({ body: z.json().parse(input) }),
  deliver: ["out"],
});
const gatewayKeyedBy = (partitionBy: (customer: string) => string | number) =>
  wholeGateway(
    {
      sources: {
        shop: defineSource({
          verify: stripe({ secrets: ["SHOP_SECRET"] }),
          events: { order },
          // A config in JavaScript may return anything.
          partitionBy: ({ payload }) => partitionBy(payload.customer.id) as string,
          routes: (route) => [route("order", copy)],
        }),
      },
    },
    { SHOP_SECRET: SECRET },
  );

async function send(gateway: ReturnType<typeof wholeGateway>, body: string) {
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const response = await gateway.post("shop", { body, headers });
  expect(response.status).toBe(200);
  return answerSchema.parse(await response.json());
}

const orderOf = (eventId: string, customer: string) =>
  `{"id":${eventId},"type":"order","customer":{"id":${customer}},"total":12.5}`;

describe("ids beyond 2^53", () => {
  it("are two customers where a double would make them one, and two events", async () => {
    const gateway = gatewayKeyedBy((customer) => customer);
    const first = await send(gateway, orderOf("820982911946154508", "115310627314723954"));
    const second = await send(gateway, orderOf("820982911946154509", "115310627314723955"));
    await gateway.drain();
    const partitions = [first, second].map(
      async (answer) => (await gateway.event(answer.id ?? "")).partition,
    );
    expect(new Set(await Promise.all(partitions)).size).toBe(2);
    expect(JSON.stringify(gateway.queues.delivered)).toContain("115310627314723954");
    expect(JSON.stringify(gateway.queues.delivered)).toContain("820982911946154509");
  });

  it("quarantine their event where a key function made a number of one", async () => {
    const gateway = gatewayKeyedBy((customer) => Number(customer));
    expect(await send(gateway, orderOf("1", "115310627314723954"))).toMatchObject({ status: "quarantined" });
    expect(await send(gateway, orderOf("2", "7"))).toMatchObject({ status: "queued" });
  });

  it("keep their digits in each event of a body of several", async () => {
    const gateway = wholeGateway(
      {
        sources: {
          crm: defineSource({
            verify: hubspot({ secrets: ["CRM_SECRET"] }),
            events: { "contact.creation": z.object({ objectId: id() }) },
            partitionBy: ({ payload }) => payload.objectId,
            routes: (route) => [route("*", copy)],
          }),
        },
      },
      { CRM_SECRET: SECRET },
    );
    const at = Date.now();
    const item = (eventId: number, objectId: string) =>
      `{"eventId":${eventId},"subscriptionType":"contact.creation","occurredAt":${at},"objectId":${objectId}}`;
    const body = `[${item(1, "90071992547409931")},${item(2, "90071992547409932")}]`;
    const signature = await hmacBase64("SHA-256", SECRET, `POSThttps://sluice.test/in/crm${body}${at}`);
    const response = await gateway.post("crm", {
      body,
      headers: {
        "content-type": "application/json",
        "x-hubspot-signature-v3": signature,
        "x-hubspot-request-timestamp": String(at),
      },
    });
    expect(response.status).toBe(200);
    await gateway.drain();
    const delivered = JSON.stringify(gateway.queues.delivered);
    expect(delivered).toContain("90071992547409931");
    expect(delivered).toContain("90071992547409932");
  });
});
