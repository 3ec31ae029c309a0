import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource, type Source, type SourceOptions } from "../../src/config/define-source.ts";
import { makePartitionName, type PartitionIdentity } from "../../src/core/ids.ts";
import { DEFAULT_EVENT_POLICY } from "../../src/core/policy.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { charge, stripeRequest, testIngest, testPipeline } from "./ingest-support.ts";

const fraud = testPipeline("fraud");
const mail = testPipeline("mail");
const events = { "charge.succeeded": charge, "charge.failed": charge };
type Options = Partial<SourceOptions<typeof events>>;

function sourceWith(options: Options = {}): Source {
  return defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events,
    partitionBy: (event) => event.payload.customer,
    routes: (route) => [route("charge.succeeded", fraud)],
    ...options,
  });
}

const payload = { id: "evt_1", type: "charge.succeeded", created: 5, customer: "cus_1", amount: 100 };

interface Answer {
  readonly id: string | null;
  readonly status: string;
}

async function accept(source: Source, body: unknown = payload) {
  const { ingest, appended, logs } = testIngest({ stripe: source });
  const response = await ingest(await stripeRequest(JSON.stringify(body)), "stripe");
  expect(response.status).toBe(200);
  return { answer: await response.json<Answer>(), appended, line: logs.at(-1) };
}

const partitionOf = (identity: Partial<PartitionIdentity>) =>
  makePartitionName({
    jurisdiction: "none",
    epoch: 1,
    mode: "ordered",
    space: "stripe",
    key: "cus_1",
    ...identity,
  });

const throwing = () => {
  throw new RangeError("quotes the payload: cus_1");
};

describe("partitions", () => {
  it("a customer's events share one ordered partition, in the source's own space", async () => {
    const { appended } = await accept(sourceWith());
    expect(appended[0]).toMatchObject({ partition: await partitionOf({}), partitionKey: "stripe:cus_1" });
  });

  it("space, epoch, jurisdiction and ordering are part of the partition's name", async () => {
    const source = sourceWith({
      space: "customer",
      epoch: 3,
      jurisdiction: "eu",
      policy: { ordering: "none" },
    });
    const { appended } = await accept(source);
    const identity = { space: "customer", epoch: 3, jurisdiction: "eu", mode: "unordered" } as const;
    expect(appended[0]).toMatchObject({
      partition: await partitionOf(identity),
      partitionKey: "customer:cus_1",
    });
  });

  it("without a key an event goes to one of the unordered shards, always the same, and waits for nobody", async () => {
    const source = sourceWith({ unkeyedShards: 4 });
    const keys = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const body = { ...payload, id: `evt_${index}`, customer: null };
      const [first] = (await accept(source, body)).appended;
      const [again] = (await accept(source, body)).appended;
      expect(again?.id).toBe(first?.id);
      expect(first?.policy.ordering).toBe("none");
      const key = first?.partitionKey.replace("stripe:", "") ?? "";
      expect(first?.partition).toBe(await partitionOf({ mode: "unordered", key }));
      keys.add(key);
    }
    expect([...keys].sort()).toEqual(["shard-0", "shard-1", "shard-2", "shard-3"]);
  });

  it("a very long key is shortened for people only", async () => {
    const long = (end: string) => ({ ...payload, customer: "c".repeat(10_000) + end });
    const [one] = (await accept(sourceWith(), long("1"))).appended;
    const [two] = (await accept(sourceWith(), long("2"))).appended;
    expect(one?.partitionKey.length).toBeLessThan(500);
    expect(one?.partition).not.toBe(two?.partition);
  });
});

