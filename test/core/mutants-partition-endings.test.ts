/** How events end or wait: what is counted, what is kept, what the timeline tells. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure, type StageFailure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
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

const failed = ({ id }: EventEnvelope, reason: StageFailure, deliveries: readonly string[] = []): Action => ({
  kind: "fail",
  id,
  failure: reason,
  deliveries: deliveries.map((destination) => ({ ...deliveryTo(id, destination) })),
});
const deliveryTo = (id: EventEnvelope["id"], destination: string) => ({
  destination,
  idempotencyKey: `${id}.1.${destination}`,
  status: 200,
  deliveredAtMs: START_MS,
  durationMs: 1,
});
const deferred = ({ id }: EventEnvelope, untilMs: number, deliveries: readonly string[] = []): Action => ({
  kind: "defer",
  id,
  untilMs,
  reason: "requests",
  deliveries: deliveries.map((destination) => deliveryTo(id, destination)),
});
const whatOf = ({ id }: EventEnvelope) => partition.record(id).timeline.map((entry) => entry.what);
const detailOf = ({ id }: EventEnvelope) => partition.record(id).timeline.at(-1)?.detail;
const destinationsOf = ({ id }: EventEnvelope) =>
  partition.record(id).deliveries.map((stored) => stored.destination);

async function held(policy: Partial<EventPolicy> = {}) {
  const event = await eventOf("a", { policy });
  return { event, lease: leaseOf(script.offer([event])) };
}

describe("a failure", () => {
  const retry = { firstDelayMs: 100, factor: 2, jitter: 0, maxDelayMs: 60_000, maxRetries: 2 };
  const delivery = { firstDelayMs: 1_000, factor: 2, jitter: 0, maxDelayMs: 60_000, maxRetries: 2 };

  it("of a stage and one of a delivery are counted apart, each by its own policy", async () => {
    const { event, lease } = await held({ retry, delivery });
    script.say(lease, [failed(event, failure("deliver", "transient", "http_503", "later"))]);
    expect(partition.record(event.id)).toMatchObject({
      state: "retrying",
      attempts: 0,
      deliveryAttempts: 1,
      nextAtMs: START_MS + 1_000,
    });
    expect(detailOf(event)).toBe("deliver: http_503");
    partition.nowMs = START_MS + 1_000;
    const again = granted(script.claim("d1"));
    expect(again.granted[0]?.attempt).toBe(2);
    script.say(again, [failed(event, failure("infer", "transient", "http_500", "later"))]);
    expect(partition.record(event.id)).toMatchObject({
      attempts: 1,
      deliveryAttempts: 1,
      nextAtMs: partition.nowMs + 100,
      failure: { code: "http_500" },
    });
    partition.nowMs += 100;
    expect(granted(script.claim("d1")).granted[0]?.attempt).toBe(3);
  });

  it("waits as long as the other side asks, beyond the policy's own cap", async () => {
    const { event, lease } = await held({ retry });
    script.say(lease, [failed(event, failure("infer", "transient", "http_429", "later", 300_000))]);
    expect(partition.record(event.id).nextAtMs).toBe(START_MS + 300_000);
  });

  it("that retrying cannot mend is dead at once, with its code", async () => {
    for (const kind of ["permanent", "degraded"] as const) {
      const event = await eventOf(kind);
      script.say(leaseOf(script.offer([event])), [failed(event, failure("infer", kind, "no_good", "no"))]);
      expect(partition.record(event.id)).toMatchObject({ state: "dead", attempts: 1, endedAtMs: START_MS });
      expect(detailOf(event)).toBe("no_good");
    }
  });

  it("after the last retry is dead, and says that retries were exhausted", async () => {
    const { event, lease } = await held({ retry: { ...retry, maxRetries: 0 } });
    script.say(lease, [failed(event, failure("infer", "transient", "http_503", "later"))]);
    expect(partition.record(event.id).state).toBe("dead");
    expect(detailOf(event)).toBe("http_503, retries exhausted");
  });

  it("forgets nothing that was delivered before it", async () => {
    const { event, lease } = await held({ delivery });
    const broken = failure("deliver", "transient", "http_503", "later");
    script.say(lease, [failed(event, broken, ["crm"])]);
    expect(whatOf(event)).toEqual(["received", "stored", "delivered", "retrying"]);
    partition.nowMs = partition.record(event.id).nextAtMs;
    const again = granted(script.claim("d1"));
    expect(again.granted[0]?.deliveries.map((stored) => stored.destination)).toEqual(["crm"]);
  });
});

describe("a deferral", () => {
  it("forgets nothing that was delivered before it, and tells its reason", async () => {
    const { event, lease } = await held();
    script.say(lease, [deferred(event, START_MS + 1_000, ["crm", "audit"])]);
    expect(destinationsOf(event)).toEqual(["crm", "audit"]);
    expect(whatOf(event)).toEqual(["received", "stored", "delivered", "delivered", "deferred"]);
    expect(
      partition
        .record(event.id)
        .timeline.slice(2, 4)
        .map((entry) => entry.detail),
    ).toEqual(["crm", "audit"]);
    expect(detailOf(event)).toBe("requests");
  });

  it("to a time that has passed is one to the next millisecond: it never comes back within the same one", async () => {
    const { event, lease } = await held();
    script.say(lease, [deferred(event, START_MS - 1_000)]);
    expect(partition.record(event.id).nextAtMs).toBe(START_MS + 1);
    expect(partition.partition.gateUntilMs).toBe(START_MS + 1);
  });

  it("is told to whoever works on it next as its turn, and nothing else is one", async () => {
    const { event, lease } = await held();
    expect(lease.granted[0]).not.toHaveProperty("turnAtMs");
    script.say(lease, [deferred(event, START_MS + 1_000)]);
    partition.nowMs = START_MS + 5_000;
    expect(granted(script.claim("d1")).granted[0]?.turnAtMs).toBe(START_MS + 1_000);
  });

  it("gives lost starts back: its driver came back", async () => {
    const { event, lease } = await held();
    partition.nowMs = lease.expiresAtMs;
    script.say(granted(script.claim("d1")), [deferred(event, partition.nowMs + 1)]);
    expect(partition.record(event.id)).toMatchObject({ starts: 0, deferrals: 1, attempts: 0 });
  });
});

describe("deliveries", () => {
  it("are recorded one by one, each destination once: the first confirmation stands", async () => {
    const { event, lease } = await held();
    const confirm = (destination: string, status = 200): Action => ({
      kind: "confirm",
      id: event.id,
      delivery: { ...deliveryTo(event.id, destination), status },
    });
    script.say(lease, [record(event)], { holding: [event] });
    script.say(lease, [confirm("crm")], { holding: [event] });
    expect(partition.record(event.id)).toMatchObject({
      state: "pending",
      deliveries: [{ destination: "crm" }],
    });
    script.say(lease, [confirm("crm", 299)], { holding: [event] });
    expect(partition.record(event.id).deliveries.map((stored) => stored.status)).toEqual([200]);
    const done: Action = {
      kind: "complete",
      id: event.id,
      deliveries: [deliveryTo(event.id, "crm"), deliveryTo(event.id, "audit")],
      emits: [],
    };
    script.say(lease, [done]);
    expect(destinationsOf(event)).toEqual(["crm", "audit"]);
    expect(whatOf(event).slice(-2)).toEqual(["delivered", "done"]);
    expect(detailOf(event)).toBeUndefined();
    expect(partition.record(event.id).timeline.at(-1)).toEqual({ atMs: START_MS, what: "done" });
  });

  it("confirmed twice by one repeated request are told once", async () => {
    const { event, lease } = await held();
    const confirm: Action = { kind: "confirm", id: event.id, delivery: delivery(event) };
    script.say(lease, [confirm], { request: "same", holding: [event] });
    script.say(lease, [confirm], { request: "same", holding: [event] });
    expect(whatOf(event)).toEqual(["received", "stored", "delivered"]);
  });

  it("count as effects from the first confirmation on: what arrives before it then is late", async () => {
    const b = await eventOf("b", { orderKey: 5 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [{ kind: "confirm", id: b.id, delivery: delivery(b) }], { holding: [b] });
    const [early, same] = [await eventOf("early", { orderKey: 4 }), await eventOf("later", { orderKey: 6 })];
    script.offer([early, same], "ingest", false);
    expect(partition.record(early.id).late).toBe(true);
    expect(partition.record(same.id).late).toBe(false);
    expect(partition.partitionWrites).toBe(1);
  });

  it("of an event that had none leave nothing late behind them", async () => {
    const b = await eventOf("b", { orderKey: 5 });
    script.say(leaseOf(script.offer([b])), [{ kind: "filter", id: b.id, reason: "not ours" }]);
    expect(partition.record(b.id).state).toBe("filtered");
    expect(detailOf(b)).toBe("not ours");
    const a = await eventOf("a", { orderKey: 4 });
    script.offer([a], "ingest", false);
    expect(partition.record(a.id).late).toBe(false);
  });
});

describe("actions", () => {
  it("on what the lease does not name are ignored, and told as cancelled", async () => {
    const policy = { lookahead: 1 };
    const [a, b] = [await eventOf("a", { policy }), await eventOf("b", { orderKey: START_MS + 1, policy })];
    const lease = leaseOf(script.offer([a, b]));
    const stranger = await eventOf("stranger");
    const reply = leaseOf(script.say(lease, [complete(b), complete(stranger)], { holding: [a, b] }));
    expect(reply.cancelled).toEqual([b.id]);
    expect(partition.record(b.id)).toMatchObject({ state: "pending", deliveries: [] });
    expect(partition.rows.has(stranger.id)).toBe(false);
  });

  it("a record of the output that is stored already writes nothing", async () => {
    const { event, lease } = await held();
    script.say(lease, [record(event)], { holding: [event] });
    const stored = partition.record(event.id);
    script.say(lease, [record(event)], { holding: [event] });
    expect(partition.record(event.id)).toBe(stored);
    expect(stored.timeline.at(-1)).toMatchObject({ what: "output", detail: "no model" });
  });

  it("an output of another version takes the place of the stored one", async () => {
    const { event, lease } = await held();
    script.say(lease, [record(event)], { holding: [event] });
    const output = {
      ...OUTPUT,
      stageVersion: "echo@2",
      model: {
        name: "fast",
        modelId: "m1",
        inputTokens: 1,
        outputTokens: 1,
        estimatedUsage: false,
        costMicros: null,
        durationMs: 1,
        cached: false,
      },
    };
    script.say(lease, [{ kind: "record", id: event.id, output }], { holding: [event] });
    expect(partition.record(event.id).output?.stageVersion).toBe("echo@2");
    expect(detailOf(event)).toBe("fast");
  });

  it("an emitted event that is known already is left as it is", async () => {
    const { event, lease } = await held();
    const child = await eventOf("child", { orderKey: START_MS + 5 });
    script.finish(child);
    const before = partition.record(child.id);
    const done: Action = { kind: "complete", id: event.id, deliveries: [delivery(event)], emits: [child] };
    script.say(lease, [done]);
    expect(partition.record(child.id)).toBe(before);
  });

  it("onReview: hold stops the partition for a review, and for nothing else", async () => {
    const { event, lease } = await held({ onReview: "hold", onDead: "continue" });
    script.say(lease, [failed(event, failure("infer", "permanent", "no", "no"))]);
    expect(partition.partition.paused).toBeNull();
    const b = await eventOf("b");
    script.say(leaseOf(script.offer([b])), [{ kind: "review", id: b.id, output: OUTPUT, reason: "unsure" }]);
    expect(partition.record(b.id).state).toBe("review");
    expect(partition.partition.paused).toBeNull();
  });

  it("onDead: pause stops the partition for a dead letter, and for nothing else", async () => {
    const { event, lease } = await held({ onDead: "pause" });
    script.say(lease, [{ kind: "filter", id: event.id, reason: "no" }]);
    expect(partition.partition.paused).toBeNull();
  });

  it("the story of an event keeps its beginning and its end when it grows too long", async () => {
    partition.limits = { ...partition.limits, maxTimelineEntries: 5 };
    const { event, lease } = await held();
    const confirm = (destination: string): Action => ({
      kind: "confirm",
      id: event.id,
      delivery: deliveryTo(event.id, destination),
    });
    for (const destination of ["a", "b", "c"])
      script.say(lease, [confirm(destination)], { holding: [event] });
    expect(whatOf(event)).toHaveLength(5);
    script.say(lease, [confirm("d")], { holding: [event] });
    const { timeline } = partition.record(event.id);
    expect(timeline.map((entry) => entry.detail ?? entry.what)).toEqual(["TST", "stored", "b", "c", "d"]);
  });
});
