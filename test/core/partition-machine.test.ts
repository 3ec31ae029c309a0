import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action, ExchangeReply, LeaseView } from "../../src/core/partition/commands.ts";
import type { DeliveryRecord, StoredOutput } from "../../src/core/partition/model.ts";
import { MODEL_RETRY } from "../../src/core/retry.ts";
import { envelopeOf, partitionFor, type EnvelopeOptions } from "../support/envelopes.ts";
import { MemoryPartition } from "../support/memory-partition.ts";

const START_MS = 1_700_000_000_000;
const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "echo@1",
  value: null,
  body: {},
  type: "echo.completed",
  to: ["sink"],
  emits: [],
  model: null,
};

let partition: MemoryPartition;
let requests = 0;
const newRequest = () => `r${++requests}`;

beforeEach(async () => {
  partition = new MemoryPartition(await partitionFor("customer-1"), START_MS);
});

async function event(key: string, options: Omit<EnvelopeOptions, "key"> = {}): Promise<EventEnvelope> {
  return envelopeOf({ key, receivedAtMs: START_MS, ...options });
}

function offer(events: readonly EventEnvelope[], driver = "d1", wantLease = true, request = newRequest()) {
  return partition.offer({ v: 1, request, partition: partition.name, driver, events, wantLease });
}

function say(
  lease: LeaseView,
  actions: readonly Action[],
  options: { driver?: string; holding?: readonly EventEnvelope[]; wantMore?: boolean; request?: string } = {},
): ExchangeReply {
  return partition.exchange({
    v: 1,
    request: options.request ?? newRequest(),
    driver: options.driver ?? "d1",
    token: lease.token,
    holding: (options.holding ?? []).map((envelope) => envelope.id),
    wantMore: options.wantMore ?? true,
    actions,
  });
}

function delivery(envelope: EventEnvelope, destination = "sink"): DeliveryRecord {
  const idempotencyKey = `${envelope.id}.1.${destination}`;
  return { destination, idempotencyKey, status: 200, deliveredAtMs: START_MS, durationMs: 1 };
}

const record = (envelope: EventEnvelope): Action => ({ kind: "record", id: envelope.id, output: OUTPUT });
const complete = (envelope: EventEnvelope): Action => ({
  kind: "complete",
  id: envelope.id,
  deliveries: [delivery(envelope)],
  emits: [],
});
const fail = (envelope: EventEnvelope, code = "http_503"): Action => ({
  kind: "fail",
  id: envelope.id,
  failure: failure("infer", "transient", code, "try later"),
  deliveries: [],
});

function leaseOf(reply: { lease: LeaseView | null }): LeaseView {
  if (reply.lease === null) throw new Error("expected a lease");
  return reply.lease;
}

describe("dedupe", () => {
  it("stores an event once; the second offer is a duplicate and costs nothing", async () => {
    const envelope = await event("a");
    expect(offer([envelope], "d1", false).verdicts[0]).toMatchObject({ verdict: "stored" });
    expect(offer([envelope], "d2", false).verdicts[0]).toMatchObject({
      verdict: "duplicate",
      state: "pending",
    });
    expect(partition.rows.size).toBe(1);
  });

  it("answers a repeated offer like the first one: the lost response strands no lease", async () => {
    const envelope = await event("a");
    const first = offer([envelope], "d1", true, "same");
    const again = offer([envelope], "d1", true, "same");
    expect(again.verdicts[0]?.verdict).toBe("stored");
    expect(leaseOf(again).token).toBe(leaseOf(first).token);
    expect(leaseOf(again).granted).toEqual(leaseOf(first).granted);
  });

  it("pushes back when it is full, and stores nothing of what it refused", async () => {
    partition.limits = { ...partition.limits, maxOpenEvents: 1 };
    offer([await event("a")], "d1", false);
    expect(offer([await event("b")], "d1", false).verdicts[0]?.verdict).toBe("pushed_back");
    expect(partition.rows.size).toBe(1);
  });
});

describe("one owner at a time", () => {
  it("gives no second lease while one runs, and a larger token after it", async () => {
    const first = leaseOf(offer([await event("a")], "d1"));
    expect(offer([await event("b")], "d2").lease).toBeNull();
    partition.nowMs = first.expiresAtMs;
    const second = leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d2" }));
    expect(second.token).toBeGreaterThan(first.token);
  });

  it("refuses every write of a superseded token", async () => {
    const envelope = await event("a");
    const first = leaseOf(offer([envelope], "d1"));
    partition.nowMs = first.expiresAtMs;
    leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d2" }));
    expect(say(first, [record(envelope), complete(envelope)]).status).toBe("fenced");
    expect(partition.record(envelope.id)).toMatchObject({ state: "pending", output: null, deliveries: [] });
  });

  it("never reuses a token, even when the clock went back", async () => {
    const first = leaseOf(offer([await event("a")], "d1"));
    say(first, [{ kind: "release" }]);
    partition.nowMs = START_MS - 60_000;
    // The event itself is still served: a clock that went back holds nothing up.
    expect(leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d2" })).token).toBeGreaterThan(
      first.token,
    );
  });
});

