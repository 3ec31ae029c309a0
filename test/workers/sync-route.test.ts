/** Sync routes through the whole gateway, on the real objects. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { parseEventId, parsePartitionName } from "../../src/core/ids.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { definePipeline, defineSource, stripe } from "../../src/index.ts";
import { SECRET, stripeHeader } from "./ingest-support.ts";
import { wholeGateway, type WholeGateway } from "./whole-gateway.ts";

const answerSchema = z.object({
  id: z.string(),
  status: z.string(),
  answer: z.optional(z.json()),
  by: z.optional(z.string()),
  flagged: z.optional(z.boolean()),
});

const charge = z.object({
  id: z.string(),
  type: z.literal("charge.tried"),
  data: z.object({ amount: z.int() }),
});

/** How the pipeline is judged, by the test: until then its sender waits. */
function gatewayWith(judge: (amount: number) => Promise<boolean>, deadlineMs: number): WholeGateway {
  const pipeline = definePipeline({
    name: "judge",
    input: charge,
    enrich: async ({ data }) => ({ allow: await judge(data.amount) }),
    format: ({ input }) => ({ body: { allow: input.allow } }),
    deliver: ["out"],
  });
  const shop = defineSource({
    ...shopOptions,
    routes: (route) => [
      route("charge.tried", pipeline, { mode: "sync", deadlineMs, default: { allow: true } }),
    ],
  });
  return wholeGateway({ sources: { shop } }, { STRIPE_SECRET: SECRET });
}

const shopOptions = {
  verify: stripe({ secrets: ["STRIPE_SECRET"] }),
  events: { "charge.tried": charge },
  partitionBy: ({ payload }: { readonly payload: z.output<typeof charge> }) => payload.id,
} as const;

async function send(gateway: WholeGateway, id: string, amount: unknown = 5) {
  const body = JSON.stringify({ id, type: "charge.tried", data: { amount } });
  const signature = await stripeHeader(body, { seconds: Math.floor(Date.now() / 1_000) });
  const headers = { "content-type": "application/json", "stripe-signature": signature };
  const response = await gateway.post("shop", { body, headers });
  expect(response.status).toBe(200);
  return answerSchema.parse(await response.json());
}

/** As the event's partition would have it. */
async function drive(gateway: WholeGateway, id: string): Promise<void> {
  const { partition } = await gateway.event(id);
  gateway.queues.lanes.push({ v: 1, kind: "ring", partition, priority: "normal" });
  await gateway.drain();
}