describe("routing", () => {
  it("a type goes to its own routes and to those of every type", async () => {
    const source = sourceWith({ routes: (route) => [route("charge.succeeded", fraud), route("*", mail)] });
    expect((await accept(source)).appended.map(({ pipeline }) => pipeline)).toEqual(["fraud", "mail"]);
    const failed = { ...payload, type: "charge.failed" };
    expect((await accept(source, failed)).appended.map(({ pipeline }) => pipeline)).toEqual(["mail"]);
  });

  it("two routes to one pipeline are one event", async () => {
    const source = sourceWith({ routes: (route) => [route("charge.succeeded", fraud), route("*", fraud)] });
    const { appended } = await accept(source);
    expect(appended).toHaveLength(1);
  });

  it("`when` sees the parsed payload and decides", async () => {
    const source = sourceWith({
      routes: (route) => [
        route("charge.succeeded", fraud, { when: (event) => event.payload.amount > 1_000 }),
        route("charge.succeeded", mail, { when: (event) => event.payload.amount <= 1_000 }),
      ],
    });
    expect((await accept(source)).appended.map(({ pipeline }) => pipeline)).toEqual(["mail"]);
  });

  it("an event no pipeline takes is durable all the same, as `unrouted`, and counted in the log", async () => {
    const noneMatches = sourceWith({
      routes: (route) => [route("charge.succeeded", fraud, { when: () => false })],
    });
    const cases = [
      await accept(noneMatches),
      await accept(sourceWith(), { ...payload, type: "customer.created" }),
      await accept(sourceWith(), { ...payload, type: "constructor" }),
      await accept(sourceWith(), { ...payload, type: "charge.failed" }),
    ];
    for (const { answer, appended, line } of cases) {
      expect(answer).toMatchObject({ id: appended[0]?.id, status: "unrouted" });
      expect(appended).toHaveLength(1);
      expect(appended[0]).toMatchObject({ pipeline: "unrouted", dedupeKey: "evt_1" });
      expect(appended[0]?.partitionKey).toMatch(/^stripe:shard-\d+$/);
      expect(appended[0]?.quarantine).toBeUndefined();
      expect(line).toMatchObject({ status: "unrouted", unrouted: 1 });
    }
  });

  it("a schema for `*` takes the types that have none of their own", async () => {
    const source = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      events: { "*": z.object({ id: z.string() }), "charge.failed": charge },
      routes: (route) => [route("*", fraud)],
    });
    expect((await accept(source, { ...payload, type: "customer.created" })).answer.status).toBe("queued");
    const invalid = { id: "evt_1", type: "charge.failed" };
    expect((await accept(source, invalid)).answer.status).toBe("quarantined");
  });

  it("a filtered event is answered and goes no further", async () => {
    const source = sourceWith({ filter: (event) => event.payload.amount > 1_000 });
    const { answer, appended, line } = await accept(source);
    expect(answer).toMatchObject({ id: null, status: "filtered" });
    expect(appended).toEqual([]);
    expect(line).toMatchObject({ status: "filtered" });
  });
});

describe("policy and priority", () => {
  it("the more particular word counts: route over pipeline over source over default", async () => {
    const careful = testPipeline("careful", { lookahead: 1, settleMs: 1 });
    const source = sourceWith({
      priority: "low",
      policy: { lookahead: 8, settleMs: 8, leaseMs: 8 },
      routes: (route) => [
        route("charge.succeeded", careful, { priority: "high", policy: { settleMs: 0 } }),
        route("*", mail),
      ],
    });
    const [first, second] = (await accept(source)).appended;
    expect(first?.priority).toBe("high");
    expect(first?.policy).toEqual({ ...DEFAULT_EVENT_POLICY, lookahead: 1, settleMs: 0, leaseMs: 8 });
    expect(second?.priority).toBe("low");
    expect(second?.policy).toEqual({ ...DEFAULT_EVENT_POLICY, lookahead: 8, settleMs: 8, leaseMs: 8 });
  });
});

describe("priority by a function", () => {
  it("of the source, or of the route before it, sees the payload", async () => {
    const byAmount = sourceWith({
      priority: (event) => (event.payload.amount > 1_000 ? "high" : "low"),
      routes: (route) => [
        route("charge.succeeded", fraud),
        route("charge.succeeded", mail, {
          priority: ({ payload }) => (payload.amount > 50 ? "normal" : "low"),
        }),
      ],
    });
    const lanes = async (amount: number) =>
      (await accept(byAmount, { ...payload, amount })).appended.map(({ priority }) => priority);
    expect([await lanes(2_000), await lanes(100), await lanes(10)]).toEqual([
      ["high", "normal"],
      ["low", "normal"],
      ["low", "low"],
    ]);
  });
});

