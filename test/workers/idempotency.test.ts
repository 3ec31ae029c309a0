/** Repeats of an event that are answered at the edge: the whole gateway, on the real objects and the real KV. */
import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import type { IdempotencyStore } from "../../src/cache/idempotency.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { signSampleOf } from "../../dev/senders/signer.ts";
import type { KnownEnd } from "../../src/core/idempotency.ts";
import { hubspot } from "../../src/ingest/senders/mail.ts";
import { definePipeline, defineSource, stripe, type SourceOptions } from "../../src/index.ts";
import { PermanentError } from "../../src/pipeline/permanent-error.ts";
import { reading, watchKv } from "../support/kv.ts";
import { MIGRATIONS } from "./ledger-support.ts";
import {
  BODY,
  NOW_MS,
  post,
  SECRET,
  stripeHeader,
  stripeRequest,
  stripeSource,
  testIngest,
  testPipeline,
} from "./ingest-support.ts";
import { requestOf } from "./senders-support.ts";
import { wholeGateway } from "./whole-gateway.ts";

beforeAll(() => applyD1Migrations(env.LEDGER, MIGRATIONS()));

const charge = z.object({
  id: z.string(),
  type: z.literal("charged"),
  customer: z.string(),
  amount: z.int(),
});
const events = { charged: charge };
type Options = Partial<SourceOptions<typeof events>>;

/** What the pipeline makes of an amount, by the test. */
let judge = (amount: number): unknown => ({ double: 2 * amount });
const doubled = definePipeline({
  name: "doubled",
  input: charge,
  format: ({ input }) => ({ body: z.json().parse(judge(input.amount)) }),
  deliver: ["out"],
});

function gatewayWith(options: Options = {}, replaced: Partial<IdempotencyStore> = {}) {
  const watched = watchKv(env.IDEMPOTENCY, replaced);
  const shop = defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events,
    partitionBy: ({ payload }) => payload.customer,
    routes: (route) => [route("charged", doubled)],
    ...options,
  });
  const gateway = wholeGateway({ sources: { shop } }, { STRIPE_SECRET: SECRET, IDEMPOTENCY: watched.kv });
  return {
    gateway,
    ...watched,
    /** Everything the lanes hold is worked on, and written. */
    work: async () => {
      await gateway.drain();
      await watched.settled();
    },
    send: async (id: string, payload: object = {}) => {
      const body = JSON.stringify({ id, type: "charged", customer: "ada", amount: 21, ...payload });
      const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
      const headers = { "content-type": "application/json", "stripe-signature": signature };
      const response = await gateway.post("shop", { body, headers });
      expect(response.status).toBe(200);
      return answerSchema.parse(await response.json());
    },
  };
}

const answerSchema = z.object({
  id: z.nullable(z.string()),
  status: z.string(),
  state: z.optional(z.string()),
  result: z.optional(z.json()),
});

let numbers = 0;
const newId = () => `evt_edge_${++numbers}`;

describe("a source that says nothing of duplicates", () => {
  it("answers from the edge once the partition has seen a duplicate of what has ended, with the stored result and without a message", async () => {
    const { gateway, puts, send, work } = gatewayWith();
    const id = newId();
    const first = await send(id);
    expect(first).toEqual({ id: first.id, status: "queued" });
    // A duplicate before the end: the partition knows it, and there is nothing to store yet.
    await send(id);
    await work();
    expect(puts).toEqual([]);
    expect(await send(id)).toEqual({ id: first.id, status: "queued" });
    await work();
    expect(puts).toMatchObject([{ key: first.id, ttlSeconds: 96 * 3_600 }]);
    expect(await send(id)).toEqual({
      id: first.id,
      status: "duplicate",
      state: "done",
      result: { double: 42 },
    });
    expect(gateway.queues.lanes).toEqual([]);
    expect(gateway.queues.delivered).toHaveLength(1);
  });

  it("writes nothing for a message that the queue itself hands over again", async () => {
    const { gateway, puts, send, work, settled } = gatewayWith();
    await send(newId());
    const [message] = gateway.queues.lanes;
    await work();
    await gateway.deliver("sluice-normal", [message], 2);
    await settled();
    expect(puts).toEqual([]);
  });
});