describe("order", () => {
  it("lets effects begin one at a time, in order, whatever finishes first", async () => {
    const [a, b] = [await event("a", { orderKey: 1 }), await event("b", { orderKey: 2 })];
    const lease = leaseOf(offer([b, a]));
    expect(lease.granted).toHaveLength(2);
    expect(leaseOf(say(lease, [record(b)], { holding: [a, b] })).turns).toEqual([]);
    expect(leaseOf(say(lease, [record(a)], { holding: [a, b] })).turns).toEqual([{ id: a.id, sequence: 1 }]);
    expect(leaseOf(say(lease, [complete(a)], { holding: [b] })).turns).toEqual([{ id: b.id, sequence: 2 }]);
  });

  it("holds everybody back while the first waits for its retry", async () => {
    const [a, b] = [await event("a", { orderKey: 1 }), await event("b", { orderKey: 2 })];
    const lease = leaseOf(offer([a, b]));
    const reply = leaseOf(say(lease, [record(b), fail(a)], { holding: [b] }));
    expect(reply.turns).toEqual([]);
    expect(say(lease, [{ kind: "release" }]).status).toBe("released");
    expect(partition.claim({ v: 1, request: newRequest(), driver: "d2" }).lease).toBeNull();
    partition.nowMs = partition.record(a.id).nextAtMs;
    const next = leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d2" }));
    expect(next.granted.map((grant) => grant.envelope.id)).toEqual([a.id, b.id]);
    expect(next.granted[1]?.output).toEqual(OUTPUT);
  });

  it("grants an earlier event that arrives while later ones are worked on, and serves it first", async () => {
    const later = await Promise.all([2, 3, 4, 5].map((n) => event(`e${n}`, { orderKey: n })));
    const lease = leaseOf(offer(later));
    const first = await event("e1", { orderKey: 1 });
    offer([first], "d2");
    const [second] = later;
    if (second === undefined) throw new Error("no event");
    const reply = leaseOf(say(lease, [record(second)], { holding: later }));
    expect(reply.granted.map((grant) => grant.envelope.id)).toEqual([first.id]);
    expect(reply.turns).toEqual([]);
    expect(leaseOf(say(lease, [record(first)], { holding: [first, ...later] })).turns[0]?.id).toBe(first.id);
    expect(partition.record(first.id).late).toBe(false);
  });

  it("marks as late only what arrives after the effects of a later one", async () => {
    const b = await event("b", { orderKey: 2 });
    const lease = leaseOf(offer([b]));
    say(lease, [record(b)], { holding: [b] });
    say(lease, [complete(b)]);
    const a = await event("a", { orderKey: 1 });
    offer([a]);
    expect(partition.record(a.id).late).toBe(true);
    expect(partition.partition.lateEvents).toBe(1);
  });

  it("waits out the settle window before an effect, not before the model", async () => {
    const a = await event("a", { policy: { settleMs: 250 } });
    const lease = leaseOf(offer([a]));
    expect(lease.granted).toHaveLength(1);
    const reply = leaseOf(say(lease, [record(a)], { holding: [a] }));
    expect(reply).toMatchObject({ turns: [], nextTurnAtMs: START_MS + 250 });
    partition.nowMs = START_MS + 250;
    expect(leaseOf(say(lease, [], { holding: [a] })).turns[0]?.id).toBe(a.id);
  });

  it("strict: the order of acknowledgement holds within one millisecond, whatever the sender's keys say", async () => {
    const policy = { ordering: "strict" } as const;
    const events = await Promise.all([3, 2, 1].map((n) => event(`e${n}`, { orderKey: n, policy })));
    for (const envelope of events) offer([envelope], "ingest", false);
    expect(partition.open().map((row) => row.id)).toEqual(events.map((envelope) => envelope.id));
  });

  it("contiguous sequences: a gap is waited for, but not for ever", async () => {
    const policy = { gapWaitMs: 10_000 };
    const [one, three] = [
      await event("1", { orderKey: 1, policy }),
      await event("3", { orderKey: 3, policy }),
    ];
    const lease = leaseOf(offer([one, three]));
    partition.nowMs = START_MS + 10_000;
    say(lease, [record(one), record(three)], { holding: [one, three] });
    const afterOne = leaseOf(say(lease, [complete(one)], { holding: [three] }));
    expect(afterOne.turns[0]?.id).toBe(three.id); // its own wait is over by now
    expect(partition.record(three.id).arrivedAtMs + 10_000).toBeLessThanOrEqual(partition.nowMs);
  });
});

