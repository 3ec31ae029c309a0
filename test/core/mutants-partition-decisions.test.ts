/** What a decision leaves in the log, to the last field. */
import { describe, expect, it } from "vitest";
import { envelopeOf } from "../support/envelopes.ts";
import { ASKED_AT_MS, byDefault, DEFAULT, desk, REMAINING_MS, type Desk } from "../support/decision-desk.ts";
import { TEST_LIMITS } from "../support/memory-partition.ts";

const LATE = { allow: false };
const NOTED = { answer: DEFAULT, late: { answer: LATE } };

/** Asked, answered by default, and in the log. */
async function entered(): Promise<{ readonly one: Desk; readonly token: number }> {
  const one = await desk();
  const token = one.token();
  one.settle(byDefault(true));
  return { one, token };
}

function offerOther(one: Desk, other: Desk["envelope"]) {
  const { partition } = other;
  const request = { v: 1, request: "other", partition, driver: "ingest", wantLease: false } as const;
  return one.partition.offer({ ...request, events: [other] });
}

describe("a question", () => {
  it("is pushed back by a partition that drains, though it has room; and by a full one, though it does not drain", async () => {
    const draining = await desk();
    draining.partition.operate({ kind: "drain" });
    expect(draining.ask().status).toBe("pushed_back");
    draining.partition.operate({ kind: "resume" });
    expect(draining.ask().status).toBe("yours");

    const full = await desk();
    offerOther(full, await envelopeOf({ key: "other", policy: { ordering: "strict" } }));
    full.partition.limits = { ...TEST_LIMITS, maxOpenEvents: 1 };
    expect(full.ask().status).toBe("pushed_back");
  });

  it("has the place of one that its time has passed by", async () => {
    const one = await desk();
    one.partition.limits = { ...TEST_LIMITS, maxOpenDecisions: 1 };
    one.token();
    const ask = { v: 1, request: "next", default: DEFAULT, remainingMs: REMAINING_MS, waitMs: 0 } as const;
    const envelope = await envelopeOf({ key: "next", policy: { ordering: "strict" } });
    expect(one.partition.ask({ ...ask, envelope }).status).toBe("pushed_back");
    one.partition.nowMs += REMAINING_MS + TEST_LIMITS.decisionGraceMs;
    expect(one.partition.ask({ ...ask, envelope }).status).toBe("yours");
  });

  it.each([
    [REMAINING_MS, REMAINING_MS],
    [0, 0],
    [-5_000, 0],
  ])(
    "with %i ms to go is taken for abandoned that long after it came, and no earlier than now",
    async (remainingMs, waitedMs) => {
      const one = await desk();
      one.ask("first", remainingMs);
      expect(one.partition.alarmAtMs).toBe(ASKED_AT_MS + waitedMs + TEST_LIMITS.decisionGraceMs);
    },
  );

  it("answered by default waits for a late result as long as that is awaited, and no longer", async () => {
    const one = await desk();
    one.token();
    one.settle(byDefault(false));
    const endsAtMs = ASKED_AT_MS + TEST_LIMITS.decisionLateMs;
    expect(one.partition.decisions.get(one.envelope.id)?.dueMs).toBe(endsAtMs);
    one.partition.nowMs = endsAtMs - 1;
    one.partition.alarm();
    expect(one.partition.rows.size).toBe(0);
    one.partition.nowMs = endsAtMs;
    one.partition.alarm();
    expect(one.record().decision).toMatchObject({ by: "default", answer: DEFAULT });
  });
});

describe("an event that enters the log with its answer", () => {
  it("says who gave the answer and why; only what a model answered has had an effect", async () => {
    const { one } = await entered();
    expect(one.record().effectsBegun).toBe(false);
    expect(one.record().timeline).toContainEqual({
      atMs: ASKED_AT_MS,
      what: "answered",
      detail: "default: deadline",
    });
    const other = await desk();
    other.model(other.token());
    expect(other.record().effectsBegun).toBe(true);
    expect(other.record().timeline).toContainEqual({ atMs: ASKED_AT_MS, what: "answered", detail: "model" });
  });
});

describe("what is said of an event whose answer stands in the log", () => {
  it("is answered with that answer, and changes nothing under a token of somebody else, or by another default", async () => {
    const { one, token } = await entered();
    const before = one.record();
    expect(one.settle(byDefault(true))).toEqual(before.decision);
    expect(one.settle(byDefault(false))).toEqual(before.decision);
    expect(one.model(token + 1)).toEqual(before.decision);
    expect(one.record()).toBe(before);
  });

  it("late by its model is noted once, with its output for the person who reviews it", async () => {
    const { one, token } = await entered();
    expect(one.model(token, LATE)).toMatchObject(NOTED);
    expect(one.record()).toMatchObject({ decision: NOTED, output: { body: LATE } });
    expect(one.record().timeline.at(-1)).toEqual({ atMs: ASKED_AT_MS, what: "late_answer" });
    const after = one.record();
    expect(one.model(token, { allow: "again" })).toEqual(after.decision);
    expect(one.record()).toBe(after);
  });

  it("again by the model whose answer it is, is no late answer", async () => {
    const one = await desk();
    const token = one.token();
    one.model(token);
    const before = one.record();
    expect(one.model(token, LATE)).toEqual(before.decision);
    expect(one.record()).toBe(before);
  });

  it("late gives it no output while a driver makes one", async () => {
    const { one, token } = await entered();
    const { lease } = one.partition.claim({ v: 1, request: "claim", driver: "driver" });
    expect(lease?.granted).toHaveLength(1);
    expect(one.model(token, LATE)).toMatchObject(NOTED);
    expect(one.record()).toMatchObject({ decision: NOTED, output: null });
  });

  it("late leaves the output that a driver has made", async () => {
    const { one, token } = await entered();
    one.drive("driver");
    one.model(token, LATE);
    expect(one.record()).toMatchObject({ decision: NOTED, output: { body: { made: "by a driver" } } });
  });

  it("late gives no output to what has ended without one, nor to another run of it", async () => {
    const { one, token } = await entered();
    one.partition.operate({ kind: "skip", id: one.envelope.id, reason: "test" });
    one.model(token, LATE);
    expect(one.record()).toMatchObject({ state: "dead", decision: NOTED, output: null });

    const again = await secondRun();
    again.one.model(again.token, LATE);
    expect(again.one.record()).toMatchObject({ run: 2, decision: NOTED, output: null });
  });
});

/** Delivered, and asked for again from its beginning. */
async function secondRun(): Promise<{ readonly one: Desk; readonly token: number }> {
  const { one, token } = await entered();
  const { id } = one.envelope;
  one.drive("driver");
  one.partition.operate({ kind: "review", id, run: 1, decision: { kind: "approve" } });
  const { lease } = one.partition.claim({ v: 1, request: "approved", driver: "second" });
  if (lease === null) throw new Error("no lease");
  const deliveries = [
    {
      destination: "out",
      idempotencyKey: `${id}.1.out`,
      status: 200,
      deliveredAtMs: ASKED_AT_MS,
      durationMs: 1,
    },
  ];
  one.partition.exchange({
    v: 1,
    request: "complete",
    driver: "second",
    token: lease.token,
    holding: [id],
    wantMore: false,
    actions: [{ kind: "complete", id, deliveries, emits: [] }],
  });
  one.partition.operate({ kind: "replay", id, reuseOutput: false });
  return { one, token };
}
