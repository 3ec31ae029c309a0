import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { AskReply } from "../../src/core/partition/decisions.ts";
import { isOpen, type DecisionRecord } from "../../src/core/partition/model.ts";
import type { ReviewDecision } from "../../src/core/partition/operate.ts";
import {
  ASKED_AT_MS,
  byDefault,
  DEFAULT,
  Desk,
  desk,
  outputOf,
  REMAINING_MS,
} from "../support/decision-desk.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { TEST_LIMITS } from "../support/memory-partition.ts";

describe("a decision", () => {
  it("is the model's when that comes first, and its output is what is delivered: the model is not asked again", async () => {
    const one = await desk();
    const token = one.token();
    expect(one.model(token)).toMatchObject({ by: "model", answer: { allow: false }, review: "none" });
    expect(one.partition.rings).toBe(1);
    const [grant] = one.drive("driver");
    expect(grant?.output?.body).toEqual({ allow: false });
    expect(grant?.effectsBegun).toBe(true);
    expect(one.record().state).toBe("pending");
  });

  it("from the cache says so", async () => {
    const one = await desk();
    const output = outputOf({ allow: true }, true);
    expect(one.settle({ kind: "model", token: one.token(), output })?.by).toBe("cache");
  });

  it("by default stands against the model's, which is kept as late and shown to a person before anything is delivered", async () => {
    const one = await desk();
    const token = one.token();
    const told = one.settle(byDefault(false));
    expect(told).toMatchObject({ by: "default", answer: DEFAULT, reason: "deadline" });
    expect(one.partition.rows.size).toBe(0);
    expect(one.model(token)).toMatchObject({ answer: DEFAULT, late: { answer: { allow: false } } });
    expect(one.drive("driver")[0]?.output?.body).toEqual({ allow: false });
    expect(one.record()).toMatchObject({ state: "review", output: { body: { allow: false } } });
    expect(one.partition.partition.turn).toBeNull();
    // Approved: from here on it is delivered like any other.
    one.partition.operate({ kind: "review", id: one.envelope.id, run: 1, decision: { kind: "approve" } });
    one.drive("second driver");
    expect(one.record()).toMatchObject({ state: "pending", decision: { answer: DEFAULT, review: "done" } });
    expect(one.partition.partition.turn?.id).toBe(one.envelope.id);
  });

  it("by default, without a late result, is worked on by a driver and ends in review with what that made of it", async () => {
    const one = await desk();
    one.token();
    one.settle(byDefault(true));
    expect(one.drive("driver")).toHaveLength(1);
    expect(one.record()).toMatchObject({ state: "review", output: { body: { made: "by a driver" } } });
  });

  it("that nobody lived to give is given by the partition's alarm", async () => {
    const one = await desk();
    one.token();
    one.partition.crash();
    one.partition.nowMs = ASKED_AT_MS + REMAINING_MS + TEST_LIMITS.decisionGraceMs;
    expect(one.partition.alarmAtMs).toBe(one.partition.nowMs);
    one.partition.alarm();
    expect(one.record().decision).toMatchObject({ by: "default", answer: DEFAULT });
    expect(one.partition.rings).toBe(1);
  });

  it("that is open holds up no other event, takes no turn and is asked by one request alone", async () => {
    const one = await desk();
    one.token();
    expect(one.ask().status).toBe("pending");
    const other = await envelopeOf({ key: "other", policy: { ordering: "strict" } });
    one.partition.offer({
      v: 1,
      request: "offer",
      partition: other.partition,
      driver: "ingest",
      events: [other],
      wantLease: false,
    });
    expect(one.drive("driver").map(({ envelope }) => envelope.dedupeKey)).toEqual(["other"]);
    expect(one.partition.partition.turn?.id).toBe(other.id);
  });

  it("is not the model's under a token of somebody else", async () => {
    const one = await desk();
    const token = one.token();
    expect(one.model(token + 1)).toBeNull();
    expect(one.settle(byDefault(false))?.by).toBe("default");
    expect(one.model(token + 1)?.late).toBeUndefined();
  });

  it("answers a repeated question with the same token, and one about an event of the log with nothing new", async () => {
    const one = await desk();
    expect(one.ask("same")).toEqual(one.ask("same"));
    const known = await desk();
    known.partition.offer({
      v: 1,
      request: "offer",
      partition: known.envelope.partition,
      driver: "ingest",
      events: [known.envelope],
      wantLease: false,
    });
    expect(known.ask().status).toBe("known");
    expect(known.model(ASKED_AT_MS)).toBeNull();
  });

  it("is pushed back where the log is full or too many wait, and its event is a duplicate for the lanes", async () => {
    const one = await desk();
    one.partition.limits = { ...TEST_LIMITS, maxOpenDecisions: 0 };
    expect(one.ask().status).toBe("pushed_back");
    one.partition.limits = TEST_LIMITS;
    one.token();
    const { partition, id } = one.envelope;
    const offered = one.partition.offer({
      v: 1,
      request: "offer",
      partition,
      driver: "consumer",
      events: [one.envelope],
      wantLease: true,
    });
    expect(offered.verdicts).toEqual([{ id, verdict: "duplicate", state: "pending" }]);
    expect(offered.lease).toBeNull();
  });
});