describe("a source with `results`", () => {
  const results: Options = { idempotency: "results" };

  it("answers the first duplicate with what the event came to", async () => {
    const { gateway, send, work } = gatewayWith(results);
    const id = newId();
    const first = await send(id);
    await work();
    expect(await send(id)).toEqual({
      id: first.id,
      status: "duplicate",
      state: "done",
      result: { double: 42 },
    });
    expect(gateway.queues.lanes).toEqual([]);
  });

  it("keeps no result of more than 8 KiB: a duplicate is told the state alone", async () => {
    judge = () => "x".repeat(9_000);
    const { send, work } = gatewayWith(results);
    const id = newId();
    const first = await send(id);
    await work();
    judge = (amount) => ({ double: 2 * amount });
    expect(await send(id)).toEqual({ id: first.id, status: "duplicate", state: "done" });
  });

  it("never takes another customer's event of the same id for a duplicate", async () => {
    const { gateway, send, work } = gatewayWith(results);
    const id = newId();
    const first = await send(id, { customer: "ada" });
    await work();
    const other = await send(id, { customer: "bob", amount: 1 });
    expect(other.status).toBe("queued");
    expect(other.id).not.toBe(first.id);
    await work();
    expect(gateway.queues.delivered).toMatchObject([{ body: { double: 42 } }, { body: { double: 2 } }]);
    expect(await send(id, { customer: "bob", amount: 1 })).toMatchObject({ result: { double: 2 } });
    expect(await send(id, { customer: "ada" })).toMatchObject({ result: { double: 42 } });
  });

  it("tells what the later run came to after a replay", async () => {
    const { gateway, send, work } = gatewayWith(results);
    const id = newId();
    const { id: eventId } = await send(id);
    await work();
    judge = (amount) => ({ treble: 3 * amount });
    expect((await gateway.operate(`/admin/v1/events/${eventId}/replay`, {})).status).toBe(200);
    // Until the later run ends, the earlier one's result stands.
    expect(await send(id)).toMatchObject({ status: "duplicate", result: { double: 42 } });
    await ring(gateway, eventId);
    await work();
    judge = (amount) => ({ double: 2 * amount });
    expect(await send(id)).toMatchObject({ status: "duplicate", state: "done", result: { treble: 63 } });
  });

  it("never answers for a dead letter: edited and replayed, it is told as what it became", async () => {
    judge = () => {
      throw new PermanentError("there is no such account", "no_such_account");
    };
    const { gateway, puts, send, work } = gatewayWith(results);
    const id = newId();
    const { id: eventId } = await send(id);
    await work();
    expect(await gateway.event(eventId ?? "")).toMatchObject({ state: "dead" });
    expect(await send(id)).toEqual({ id: eventId, status: "queued" });
    await work();
    expect(puts).toEqual([]);
    judge = (amount) => ({ double: 2 * amount });
    const payload = { id, type: "charged", customer: "ada", amount: 4 };
    const edited = await gateway.replace(`/admin/v1/events/${eventId}/payload`, { payload });
    expect(edited.status).toBe(200);
    expect((await gateway.operate(`/admin/v1/events/${eventId}/replay`, {})).status).toBe(200);
    await ring(gateway, eventId);
    await work();
    expect(await send(id)).toEqual({
      id: eventId,
      status: "duplicate",
      state: "done",
      result: { double: 8 },
    });
  });

  it("loses no event and repeats none while the cache knows nothing of what it was told", async () => {
    const { gateway, puts, send, work } = gatewayWith(results, {
      get: reading(async (keys) => keys.map(() => null)),
    });
    const id = newId();
    await send(id);
    await work();
    expect(puts).toHaveLength(1);
    for (let at = 0; at < 3; at++) {
      expect(await send(id)).toMatchObject({ status: "queued" });
      await work();
    }
    expect(gateway.queues.delivered).toHaveLength(1);
  });

  it("goes on as always while KV is down", async () => {
    const down = () => Promise.reject(new Error("KV is down"));
    const { gateway, send, work } = gatewayWith(results, { get: down, put: down, delete: down });
    const id = newId();
    expect(await send(id)).toMatchObject({ status: "queued" });
    await work();
    expect(await send(id)).toMatchObject({ status: "queued" });
    await work();
    expect(gateway.queues.delivered).toHaveLength(1);
  });

  it("answers at the edge only when every event of the request is known", async () => {
    const invoiced = definePipeline({
      name: "invoiced",
      input: charge,
      format: ({ input }) => ({ body: { invoice: input.amount } }),
      deliver: ["out"],
    });
    const { gateway, send, work } = gatewayWith({
      ...results,
      routes: (route) => [
        route("charged", doubled),
        route("charged", invoiced, { when: ({ payload }) => payload.amount > 10 }),
      ],
    });
    const id = newId();
    await send(id, { amount: 5 });
    await work();
    // The same delivery, and one pipeline more wants it now.
    expect(await send(id, { amount: 20 })).toMatchObject({ status: "queued" });
    expect(gateway.queues.lanes).toHaveLength(2);
    await work();
    expect(gateway.queues.delivered).toMatchObject([{ body: { double: 10 } }, { body: { invoice: 20 } }]);
    expect(await send(id, { amount: 20 })).toMatchObject({ status: "duplicate", result: { double: 10 } });
    expect(gateway.queues.lanes).toEqual([]);
  });
});

