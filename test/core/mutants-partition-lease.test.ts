/** What the lease promises, to the millisecond and across crashes. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { reconcile } from "../../src/core/partition/machine.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import type { MemoryPartition } from "../support/memory-partition.ts";
import {
  complete,
  eventOf,
  fail,
  granted,
  leaseOf,
  PartitionScript,
  record,
  START_MS,
} from "../support/partition-script.ts";

const LEASE_MS = 90_000;
let script: PartitionScript;
let partition: MemoryPartition;

beforeEach(async () => {
  script = await PartitionScript.start();
  partition = script.partition;
});

async function numbered(count: number, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => eventOf(`e${n}`, { orderKey: n, policy })));
}

async function pair(policy: Partial<EventPolicy> = {}): Promise<[EventEnvelope, EventEnvelope]> {
  return [await eventOf("a", { orderKey: 1, policy }), await eventOf("b", { orderKey: 2, policy })];
}

const heldIds = () => partition.partition.lease?.entries.map((entry) => entry.id) ?? [];
const expiresAtMs = () => partition.partition.lease?.expiresAtMs;

describe("the fence", () => {
  it("refuses a superseded token also in the hands of the driver that has the lease now", async () => {
    const a = await eventOf("a");
    const first = leaseOf(script.offer([a], "d1"));
    partition.nowMs = first.expiresAtMs;
    granted(script.claim("d1"));
    expect(script.say(first, [record(a)], { driver: "d1" }).status).toBe("fenced");
    expect(partition.record(a.id).output).toBeNull();
  });

  it("refuses the valid token in the hands of another driver", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a], "d1"));
    expect(script.say(lease, [record(a)], { driver: "d2" }).status).toBe("fenced");
    expect(partition.record(a.id).output).toBeNull();
  });

  it("stands until the very millisecond of the expiry, not longer", async () => {
    const lease = leaseOf(script.offer([await eventOf("a")]));
    expect(lease.expiresAtMs).toBe(START_MS + LEASE_MS);
    partition.nowMs = lease.expiresAtMs - 1;
    expect(script.claim("d2")).toBeNull();
    partition.nowMs = lease.expiresAtMs;
    expect(script.claim("d2")).not.toBeNull();
  });

  it("gives a larger token to each of two leases within one millisecond", async () => {
    const lease = leaseOf(script.offer([await eventOf("a")]));
    expect(lease.token).toBe(START_MS);
    script.say(lease, [{ kind: "release" }]);
    expect(granted(script.claim("d2")).token).toBe(START_MS + 1);
  });

  it("keeps a freed partition free across a crash: nobody waits for a lease that was given back", async () => {
    const lease = leaseOf(script.offer([await eventOf("a")]));
    script.say(lease, [{ kind: "release" }]);
    partition.crash();
    expect(partition.partition.lease).toBeNull();
  });

  it("an expired lease stays expired across a crash, and its driver's start counted", async () => {
    const a = await eventOf("a");
    partition.nowMs = leaseOf(script.offer([a])).expiresAtMs;
    partition.alarm();
    partition.crash();
    expect(partition.partition.lease).toBeNull();
    expect(partition.record(a.id).starts).toBe(1);
    expect(partition.record(a.id).timeline.at(-1)).toEqual({ atMs: partition.nowMs, what: "lease_expired" });
  });

  it("an expired driver's turn is over: the first in order has it next", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    const first = leaseOf(script.offer([b]));
    script.say(first, [record(b)], { holding: [b] });
    const a = await eventOf("a", { orderKey: 1 });
    script.offer([a], "ingest", false);
    partition.nowMs = first.expiresAtMs;
    const second = granted(script.claim("d2"));
    expect(second.turns).toEqual([]);
    expect(second.granted.map((grant) => grant.envelope.id)).toEqual([a.id, b.id]);
  });

  it("a lost start that came to an outcome in the end is forgotten", async () => {
    const ends = { retry: fail, end: complete } as const;
    for (const [key, end] of Object.entries(ends)) {
      const event = await eventOf(key);
      partition.nowMs = leaseOf(script.offer([event])).expiresAtMs;
      const lease = granted(script.claim("d1"));
      script.say(lease, [end(event), { kind: "release" }]);
      expect(partition.record(event.id).starts).toBe(0);
      script.operate({ kind: "skip", id: event.id, reason: "next" });
    }
  });
});

describe("an extension", () => {
  it("comes with less than half of the lease left, is durable, and spans a whole lease again", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    partition.nowMs = START_MS + LEASE_MS / 2 - 1;
    expect(leaseOf(script.say(lease, [], { holding: [a] })).expiresAtMs).toBe(lease.expiresAtMs);
    partition.nowMs = START_MS + LEASE_MS / 2;
    const extended = leaseOf(script.say(lease, [], { holding: [a] })).expiresAtMs;
    expect(extended).toBe(partition.nowMs + LEASE_MS);
    partition.crash();
    expect(expiresAtMs()).toBe(extended);
  });

  it("rides along for free when the partition's row is written anyway", async () => {
    const [a, b] = await pair();
    const lease = leaseOf(script.offer([a, b]));
    partition.nowMs = START_MS + 1_000;
    const reply = leaseOf(script.say(lease, [fail(b)], { holding: [a] }));
    expect(reply.expiresAtMs).toBe(START_MS + 1_000 + LEASE_MS);
  });

  it("is as long as the most patient event under the lease asks for, and never makes a lease shorter", async () => {
    const short = await eventOf("short", { orderKey: 1, policy: { leaseMs: 10_000 } });
    const long = await eventOf("long", { orderKey: 2, policy: { leaseMs: 300_000 } });
    const other = await eventOf("other", { orderKey: 3, policy: { leaseMs: 10_000 } });
    const lease = leaseOf(script.offer([short, long, other]));
    expect(lease.expiresAtMs).toBe(START_MS + 300_000);
    script.say(lease, [record(short)], { holding: [short, long, other] });
    script.say(lease, [complete(short)], { holding: [long, other] });
    script.say(lease, [fail(long)], { holding: [other] });
    expect(expiresAtMs()).toBe(START_MS + 300_000);
  });

  it("is due by the most patient event, too", async () => {
    const short = await eventOf("short", { orderKey: 1, policy: { leaseMs: 10_000 } });
    const long = await eventOf("long", { orderKey: 2, policy: { leaseMs: 300_000 } });
    const lease = leaseOf(script.offer([short, long]));
    partition.nowMs = START_MS + 200_000;
    expect(leaseOf(script.say(lease, [], { holding: [short, long] })).expiresAtMs).toBe(START_MS + 500_000);
  });
});

describe("a release", () => {
  it("said twice is one, and of nothing costs nothing", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    const before = partition.partitionWrites;
    expect(script.say(lease, [complete(a), { kind: "release" }]).status).toBe("released");
    expect(partition.partitionWrites).toBe(before);
    const next = leaseOf(script.offer([await eventOf("b")]));
    expect(script.say(next, [{ kind: "release" }, { kind: "release" }]).status).toBe("released");
  });
});

describe("grants", () => {
  it("go to the first in order up to the look-ahead, and on as places become free", async () => {
    const events = await numbered(6);
    const lease = leaseOf(script.offer(events));
    expect(heldIds()).toEqual(events.slice(0, 4).map((event) => event.id));
    const [first] = events;
    if (first === undefined) throw new Error("no event");
    script.say(lease, [record(first)], { holding: events.slice(0, 4) });
    const reply = leaseOf(script.say(lease, [complete(first)], { holding: events.slice(1, 4) }));
    expect(reply.granted.map((grant) => grant.envelope.id)).toEqual([events[4]?.id]);
  });

  it("stop when the driver wants no more", async () => {
    const events = await numbered(5);
    const lease = leaseOf(script.offer(events));
    const [first] = events;
    if (first === undefined) throw new Error("no event");
    script.say(lease, [record(first)], { holding: events.slice(0, 4) });
    const last = { holding: events.slice(1, 4), wantMore: false };
    expect(leaseOf(script.say(lease, [complete(first)], last)).granted).toEqual([]);
    expect(heldIds()).toHaveLength(3);
  });

  it("of a retry come at the very millisecond it is due", async () => {
    const a = await eventOf("a");
    script.say(leaseOf(script.offer([a])), [fail(a)]);
    const dueMs = partition.record(a.id).nextAtMs;
    partition.nowMs = dueMs - 1;
    expect(script.claim("d2")).toBeNull();
    partition.nowMs = dueMs;
    expect(script.claim("d2")).not.toBeNull();
  });

  it("pass by what waits where there is no order, and never where there is", async () => {
    for (const [ordering, expected] of [
      ["none", ["b"]],
      ["arrival", []],
    ] as const) {
      const policy = { ordering, lookahead: 1 };
      const own = await PartitionScript.start("customer-1", policy);
      const [a, b] = await pair(policy);
      const lease = leaseOf(own.offer([a, b]));
      const next = own.say(lease, [fail(a)]).lease?.granted.map((grant) => grant.envelope.dedupeKey);
      expect(next ?? []).toEqual(expected);
    }
  });

  it("of a suspect are made alone: it waits until nothing else is held, and nothing joins it", async () => {
    const [a, b] = await pair();
    let lease = leaseOf(script.offer([b]));
    for (let start = 1; start <= 3; start++) {
      partition.nowMs = lease.expiresAtMs;
      lease = start < 3 ? granted(script.claim("d1")) : lease;
    }
    expect(script.offer([a], "d1").lease?.granted.map((grant) => grant.envelope.id)).toEqual([a.id]);
    lease = granted(script.claim("d1"));
    script.say(lease, [record(a)], { holding: [a] });
    const alone = script.say(lease, [complete(a)]).lease;
    expect(alone?.granted.map((grant) => grant.envelope.id)).toEqual([b.id]);
    const c = await eventOf("c", { orderKey: 3 });
    expect(script.offer([c], "d1").lease?.granted.map((grant) => grant.envelope.id)).toEqual([b.id]);
  });

  it("a gate holds everything up, also what has no order, also after a crash, until the latest of its times", async () => {
    const policy = { ordering: "none" } as const;
    script = await PartitionScript.start("customer-1", policy);
    partition = script.partition;
    const [a, b] = await pair(policy);
    const lease = leaseOf(script.offer([a, b]));
    const defer = (id: typeof a.id, untilMs: number) =>
      ({ kind: "defer", id, untilMs, reason: "requests", deliveries: [] }) as const;
    script.say(lease, [defer(a.id, START_MS + 9_000), defer(b.id, START_MS + 5_000)]);
    script.offer([await eventOf("c", { policy })], "ingest", false);
    partition.crash();
    partition.nowMs = START_MS + 8_999;
    expect(script.claim("d2")).toBeNull();
    partition.nowMs = START_MS + 9_000;
    expect(granted(script.claim("d2")).granted).toHaveLength(3);
  });

  it("a pause holds across a crash, and says since when and why", async () => {
    script.offer([await eventOf("a")], "ingest", false);
    script.operate({ kind: "pause", reason: "maintenance" });
    partition.crash();
    expect(partition.partition.paused).toEqual({ reason: "maintenance", sinceMs: START_MS });
    expect(script.claim("d2")).toBeNull();
  });

  it("cost no row of the partition beyond the lease's own: an event alone writes it once", async () => {
    script.finish(await eventOf("a"));
    expect(partition.partitionWrites).toBe(1);
  });

  it("of a running lease cost no row when an event of it is written anyway, and are durable either way", async () => {
    const [a, b, c] = await numbered(3, { lookahead: 2 });
    if (a === undefined || b === undefined || c === undefined) throw new Error("no event");
    const lease = leaseOf(script.offer([a, b, c]));
    script.say(lease, [record(a)], { holding: [a, b] });
    const before = partition.partitionWrites;
    script.say(lease, [complete(a)], { holding: [b] });
    expect(partition.partitionWrites).toBe(before);
    partition.crash();
    expect(heldIds()).toEqual([b.id, c.id]);
    const d = await eventOf("d", { orderKey: 9 });
    script.say(lease, [record(b)], { holding: [b, c] });
    script.say(lease, [complete(b)], { holding: [c] });
    script.offer([d], "ingest", false);
    script.say(lease, [], { holding: [c] });
    partition.crash();
    expect(heldIds()).toEqual([c.id, d.id]);
  });

  it("are read from a lease that the version before stored", async () => {
    const [a, b] = await pair({ lookahead: 1 });
    const lease = leaseOf(script.offer([a, b]));
    if (partition.partition.lease === null) throw new Error("expected a lease");
    const { revision: _, ...older } = partition.partition.lease;
    const stored = { ...partition.partition, lease: older };
    partition.partition = stored;
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [complete(a)]);
    const again = reconcile(stored, (id) => partition.rows.get(id) ?? null);
    expect(again.lease?.entries.map((entry) => entry.id)).toEqual([b.id]);
    expect(reconcile(stored, () => null).lease).toBeNull();
  });

  it("join an event in its third start: it runs alone only after that", async () => {
    const [a, b] = await pair();
    let lease = leaseOf(script.offer([a]));
    for (let start = 1; start <= 2; start++) {
      partition.nowMs = lease.expiresAtMs;
      lease = granted(script.claim("d1"));
    }
    expect(script.offer([b], "d1").lease?.granted).toHaveLength(2);
  });

  it("never add a suspect to what is held and granted already", async () => {
    const suspect = await eventOf("z", { orderKey: 9 });
    let lease = leaseOf(script.offer([suspect]));
    for (let start = 1; start <= 3; start++) {
      partition.nowMs = lease.expiresAtMs;
      partition.alarm();
      if (start < 3) lease = granted(script.claim("d1"));
    }
    const [x, y] = await pair();
    script.offer([x], "d1");
    script.offer([y], "d1");
    expect(heldIds()).toEqual([x.id, y.id]);
  });

  it("one event older than maxAgeMs under lease is left to its driver", async () => {
    const policy = { maxAgeMs: 1_000 };
    const [a, b] = await pair(policy);
    const lease = leaseOf(script.offer([a]));
    script.offer([b], "ingest", false);
    partition.nowMs = START_MS + 1_000;
    partition.alarm();
    expect(partition.record(b.id).state).toBe("expired");
    expect(script.say(lease, [record(a)], { holding: [a] }).lease?.turns[0]?.id).toBe(a.id);
  });
});
