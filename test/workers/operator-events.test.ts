/** What an operator sees of events, and does to those that failed. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { DEAD } from "../support/summaries.ts";
import { emptyLedger } from "./ledger-support.ts";
import { end, leaseOver, Operator, OUTPUT, say, stubOf, tell } from "./operator-support.ts";

const operator = new Operator();
let customer = 0;

beforeEach(async () => {
  await emptyLedger();
  customer++;
});

const eventOf = (key: string, options: object = {}) =>
  envelopeOf({ key, customer: `events-${customer}`, receivedAtMs: Date.now(), ...options });

const die =
  (code = "http_400") =>
  (id: EventEnvelope["id"]): Action => ({
    kind: "fail",
    id,
    failure: failure("infer", "permanent", code, "no"),
    deliveries: [],
  });

/** Dead in its partition, and in the ledger. */
async function deadEvent(key: string): Promise<EventEnvelope> {
  const envelope = await eventOf(key);
  await end(envelope, die());
  await tell({
    key,
    customer: `events-${customer}`,
    receivedAtMs: envelope.receivedAtMs,
    summary: { ...DEAD, version: 1 },
  });
  return envelope;
}

const timelineOf = (body: Readonly<Record<string, unknown>>) =>
  z
    .array(z.looseObject({ what: z.string() }))
    .parse(body["timeline"])
    .map((entry) => entry.what);

const keysOf = (body: Readonly<Record<string, unknown>>, list = "events") =>
  z
    .array(z.looseObject({ dedupeKey: z.string() }))
    .parse(body[list])
    .map((event) => event.dedupeKey);

describe("events", () => {
  it("are listed by any condition and paged by an opaque cursor", async () => {
    for (const [index, key] of ["a", "b", "c"].entries())
      await tell({ key, receivedAtMs: 1_700_000_000_000 + index, summary: index === 1 ? DEAD : {} });
    const first = await operator.get("/events?limit=2&customer=test:customer-1");
    expect(keysOf(first.body)).toEqual(["c", "b"]);
    const second = await operator.get(
      `/events?limit=2&customer=test:customer-1&cursor=${String(first.body["next"])}`,
    );
    expect([keysOf(second.body), second.body["next"]]).toEqual([["a"], null]);
    expect(keysOf((await operator.get("/events?state=dead,review")).body)).toEqual(["b"]);
    expect(keysOf((await operator.get("/events?dedupeKey=a&source=test")).body)).toEqual(["a"]);
    expect(first.body["events"]).toMatchObject([{ traceId: "0af7651916cd43dd8448eb211c80319c" }, {}]);
  });

  it("are read from their partition, with the payload only when it is asked for", async () => {
    const envelope = await eventOf("read", { body: '{"card":"4242"}' });
    await end(envelope, die());
    const plain = await operator.get(`/events/${envelope.id}`);
    expect(plain).toMatchObject({
      status: 200,
      body: { state: "dead", retained: true, failure: { code: "http_400" } },
    });
    expect(JSON.stringify(plain.body)).not.toContain("4242");
    expect(plain.headers.get("cache-control")).toBe("no-store");
    const full = await operator.get(`/events/${envelope.id}?payload=1`);
    expect(full.body["payload"]).toEqual({ text: '{"card":"4242"}', value: { card: "4242" } });
  });

  it("are read from R2 where the payload is too large for a message", async () => {
    const text = JSON.stringify({ large: "x".repeat(1_000) });
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const envelope = await eventOf("large");
    const key = `bodies/${envelope.id}/${sha256}`;
    await env.PAYLOADS.put(key, text);
    const stored = { ...envelope, body: { kind: "stored", key, sha256, sizeBytes: text.length } } as const;
    await end(stored, die());
    const { body } = await operator.get(`/events/${envelope.id}?payload=true`);
    expect(body["payload"]).toMatchObject({ text });
  });

  it("past their partition's retention are what the ledger still knows; unknown ones are 404", async () => {
    const summary = await tell({ key: "old", summary: DEAD });
    expect((await operator.get(`/events/${summary.id}`)).body).toMatchObject({
      retained: false,
      state: "dead",
      timeline: [],
    });
    const { id } = await eventOf("never");
    expect((await operator.get(`/events/${id}`)).status).toBe(404);
    expect((await operator.post(`/events/${id}/replay`)).status).toBe(404);
  });

  it("that block others are skipped; ended ones are not", async () => {
    const envelope = await eventOf("blocking");
    await leaseOver(envelope);
    expect((await operator.post(`/events/${envelope.id}/skip`, { reason: "broken upstream" })).status).toBe(
      200,
    );
    expect((await operator.get(`/events/${envelope.id}`)).body).toMatchObject({
      state: "dead",
      failure: { code: "skipped" },
    });
    expect((await operator.post(`/events/${envelope.id}/skip`, { reason: "again" })).status).toBe(409);
  });

  it("that are done are replayed as the next run, from their stored output if wanted", async () => {
    const envelope = await eventOf("done");
    const lease = await leaseOver(envelope);
    await say(envelope.partition, lease, { kind: "record", id: envelope.id, output: OUTPUT });
    await say(envelope.partition, lease, { kind: "complete", id: envelope.id, deliveries: [], emits: [] });
    await operator.post(`/partitions/${envelope.partition}/pause`, { reason: "keep it still" });
    expect((await operator.post(`/events/${envelope.id}/replay`, { from: "deliver" })).status).toBe(200);
    const { body } = await operator.get(`/events/${envelope.id}`);
    expect(body).toMatchObject({ state: "pending", run: 2, priority: "low", output: { body: OUTPUT.body } });
    expect((await operator.post(`/events/${envelope.id}/replay`)).status).toBe(409);
  });
});

