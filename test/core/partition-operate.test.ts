import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { MemoryPartition } from "../support/memory-partition.ts";
import {
  complete,
  delivery,
  eventOf,
  granted,
  leaseOf,
  OUTPUT,
  PartitionScript,
  record,
  START_MS,
} from "../support/partition-script.ts";

let script: PartitionScript;
let partition: MemoryPartition;

beforeEach(async () => {
  script = await PartitionScript.start();
  partition = script.partition;
});

const review = ({ id }: EventEnvelope): Action => ({ kind: "review", id, output: OUTPUT, reason: "unsure" });

describe("operators", () => {
  it("drain a partition: what is there is finished, what comes is pushed back until it is resumed", async () => {
    const [a, b] = [await eventOf("a"), await eventOf("b")];
    script.offer([a], "ingest", false);
    script.operate({ kind: "drain" });
    expect(script.offer([b], "d1", false).verdicts[0]?.verdict).toBe("pushed_back");
    expect(script.offer([a], "d1", false).verdicts[0]?.verdict).toBe("duplicate");
    expect(granted(script.claim("d1")).granted).toHaveLength(1);
    script.operate({ kind: "resume" });
    expect(script.offer([b], "d1", false).verdicts[0]?.verdict).toBe("stored");
  });

  it("skip the event that blocks the others, also while a driver works on it", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(b)], { holding: [a, b] });
    expect(script.operate({ kind: "skip", id: a.id, reason: "broken upstream" })).toBe("applied");
    const reply = leaseOf(script.say(lease, [complete(a)], { holding: [a, b] }));
    expect(reply.cancelled).toEqual([a.id]);
    expect(reply.turns[0]?.id).toBe(b.id);
    expect(partition.record(a.id)).toMatchObject({
      state: "dead",
      failure: { code: "skipped" },
      deliveries: [],
    });
    expect(script.operate({ kind: "skip", id: a.id, reason: "again" })).toBe("conflict");
  });

  it("decide a review once: the second decision finds it decided", async () => {
    const a = await eventOf("a");
    script.say(leaseOf(script.offer([a])), [review(a)]);
    const approve = { kind: "review", id: a.id, run: 1, decision: { kind: "approve" } } as const;
    expect(script.operate(approve)).toBe("applied");
    expect(script.operate(approve)).toBe("conflict");
    const lease = granted(script.claim("d2"));
    expect(lease.granted[0]).toMatchObject({ run: 1, output: OUTPUT });
    expect(lease.turns[0]?.id).toBe(a.id); // its output is stored: straight to delivery
  });

  it("edit what is delivered, or reject it", async () => {
    const [a, b] = [await eventOf("a"), await eventOf("b")];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [review(a), review(b)]);
    const decide = (
      id: typeof a.id,
      decision: { kind: "edit"; body: { n: number } } | { kind: "reject"; reason: string },
    ) => script.operate({ kind: "review", id, run: 1, decision });
    expect(decide(a.id, { kind: "edit", body: { n: 1 } })).toBe("applied");
    expect(partition.record(a.id).output?.body).toEqual({ n: 1 });
    expect(decide(b.id, { kind: "reject", reason: "spam" })).toBe("applied");
    expect(partition.record(b.id).state).toBe("filtered");
  });

  it("have the model asked again when they approve an answer that could not be used, and nothing ends undelivered", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    const output = { ...OUTPUT, body: null, draft: true };
    script.say(lease, [{ kind: "review", id: a.id, output, reason: "not_json" }]);
    script.operate({ kind: "review", id: a.id, run: 1, decision: { kind: "approve" } });
    const again = leaseOf({ lease: script.claim("d2") });
    expect(again.granted.map((grant) => [grant.output, grant.effectsBegun])).toEqual([[null, false]]);
    expect(again.turns).toEqual([]);
  });

  it("have their own words delivered instead of an answer that could not be used", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    const output = { ...OUTPUT, body: null, draft: true };
    script.say(lease, [{ kind: "review", id: a.id, output, reason: "not_json" }]);
    const decision = { kind: "edit", body: { by: "hand" } } as const;
    script.operate({ kind: "review", id: a.id, run: 1, decision });
    const again = leaseOf({ lease: script.claim("d2") });
    expect(again.granted[0]?.output).toEqual({ ...output, body: { by: "hand" }, draft: false, edited: true });
    expect(again.turns.map(({ id }) => id)).toEqual([a.id]);
  });

  it("onReview: hold keeps everything behind a review waiting until it is decided", async () => {
    const policy = { onReview: "hold" } as const;
    const [a, b] = [await eventOf("a", { orderKey: 1, policy }), await eventOf("b", { orderKey: 2, policy })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [review(a), { kind: "release" }]);
    expect(script.claim("d2")).toBeNull();
    script.operate({ kind: "review", id: a.id, run: 1, decision: { kind: "approve" } });
    // The decision re-enters at the tail: b was accepted before it.
    expect(granted(script.claim("d2")).granted.map((grant) => grant.envelope.id)).toEqual([b.id, a.id]);
  });

  it("replay a dead letter in the same run: the receiver sees the same idempotency keys", async () => {
    const a = await eventOf("a");
    const broken = { stage: "infer", class: "permanent", code: "http_400", message: "no" } as const;
    script.say(leaseOf(script.offer([a])), [{ kind: "fail", id: a.id, failure: broken, deliveries: [] }]);
    expect(script.operate({ kind: "replay", id: a.id, reuseOutput: false })).toBe("applied");
    const grant = granted(script.claim("d2")).granted[0];
    expect(grant).toMatchObject({ run: 1, attempt: 1, output: null });
    expect(partition.record(a.id)).toMatchObject({ failure: null, attempts: 0 });
  });

  it("replay delivered work as a new run at the tail, in the low lane", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    script.finish(a);
    script.offer([b], "ingest", false);
    partition.nowMs = START_MS + 1_000;
    script.operate({ kind: "replay", id: a.id, reuseOutput: true });
    const lease = granted(script.claim("d2"));
    expect(lease.granted.map((grant) => [grant.envelope.id, grant.run])).toEqual([
      [b.id, 1],
      [a.id, 2],
    ]);
    expect(lease.granted[1]).toMatchObject({ output: OUTPUT, deliveries: [] });
    expect(partition.record(a.id).envelope.priority).toBe("low");
    expect(script.operate({ kind: "replay", id: a.id, reuseOutput: true })).toBe("conflict");
  });

  it("hear that an event is not there", async () => {
    const { id } = await eventOf("never offered");
    expect(script.operate({ kind: "skip", id, reason: "?" })).toBe("not_found");
  });
});

