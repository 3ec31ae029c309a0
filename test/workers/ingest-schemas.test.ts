import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { parseEventId, partitionOf } from "../../src/core/ids.ts";
import { defineSource as source, type SourceOptions } from "../../src/config/define-source.ts";
import type { EventSchemas } from "../../src/config/event-schemas.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { custom, definePipeline, defineSource, stripe, versioned } from "../../src/index.ts";
import { stripeHeader, SECRET, testIngest, testPipeline, stripeRequest } from "./ingest-support.ts";
import { answerSchema, newQueues, wholeGateway, type WholeGateway } from "./whole-gateway.ts";

const verify = stripe({ secrets: ["STRIPE_SECRET"] });
const SECRETS = { STRIPE_SECRET: SECRET };

async function send(gateway: WholeGateway, payload: object, headers: Readonly<Record<string, string>> = {}) {
  const body = JSON.stringify(payload);
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const signed = { "content-type": "application/json", "stripe-signature": signature, ...headers };
  const response = await gateway.post("shop", { body, headers: signed });
  return answerSchema.parse(await response.json());
}

/** As an operator does it. */
async function replay(text: string): Promise<void> {
  const id = parseEventId(text);
  if (!id.ok) throw new Error(text);
  const stub = partitionStub(env.PARTITION, partitionOf(id.value));
  const reply = await stub.operate({ kind: "replay", id: id.value, reuseOutput: false });
  expect(reply).toMatchObject({ outcome: "applied" });
}

/** Rings the event's partition, as its alarm would. */
async function ring(gateway: WholeGateway, id: string): Promise<void> {
  const { partition } = await gateway.event(id);
  gateway.queues.lanes.push({ v: 1, kind: "ring", partition, priority: "normal" });
  await gateway.drain();
}

const passOn = <Input extends z.ZodType>(input: Input) =>
  definePipeline({
    name: "pass-on",
    input,
    format: ({ input }) => ({ body: input as never }),
    deliver: ["out"],
  });

describe("versions of a schema", () => {
  const v1 = z.object({ id: z.string(), amount: z.number() });
  const v2 = z.object({ id: z.string(), amount: z.object({ cents: z.number() }) });
  const statusOf = async (events: EventSchemas, payload: object, headers: Record<string, string> = {}) => {
    const options: SourceOptions<EventSchemas> = {
      verify,
      events,
      routes: (route) => [route("*", testPipeline("any"))],
    };
    const { ingest, appended } = testIngest({ stripe: source(options) });
    const body = JSON.stringify({ id: "evt_1", type: "paid", ...payload });
    const response = await ingest(await stripeRequest(body, headers), "stripe");
    return { status: answerSchema.parse(await response.json()).status, envelope: appended[0] };
  };

  it("are chosen by a field of the payload, a header, or a function; without a word, by `otherwise`", async () => {
    const old = { amount: 1 };
    const young = { amount: { cents: 100 } };
    const byField = { paid: versioned({ "1": v1, "2": v2 }, { field: "meta.v", otherwise: "1" }) };
    const byHeader = { paid: versioned({ "1": v1, "2": v2 }, { header: "X-Schema-Version" }) };
    const byFunction = {
      paid: versioned(
        { "1": v1, "2": v2 },
        { choose: ({ payload }) => (v2.safeParse(payload).success ? "2" : "1") },
      ),
    };
    const cases = [
      [byField, { ...young, meta: { v: 2 } }, {}, "queued"],
      [byField, { ...young, meta: { v: "2" } }, {}, "queued"],
      [byField, old, {}, "queued"],
      [byField, young, {}, "quarantined"],
      [byField, { ...old, meta: { v: "2" } }, {}, "quarantined"],
      [byField, { ...old, meta: { v: "3" } }, {}, "quarantined"],
      [byField, { ...old, meta: { v: "constructor" } }, {}, "quarantined"],
      [byHeader, young, { "x-schema-version": "2" }, "queued"],
      [byHeader, old, { "x-schema-version": "1" }, "queued"],
      [byHeader, old, {}, "quarantined"],
      [byFunction, young, {}, "queued"],
      [byFunction, old, {}, "queued"],
    ] as const;
    for (const [events, payload, headers, expected] of cases) {
      expect((await statusOf(events, payload, headers)).status).toBe(expected);
    }
    const unknown = await statusOf(byField, { ...old, meta: { v: "3" } });
    expect(unknown.envelope?.quarantine).toEqual({
      code: "schema",
      message: "not a valid paid: (root): unknown_version",
    });
    // Kept, because it is needed again when the event is worked on.
    const kept = await statusOf(byHeader, old, { "x-schema-version": "1" });
    expect(kept.envelope?.headers).toEqual({ "x-schema-version": "1" });
  });

  it("a choice that throws quarantines the event", async () => {
    const choose = () => {
      throw new RangeError("quotes the payload");
    };
    const { envelope } = await statusOf({ paid: versioned({ "1": v1 }, { choose }) }, { amount: 1 });
    expect(envelope?.quarantine).toMatchObject({ code: "config_function_threw" });
  });

  it("both ends agree: an event of an older version is worked on beside one of a newer", async () => {
    const events = { paid: versioned({ "1": v1, "2": v2 }, { header: "x-schema-version" }) };
    const sources = {
      shop: defineSource({ verify, events, routes: (route) => [route("paid", passOn(z.union([v1, v2])))] }),
    };
    const gateway = wholeGateway({ sources }, SECRETS);
    const ids = [
      await send(gateway, { id: "e1", type: "paid", amount: 1 }, { "x-schema-version": "1" }),
      await send(gateway, { id: "e2", type: "paid", amount: { cents: 1 } }, { "x-schema-version": "2" }),
    ].map(({ id }) => id ?? "");
    await gateway.drain();
    for (const id of ids) expect((await gateway.event(id)).state).toBe("done");
  });
});

