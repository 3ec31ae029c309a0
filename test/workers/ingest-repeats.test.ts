import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { PartitionObject } from "../../src/partition/partition-object.ts";
import { Repeats } from "../../src/partition/repeats.ts";
import { BUCKET_MS } from "../../src/partition/schema.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { custom, definePipeline, defineSource } from "../../src/index.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { bytesOf, hex, hmac, NOW_MS, SECRET } from "./ingest-support.ts";
import { answerSchema, wholeGateway, type WholeGateway } from "./whole-gateway.ts";

const payment = z.object({ customer: z.nullable(z.string()) });
const note = (name: string) =>
  definePipeline({
    name,
    input: payment,
    format: (_, { deliveryId, repeatOf }) => ({ body: { deliveryId, repeatOf: repeatOf ?? null } }),
    deliver: ["out"],
  });
const one = note("one");
const two = note("two");
const sourceOf = (onRepeat: "refuse" | "flag" | "accept") =>
  defineSource({
    verify: custom({
      secrets: ["SECRET"],
      signatureHeaders: ["x-signature"],
      dedupeKey: [{ from: "header", name: "x-delivery" }],
      onRepeat,
    }),
    events: { "*": payment },
    partitionBy: ({ payload }) => payload.customer,
    routes: (route) => [route("*", one), route("*", two)],
  });
const sources = { refuse: sourceOf("refuse"), flag: sourceOf("flag"), accept: sourceOf("accept") };

async function send(
  gateway: WholeGateway,
  source: string,
  delivery: string,
  payload: object,
): Promise<string> {
  const body = JSON.stringify(payload);
  const signature = hex(await hmac("SHA-256", bytesOf(SECRET), body));
  const headers = { "content-type": "application/json", "x-signature": signature, "x-delivery": delivery };
  const response = await gateway.post(source, { body, headers });
  return answerSchema.parse(await response.json()).id ?? "";
}

const deliveredSchema = z.array(
  z.object({
    type: z.string(),
    body: z.object({ deliveryId: z.string(), repeatOf: z.nullable(z.string()) }),
  }),
);

/** Two deliveries of one body, and a retry of the first. @returns what was delivered by the first pipeline */
async function deliveriesOf(source: string, customer: string | null) {
  const gateway = wholeGateway({ sources }, { SECRET });
  const first = await send(gateway, source, "d1", { customer, of: source });
  await gateway.drain();
  for (const delivery of ["d2", "d1"]) await send(gateway, source, delivery, { customer, of: source });
  await send(gateway, source, "d3", { customer, of: source, other: true });
  await gateway.drain();
  const delivered = deliveredSchema.parse(gateway.queues.delivered);
  // Each pipeline's events are its own.
  expect(delivered.filter(({ type }) => type === "two.completed")).toHaveLength(delivered.length / 2);
  const bodies = delivered.filter(({ type }) => type === "one.completed").map(({ body }) => body);
  return { gateway, first, bodies };
}

describe.each([["cus_1"], [null]])("the same signed bytes under another id (customer %s)", (customer) => {
  it("refuse: are the same event", async () => {
    const { bodies } = await deliveriesOf("refuse", customer);
    expect(bodies.map(({ deliveryId }) => deliveryId)).toEqual(["d1", "d3"]);
  });

  it("accept: are a new one, unmarked", async () => {
    const { bodies } = await deliveriesOf("accept", customer);
    expect(bodies.map(({ deliveryId }) => deliveryId).sort()).toEqual(["d1", "d2", "d3"]);
    expect(bodies.every(({ repeatOf }) => repeatOf === null)).toBe(true);
  });

  it("flag: are a new one that says which it repeats; a retry of the first is still no event", async () => {
    const { bodies, first } = await deliveriesOf("flag", customer);
    const byDelivery = new Map(bodies.map(({ deliveryId, repeatOf }) => [deliveryId, repeatOf]));
    expect(bodies).toHaveLength(3);
    expect([byDelivery.get("d1"), byDelivery.get("d2"), byDelivery.get("d3")]).toEqual([null, first, null]);
  });
});

it("a repeat is shown in the event's story", async () => {
  const gateway = wholeGateway({ sources }, { SECRET });
  const first = await send(gateway, "flag", "s1", { customer: "story" });
  const second = await send(gateway, "flag", "s2", { customer: "story" });
  await gateway.drain();
  const timelineOf = async (id: string) =>
    z.object({ timeline: z.array(z.looseObject({ what: z.string() })) }).parse(await gateway.event(id))
      .timeline;
  expect(await timelineOf(second)).toContainEqual(expect.objectContaining({ what: "repeat", detail: first }));
  expect((await timelineOf(first)).map(({ what }) => what)).not.toContain("repeat");
});

it("is remembered for longer than ids are, then forgotten by whole tables; others leave no table", async () => {
  const name = "d1o_00000000000000000000000000";
  const stub = env.PARTITION.get(env.PARTITION.idFromName(name));
  const digested = async (key: string): Promise<EventEnvelope> => ({
    ...(await envelopeOf({ key })),
    signedDigest: "same",
  });
  const [first, second, plain] = [await digested("a"), await digested("b"), await envelopeOf({ key: "c" })];
  await runInDurableObject(stub, (_, { storage: { sql } }) => {
    const repeats = new Repeats(sql);
    const tables = () =>
      sql.exec("SELECT name FROM sqlite_master WHERE name LIKE 'digests_%' AND type = 'table'").toArray()
        .length;
    expect(repeats.mark([plain], NOW_MS)).toEqual([plain]);
    expect(tables()).toBe(0);
    expect(repeats.mark([first], NOW_MS)).toEqual([first]);
    const lateMs = NOW_MS + LIMITS.partition.rememberIdsMs + LIMITS.partition.minRetainMs;
    repeats.forget(lateMs);
    expect(repeats.mark([second, first], lateMs)).toEqual([{ ...second, repeatOf: first.id }, first]);
    // A table is whole weeks: its last event may be as young as its last moment.
    repeats.forget(lateMs + BUCKET_MS);
    expect(tables()).toBe(1);
    repeats.forget(lateMs + 3 * BUCKET_MS);
    expect(tables()).toBe(0);
    expect(repeats.mark([second], lateMs + 3 * BUCKET_MS)).toEqual([second]);
  });
});

it("is forgotten by the partition's own alarm", async () => {
  const event = await envelopeOf({ key: "forgotten", customer: "repeats-alarm" });
  const { partition } = event;
  // An empty partition would be put away whole.
  const offer = { v: 1, request: "r", partition, driver: "ingest", wantLease: false } as const;
  await partitionStub(env.PARTITION, partition).offer({ ...offer, events: [event] });
  const stub: DurableObjectStub = partitionStub(env.PARTITION, partition);
  await runInDurableObject(stub, async (instance, { storage: { sql } }) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    sql.exec("CREATE TABLE digests_1 (digest TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID");
    await instance.alarm();
    expect(sql.exec("SELECT name FROM sqlite_master WHERE name = 'digests_1'").toArray()).toEqual([]);
  });
});