describe("dead letters", () => {
  it("are listed, and looked into: payload, timeline, error", async () => {
    const envelope = await deadEvent("listed");
    await tell({ key: "fine" });
    await tell({ key: "late", summary: { state: "expired" } });
    expect(keysOf((await operator.get("/dead-letters")).body).sort()).toEqual(["late", "listed"]);
    expect(keysOf((await operator.get("/dead-letters?state=expired")).body)).toEqual(["late"]);
    const { body } = await operator.get(`/events/${envelope.id}?payload=1`);
    expect(body).toMatchObject({ failure: { stage: "infer" }, payload: { value: { key: "listed" } } });
    expect(timelineOf(body)).toContain("dead");
  });

  it("get another payload, the original is kept, and the replay works on the new one", async () => {
    const envelope = await deadEvent("edited");
    const edited = await operator.put(`/events/${envelope.id}/payload`, {
      payload: { key: "mended" },
      reason: "typo",
    });
    expect(edited.status).toBe(200);
    expect((await operator.get(`/events/${envelope.id}?payload=1`)).body).toMatchObject({
      state: "dead",
      payload: { value: { key: "mended" } },
      original: { value: { key: "edited" } },
    });
    await operator.post(`/partitions/${envelope.partition}/pause`, { reason: "keep it still" });
    expect((await operator.post(`/events/${envelope.id}/replay`)).status).toBe(200);
    const { body } = await operator.get(`/events/${envelope.id}`);
    expect(body).toMatchObject({ state: "pending", run: 1 });
    expect(timelineOf(body).slice(-2)).toEqual(["payload edited", "replayed"]);
    expect((await operator.put(`/events/${envelope.id}/payload`, { payload: {} })).status).toBe(409);
    expect((await operator.put(`/events/${envelope.id}/payload`, {})).status).toBe(400);
    const huge = { payload: "x".repeat(600_000) };
    expect((await operator.put(`/events/${envelope.id}/payload`, huge)).status).toBe(413);
  });

  it("are discarded with a reason", async () => {
    const envelope = await deadEvent("discarded");
    expect((await operator.post(`/events/${envelope.id}/discard`, {})).status).toBe(400);
    expect((await operator.post(`/events/${envelope.id}/discard`, { reason: "a test order" })).status).toBe(
      200,
    );
    expect((await operator.get(`/events/${envelope.id}`)).body).toMatchObject({ state: "filtered" });
    const audit = await operator.get(`/audit?target=${envelope.id}`);
    expect(audit.body["entries"]).toMatchObject([{ operation: "discardEvent", outcome: "ok" }]);
  });

  it("are replayed by filter, some at a time; what has moved on since is left alone and said so", async () => {
    const events = [await deadEvent("one"), await deadEvent("two"), await deadEvent("three")];
    await tell({ key: "elsewhere", summary: { ...DEAD, source: "other" } });
    const gone = events[1]?.id ?? "";
    await operator.post(`/partitions/${events[1]?.partition ?? ""}/pause`, { reason: "keep it still" });
    await operator.post(`/events/${gone}/replay`);
    const filter = { source: "test" };
    const first = await operator.post("/dead-letters/replay", { filter, limit: 2 });
    const second = await operator.post("/dead-letters/replay", {
      filter,
      limit: 2,
      cursor: first.body["next"],
    });
    const applied = [first, second].flatMap(({ body }) => z.array(z.string()).parse(body["applied"]));
    expect(new Set(applied)).toEqual(new Set(events.map(({ id }) => id).filter((id) => id !== gone)));
    expect([first, second].flatMap(({ body }) => body["refused"])).toEqual([
      { id: gone, reason: "conflict" },
    ]);
    expect(second.body["next"]).toBeNull();
    for (const { id } of events.filter((event) => event.id !== gone))
      expect(timelineOf((await operator.get(`/events/${id}`)).body)).toContain("replayed");
  });

  it("are discarded by filter", async () => {
    const { id } = await deadEvent("rubbish");
    const { body } = await operator.post("/dead-letters/discard", {
      filter: { code: "http_400" },
      reason: "rubbish",
    });
    expect(body).toEqual({ applied: [id], refused: [], next: null });
    const status = await stubOf((await eventOf("rubbish")).partition).read(id);
    expect(status?.state).toBe("filtered");
  });
});
