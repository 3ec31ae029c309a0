/** Positions, turns, settling, gaps, lateness. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { Position } from "../../src/core/partition/model.ts";
import { comparePositions, laterOf, orderOnArrival, tailOrder } from "../../src/core/partition/order.ts";
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

const failDelivery = ({ id }: EventEnvelope): Action => ({
  kind: "fail",
  id,
  failure: failure("deliver", "transient", "http_503", "later"),
  deliveries: [],
});

describe("a position", () => {
  it("is compared by order, then by time of receipt, then by id; the later of two is the larger one", async () => {
    const { id } = await eventOf("a");
    const { id: other } = await eventOf("b");
    const [low, high] = id < other ? [id, other] : [other, id];
    const sorted: Position[] = [
      { order: 1, receivedAtMs: 9, id: high },
      { order: 2, receivedAtMs: 1, id: high },
      { order: 2, receivedAtMs: 3, id: low },
      { order: 2, receivedAtMs: 3, id: high },
      { order: 2 + 1 / 1_024, receivedAtMs: 1, id: low },
    ];
    for (const [left, one] of sorted.entries()) {
      for (const [right, two] of sorted.entries()) {
        expect(Math.sign(comparePositions(one, two))).toBe(Math.sign(left - right));
        expect(laterOf(one, two)).toEqual(left > right ? one : two);
      }
      expect(laterOf(null, one)).toBe(one);
      expect(laterOf(one, null)).toBe(one);
    }
    expect(laterOf(null, null)).toBeNull();
  });

  it("on arrival comes from the sender's key, else from the time of receipt; strict from the acknowledgement", async () => {
    const strict = await eventOf("s", { orderKey: 1, policy: { ordering: "strict" } });
    expect(orderOnArrival(strict, 100, 50)).toBe(100);
    expect(orderOnArrival(strict, 100, 100)).toBe(101);
    expect(orderOnArrival(strict, 100, 200)).toBe(201);
    const keyed = await eventOf("k", { orderKey: 7, receivedAtMs: 90 });
    expect(orderOnArrival(keyed, 100, 200)).toBe(7);
    const unkeyed = await eventOf("u", { receivedAtMs: 90 });
    expect(orderOnArrival(unkeyed, 100, 200)).toBe(90);
  });

  it("of what was emitted is behind everything stored, yet before the sender's next number", async () => {
    const parent = { id: (await eventOf("p")).id, depth: 1 };
    const emitted = { ...(await eventOf("e")), parent };
    const order = orderOnArrival(emitted, 100, 200);
    expect(order).toBeGreaterThan(200);
    expect(order).toBeLessThan(201);
    expect(orderOnArrival({ ...emitted, orderKey: 5 }, 100, 200)).toBe(5);
    expect(tailOrder(emitted, 100, Number.NEGATIVE_INFINITY)).toBe(100);
    // Where a small step is lost in the size of the number, a whole one is taken.
    expect(tailOrder(emitted, 100, 2 ** 52)).toBe(2 ** 52 + 1);
    expect(tailOrder({ ...emitted, policy: { ...emitted.policy, ordering: "strict" } }, 100, 200)).toBe(201);
  });
});

describe("a turn", () => {
  it("is kept through a late arrival, which waits for it", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [record(b)], { holding: [b] });
    const a = await eventOf("a", { orderKey: 1 });
    script.offer([a], "ingest", false);
    expect(partition.record(a.id).late).toBe(true);
    expect(partition.partition.lateEvents).toBe(1);
    const reply = leaseOf(script.say(lease, [record(a)], { holding: [a, b] }));
    expect(reply.turns.map((turn) => turn.id)).toEqual([b.id]);
    script.say(lease, [complete(b)], { holding: [a] });
    const next = leaseOf(script.say(lease, [record(a)], { holding: [a] }));
    expect(next.turns).toEqual([{ id: a.id, sequence: 2 }]);
  });

  it("that comes again after a failure keeps its number while nobody else had one", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [failDelivery(a)]);
    partition.nowMs = partition.record(a.id).nextAtMs;
    expect(granted(script.claim("d1")).turns).toEqual([{ id: a.id, sequence: 1 }]);
  });

  it("that comes again after somebody else's has a new number: a receiver must not refuse it as old", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [record(b)], { holding: [b] });
    script.say(lease, [failDelivery(b)]);
    script.finish(await eventOf("a", { orderKey: 1 }));
    partition.nowMs = partition.record(b.id).nextAtMs;
    expect(granted(script.claim("d1")).turns).toEqual([{ id: b.id, sequence: 3 }]);
  });

  it("is the driver's again after a crash of the object, number and all", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [record(b)], { holding: [b] });
    partition.crash();
    expect(partition.partition.turn?.id).toBe(b.id);
    const a = await eventOf("a", { orderKey: 1 });
    script.offer([a], "ingest", false);
    expect(partition.record(a.id).late).toBe(true);
    const reply = leaseOf(script.say(lease, [record(a)], { holding: [a, b] }));
    expect(reply.turns).toEqual([{ id: b.id, sequence: 1 }]);
  });

  it("costs no row of the partition", async () => {
    const a = await eventOf("a");
    const lease = leaseOf(script.offer([a]));
    const before = partition.partitionWrites;
    script.say(lease, [record(a)], { holding: [a] });
    script.say(lease, [complete(a)]);
    expect(partition.partitionWrites).toBe(before);
  });

  it("is only the first's: one that is not granted yet lets nobody pass", async () => {
    const [b, c] = [await eventOf("b", { orderKey: 2 }), await eventOf("c", { orderKey: 3 })];
    const lease = leaseOf(script.offer([b, c]));
    script.say(lease, [record(c)], { holding: [b, c] });
    script.operate({ kind: "pause", reason: "for the test" });
    script.offer([await eventOf("a", { orderKey: 1 })], "ingest", false);
    const reply = leaseOf(script.say(lease, [record(b)], { holding: [b, c] }));
    expect(reply.turns).toEqual([]);
    expect(reply.nextTurnAtMs).toBeNull();
  });

  it("is everybody's in a partition without order, each with its own number, as often as it is asked for", async () => {
    const policy = { ordering: "none" } as const;
    script = await PartitionScript.start("customer-1", policy);
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((key) => eventOf(key, { policy, orderKey: 1 })));
    if (a === undefined || b === undefined || c === undefined) throw new Error("no event");
    const lease = leaseOf(script.offer([a, b, c]));
    const reply = leaseOf(script.say(lease, [record(c), record(a)], { holding: [a, b, c] }));
    const numbers = new Map(reply.turns.map((turn) => [turn.id, turn.sequence]));
    expect([...numbers.keys()].toSorted()).toEqual([a.id, c.id].toSorted());
    expect(new Set(numbers.values())).toEqual(new Set([1, 2]));
    expect(reply.nextTurnAtMs).toBeNull();
    const again = leaseOf(script.say(lease, [], { holding: [a, b, c] }));
    expect(new Map(again.turns.map((turn) => [turn.id, turn.sequence]))).toEqual(numbers);
  });

  it("where there is no order nothing is ever late", async () => {
    const policy = { ordering: "none" } as const;
    script = await PartitionScript.start("customer-1", policy);
    script.finish(await eventOf("b", { orderKey: 2, policy }));
    const a = await eventOf("a", { orderKey: 1, policy });
    script.offer([a], "ingest", false);
    expect(script.partition.record(a.id).late).toBe(false);
  });
});

describe("effects", () => {
  const confirm = (event: EventEnvelope): Action => ({
    kind: "confirm",
    id: event.id,
    delivery: delivery(event),
  });

  async function inTurn() {
    const b = await eventOf("b", { orderKey: 2 });
    const lease = leaseOf(script.offer([b]));
    script.say(lease, [record(b)], { holding: [b] });
    return { b, lease };
  }
  async function earlierIsLate() {
    const a = await eventOf("a", { orderKey: 1 });
    script.offer([a], "ingest", false);
    return partition.record(a.id).late;
  }

  it("that were confirmed before a crash are known after it", async () => {
    const { b, lease } = await inTurn();
    script.say(lease, [confirm(b)], { holding: [b] });
    partition.crash();
    expect(partition.partition.effectsReached?.id).toBe(b.id);
  });

  it("that may have arrived count: after a delivery that failed, what comes before it is late", async () => {
    const { b, lease } = await inTurn();
    script.say(lease, [failDelivery(b)]);
    expect(await earlierIsLate()).toBe(true);
  });

  it("of an event without destinations are its end, in its turn", async () => {
    const { b, lease } = await inTurn();
    script.say(lease, [{ kind: "complete", id: b.id, deliveries: [], emits: [] }]);
    expect(await earlierIsLate()).toBe(true);
  });

  it("are none without a turn and without a delivery", async () => {
    const b = await eventOf("b", { orderKey: 2 });
    script.say(leaseOf(script.offer([b])), [{ kind: "complete", id: b.id, deliveries: [], emits: [] }]);
    expect(await earlierIsLate()).toBe(false);
  });

  it("of the first hold everybody back while it waits to be delivered again", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(a), record(b)], { holding: [a, b] });
    expect(leaseOf(script.say(lease, [failDelivery(a)], { holding: [b] })).turns).toEqual([]);
  });
});

describe("settling", () => {
  it("counts from the arrival at the partition, and only where the order is by arrival", async () => {
    for (const [ordering, settled] of [
      ["arrival", 250],
      ["strict", 0],
    ] as const) {
      const own = await PartitionScript.start();
      const event = await eventOf("a", { policy: { ordering, settleMs: 250 } });
      expect(leaseOf(own.offer([event])).granted[0]?.settledAtMs).toBe(START_MS + settled);
    }
  });

  it("is over at its very millisecond", async () => {
    const a = await eventOf("a", { policy: { settleMs: 250 } });
    const lease = leaseOf(script.offer([a]));
    partition.nowMs = START_MS + 249;
    const early = leaseOf(script.say(lease, [record(a)], { holding: [a] }));
    expect(early).toMatchObject({ turns: [], nextTurnAtMs: START_MS + 250 });
    partition.nowMs = START_MS + 250;
    expect(leaseOf(script.say(lease, [], { holding: [a] }))).toMatchObject({
      turns: [{ id: a.id }],
      nextTurnAtMs: null,
    });
  });

  it("a number that follows on the last one needs no wait; a gap waits its own time, and at least the window", async () => {
    const policy = { gapWaitMs: 10_000, settleMs: 250 };
    const [one, two, three] = await Promise.all(
      [1, 2, 3].map((n) => eventOf(`${n}`, { orderKey: n, policy })),
    );
    if (one === undefined || two === undefined || three === undefined) throw new Error("no event");
    const first = leaseOf(script.offer([one]));
    expect(first.granted[0]?.settledAtMs).toBe(START_MS + 10_000);
    partition.nowMs = START_MS + 10_000;
    script.say(first, [record(one)], { holding: [one] });
    script.say(first, [complete(one)]);
    const lease = leaseOf(script.offer([two, three]));
    expect(lease.granted.map((grant) => grant.settledAtMs - partition.nowMs)).toEqual([0, 10_000]);
    script.say(lease, [{ kind: "release" }]);
    const patient = await eventOf("9", { orderKey: 9, policy: { gapWaitMs: 100, settleMs: 250 } });
    const reply = leaseOf(script.offer([patient]));
    expect(reply.granted.at(-1)?.settledAtMs).toBe(partition.nowMs + 250);
  });

  it("is cut short for the next number by the effects of the one before it", async () => {
    const policy = { gapWaitMs: 10_000 };
    const [one, two] = [
      await eventOf("1", { orderKey: 1, policy }),
      await eventOf("2", { orderKey: 2, policy }),
    ];
    const lease = leaseOf(script.offer([one]));
    partition.nowMs = START_MS + 10_000;
    script.say(lease, [record(one)], { holding: [one] });
    script.offer([two], "ingest", false);
    script.say(lease, [], { holding: [one] });
    script.say(lease, [record(two)], { holding: [one, two] });
    const reply = leaseOf(script.say(lease, [complete(one)], { holding: [two] }));
    expect(reply.turns[0]?.id).toBe(two.id);
  });
});

describe("after a crash", () => {
  it("what had effects is remembered: an earlier arrival is late, and a cancelled one is told", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 2 }), await eventOf("b", { orderKey: 3 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [record(a), record(b)], { holding: [a, b] });
    script.say(lease, [complete(a)], { holding: [b] });
    partition.crash();
    const early = await eventOf("early", { orderKey: 1 });
    script.offer([early], "ingest", false);
    expect(partition.record(early.id).late).toBe(true);
    expect(leaseOf(script.say(lease, [], { holding: [a, b] })).cancelled).toEqual([a.id]);
  });

  it("what had no effects leaves no mark", async () => {
    const [a, b] = [await eventOf("a", { orderKey: 2 }), await eventOf("b", { orderKey: 3 })];
    const lease = leaseOf(script.offer([a, b]));
    script.say(lease, [{ kind: "filter", id: a.id, reason: "no" }], { holding: [b] });
    partition.crash();
    expect(partition.partition.effectsReached).toBeNull();
    expect(partition.partition.turn).toBeNull();
    expect(partition.partition.lease?.entries.map((entry) => entry.id)).toEqual([b.id]);
  });

  it("a partition without order has no turn to give back", async () => {
    const policy = { ordering: "none" } as const;
    script = await PartitionScript.start("customer-1", policy);
    const a = await eventOf("a", { policy });
    const lease = leaseOf(script.offer([a]));
    script.say(lease, [{ kind: "record", id: a.id, output: OUTPUT }], { holding: [a] });
    script.partition.crash();
    expect(script.partition.partition.turn).toBeNull();
    expect(script.partition.partition.lease).not.toBeNull();
  });
});

describe("a strict event that was queued because its partition did not answer", () => {
  const policy = { ordering: "strict", onUnreachable: "queue" } as const;

  it("is late where it arrives in the end", async () => {
    const strict = await PartitionScript.start("customer-1", policy);
    const event = { ...(await eventOf("a", { policy })), orderSuspended: true };
    strict.offer([event]);
    expect(strict.partition.record(event.id).late).toBe(true);
    expect(strict.partition.partition.lateEvents).toBe(1);
    const inOrder = { ...(await eventOf("b", { policy })), orderSuspended: false };
    strict.offer([inOrder], "ingest", false);
    expect(strict.partition.record(inOrder.id).late).toBe(false);
  });
});
