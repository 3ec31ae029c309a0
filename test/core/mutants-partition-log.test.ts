/** What is stored, what is refused, and when the partition must be looked at again. */
import { beforeEach, describe, expect, it } from "vitest";
import { MESSAGE_VERSION, type Action } from "../../src/core/partition/commands.ts";
import { offer } from "../../src/core/partition/machine.ts";
import { newPartition } from "../../src/core/partition/model.ts";
import type { PartitionLimits, PartitionView } from "../../src/core/partition/workspace.ts";
import { partitionFor } from "../support/envelopes.ts";
import { TEST_LIMITS, type MemoryPartition } from "../support/memory-partition.ts";
import { eventOf, fail, granted, leaseOf, PartitionScript, START_MS } from "../support/partition-script.ts";

let script: PartitionScript;
let partition: MemoryPartition;

beforeEach(async () => {
  script = await PartitionScript.start();
  partition = script.partition;
});

/** Offers one event to a partition that is as `view` says. */
async function offerTo(view: Partial<PartitionView>, limits: Partial<PartitionLimits> = {}) {
  const event = await eventOf("a");
  const name = await partitionFor("customer-1");
  const whole: PartitionView = {
    partition: newPartition(name, START_MS),
    named: [],
    head: [],
    nextOutsideHeadMs: null,
    openEvents: 0,
    storedBytes: 0,
    remembered: new Set(),
    highestPriority: "low",
    highestOrder: Number.NEGATIVE_INFINITY,
    decisions: [],
    openDecisions: 0,
    ...view,
  };
  const request = {
    v: MESSAGE_VERSION,
    request: "r1",
    partition: name,
    driver: "d1",
    events: [event],
  } as const;
  const at = { nowMs: START_MS, random: () => 0.5, limits: { ...TEST_LIMITS, ...limits } };
  const { reply, changed } = offer(whole, { ...request, wantLease: false }, at);
  return { verdict: reply.verdicts[0], stored: changed.length };
}

describe("a new partition", () => {
  it("holds nothing, and numbers its effects from the clock, so that none repeats after an erasure", async () => {
    const name = await partitionFor("customer-1");
    expect(newPartition(name, START_MS)).toEqual({
      v: 1,
      name,
      mode: "ordered",
      token: 0,
      lease: null,
      turn: null,
      effectsReached: null,
      sequence: START_MS,
      gateUntilMs: 0,
      paused: null,
      draining: false,
      lateEvents: 0,
    });
  });
});

describe("an offer", () => {
  it("stores an event with nothing done yet", async () => {
    const a = await eventOf("a");
    script.offer([a], "ingest", false, "r7");
    expect(partition.record(a.id)).toEqual({
      v: 1,
      id: a.id,
      run: 1,
      state: "pending",
      envelope: a,
      order: START_MS,
      arrivedAtMs: START_MS,
      enteredAtMs: START_MS,
      nextAtMs: 0,
      endedAtMs: null,
      attempts: 0,
      deliveryAttempts: 0,
      deferrals: 0,
      starts: 0,
      sequence: 0,
      late: false,
      effectsBegun: false,
      output: null,
      deliveries: [],
      failure: null,
      timeline: [
        { atMs: START_MS, what: "received", detail: "TST" },
        { atMs: START_MS, what: "stored" },
      ],
      lastRequest: "r7",
    });
    expect(partition.partition.lateEvents).toBe(0);
  });

  it("says of what is under lease that it is", async () => {
    const a = await eventOf("a");
    script.offer([a], "d1");
    expect(script.offer([a], "d2").verdicts[0]).toEqual({ id: a.id, verdict: "duplicate", state: "leased" });
  });

  it("knows an id past its retention", async () => {
    const { id } = await eventOf("a");
    const offered = await offerTo({ remembered: new Set([id]) });
    expect(offered).toEqual({ verdict: { id, verdict: "duplicate", state: null }, stored: 0 });
  });

  it("is taken up to the bounds, and pushed back from there on; a share of both is kept for completions", async () => {
    const limits = { maxOpenEvents: 10, maxStoredBytes: 1_000, reservedShare: 0.1 };
    const verdictAt = async (view: Partial<PartitionView>) => (await offerTo(view, limits)).verdict?.verdict;
    expect(await verdictAt({ openEvents: 8, storedBytes: 899 })).toBe("stored");
    expect(await verdictAt({ openEvents: 9 })).toBe("pushed_back");
    expect(await verdictAt({ storedBytes: 900 })).toBe("pushed_back");
  });

  it("fills the partition event by event, also within one request", async () => {
    partition.limits = { ...partition.limits, maxOpenEvents: 2, reservedShare: 0 };
    const events = await Promise.all(["a", "b", "c"].map((key) => eventOf(key)));
    const verdicts = script.offer(events, "d1", false).verdicts.map(({ verdict }) => verdict);
    expect(verdicts).toEqual(["stored", "stored", "pushed_back"]);
  });

  it("gives no order key twice to strict events of one request", async () => {
    const policy = { ordering: "strict" } as const;
    const events = await Promise.all(["a", "b", "c"].map((key) => eventOf(key, { policy })));
    script.offer(events, "d1", false);
    expect(events.map(({ id }) => partition.record(id).order - START_MS)).toEqual([0, 1, 2]);
  });
});

