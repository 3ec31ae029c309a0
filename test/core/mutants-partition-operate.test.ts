/** What operators may do, and what of it a crash must not forget. */
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

describe("a replay", () => {
  const broken = failure("infer", "permanent", "http_400", "no");
  const dead = ({ id }: EventEnvelope, deliveries: readonly ReturnType<typeof delivery>[] = []): Action => ({
    kind: "fail",
    id,
    failure: broken,
    deliveries,
  });

  it("begins anew at the tail: counters, times and marks of the earlier life are gone, its story is not", async () => {
    const policy = { maxAgeMs: 10_000, settleMs: 250 };
    const a = await eventOf("a", { orderKey: 1, policy });
    script.finish(await eventOf("z", { orderKey: 50 }));
    const lease = leaseOf(script.offer([a]));
    partition.nowMs = START_MS + 250;
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [dead(a)]);
    partition.nowMs = START_MS + 20_000;
    expect(script.operate({ kind: "replay", id: a.id, reuseOutput: true })).toBe("applied");
    expect(partition.record(a.id)).toMatchObject({
      state: "pending",
      run: 1,
      arrivedAtMs: START_MS,
      enteredAtMs: START_MS + 20_000,
      nextAtMs: 0,
      endedAtMs: null,
      attempts: 0,
      deliveryAttempts: 0,
      starts: 0,
      sequence: 0,
      late: false,
      failure: null,
      output: OUTPUT,
    });
    expect(partition.record(a.id).order).toBeGreaterThan(50);
    expect(partition.record(a.id).timeline.at(-1)).toEqual({ atMs: partition.nowMs, what: "replayed" });
    expect(granted(script.claim("d2")).granted[0]?.settledAtMs).toBe(START_MS + 20_250);
  });

  it("of a dead letter delivers only what is left, with the output that the others got", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [dead(a, [delivery(a, "crm")])]);
    script.operate({ kind: "replay", id: a.id, reuseOutput: false });
    const grant = granted(script.claim("d2")).granted[0];
    expect(grant).toMatchObject({
      run: 1,
      output: OUTPUT,
      deliveries: [{ destination: "crm" }],
      effectsBegun: true,
    });
  });

  it("of a dead letter that never had a turn asks the model again, unless told otherwise", async () => {
    for (const reuseOutput of [true, false]) {
      const own = await PartitionScript.start();
      const [first, a] = [await eventOf("first", { orderKey: 1 }), await eventOf("a", { orderKey: 2 })];
      const lease = leaseOf(own.offer([first, a]));
      own.say(lease, [record(a)], { holding: [first, a] });
      own.say(lease, [dead(a)], { holding: [first] });
      own.operate({ kind: "replay", id: a.id, reuseOutput });
      expect(own.partition.record(a.id).output === null).toBe(!reuseOutput);
    }
  });

  it("of delivered work is another run: new keys, nothing delivered yet, the output only if it is asked for", async () => {
    for (const reuseOutput of [true, false]) {
      const own = await PartitionScript.start();
      const a = await eventOf("a");
      own.finish(a);
      own.operate({ kind: "replay", id: a.id, reuseOutput });
      expect(own.partition.record(a.id)).toMatchObject({
        run: 2,
        deliveries: [],
        effectsBegun: false,
        output: reuseOutput ? OUTPUT : null,
      });
    }
  });

  it("is refused for what is still open, or in review", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [{ kind: "review", id: b.id, output: OUTPUT, reason: "unsure" }], { holding: [a] });
    for (const { id } of [a, b]) {
      expect(script.operate({ kind: "replay", id, reuseOutput: true })).toBe("conflict");
    }
  });

  it("survives a crash: the stored lease names the event no more", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [dead(a)], { holding: [b] });
    script.operate({ kind: "replay", id: a.id, reuseOutput: true });
    partition.crash();
    expect(partition.partition.lease?.entries.map((entry) => entry.id)).toEqual([b.id]);
  });
});

describe("an operator", () => {
  const review = ({ id }: EventEnvelope): Action => ({
    kind: "review",
    id,
    output: OUTPUT,
    reason: "unsure",
  });

  it("pauses, drains and resumes for good: a crash forgets none of it", async () => {
    script.operate({ kind: "drain" });
    partition.crash();
    expect(partition.partition.draining).toBe(true);
    script.operate({ kind: "pause", reason: "maintenance" });
    script.operate({ kind: "resume" });
    partition.crash();
    expect(partition.partition).toMatchObject({ draining: false, paused: null });
  });

  it("skips an event under lease for good: neither its turn nor its grant comes back with a crash", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(a), record(b)], { holding: [a, b] });
    script.operate({ kind: "skip", id: a.id, reason: "broken upstream" });
    expect(partition.partition.turn).toBeNull();
    expect(partition.record(a.id).timeline.at(-1)).toMatchObject({ what: "dead", detail: "broken upstream" });
    partition.crash();
    expect(partition.partition.lease?.entries.map((entry) => entry.id)).toEqual([b.id]);
  });

  it("skips an event that nobody holds without touching the partition's row", async () => {
    const a = await eventOf("a");
    script.offer([a], "ingest", false);
    const before = partition.partitionWrites;
    expect(script.operate({ kind: "skip", id: a.id, reason: "no" })).toBe("applied");
    expect(partition.partitionWrites).toBe(before);
  });

  it("ends the pause of a review by deciding that review, not by deciding another, and not a pause of its own", async () => {
    const policy = { onReview: "hold" } as const;
    const [a, b] = [await eventOf("a", { orderKey: 1, policy }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [review(b), review(a)]);
    const decide = ({ id }: EventEnvelope) =>
      script.operate({ kind: "review", id, run: 1, decision: { kind: "approve" } });
    decide(b);
    expect(partition.partition.paused).not.toBeNull();
    decide(a);
    partition.crash();
    expect(partition.partition.paused).toBeNull();
    expect(partition.record(a.id).timeline.at(-1)?.what).toBe("approved");
  });

  it("ends the pause of a review by rejecting it, for good", async () => {
    const a = await eventOf("a", { policy: { onReview: "hold" } });
    script.say(leaseOf(script.offer([a])), [review(a)]);
    script.operate({ kind: "review", id: a.id, run: 1, decision: { kind: "reject", reason: "spam" } });
    partition.crash();
    expect(partition.partition.paused).toBeNull();
  });

  it("decides only the run that is in review", async () => {
    const a = await eventOf("a");
    script.say(leaseOf(script.offer([a])), [review(a)]);
    const decision = { kind: "reject", reason: "spam" } as const;
    expect(script.operate({ kind: "review", id: a.id, run: 2, decision })).toBe("conflict");
    expect(script.operate({ kind: "review", id: a.id, run: 1, decision })).toBe("applied");
    expect(partition.record(a.id).timeline.at(-1)).toMatchObject({
      what: "filtered",
      detail: "rejected: spam",
    });
  });

  it("a second driver hears of the first one's lease, and of what is due, without being given any of it", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    const reply = script.offer([await eventOf("b", { orderKey: START_MS + 1 })], "d2");
    expect(reply.lease).toBeNull();
    script.say(lease, [record(a)], { holding: [a] });
    expect(script.say(lease, [complete(a)], { driver: "d2" }).lease).toBeNull();
  });
});