const STEPS = [
  "ask",
  "ask again",
  "duplicate",
  "model",
  "model of another life",
  "deadline",
  "model failed",
  "crash",
  "drive",
  "hold",
  "time",
  "another event",
  "approve",
  "edit",
  "reject",
] as const;
type Step = (typeof STEPS)[number];

const REVIEWS: Readonly<Partial<Record<Step, ReviewDecision>>> = {
  approve: { kind: "approve" },
  edit: { kind: "edit", body: { allow: "as a person says" } },
  reject: { kind: "reject", reason: "of the test" },
};

/** Plays the steps, then lets all time pass. @returns every answer that anybody was told */
function play(one: Desk, steps: readonly Step[], other: EventEnvelope): (DecisionRecord | null)[] {
  const told: (DecisionRecord | null)[] = [];
  const hear = (reply: AskReply) => {
    if (reply.status === "decided") told.push(reply.decision);
    return reply;
  };
  let token = -1;
  const first = () => {
    const reply = hear(one.ask("first"));
    if (reply.status === "yours") ({ token } = reply);
  };
  for (const [at, step] of steps.entries()) {
    switch (step) {
      case "ask":
      case "ask again":
        first();
        break;
      case "duplicate": {
        const reply = hear(one.ask(`duplicate-${at}`));
        if (reply.status === "pending") told.push(one.settle(byDefault(false)));
        break;
      }
      case "model":
        told.push(one.model(token, { model: at }));
        break;
      case "model of another life":
        told.push(one.model(token + 7, { model: "impostor" }));
        break;
      case "deadline":
        told.push(one.settle(byDefault(false)));
        break;
      case "model failed":
        told.push(one.settle(byDefault(true)));
        break;
      case "crash":
        one.partition.crash();
        break;
      case "drive":
        one.drive(`driver-${at}`);
        break;
      case "hold":
        one.drive(`holder-${at}`, false);
        break;
      case "time":
        one.partition.nowMs += 700;
        one.partition.alarm();
        break;
      case "another event":
        one.offer(other);
        break;
      case "approve":
      case "edit":
      case "reject": {
        const decision = REVIEWS[step];
        if (decision !== undefined) one.review(decision);
        break;
      }
      default:
        step satisfies never;
    }
  }
  first();
  one.partition.nowMs += 60_000;
  one.partition.alarm();
  hear(one.ask("last"));
  return told;
}

function check(one: Desk, told: readonly (DecisionRecord | null)[]): void {
  const answers = new Set(
    told.flatMap((decision) => (decision === null ? [] : JSON.stringify(decision.answer))),
  );
  expect(answers.size).toBe(1);
  expect(one.partition.decisions.size).toBe(0);
  const record = one.record();
  const { decision } = record;
  // Nothing that came after, a person's word included, has changed what was told.
  expect(answers.has(JSON.stringify(decision?.answer))).toBe(true);
  expect(JSON.stringify(record)).not.toContain("impostor");
  expect(decision?.review === "none").toBe(decision?.by !== "default");
  // What was answered by default has had no turn before a person has seen it; what the model answered is what will be delivered.
  if (decision?.by === "default" && !one.isReviewed) expect(record.sequence).toBe(0);
  if (decision?.by === "model") expect(record.output?.body).toEqual(decision.answer);
  if (!isOpen(record.state)) expect(record.state).toBe(one.isReviewed ? "filtered" : "review");
}

const ORDERS: readonly (readonly [string, Partial<EventEnvelope["policy"]>, number | null])[] = [
  ["strict", { ordering: "strict" }, null],
  ["arrival", { ordering: "arrival", settleMs: 0 }, null],
  ["arrival, settling", { ordering: "arrival", settleMs: 250 }, null],
  ["arrival by the sender's own sequence, gaps waited for", { ordering: "arrival", gapWaitMs: 1_000 }, 7],
  ["none", { ordering: "none" }, null],
];

describe.each(ORDERS)("whatever the order of, under %s,", (_, policy, orderKey) => {
  const made = async () => ({
    envelope: await envelopeOf({ key: "asked", receivedAtMs: ASKED_AT_MS, policy, orderKey }),
    other: await envelopeOf({
      key: "other",
      receivedAtMs: ASKED_AT_MS,
      policy,
      orderKey: orderKey === null ? null : orderKey - 1,
    }),
  });

  it("answer, deadline, duplicate, crash and retry: exactly one answer is ever given, and the event enters the log", async () => {
    const { envelope, other } = await made();
    const parts = ["ask", "duplicate", "model", "deadline", "crash", "ask again"] as const;
    let played = 0;
    for (const steps of permutations<Step>(parts)) {
      const one = new Desk(envelope);
      check(one, play(one, steps, other));
      played++;
    }
    expect(played).toBe(720);
  });

  it("any steps, as often as they like, a person's among them: the same", async () => {
    const { envelope, other } = await made();
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...STEPS), { maxLength: 24, size: "max" }), (steps) => {
        const one = new Desk(envelope);
        check(one, play(one, steps, other));
      }),
      { numRuns: 400 },
    );
  });
});

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, at) =>
    permutations(items.filter((_, other) => other !== at)).map((rest) => [item, ...rest]),
  );
}