describe("the alarm", () => {
  it("of work under lease comes at the lease's end", async () => {
    const lease = leaseOf(script.offer([await eventOf("a")]));
    expect(partition.alarmAtMs).toBe(lease.expiresAtMs);
  });

  it("of an event that waits behind the lease comes no later than that event expires", async () => {
    const policy = { lookahead: 1 };
    const a = await eventOf("a", { orderKey: 1, policy });
    const b = await eventOf("b", { orderKey: 2, policy: { ...policy, maxAgeMs: 5_000 } });
    script.offer([a, b]);
    expect(partition.alarmAtMs).toBe(START_MS + 5_000);
  });

  it("of a paused partition comes only when something expires", async () => {
    script.operate({ kind: "pause", reason: "maintenance" });
    const reply = script.offer([await eventOf("a", { policy: { maxAgeMs: 60_000 } })], "ingest", false);
    expect(partition.alarmAtMs).toBe(START_MS + 60_000);
    expect(reply.nextDueMs).toBeNull();
    expect(partition.rings).toBe(0);
  });

  it("of an ordered partition waits for the first event, whatever is due behind it", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const reply = script.say(leaseOf(script.offer([a, b])), [fail(a), { kind: "release" }]);
    const dueMs = partition.record(a.id).nextAtMs;
    expect(partition.alarmAtMs).toBe(dueMs);
    expect(reply).toMatchObject({ status: "released", nextDueMs: dueMs });
    expect(partition.rings).toBe(0);
  });

  it("of a partition without order comes with the first of all that wait, those outside the loaded head included", async () => {
    const retry = { firstDelayMs: 1_000, factor: 1, jitter: 0, maxDelayMs: 1_000, maxRetries: 5 };
    const policy = { ordering: "none", retry } as const;
    script = await PartitionScript.start("customer-1", policy, 1);
    partition = script.partition;
    const [a, b] = [await eventOf("a", { policy }), await eventOf("b", { policy })];
    script.say(leaseOf(script.offer([a])), [fail(a)]);
    expect(script.partition.alarm().nextDueMs).toBe(START_MS + 1_000);
    partition.nowMs = START_MS + 400;
    script.say(leaseOf(script.offer([b])), [fail(b)]);
    expect(partition.alarm()).toMatchObject({ openEvents: 2, nextDueMs: START_MS + 1_000 });
    // The driver hears the same, whichever of them is loaded.
    script = await PartitionScript.start("customer-1", policy);
    script.say(leaseOf(script.offer([a])), [fail(a)]);
    script.partition.nowMs = START_MS + 400;
    const reply = script.say(leaseOf(script.offer([b])), [fail(b)]);
    expect(reply).toMatchObject({ v: 1, status: "released", nextDueMs: START_MS + 1_000 });
  });

  it("never comes before the gate: a backlog doesn't wake event by event", async () => {
    const policy = { ordering: "none" } as const;
    script = await PartitionScript.start("customer-1", policy);
    partition = script.partition;
    const [a, b] = [await eventOf("a", { policy }), await eventOf("b", { policy })];
    const lease = leaseOf(script.offer([a, b]));
    const untilMs = START_MS + 30_000;
    const defer: Action = { kind: "defer", id: a.id, untilMs, reason: "requests", deliveries: [] };
    expect(script.say(lease, [defer, { kind: "release" }]).nextDueMs).toBe(untilMs);
    expect(partition.alarmAtMs).toBe(untilMs);
    expect(partition.rings).toBe(0);
  });

  it("rings at the very millisecond that work is due, and not before", async () => {
    const a = await eventOf("a");
    script.say(leaseOf(script.offer([a])), [fail(a)]);
    const dueMs = partition.record(a.id).nextAtMs;
    partition.nowMs = dueMs - 1;
    partition.alarm();
    expect(partition.rings).toBe(0);
    partition.nowMs = dueMs;
    partition.alarm();
    expect(partition.rings).toBe(1);
  });

  it("expires an event at the very millisecond, and counts what is left open", async () => {
    const a = await eventOf("a", { policy: { maxAgeMs: 1_000 } });
    script.offer([a, await eventOf("b")], "ingest", false);
    partition.nowMs = START_MS + 999;
    expect(partition.alarm().openEvents).toBe(2);
    partition.nowMs = START_MS + 1_000;
    expect(partition.alarm().openEvents).toBe(1);
    expect(partition.record(a.id).timeline.at(-1)).toMatchObject({
      what: "expired",
      detail: "older than maxAgeMs",
    });
  });
});

describe("priority", () => {
  it("of a grant is the highest that the partition holds, also of what is not loaded", async () => {
    script = await PartitionScript.start("customer-1", {}, 1);
    const low = { ...(await eventOf("low", { orderKey: 1 })), priority: "low" } as const;
    const high = { ...(await eventOf("high", { orderKey: 2 })), priority: "high" } as const;
    script.offer([low, high], "ingest", false);
    expect(granted(script.claim("d1")).granted[0]?.envelope.priority).toBe("high");
  });

  it("of a partition that holds only low events is low", async () => {
    const low = { ...(await eventOf("low")), priority: "low" } as const;
    expect(leaseOf(script.offer([low])).granted[0]?.envelope.priority).toBe("low");
  });
});

describe("a paused backlog of which one event at a time is loaded", () => {
  it("is looked at again at once while what was loaded has expired and more lies behind it", async () => {
    const short = await PartitionScript.start("customer-1", {}, 1);
    const policy = { maxAgeMs: 1_000 };
    short.offer([await eventOf("a", { policy }), await eventOf("b", { policy })], "ingest", false);
    short.operate({ kind: "pause", reason: "test" });
    short.partition.nowMs += 1_000;
    short.partition.alarm();
    expect(short.partition.open()).toHaveLength(1);
    expect(short.partition.alarmAtMs).toBe(short.partition.nowMs);
    short.partition.alarm();
    expect(short.partition.open()).toHaveLength(0);
    expect(short.partition.alarmAtMs).toBeNull();
  });
});