describe("the registry", () => {
  const sources = {
    shop: defineSource({
      verify,
      events: {
        paid: versioned(
          { "1": z.object({ id: z.string() }), "2": z.object({ id: z.int() }) },
          { field: "v" },
        ),
        "deep/type": z.object({ at: z.date(), size: z.string().transform(Number) }),
      },
      routes: () => [],
    }),
    unsigned: defineSource({
      verify: custom({ secrets: ["STRIPE_SECRET"], signatureHeaders: ["x-signature"], dedupeKey: [] }),
      events: { "*": z.string() },
      routes: () => [],
    }),
  };
  const schemasSchema = z.object({
    schemas: z.array(z.looseObject({ source: z.string(), type: z.string() })),
  });

  it("serves every schema of every source and version as JSON Schema, of what is to be sent", async () => {
    const gateway = wholeGateway({ sources });
    const all = schemasSchema.parse(await (await gateway.get("/v1/schemas")).json());
    expect(all.schemas.map(({ source, type }) => `${source} ${type}`)).toEqual([
      "shop paid",
      "shop deep/type",
      "unsigned *",
    ]);
    const paid = await (await gateway.get("/v1/schemas/shop/paid")).json();
    expect(paid).toMatchObject({
      source: "shop",
      type: "paid",
      versions: [
        {
          version: "1",
          schema: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
        },
        { version: "2", schema: { properties: { id: { type: "integer" } } } },
      ],
    });
    const deep = await (await gateway.get(`/v1/schemas/shop/${encodeURIComponent("deep/type")}`)).json();
    expect(deep).toMatchObject({
      versions: [{ version: null, schema: { properties: { at: {}, size: { type: "string" } } } }],
    });
  });

  it("of a source or type nobody declared: 404", async () => {
    const gateway = wholeGateway({ sources });
    for (const path of ["/v1/schemas/shop/refunded", "/v1/schemas/nobody/paid", "/v1/schemas/shop"]) {
      expect((await gateway.get(path)).status).toBe(404);
    }
  });
});

