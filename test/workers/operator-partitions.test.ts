/** Partitions, guards and undeliverable messages, as operators handle them; and a customer's erasure. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource, standardWebhooks } from "../../src/index.ts";
import { createOpenPartitions } from "../../src/ledger/open-partitions.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { DEAD } from "../support/summaries.ts";
import { emptyLedger } from "./ledger-support.ts";
import { leaseOver, Operator, stubOf, tell } from "./operator-support.ts";

const operator = new Operator();

beforeEach(async () => {
  await emptyLedger();
  for (const { key } of (await env.PAYLOADS.list()).objects) await env.PAYLOADS.delete(key);
});

describe("a partition", () => {
  it("is seen with depth, oldest age and holder", async () => {
    const receivedAtMs = Date.now() - 5_000;
    const envelope = await envelopeOf({ key: "held", customer: "seen", receivedAtMs });
    await leaseOver(envelope);
    const { body } = await operator.get(`/partitions/${envelope.partition}`);
    expect(body).toMatchObject({
      mode: "ordered",
      openEvents: 1,
      oldestOpenAtMs: receivedAtMs,
      paused: null,
      draining: false,
      holder: { driver: "test", events: [envelope.id] },
    });
  });

  it("pauses, resumes and drains", async () => {
    const partition = await partitionFor("stopped");
    const state = async () => (await operator.get(`/partitions/${partition}`)).body;
    await operator.post(`/partitions/${partition}/pause`, { reason: "their books are wrong" });
    expect(await state()).toMatchObject({ paused: { reason: "their books are wrong" } });
    await operator.post(`/partitions/${partition}/drain`);
    expect(await state()).toMatchObject({ draining: true });
    await operator.post(`/partitions/${partition}/resume`);
    expect(await state()).toMatchObject({ paused: null, draining: false });
  });

  it("with open work is listed, the longest due first; a customer's are found by name", async () => {
    const [late, later] = [await partitionFor("late"), await partitionFor("later")];
    await createOpenPartitions(env.LEDGER).report(
      [
        { partition: later, dueMs: 20 },
        { partition: late, dueMs: 10 },
      ],
      30,
    );
    expect((await operator.get("/partitions")).body["partitions"]).toEqual([
      { name: late, dueAtMs: 10, reportedAtMs: 30 },
      { name: later, dueAtMs: 20, reportedAtMs: 30 },
    ]);
    expect((await operator.get("/overview")).body).toMatchObject({ openPartitions: 2, oldestDueAtMs: 10 });
    const source = defineSource({
      verify: standardWebhooks({ secrets: ["TEST_SECRET"] }),
      events: { a: z.object({}) },
      routes: () => [],
    });
    const shop = new Operator({}, { sources: { test: source } });
    const found = await shop.get("/partitions?customer=test:late");
    expect(JSON.stringify(found.body)).toContain(late);
  });

  it("is erased with all that is stored of it, and nothing of anybody else, once its name is repeated", async () => {
    const erased = await envelopeOf({ key: "a", customer: "erased" });
    const other = await envelopeOf({ key: "a", customer: "other" });
    for (const envelope of [erased, other]) {
      await leaseOver(envelope);
      await env.PAYLOADS.put(`bodies/${envelope.id}/abc`, "body");
      const body = { v: 1, kind: "event", envelope };
      await env.PAYLOADS.put(
        `undeliverable/of-${envelope.id}.json`,
        JSON.stringify({ v: 1, keptAtMs: 1, body }),
      );
    }
    await tell({ key: "a", customer: "erased", summary: DEAD });
    await tell({ key: "a", customer: "other", summary: DEAD });
    const path = `/partitions/${erased.partition}/erase`;
    expect((await operator.post(path, { confirm: other.partition })).status).toBe(400);
    expect((await operator.post(path, { confirm: erased.partition })).body).toEqual({
      status: "erased",
      bodies: 2,
    });
    expect((await operator.get(`/events/${erased.id}`)).status).toBe(404);
    expect((await operator.get(`/events/${other.id}`)).body).toMatchObject({ retained: true });
    const kept = (await env.PAYLOADS.list()).objects.map(({ key }) => key);
    expect(kept).toHaveLength(2);
    expect(kept.every((key) => key.includes(other.id))).toBe(true);
    expect((await operator.get("/dead-letters")).body["events"]).toMatchObject([{ id: other.id }]);
  });
});

describe("guards", () => {
  it("are listed by what the config has, tripped and reset", async () => {
    expect((await operator.get("/guards")).body).toMatchObject({
      guards: [
        { name: "model:fast", state: { breaker: { phase: "closed" } } },
        { name: "destination:crm", state: { breaker: { phase: "closed" } } },
      ],
    });
    const tripped = await operator.post("/guards/model:fast/trip", { seconds: 60, reason: "they said so" });
    expect(tripped.body).toMatchObject({ state: { breaker: { phase: "open" } } });
    const reset = await operator.post("/guards/model:fast/reset");
    expect(reset.body).toMatchObject({ state: { breaker: { phase: "closed" } } });
    expect((await operator.get("/guards/model:unknown")).status).toBe(404);
    expect((await operator.post("/guards/model:fast/trip", { seconds: 0 })).status).toBe(400);
  });
});

describe("undeliverable messages", () => {
  const keep = (id: string, body: unknown) =>
    env.PAYLOADS.put(`undeliverable/${id}.json`, JSON.stringify({ v: 1, keptAtMs: 7, body }));

  it("are listed and read whole", async () => {
    await keep("m1", { from: "the future" });
    expect((await operator.get("/undeliverable")).body).toMatchObject({
      messages: [{ id: "m1" }],
      next: null,
    });
    expect((await operator.get("/undeliverable/m1")).body).toEqual({
      id: "m1",
      keptAtMs: 7,
      body: { from: "the future" },
    });
    expect((await operator.get("/undeliverable/none")).status).toBe(404);
    expect((await operator.get("/undeliverable/..%2Fbodies")).status).toBe(400);
  });

  it("are sent again the way they were going, and kept no longer", async () => {
    const envelope = await envelopeOf({ key: "resent", customer: "resent", policy: { ordering: "strict" } });
    await keep("m2", { v: 1, kind: "event", envelope });
    expect((await operator.post("/undeliverable/m2/replay")).status).toBe(200);
    expect(await stubOf(envelope.partition).read(envelope.id)).toMatchObject({ dedupeKey: "resent" });
    expect(await env.PAYLOADS.get("undeliverable/m2.json")).toBeNull();
    expect((await operator.post("/undeliverable/m2/replay")).status).toBe(404);
  });

  it("go by their lane, or to the ledger, by what they are", async () => {
    const sent: unknown[] = [];
    const queue = { send: (body: unknown) => Promise.resolve(void sent.push(body)), sendBatch: () => {} };
    const other = new Operator({ LANE_NORMAL: queue, TELEMETRY: queue });
    const envelope = await envelopeOf({ key: "lane", customer: "lane" });
    const report = { v: 1, kind: "partition_open", partition: envelope.partition, dueMs: 5 };
    await keep("m3", { v: 1, kind: "event", envelope });
    await keep("m4", report);
    expect((await other.post("/undeliverable/m3/replay")).status).toBe(200);
    expect((await other.post("/undeliverable/m4/replay")).status).toBe(200);
    expect(sent).toMatchObject([{ kind: "event", envelope: { id: envelope.id } }, report]);
  });

  it("that this version cannot read are kept, until somebody gives them up with a reason", async () => {
    await keep("m5", { v: 9 });
    expect((await operator.post("/undeliverable/m5/replay")).status).toBe(409);
    expect(await env.PAYLOADS.get("undeliverable/m5.json")).not.toBeNull();
    expect((await operator.post("/undeliverable/m5/discard", { reason: "from a test" })).status).toBe(200);
    expect(await env.PAYLOADS.get("undeliverable/m5.json")).toBeNull();
  });
});
