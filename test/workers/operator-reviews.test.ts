/** Reviews through the API: their age, and a decision that counts once; what `hold` and `continue` do to those behind. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { emptyLedger } from "./ledger-support.ts";
import { leaseOver, Operator, OUTPUT, say, stubOf, tell } from "./operator-support.ts";

const operator = new Operator();
let customer = 0;

beforeEach(async () => {
  await emptyLedger();
  customer++;
});

const review = (id: EventEnvelope["id"]): Action => ({
  kind: "review",
  id,
  output: OUTPUT,
  reason: "unsure",
});

function eventOf(key: string, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope> {
  return envelopeOf({ key, customer: `reviews-${customer}`, receivedAtMs: Date.now(), policy });
}

/** In review, in a partition that then stands still, so that a test sees what a decision alone has done. */
async function reviewed(key: string): Promise<EventEnvelope> {
  const envelope = await eventOf(key);
  await say(envelope.partition, await leaseOver(envelope), review(envelope.id));
  await operator.post(`/partitions/${envelope.partition}/pause`, { reason: "keep it still" });
  return envelope;
}

describe("reviews", () => {
  it("are listed with their age, the longest waiting first", async () => {
    const nowMs = Date.now();
    await tell({
      key: "young",
      receivedAtMs: nowMs - 2_000,
      summary: { state: "review", endedAtMs: nowMs - 1_000 },
    });
    await tell({
      key: "old",
      receivedAtMs: nowMs - 9e6,
      summary: { state: "review", endedAtMs: nowMs - 8e6, reason: "check 1: too long" },
    });
    await tell({ key: "done" });
    const { body } = await operator.get("/reviews");
    expect(body["reviews"]).toMatchObject([
      { dedupeKey: "old", reason: "check 1: too long" },
      { dedupeKey: "young", reason: "" },
    ]);
    const [old, young] = (body["reviews"] as { ageMs: number }[]).map(({ ageMs }) => ageMs); // ReviewPage
    expect(old).toBeGreaterThanOrEqual(8e6);
    expect(young).toBeLessThan(8e6);
    expect((await operator.get("/overview")).body["exceptions"]).toMatchObject([
      { state: "review", count: 2 },
    ]);
  });

  it("are listed by how long they wait, not by when they were accepted, page by page", async () => {
    const nowMs = Date.now();
    const waits = [5, 1, 4, 2, 3];
    for (const [at, hours] of waits.entries()) {
      await tell({
        key: `waits-${hours}`,
        receivedAtMs: nowMs - 9e7 + at,
        summary: { state: "review", endedAtMs: nowMs - hours * 3_600_000 },
      });
    }
    const keys: string[] = [];
    let next: string | null = "";
    while (next !== null) {
      const { body } = await operator.get(`/reviews?limit=2${next === "" ? "" : `&cursor=${next}`}`);
      const page = body as { reviews: { dedupeKey: string }[]; next: string | null }; // ReviewPage
      keys.push(...page.reviews.map(({ dedupeKey }) => dedupeKey));
      next = page.next;
    }
    expect(keys).toEqual(["waits-5", "waits-4", "waits-3", "waits-2", "waits-1"]);
  });

  it("are approved once: the second decision, and one for another run, find it decided", async () => {
    const { id } = await reviewed("approved");
    expect((await operator.post(`/reviews/${id}/approve`, { run: 2 })).status).toBe(409);
    expect((await operator.post(`/reviews/${id}/approve`, { run: 1 })).status).toBe(200);
    expect((await operator.get(`/events/${id}`)).body).toMatchObject({
      state: "pending",
      output: { body: OUTPUT.body },
    });
    expect((await operator.post(`/reviews/${id}/reject`, { run: 1, reason: "late" })).status).toBe(409);
  });

  it("are edited: what is delivered is what the person wrote", async () => {
    const { id } = await reviewed("edited");
    expect((await operator.post(`/reviews/${id}/edit`, { run: 1 })).status).toBe(400);
    expect(
      (await operator.post(`/reviews/${id}/edit`, { run: 1, body: { verdict: "approve" } })).status,
    ).toBe(200);
    expect((await operator.get(`/events/${id}`)).body).toMatchObject({
      output: { body: { verdict: "approve" } },
    });
  });

  it("are rejected with a reason: nothing is delivered", async () => {
    const { id } = await reviewed("rejected");
    expect((await operator.post(`/reviews/${id}/reject`, { run: 1, reason: "spam" })).status).toBe(200);
    expect((await operator.get(`/events/${id}`)).body).toMatchObject({
      state: "filtered",
      timeline: expect.arrayContaining([expect.objectContaining({ detail: "rejected: spam" })]),
    });
  });

  it("by two people at once are decided by one of them", async () => {
    const { id } = await reviewed("raced");
    const answers = await Promise.all([
      operator.post(`/reviews/${id}/approve`, { run: 1 }),
      operator.post(`/reviews/${id}/reject`, { run: 1, reason: "no" }),
    ]);
    expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 409]);
  });
});

describe("what is behind a review", () => {
  it("waits with `hold`, and goes on when the review is decided through the API", async () => {
    const policy = { onReview: "hold" } as const;
    const [first, second] = [await eventOf("first", policy), await eventOf("second", policy)];
    const { partition } = first;
    await say(partition, await leaseOver(first), review(first.id));
    expect((await operator.get(`/partitions/${partition}`)).body).toMatchObject({
      paused: { reason: `review ${first.id}` },
    });
    const offer = { v: 1, partition, driver: "other", events: [second], wantLease: true } as const;
    const held = await stubOf(partition).offer({ ...offer, request: crypto.randomUUID() });
    expect(held).toMatchObject({ verdicts: [{ verdict: "stored" }], lease: null });
    await operator.post(`/reviews/${first.id}/reject`, { run: 1, reason: "no" });
    expect((await operator.get(`/partitions/${partition}`)).body).toMatchObject({ paused: null });
    const request = crypto.randomUUID();
    const { lease } = await stubOf(partition).claim({ v: 1, request, driver: "other" });
    expect(lease?.granted.map(({ envelope }) => envelope.id)).toEqual([second.id]);
  });

  it("goes on with `continue`", async () => {
    const [first, second] = [await eventOf("first"), await eventOf("second")];
    await say(first.partition, await leaseOver(first), review(first.id));
    expect((await operator.get(`/partitions/${first.partition}`)).body).toMatchObject({ paused: null });
    const lease = await leaseOver(second);
    expect(lease.granted.map(({ envelope }) => envelope.id)).toEqual([second.id]);
  });
});