it("a pipeline is given what the source's schema made of the payload, as the route's types say", async () => {
  const raw = z.object({ id: z.string(), amount: z.string().transform(Number) });
  const events = { paid: raw };
  const pipeline = passOn(z.object({ id: z.string(), amount: z.number().transform((amount) => amount * 2) }));
  const sources = { shop: defineSource({ verify, events, routes: (route) => [route("paid", pipeline)] }) };
  const gateway = wholeGateway({ sources }, SECRETS);
  const { id } = await send(gateway, { id: "transformed", type: "paid", amount: "21" });
  await gateway.drain();
  expect(await gateway.event(id ?? "")).toMatchObject({ state: "done" });
  expect(gateway.queues.delivered).toMatchObject([{ body: { id: "transformed", amount: 42 } }]);
});

describe("a field that is renamed upstream", () => {
  const before = z.object({ id: z.string(), customer: z.string() });
  const after = z.object({ id: z.string(), client: z.string() });
  const shop = (schema: z.ZodType<{ id: string }>) => ({
    sources: {
      shop: defineSource({
        verify,
        events: { paid: schema },
        routes: (route) => [route("paid", passOn(z.looseObject({ id: z.string() })))],
      }),
    },
  });

  it("makes a loud `schema` dead letter; the same event, replayed after the mend, is done", async () => {
    const queues = newQueues();
    const gateway = wholeGateway(shop(before), SECRETS, queues);
    const answer = await send(gateway, { id: "renamed", type: "paid", client: "c1" });
    expect(answer.status).toBe("quarantined");
    const id = answer.id ?? "";
    await gateway.drain();
    const dead = await gateway.event(id);
    expect(dead).toMatchObject({ state: "dead", failure: { stage: "parse", code: "schema" } });
    expect(dead.failure?.message).toBe("not a valid paid: customer: invalid_type");

    // Replayed without a mend it is what it was.
    await replay(id);
    await ring(gateway, id);
    expect((await gateway.event(id)).state).toBe("dead");

    const mended = wholeGateway(shop(z.union([before, after])), SECRETS, queues);
    await replay(id);
    await ring(mended, id);
    expect(await mended.event(id)).toMatchObject({ state: "done", failure: null });
    expect(queues.delivered).toMatchObject([{ body: { id: "renamed", client: "c1" } }]);
  });

  it("is seen as well when a deploy changed the schema after the event was accepted", async () => {
    const queues = newQueues();
    const { id } = await send(wholeGateway(shop(before), SECRETS, queues), {
      id: "deployed",
      type: "paid",
      customer: "c",
    });
    const changed = wholeGateway(shop(after), SECRETS, queues);
    await changed.drain();
    expect(await changed.event(id ?? "")).toMatchObject({ state: "dead", failure: { code: "schema" } });
  });
});

describe("an event that a function of the config could not judge", () => {
  const events = { paid: z.object({ id: z.string() }) };
  interface Functions {
    readonly filter?: () => boolean;
    readonly partitionBy?: () => string;
  }
  const shop = (functions: Functions) => ({
    sources: {
      shop: defineSource({
        verify,
        events,
        routes: (route) => [route("paid", passOn(z.unknown()))],
        ...functions,
      }),
    },
  });
  const broken = (): never => {
    throw new TypeError("a bug");
  };
  const cases: readonly (readonly [string, Functions, Functions, string])[] = [
    ["filter", { filter: broken }, {}, "done"],
    ["partitionBy", { partitionBy: broken }, {}, "done"],
    ["filter, which then does not want it", { filter: broken }, { filter: () => false }, "filtered"],
    ["filter, and it still cannot", { filter: broken }, { filter: broken }, "dead"],
  ];

  it.each(cases)(
    "(%s) is judged by the mended one when it is replayed",
    async (name, before, after, state) => {
      const queues = newQueues();
      const gateway = wholeGateway(shop(before), SECRETS, queues);
      const { id, status } = await send(gateway, { id: `e of ${name}`, type: "paid" });
      expect(status).toBe("quarantined");
      await gateway.drain();
      expect(await gateway.event(id ?? "")).toMatchObject({
        state: "dead",
        failure: { code: "config_function_threw" },
      });
      const mended = wholeGateway(shop(after), SECRETS, queues);
      await replay(id ?? "");
      await ring(mended, id ?? "");
      expect((await mended.event(id ?? "")).state).toBe(state);
    },
  );
});