describe("ids and order", () => {
  it("the source may say which id and which order count", async () => {
    const source = sourceWith({ dedupeBy: (event) => `charge-${event.payload.id}`, orderBy: () => 7 });
    expect((await accept(source)).appended[0]).toMatchObject({ dedupeKey: "charge-evt_1", orderKey: 7 });
    const unordered = sourceWith({ orderBy: () => null });
    expect((await accept(unordered)).appended[0]?.orderKey).toBeNull();
    expect((await accept(sourceWith())).appended[0]?.orderKey).toBe(5_000);
  });

  it("the source's own id serves where the sender gives none", async () => {
    const source = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      events: { "charge.succeeded": z.object({ amount: z.number() }) },
      dedupeBy: (event) => `amount-${event.payload.amount}`,
      routes: (route) => [route("charge.succeeded", fraud)],
    });
    const { appended } = await accept(source, { type: "charge.succeeded", amount: 1 });
    expect(appended[0]?.dedupeKey).toBe("amount-1");
  });

  it("an empty id from the source is no id", async () => {
    const { ingest, appended } = testIngest({ stripe: sourceWith({ dedupeBy: () => "" }) });
    expect((await ingest(await stripeRequest(JSON.stringify(payload)), "stripe")).status).toBe(422);
    expect(appended).toEqual([]);
  });
});

describe("quarantine", () => {
  it("an invalid payload is a listed dead letter of its type's first pipeline, with places and no values", async () => {
    const source = sourceWith({
      routes: (route) => [route("charge.succeeded", fraud), route("*", mail)],
    });
    const { answer, appended, line } = await accept(source, { ...payload, amount: "private" });
    expect(answer).toMatchObject({ id: appended[0]?.id, status: "quarantined" });
    expect(appended).toHaveLength(1);
    expect(appended[0]).toMatchObject({
      pipeline: "fraud",
      dedupeKey: "evt_1",
      quarantine: { code: "schema", message: "not a valid charge.succeeded: amount: invalid_type" },
    });
    expect(line).toMatchObject({ status: "quarantined", quarantined: 1 });
    const unrouted = sourceWith({ routes: () => [] });
    const [event] = (await accept(unrouted, { ...payload, amount: "x" })).appended;
    expect(event).toMatchObject({ pipeline: "unrouted", quarantine: { code: "schema" } });
  });

  it("an invalid payload without the sender's id is recorded under its digest, the same for a retry", async () => {
    const body = { type: "charge.succeeded", amount: "x" };
    const [first] = (await accept(sourceWith(), body)).appended;
    const [again] = (await accept(sourceWith(), body)).appended;
    expect(first?.dedupeKey).toMatch(/^body-sha256:[0-9a-f]{64}$/);
    expect(again?.id).toBe(first?.id);
  });

  const functions: readonly (readonly [string, Options])[] = [
    ["filter", { filter: throwing }],
    ["partitionBy", { partitionBy: throwing }],
    ["dedupeBy", { dedupeBy: throwing }],
    ["orderBy", { orderBy: throwing }],
    ["orderBy", { orderBy: () => Number.NaN }],
    ["when", { routes: (route) => [route("charge.succeeded", fraud, { when: throwing })] }],
    ["priority", { priority: throwing }],
    ["priority", { routes: (route) => [route("charge.succeeded", fraud, { priority: throwing })] }],
    // What the compiler would refuse.
    ["priority", { priority: () => "urgent" as never }],
  ];
  it.each(functions)("a %s that throws quarantines the event and quotes nothing", async (name, options) => {
    const { answer, appended } = await accept(sourceWith(options));
    expect(answer.status).toBe("quarantined");
    expect(appended).toHaveLength(1);
    expect(appended[0]).toMatchObject({
      pipeline: "fraud",
      dedupeKey: "evt_1",
      quarantine: { code: "config_function_threw", message: `${name} threw RangeError` },
    });
  });

  it("a schema whose own code throws quarantines the event", async () => {
    const source = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      events: { "charge.succeeded": z.object({ id: z.string().transform(throwing) }) },
      routes: (route) => [route("charge.succeeded", fraud)],
    });
    const { appended } = await accept(source);
    expect(appended[0]?.quarantine).toEqual({
      code: "config_function_threw",
      message: "the schema threw RangeError",
    });
  });

  it("a `when` that throws harms its own route alone", async () => {
    const source = sourceWith({
      routes: (route) => [route("charge.succeeded", fraud, { when: throwing }), route("*", mail)],
    });
    const { appended } = await accept(source);
    expect(appended.map((event) => [event.pipeline, event.quarantine?.code])).toEqual([
      ["fraud", "config_function_threw"],
      ["mail", undefined],
    ]);
  });

  it("what is thrown need not be an error", async () => {
    const source = sourceWith({
      partitionBy: () => {
        // oxlint-disable-next-line typescript/only-throw-error -- a deployer's code may do so
        throw "cus_1";
      },
    });
    expect((await accept(source)).appended[0]?.quarantine?.message).toBe("partitionBy threw string");
  });
});