describe("a duplicate at the door", () => {
  it("is answered while the lanes are too deep for anything new: it needs no room in them", async () => {
    const known: KnownEnd[] = [];
    const { ingest, appended } = testIngest(
      { stripe: stripeSource() },
      { sheds: () => true, lookUp: async () => (known.length === 0 ? null : known) },
    );
    expect((await ingest(await stripeRequest(BODY), "stripe")).status).toBe(503);
    known.push({ state: "done", result: { score: 7 } });
    const response = await ingest(await stripeRequest(BODY), "stripe");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: "duplicate",
      state: "done",
      result: { score: 7 },
    });
    expect(appended).toEqual([]);
  });

  it("is not looked for before its signature is verified", async () => {
    let asked = 0;
    const { ingest } = testIngest(
      { stripe: stripeSource() },
      { lookUp: async () => (asked++, [{ state: "done" }]) },
    );
    const forged = post(BODY, { "stripe-signature": await stripeHeader(BODY, { secret: "whsec_wrong" }) });
    expect((await ingest(forged, "stripe")).status).toBe(401);
    expect(asked).toBe(0);
  });

  it("stands in the answer at its place among the others of one body, what is filtered included", async () => {
    const item = (eventId: number, objectId: number) => ({ eventId, objectId, subscriptionType: "made" });
    const hubs = defineSource({
      verify: hubspot({ secrets: ["HUBSPOT_SECRET"] }),
      events: { made: z.object({ eventId: z.int(), objectId: z.int() }) },
      partitionBy: ({ payload }) => payload.objectId,
      filter: ({ payload }) => payload.objectId !== 13,
      routes: (route) => [route("made", testPipeline("made"))],
    });
    const asked: (readonly string[])[] = [];
    const { ingest, appended } = testIngest(
      { hubspot: hubs },
      {
        secret: () => "hub",
        lookUp: async (_, ids) => {
          asked.push(ids);
          return ids.map((__, at) => ({ state: "done", result: at }));
        },
      },
    );
    const body = JSON.stringify([item(1, 7), item(2, 13), item(3, 8)]);
    const signer = SIGNERS.get("hubspot");
    if (signer === undefined) throw new Error("HubSpot can be played");
    const facts = { id: "1", type: "made", atMs: NOW_MS, url: "https://sluice.test/in/hubspot" };
    const request = requestOf(await signSampleOf(signer, { ...facts, secret: "hub", body }));
    const response = await ingest(request, "hubspot");
    expect(await response.json()).toMatchObject({
      events: [
        { id: asked[0]?.[0], status: "duplicate", result: 0 },
        { id: null, status: "filtered" },
        { id: asked[0]?.[1], status: "duplicate", result: 1 },
      ],
    });
    expect(asked).toHaveLength(1);
    expect(appended).toEqual([]);
  });
});