describe("retries, deferrals, ends", () => {
  it("retries transient failures by the policy and ends in a dead letter", async () => {
    const a = await event("a");
    let lease = leaseOf(offer([a]));
    for (let failed = 1; failed <= MODEL_RETRY.maxRetries; failed++) {
      say(lease, [fail(a)]);
      expect(partition.record(a.id)).toMatchObject({ state: "retrying", attempts: failed });
      expect(partition.alarmAtMs).toBeLessThanOrEqual(partition.record(a.id).nextAtMs);
      partition.nowMs = partition.record(a.id).nextAtMs;
      lease = leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d1" }));
    }
    say(lease, [fail(a)]);
    expect(partition.record(a.id)).toMatchObject({ state: "dead", failure: { code: "http_503" } });
  });

  it("a deferral uses up no retry and closes one gate for the whole partition", async () => {
    const [a, b] = [await event("a", { orderKey: 1 }), await event("b", { orderKey: 2 })];
    const lease = leaseOf(offer([a, b]));
    const untilMs = START_MS + 9_000;
    say(lease, [
      { kind: "defer", id: a.id, untilMs, reason: "requests", deliveries: [] },
      { kind: "release" },
    ]);
    expect(partition.record(a.id)).toMatchObject({ state: "deferred", attempts: 0, deferrals: 1 });
    expect(partition.claim({ v: 1, request: newRequest(), driver: "d2" }).lease).toBeNull();
    partition.nowMs = untilMs;
    expect(partition.claim({ v: 1, request: newRequest(), driver: "d2" }).lease).not.toBeNull();
  });

  it("an event whose drivers never come back runs alone after three starts and is poison after five", async () => {
    const [a, b] = [await event("a", { orderKey: 1 }), await event("b", { orderKey: 2 })];
    let lease = leaseOf(offer([a, b]));
    for (let start = 1; start < 5; start++) {
      expect(lease.granted).toHaveLength(start <= 3 ? 2 : 1);
      partition.nowMs = lease.expiresAtMs;
      lease = leaseOf(partition.claim({ v: 1, request: newRequest(), driver: `d${start}` }));
    }
    partition.nowMs = lease.expiresAtMs;
    partition.alarm();
    expect(partition.record(a.id)).toMatchObject({ state: "dead", failure: { code: "poison" } });
    expect(partition.record(b.id).state).toBe("pending");
  });

  it("a release gives the start back", async () => {
    const a = await event("a");
    say(leaseOf(offer([a])), [{ kind: "release" }]);
    expect(partition.record(a.id).starts).toBe(0);
    expect(partition.rings).toBe(1);
  });

  it("expires what is older than maxAgeMs, listed, not lost", async () => {
    const a = await event("a", { policy: { maxAgeMs: 1_000 } });
    offer([a], "ingest", false);
    partition.nowMs = START_MS + 1_000;
    partition.alarm();
    expect(partition.record(a.id).state).toBe("expired");
    expect(partition.alarmAtMs).toBeNull();
  });

  it("onDead: pause stops the partition until it is resumed", async () => {
    const policy = { onDead: "pause" } as const;
    const [a, b] = [await event("a", { orderKey: 1, policy }), await event("b", { orderKey: 2, policy })];
    const lease = leaseOf(offer([a, b]));
    const broken = failure("infer", "permanent", "http_400", "bad request");
    say(lease, [{ kind: "fail", id: a.id, failure: broken, deliveries: [] }, { kind: "release" }]);
    expect(partition.claim({ v: 1, request: newRequest(), driver: "d2" }).lease).toBeNull();
    partition.operate({ kind: "resume" });
    expect(
      leaseOf(partition.claim({ v: 1, request: newRequest(), driver: "d2" })).granted[0]?.envelope.id,
    ).toBe(b.id);
  });

  it("emitted events commit together with the completion, once, even when the request is repeated", async () => {
    const a = await event("a");
    const child = { ...(await event("child")), parent: { id: a.id, depth: 1 } };
    const lease = leaseOf(offer([a]));
    say(lease, [record(a)], { holding: [a] });
    const done: Action = { kind: "complete", id: a.id, deliveries: [delivery(a)], emits: [child] };
    const reply = say(lease, [done], { request: "twice" });
    expect(leaseOf(reply).granted.map((grant) => grant.envelope.id)).toEqual([child.id]);
    say(lease, [done], { request: "twice" });
    expect(partition.record(a.id).timeline.filter((entry) => entry.what === "done")).toHaveLength(1);
    expect(partition.rows.size).toBe(2);
  });
});

describe("crashes of the object", () => {
  it("forgets no lease, no turn and no sequence number that a row proves", async () => {
    const [a, b] = [await event("a", { orderKey: 1 }), await event("b", { orderKey: 2 })];
    const lease = leaseOf(offer([a, b]));
    say(lease, [record(a), record(b)], { holding: [a, b] });
    say(lease, [complete(a)], { holding: [b] });
    partition.crash();
    expect(partition.partition.effectsReached?.id).toBe(a.id);
    const reply = leaseOf(say(lease, [], { holding: [b] }));
    expect(reply.turns).toEqual([{ id: b.id, sequence: 2 }]);
  });

  it("an ended lease is over after a crash too: nobody waits for its expiry", async () => {
    const a = await event("a");
    const lease = leaseOf(offer([a]));
    say(lease, [record(a)], { holding: [a] });
    expect(say(lease, [complete(a)]).status).toBe("released");
    partition.crash();
    expect(partition.partition.lease).toBeNull();
    const b = await event("b");
    expect(leaseOf(offer([b], "d2")).token).toBeGreaterThan(lease.token);
  });
});