describe("an operator's other payload", () => {
  const dead = ({ id }: EventEnvelope): Action => ({
    kind: "fail",
    id,
    failure: failure("parse", "permanent", "schema", "no amount"),
    deliveries: [],
  });

  it("is what a replay works on; the first is kept through every later edit, and a quarantine is lifted", async () => {
    const sent = { ...(await eventOf("a")), quarantine: { code: "schema", message: "no amount" } };
    script.say(leaseOf(script.offer([sent])), [dead(sent)]);
    expect(script.operate({ kind: "edit", id: sent.id, text: '{"amount":1}' })).toBe("applied");
    expect(script.operate({ kind: "edit", id: sent.id, text: '{"amount":2}' })).toBe("applied");
    expect(partition.record(sent.id)).toMatchObject({ state: "dead", run: 1, original: sent.body });
    expect(script.operate({ kind: "replay", id: sent.id, reuseOutput: false })).toBe("applied");
    const { envelope, run } = granted(script.claim("d2")).granted[0] ?? {};
    expect(run).toBe(1);
    expect(envelope?.body).toEqual({ kind: "inline", text: '{"amount":2}' });
    expect(envelope?.quarantine).toBeUndefined();
  });

  it("is the next run where effects of the first may be out: no idempotency key has two contents", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    const refused = failure("deliver", "permanent", "http_422", "no");
    script.say(lease, [{ kind: "fail", id: a.id, failure: refused, deliveries: [delivery(a)] }]);
    expect(partition.record(a.id)).toMatchObject({ state: "dead", effectsBegun: true });
    script.operate({ kind: "edit", id: a.id, text: "{}" });
    expect(partition.record(a.id)).toMatchObject({
      run: 2,
      deliveries: [],
      output: null,
      effectsBegun: false,
    });
    script.operate({ kind: "edit", id: a.id, text: "[]" });
    expect(partition.record(a.id).run).toBe(2);
  });

  it("is refused while the event is open or done, and makes a review start over", async () => {
    const [a, b] = [await eventOf("a"), await eventOf("b")];
    const lease = leaseOf(script.offer([a, b]));
    const edit = (id: typeof a.id) => script.operate({ kind: "edit", id, text: "{}" });
    expect(edit(a.id)).toBe("conflict");
    script.say(lease, [review(a), record(b)], { holding: [b] });
    script.say(lease, [complete(b)]);
    expect([edit(a.id), edit(b.id), edit((await eventOf("c")).id)]).toEqual([
      "applied",
      "conflict",
      "not_found",
    ]);
    script.operate({ kind: "review", id: a.id, run: 1, decision: { kind: "approve" } });
    expect(granted(script.claim("d2")).granted[0]).toMatchObject({ output: null });
  });
});

describe("a dead letter that nobody will replay", () => {
  it("is discarded with a reason, once", async () => {
    const a = await eventOf("a");
    script.offer([a], "ingest", false);
    const discard = () => script.operate({ kind: "discard", id: a.id, reason: "a test order" });
    expect(discard()).toBe("conflict");
    script.operate({ kind: "skip", id: a.id, reason: "broken" });
    expect(discard()).toBe("applied");
    expect(partition.record(a.id)).toMatchObject({ state: "filtered" });
    expect(partition.record(a.id).timeline.at(-1)).toMatchObject({ detail: "discarded: a test order" });
    expect(discard()).toBe("conflict");
  });
});

describe("whoever replays many", () => {
  it("can repeat itself: an event that has moved on since is left alone", async () => {
    const a = await eventOf("a");
    script.finish(a);
    const { version = 0 } = partition.record(a.id);
    const replay = () => script.operate({ kind: "replay", id: a.id, reuseOutput: true, version });
    expect(script.operate({ kind: "replay", id: a.id, reuseOutput: true, version: version + 1 })).toBe(
      "conflict",
    );
    expect(replay()).toBe("applied");
    expect(partition.record(a.id)).toMatchObject({ state: "pending", run: 2 });
    expect(replay()).toBe("conflict");
  });

  it("names the first word of an event that an earlier version has stored by 0", async () => {
    const a = await eventOf("a");
    script.finish(a);
    const { version: _, ...old } = partition.record(a.id);
    partition.rows.set(a.id, old);
    const replay = (version: number) =>
      script.operate({ kind: "replay", id: a.id, reuseOutput: true, version });
    expect(replay(1)).toBe("conflict");
    expect(replay(0)).toBe("applied");
  });
});
