import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import * as z from "zod";
import { parsePartitionName } from "../../src/core/ids.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { defineGateway, definePipeline, defineSource, stripe } from "../../src/index.ts";
import type { SourceOptions } from "../../src/config/define-source.ts";
import { NOW_MS, SECRET, stripeHeader, stripeRequest, testIngest } from "./ingest-support.ts";
import { answerSchema, newQueues, wholeGateway, type WholeGateway } from "./whole-gateway.ts";

const payment = z.object({ id: z.string(), account: z.nullable(z.string()), customer: z.string() });
const events = { paid: payment };
type Options = Partial<SourceOptions<typeof events>>;
const book = definePipeline({
  name: "book",
  input: payment,
  format: ({ input }) => ({ body: input.id }),
  deliver: ["out"],
});
const shopOf = (options: Options) =>
  defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events,
    routes: (route) => [route("paid", book)],
    ...options,
  });
const before = shopOf({ partitionBy: ({ payload }) => payload.customer });
const changed: Options = {
  epoch: 2,
  partitionBy: ({ payload }) => payload.account,
  previousEpoch: { epoch: 1, partitionBy: ({ payload }) => payload.customer },
};

const paid = (id: string) => ({ id, type: "paid", account: "acme", customer: "anna" });

async function send(gateway: WholeGateway, payload: object) {
  const body = JSON.stringify(payload);
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const response = await gateway.post("shop", { body, headers });
  const { id } = answerSchema.parse(await response.json());
  return id ?? "";
}

function stubOf(partition: string) {
  const name = parsePartitionName(partition);
  if (!name.ok) throw new Error(partition);
  return partitionStub(env.PARTITION, name.value);
}

it("a changed partitionBy: what was delivered is not delivered again, and what still waits goes first", async () => {
  const queues = newQueues();
  const bindings = { STRIPE_SECRET: SECRET };
  const deployed = wholeGateway({ sources: { shop: before } }, bindings, queues);
  const done = await send(deployed, paid("evt_1"));
  await deployed.drain();
  const { partition: oldPartition, state } = await deployed.event(done);
  expect(state).toBe("done");
  const old = stubOf(oldPartition);
  await old.operate({ kind: "pause", reason: "something is in the way" });
  const waiting = await send(deployed, paid("evt_2"));
  await deployed.drain();
  expect((await deployed.event(waiting)).state).toBe("pending");

  const redeployed = wholeGateway({ sources: { shop: shopOf(changed) } }, bindings, queues);
  const again = await send(redeployed, paid("evt_1"));
  const newer = await send(redeployed, paid("evt_3"));
  expect(again).not.toBe(done);
  await redeployed.drain();
  // The old one is known; the newer one is given back until the old partition is empty.
  expect((await redeployed.get(`/v1/events/${again}`)).status).toBe(404);
  expect((await redeployed.get(`/v1/events/${newer}`)).status).toBe(404);
  expect(queues.lanes).toHaveLength(1);

  await old.operate({ kind: "resume" });
  queues.lanes.unshift({ v: 1, kind: "ring", partition: oldPartition, priority: "normal" });
  await redeployed.drain();
  await redeployed.drain();
  expect((await redeployed.event(waiting)).state).toBe("done");
  expect((await redeployed.event(newer)).state).toBe("done");
  const delivered = z.array(z.object({ body: z.string() })).parse(queues.delivered);
  expect(delivered.map(({ body }) => body)).toEqual(["evt_1", "evt_2", "evt_3"]);
});

it("a strict source: a known event is a duplicate at the door, a newer one is asked to come again", async () => {
  const policy = { ordering: "strict" } as const;
  const queues = newQueues();
  const bindings = { STRIPE_SECRET: SECRET };
  const strictBefore = shopOf({ partitionBy: ({ payload }) => payload.customer, space: "strict", policy });
  const deployed = wholeGateway({ sources: { shop: strictBefore } }, bindings, queues);
  const first = await send(deployed, paid("evt_9"));
  const redeployed = wholeGateway(
    { sources: { shop: shopOf({ ...changed, space: "strict", policy }) } },
    bindings,
    queues,
  );
  const answer = async (id: string) => {
    const body = JSON.stringify(paid(id));
    const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    return redeployed.post("shop", { body, headers });
  };
  expect(await (await answer("evt_9")).json()).toMatchObject({ status: "duplicate" });
  const newer = await answer("evt_10");
  expect([newer.status, newer.headers.has("retry-after")]).toEqual([503, true]);
  const { partition } = await deployed.event(first);
  queues.lanes.push({ v: 1, kind: "ring", partition, priority: "normal" });
  await redeployed.drain();
  expect((await answer("evt_10")).status).toBe(200);
});

async function envelopeFrom(options: Options, payload: object) {
  const { ingest, appended } = testIngest({ shop: shopOf(options) });
  expect((await ingest(await stripeRequest(JSON.stringify(payload)), "shop")).status).toBe(200);
  const [envelope] = appended;
  if (envelope === undefined) throw new Error("nothing was accepted");
  return envelope;
}

it("the former id is the one the event had: by key, space and shard of then, until the change is old", async () => {
  const cases: readonly (readonly [Options, Options, object])[] = [
    [{ partitionBy: ({ payload }) => payload.customer }, changed, paid("evt_1")],
    [{}, { ...changed, previousEpoch: { epoch: 1, partitionBy: () => null } }, paid("evt_1")],
    [
      { space: "old", unkeyedShards: 3 },
      {
        epoch: 5,
        space: "new",
        unkeyedShards: 7,
        previousEpoch: { epoch: 1, space: "old", unkeyedShards: 3 },
      },
      paid("evt_1"),
    ],
    // Events that cannot be placed had an id, too.
    [{}, changed, { ...paid("evt_1"), customer: 7 }],
    [{}, changed, { ...paid("evt_1"), type: "unknown" }],
  ];
  for (const [was, is, payload] of cases) {
    const former = await envelopeFrom(was, payload);
    const envelope = await envelopeFrom(is, payload);
    expect(envelope.previousId).toBe(former.id);
    expect(envelope.id).not.toBe(former.id);
  }
  const ended = { ...changed, previousEpoch: { epoch: 1, until: NOW_MS } };
  expect((await envelopeFrom(ended, paid("evt_1"))).previousId).toBeUndefined();
  const young = { ...changed, previousEpoch: { epoch: 1, until: new Date(NOW_MS + 1).toISOString() } };
  expect((await envelopeFrom(young, paid("evt_1"))).previousId).toBeDefined();
});

it("a previous partitionBy that throws quarantines the event", async () => {
  const partitionBy = (): never => {
    throw new TypeError("a bug");
  };
  const { quarantine } = await envelopeFrom(
    { ...changed, previousEpoch: { epoch: 1, partitionBy } },
    paid("evt_1"),
  );
  expect(quarantine).toEqual({
    code: "config_function_threw",
    message: "previousEpoch.partitionBy threw TypeError",
  });
});

it.each([
  [{ epoch: 1, previousEpoch: { epoch: 1 } }, /previousEpoch\.epoch: 1 does not come before 1/],
  [{ epoch: 2, previousEpoch: { epoch: 1, until: "soon" } }, /previousEpoch\.until: is no time/],
])("a config that cannot be meant is refused: %j", (options, message) => {
  const shop = shopOf({ ...options, routes: () => [] });
  const define = () => defineGateway({ sources: { shop }, models: {}, destinations: {} });
  expect(define).toThrow(message);
});
