import { beforeEach, describe, expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import { MODEL_RETRY } from "../../src/core/retry.ts";
import type { MemoryPartition } from "../support/memory-partition.ts";
import {
  complete,
  delivery,
  eventOf,
  fail,
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

describe("dedupe", () => {
  it("stores an event once; the second offer is a duplicate and costs nothing", async () => {
    const envelope = await eventOf("a");
    expect(script.offer([envelope], "d1", false).verdicts[0]).toMatchObject({ verdict: "stored" });
    expect(script.offer([envelope], "d2", false).verdicts[0]).toMatchObject({
      verdict: "duplicate",
      state: "pending",
    });
    expect(partition.rows.size).toBe(1);
  });

  it("answers a repeated offer like the first one: the lost response strands no lease", async () => {
    const envelope = await eventOf("a");
    const first = script.offer([envelope], "d1", true, "same");
    const again = script.offer([envelope], "d1", true, "same");
    expect(again.verdicts[0]?.verdict).toBe("stored");
    expect(leaseOf(again).token).toBe(leaseOf(first).token);
    expect(leaseOf(again).granted).toEqual(leaseOf(first).granted);
  });

  it("pushes back when it is full, and stores nothing of what it refused", async () => {
    partition.limits = { ...partition.limits, maxOpenEvents: 1 };
    script.offer([await eventOf("a")], "d1", false);
    expect(script.offer([await eventOf("b")], "d1", false).verdicts[0]?.verdict).toBe("pushed_back");
    expect(partition.rows.size).toBe(1);
  });
});

describe("one owner at a time", () => {
  it("gives no second lease while one runs, and a larger token after it", async () => {
    const first = leaseOf(script.offer([await eventOf("a")], "d1"));
    expect(script.offer([await eventOf("b")], "d2").lease).toBeNull();
    partition.nowMs = first.expiresAtMs;
    const second = granted(script.claim("d2"));
    expect(second.token).toBeGreaterThan(first.token);
  });

  it("refuses every write of a superseded token", async () => {
    const envelope = await eventOf("a");
    const first = leaseOf(script.offer([envelope], "d1"));
    partition.nowMs = first.expiresAtMs;
    granted(script.claim("d2"));
    expect(script.say(first, [record(envelope), complete(envelope)]).status).toBe("fenced");
    expect(partition.record(envelope.id)).toMatchObject({ state: "pending", output: null, deliveries: [] });
  });

  it("never reuses a token, even when the clock went back", async () => {
    const first = leaseOf(script.offer([await eventOf("a")], "d1"));
    script.say(first, [{ kind: "release" }]);
    partition.nowMs = START_MS - 60_000;
    // The event itself is still served: a clock that went back holds nothing up.
    expect(granted(script.claim("d2")).token).toBeGreaterThan(first.token);
  });
});

describe("order", () => {
  it("lets effects begin one at a time, in order, whatever finishes first", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([b, a]));
    expect(lease.granted).toHaveLength(2);
    expect(leaseOf(script.say(lease, [record(b)], { holding: [a, b] })).turns).toEqual([]);
    expect(leaseOf(script.say(lease, [record(a)], { holding: [a, b] })).turns).toEqual([
      { id: a.id, sequence: 1 },
    ]);
    expect(leaseOf(script.say(lease, [complete(a)], { holding: [b] })).turns).toEqual([
      { id: b.id, sequence: 2 },
    ]);
  });

  it("holds everybody back while the first waits for its retry", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    const reply = leaseOf(script.say(lease, [record(b), fail(a)], { holding: [b] }));
    expect(reply.turns).toEqual([]);
    expect(script.say(lease, [{ kind: "release" }]).status).toBe("released");
    expect(script.claim("d2")).toBeNull();
    partition.nowMs = partition.record(a.id).nextAtMs;
    const next = granted(script.claim("d2"));
    expect(next.granted.map((grant) => grant.envelope.id)).toEqual([a.id, b.id]);
    expect(next.granted[1]?.output).toEqual(OUTPUT);
  });

  it("grants an earlier event that arrives while later ones are worked on, and serves it first", async () => {
    const later = await Promise.all([2, 3, 4, 5].map((n) => eventOf(`e${n}`, { orderKey: n })));
    const lease = leaseOf(script.offer(later));
    const first = await eventOf("e1", { orderKey: 1 });
    script.offer([first], "d2");
    const [second] = later;
    if (second === undefined) throw new Error("no event");
    const reply = leaseOf(script.say(lease, [record(second)], { holding: later }));
    expect(reply.granted.map((grant) => grant.envelope.id)).toEqual([first.id]);
    expect(reply.turns).toEqual([]);
    expect(leaseOf(script.say(lease, [record(first)], { holding: [first, ...later] })).turns[0]?.id).toBe(
      first.id,
    );
    expect(partition.record(first.id).late).toBe(false);
  });

  it("marks as late only what arrives after the effects of a later one", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [record(b)], { holding: [b] });
    script.say(lease, [complete(b)]);
    const a = await eventOf("a", { orderKey: 1 });
    script.offer([a]);
    expect(partition.record(a.id).late).toBe(true);
    expect(partition.partition.lateEvents).toBe(1);
  });

  it("waits out the settle window before an effect, not before the model", async () => {
    const a = await eventOf("a", { policy: { settleMs: 250 } });
    const lease = leaseOf(script.offer([a]));
    expect(lease.granted).toHaveLength(1);
    const reply = leaseOf(script.say(lease, [record(a)], { holding: [a] }));
    expect(reply).toMatchObject({ turns: [], nextTurnAtMs: START_MS + 250 });
    partition.nowMs = START_MS + 250;
    expect(leaseOf(script.say(lease, [], { holding: [a] })).turns[0]?.id).toBe(a.id);
  });

  it("strict: the order of acknowledgement holds within one millisecond, whatever the sender's keys say", async () => {
    const policy = { ordering: "strict" } as const;
    const events = await Promise.all([3, 2, 1].map((n) => eventOf(`e${n}`, { orderKey: n, policy })));
    for (const envelope of events) script.offer([envelope], "ingest", false);
    expect(partition.open().map((row) => row.id)).toEqual(events.map((envelope) => envelope.id));
  });

  it("contiguous sequences: a gap is waited for, but not for ever", async () => {
    const policy = { gapWaitMs: 10_000 };
    const [one, three] = [
      await eventOf("1", { orderKey: 1, policy }),
      await eventOf("3", { orderKey: 3, policy }),
    ];
    const lease = leaseOf(script.offer([one, three]));
    partition.nowMs = START_MS + 10_000;
    script.say(lease, [record(one), record(three)], { holding: [one, three] });
    const afterOne = leaseOf(script.say(lease, [complete(one)], { holding: [three] }));
    expect(afterOne.turns[0]?.id).toBe(three.id); // its own wait is over by now
    expect(partition.record(three.id).arrivedAtMs + 10_000).toBeLessThanOrEqual(partition.nowMs);
  });
});