describe("a source with `off`", () => {
  it("asks and writes nothing", async () => {
    const { calls, send, work } = gatewayWith({ idempotency: "off" });
    const id = newId();
    for (let at = 0; at < 3; at++) {
      expect(await send(id)).toMatchObject({ status: "queued" });
      await work();
    }
    expect(calls).toEqual([]);
  });
});

describe("a strict source", () => {
  it("is answered by its partition, with the state and the result, and never by the cache", async () => {
    const { gateway, calls, send, work } = gatewayWith({
      idempotency: "results",
      policy: { ordering: "strict" },
    });
    const id = newId();
    const { id: eventId } = await send(id);
    expect(await send(id)).toEqual({ id: eventId, status: "duplicate", state: "pending" });
    await ring(gateway, eventId);
    await work();
    expect(await send(id)).toEqual({
      id: eventId,
      status: "duplicate",
      state: "done",
      result: { double: 42 },
    });
    expect(calls).toEqual([]);
  });
});

describe("a sync route", () => {
  it("keeps its own answer, and asks no cache", async () => {
    const { calls, send, work } = gatewayWith({
      idempotency: "results",
      routes: (route) => [route("charged", doubled, { mode: "sync", deadlineMs: 20_000, default: null })],
    });
    const id = newId();
    expect(await send(id)).toMatchObject({ status: "decided" });
    await work();
    expect(await send(id)).toMatchObject({ status: "duplicate" });
    expect(calls).toEqual([]);
  });
});

describe("a customer who is erased", () => {
  it("leaves no result behind: the same id is a new event", async () => {
    const { gateway, send, work } = gatewayWith({ idempotency: "results" });
    const id = newId();
    const { id: eventId } = await send(id, { customer: "gone" });
    await work();
    expect(await send(id, { customer: "gone" })).toMatchObject({ status: "duplicate" });
    const { partition } = await gateway.event(eventId ?? "");
    const erased = await gateway.operate(`/admin/v1/partitions/${partition}/erase`, { confirm: partition });
    expect(erased.status).toBe(200);
    expect((await env.IDEMPOTENCY.list({ prefix: `evt_${partition}_` })).keys).toEqual([]);
    expect(await send(id, { customer: "gone" })).toEqual({ id: eventId, status: "queued" });
  });
});

describe("/readyz", () => {
  const gatewayOf = (options: Options) =>
    wholeGateway(
      {
        sources: {
          shop: defineSource({
            verify: stripe({ secrets: ["STRIPE_SECRET"] }),
            events,
            routes: () => [],
            ...options,
          }),
        },
      },
      { STRIPE_SECRET: SECRET, IDEMPOTENCY: undefined },
    );

  it("names the namespace that a source with `results` lacks, and takes the default for a wish", async () => {
    const missing = async (options: Options) => {
      const answer = z
        .object({ missing: z.array(z.object({ binding: z.string() })) })
        .parse(await (await gatewayOf(options).get("/readyz")).json());
      return answer.missing.map(({ binding }) => binding).filter((name) => name.startsWith("IDEMPOTENCY"));
    };
    expect(await missing({ idempotency: "results" })).toEqual(["IDEMPOTENCY"]);
    expect(await missing({ idempotency: "results", jurisdiction: "eu" })).toEqual(["IDEMPOTENCY_EU"]);
    expect(await missing({})).toEqual([]);
    expect(await missing({ idempotency: "off" })).toEqual([]);
  });
});

/** As the partition's alarm would. */
async function ring(gateway: ReturnType<typeof wholeGateway>, eventId: string | null): Promise<void> {
  const { partition } = await gateway.event(eventId ?? "");
  gateway.queues.lanes.push({ v: 1, kind: "ring", partition, priority: "normal" });
}