describe("a sync route", () => {
  it("answers with what the pipeline said, tells a duplicate the same, and delivers it without asking again", async () => {
    let judged = 0;
    const gateway = gatewayWith(async (amount) => ++judged > 0 && amount < 10, 20_000);
    const first = await send(gateway, "evt_sync_1");
    expect(first).toMatchObject({ status: "decided", answer: { allow: true }, by: "model", flagged: false });
    expect(await send(gateway, "evt_sync_1")).toMatchObject({ ...first, status: "duplicate" });
    expect(gateway.queues.lanes).toEqual([]);
    await drive(gateway, first.id);
    expect(gateway.queues.delivered).toMatchObject([{ body: { allow: true } }]);
    expect(await gateway.event(first.id)).toMatchObject({ state: "done", decision: { by: "model" } });
    expect(judged).toBe(1);
  });

  it("answers one id once: a repeat with another body is told what the first was told", async () => {
    const gateway = gatewayWith(async (amount) => amount < 10, 20_000);
    const first = await send(gateway, "evt_sync_same", 5);
    const other = await send(gateway, "evt_sync_same", 5_000);
    expect(other).toMatchObject({ ...first, status: "duplicate", answer: { allow: true } });
  });

  it("answers two identical requests at once with one judgement", async () => {
    let judged = 0;
    const gateway = gatewayWith(async () => ++judged > 0, 20_000);
    const answers = await Promise.all([1, 2, 3].map(() => send(gateway, "evt_sync_twins")));
    expect(answers.map(({ status }) => status).sort()).toEqual(["decided", "duplicate", "duplicate"]);
    expect(new Set(answers.map(({ answer }) => JSON.stringify(answer)))).toEqual(new Set(['{"allow":true}']));
    expect(judged).toBe(1);
  });

  it("keeps its answer when a person then says otherwise, and delivers what the person says", async () => {
    const gateway = gatewayWith(async () => Promise.reject(new Error("cannot be judged")), 20_000);
    const first = await send(gateway, "evt_sync_contradicted");
    expect(first).toMatchObject({ answer: { allow: true }, by: "default", flagged: true });
    const { partition } = await gateway.event(first.id);
    const name = parsePartitionName(partition);
    const id = parseEventId(first.id);
    if (!name.ok || !id.ok) throw new Error(partition);
    // Held by a driver, it ends in review with what could be made of it.
    const stub = partitionStub(env.PARTITION, name.value);
    const { lease } = await stub.claim({ v: 1, request: "claim", driver: "test" });
    const output = {
      v: 1,
      stageVersion: "judge:1",
      value: null,
      type: "judged",
      to: ["out"],
      emits: [],
      model: null,
    } as const;
    await stub.exchange({
      v: 1,
      request: "record",
      driver: "test",
      token: lease?.token ?? 0,
      holding: [id.value],
      wantMore: false,
      actions: [{ kind: "record", id: id.value, output: { ...output, body: { allow: true } } }],
    });
    expect((await gateway.event(first.id)).state).toBe("review");
    const decision = { kind: "edit", body: { allow: false } } as const;
    const edited = await stub.operate({ kind: "review", id: id.value, run: 1, decision });
    expect(edited.outcome).toBe("applied");
    await drive(gateway, first.id);
    expect(gateway.queues.delivered).toMatchObject([{ body: { allow: false } }]);
    expect(await send(gateway, "evt_sync_contradicted")).toMatchObject({ ...first, status: "duplicate" });
  });

  it("answers with its default when time is up, and a person sees the event before anything is delivered", async () => {
    const gateway = gatewayWith(async () => new Promise(() => undefined), 300);
    const first = await send(gateway, "evt_sync_2");
    expect(first).toMatchObject({ status: "decided", answer: { allow: true }, by: "default", flagged: true });
    const again = await send(gateway, "evt_sync_2");
    expect(again).toMatchObject({ ...first, status: "duplicate" });
    expect(gateway.queues.delivered).toEqual([]);
  });

  it("answers a payload in quarantine by default; its event is a dead letter", async () => {
    const gateway = gatewayWith(async () => true, 20_000);
    const first = await send(gateway, "evt_sync_3", "not a number");
    expect(first).toMatchObject({ status: "decided", by: "default", flagged: true });
    await drive(gateway, first.id);
    expect(await gateway.event(first.id)).toMatchObject({ state: "dead", failure: { code: "schema" } });
  });

  it("refuses a default of another shape, and another deadline than senders wait, before anything runs", () => {
    const pipeline = definePipeline({
      name: "judge",
      input: charge,
      format: () => ({ body: { allow: Date.now() > 0 } }),
      deliver: [],
    });
    const source = (deadlineMs: number) =>
      defineSource({
        ...shopOptions,
        routes: (route) => [
          route("charge.tried", pipeline, { mode: "sync", deadlineMs, default: { allow: false } }),
          // @ts-expect-error the default is what `format` returns as its body
          route("charge.tried", pipeline, { mode: "sync", deadlineMs, default: { deny: true } }),
        ],
      });
    expect(() => wholeGateway({ sources: { shop: source(5) } })).toThrow("deadlineMs");
    expect(() => wholeGateway({ sources: { shop: source(60_000) } })).toThrow("deadlineMs");
  });
});