describe("retries, deferrals, ends", () => {
  it("retries transient failures by the policy and ends in a dead letter", async () => {
    const a = await eventOf("a");
    let lease = leaseOf(script.offer([a]));
    for (let failed = 1; failed <= MODEL_RETRY.maxRetries; failed++) {
      script.say(lease, [fail(a)]);
      expect(partition.record(a.id)).toMatchObject({ state: "retrying", attempts: failed });
      expect(partition.alarmAtMs).toBeLessThanOrEqual(partition.record(a.id).nextAtMs);
      partition.nowMs = partition.record(a.id).nextAtMs;
      lease = granted(script.claim("d1"));
    }
    script.say(lease, [fail(a)]);
    expect(partition.record(a.id)).toMatchObject({ state: "dead", failure: { code: "http_503" } });
  });

  it("a deferral uses up no retry and closes one gate for the whole partition", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    const untilMs = START_MS + 9_000;
    script.say(lease, [
      { kind: "defer", id: a.id, untilMs, reason: "requests", deliveries: [] },
      { kind: "release" },
    ]);
    expect(partition.record(a.id)).toMatchObject({ state: "deferred", attempts: 0, deferrals: 1 });
    expect(script.claim("d2")).toBeNull();
    partition.nowMs = untilMs;
    expect(script.claim("d2")).not.toBeNull();
  });

  it("an event whose drivers never come back runs alone after three starts and is poison after five", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    let lease = leaseOf(script.offer([a, b]));
    for (let start = 1; start < 5; start++) {
      expect(lease.granted).toHaveLength(start <= 3 ? 2 : 1);
      partition.nowMs = lease.expiresAtMs;
      lease = granted(script.claim(`d${start}`));
    }
    partition.nowMs = lease.expiresAtMs;
    partition.alarm();
    expect(partition.record(a.id)).toMatchObject({ state: "dead", failure: { code: "poison" } });
    expect(partition.record(b.id).state).toBe("pending");
  });

  it("a release gives the start back", async () => {
    const a = await eventOf("a");
    script.say(leaseOf(script.offer([a])), [{ kind: "release" }]);
    expect(partition.record(a.id).starts).toBe(0);
    expect(partition.rings).toBe(1);
  });

  it("expires what is older than maxAgeMs, listed, not lost", async () => {
    const a = await eventOf("a", { policy: { maxAgeMs: 1_000 } });
    script.offer([a], "ingest", false);
    partition.nowMs = START_MS + 1_000;
    partition.alarm();
    expect(partition.record(a.id).state).toBe("expired");
    expect(partition.alarmAtMs).toBeNull();
  });

  it("onDead: pause stops the partition until it is resumed", async () => {
    const policy = { onDead: "pause" } as const;
    const [a, b] = [await eventOf("a", { orderKey: 1, policy }), await eventOf("b", { orderKey: 2, policy })];
    const lease = leaseOf(script.offer([a, b]));
    const broken = failure("infer", "permanent", "http_400", "bad request");
    script.say(lease, [{ kind: "fail", id: a.id, failure: broken, deliveries: [] }, { kind: "release" }]);
    expect(script.claim("d2")).toBeNull();
    script.operate({ kind: "resume" });
    expect(granted(script.claim("d2")).granted[0]?.envelope.id).toBe(b.id);
  });

  it("emitted events commit together with the completion, once, even when the request is repeated", async () => {
    const a = await eventOf("a");
    const child = { ...(await eventOf("child")), parent: { id: a.id, depth: 1 } };
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    const done: Action = { kind: "complete", id: a.id, deliveries: [delivery(a)], emits: [child] };
    const reply = script.say(lease, [done], { request: "twice" });
    expect(leaseOf(reply).granted.map((grant) => grant.envelope.id)).toEqual([child.id]);
    script.say(lease, [done], { request: "twice" });
    expect(partition.record(a.id).timeline.filter((entry) => entry.what === "done")).toHaveLength(1);
    expect(partition.rows.size).toBe(2);
  });
});

describe("crashes of the object", () => {
  it("forgets no lease, no turn and no sequence number that a row proves", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(a), record(b)], { holding: [a, b] });
    script.say(lease, [complete(a)], { holding: [b] });
    partition.crash();
    expect(partition.partition.effectsReached?.id).toBe(a.id);
    const reply = leaseOf(script.say(lease, [], { holding: [b] }));
    expect(reply.turns).toEqual([{ id: b.id, sequence: 2 }]);
  });

  it("an ended lease is over after a crash too: nobody waits for its expiry", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    expect(script.say(lease, [complete(a)]).status).toBe("released");
    partition.crash();
    expect(partition.partition.lease).toBeNull();
    const b = await eventOf("b");
    expect(leaseOf(script.offer([b], "d2")).token).toBeGreaterThan(lease.token);
  });
});
