/** What the ledger is told of ends, and what a repeated request hears. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { isOutboxed } from "../../src/core/event-summary.ts";
import type { LeaseView } from "../../src/core/partition/commands.ts";
import type { MemoryPartition } from "../support/memory-partition.ts";
import {
  complete,
  eventOf,
  fail,
  leaseOf,
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

describe("an exchange", () => {
  it("says what ended through it, and nothing else", async () => {
    const [first, second] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([first, second]));
    const recorded = script.say(lease, [record(first), record(second)], { holding: [first, second] });
    expect(recorded.ended).toEqual([]);
    const done = script.say(lease, [complete(first)], { holding: [second] });
    expect(done.ended?.map(({ id, state, version }) => [id, state, version])).toEqual([
      [first.id, "done", 1],
    ]);
  });

  it("says nothing of what an earlier request has ended", async () => {
    const [first, second] = [await eventOf("a", { orderKey: 1 }), await eventOf("b", { orderKey: 2 })];
    const lease = leaseOf(script.offer([first, second]));
    script.say(lease, [complete(first)], { holding: [second] });
    expect(script.say(lease, [complete(first)], { holding: [second] }).ended).toEqual([]);
  });

  it("that ends nothing, after the lease is over, is refused", async () => {
    const event = await eventOf("a");
    const lease = leaseOf(script.offer([event]));
    script.say(lease, [{ kind: "release" }]);
    expect(script.say(lease, []).status).toBe("fenced");
  });

  it("repeated after it ended everything that was held, is answered like the first time", async () => {
    const event = await eventOf("a");
    const lease = leaseOf(script.offer([event]));
    script.say(lease, [record(event)], { holding: [event] });
    const request = "the same";
    const first = script.say(lease, [complete(event)], { request });
    const again = script.say(lease, [complete(event)], { request });
    expect(first.status).toBe("released");
    expect(again).toEqual(first);
    expect(script.say(lease, [complete(event)]).status).toBe("fenced");
  });

  it("repeated when somebody else holds the lease, is refused", async () => {
    const event = await eventOf("a");
    const lease = leaseOf(script.offer([event]));
    const request = "the same";
    script.say(lease, [fail(event)], { request });
    partition.nowMs += 60_000;
    expect(script.claim("d2")).not.toBeNull();
    expect(script.say(lease, [fail(event)], { request }).status).toBe("fenced");
  });
});

describe("the word on an event", () => {
  it("has a higher version with every end and every new start", async () => {
    const event = await eventOf("a");
    script.finish(event);
    expect(partition.record(event.id).version).toBe(1);
    script.operate({ kind: "replay", id: event.id, reuseOutput: true });
    expect(partition.record(event.id)).toMatchObject({ version: 2, state: "pending" });
  });

  it("is kept for the ledger when a person must see the end of it, whoever ended it, and once for each", async () => {
    const events = [
      await eventOf("a"),
      await eventOf("b", { policy: { maxAgeMs: 1_000 } }),
      await eventOf("c"),
    ];
    const [skipped, expired, done] = events;
    script.offer(events, "ingest", false);
    if (skipped === undefined || done === undefined) throw new Error("three events");
    script.operate({ kind: "skip", id: skipped.id, reason: "test" });
    partition.nowMs += 1_000;
    partition.alarm();
    partition.alarm();
    script.finish(done);
    const kept = partition.outbox.map(({ id, state, version }) => [id, state, version]);
    expect(kept).toEqual([
      [skipped.id, "dead", 1],
      [expired?.id, "expired", 1],
    ]);
  });

  it("is repeated until it is heard for what a person must see, and for what was told otherwise before", () => {
    for (const state of ["dead", "review", "expired"] as const) {
      expect(isOutboxed({ state, version: 1 })).toBe(true);
    }
    for (const state of ["done", "filtered"] as const) {
      expect(isOutboxed({ state, version: 1 })).toBe(false);
      expect(isOutboxed({ state, version: 2 })).toBe(true);
    }
  });
});

describe("a contiguous number", () => {
  it("follows on its predecessor also when that ended without an effect", async () => {
    const policy = { gapWaitMs: 60_000 };
    const events = [await eventOf("1", { orderKey: 1, policy }), await eventOf("2", { orderKey: 2, policy })];
    const [first, second] = events as [(typeof events)[0], (typeof events)[0]]; // made above
    const lease = leaseOf(script.offer([first]));
    script.say(lease, [{ kind: "filter", id: first.id, reason: "nothing to do" }]);
    const next = leaseOf(script.offer([second]));
    const { lease: told } = script.say(next, [record(second)], { holding: [second] });
    expect(told?.turns.map(({ id }) => id)).toEqual([second.id]);
  });

  it("still does when the object was lost in between", async () => {
    const policy = { gapWaitMs: 60_000, lookahead: 2 };
    const [first, second] = [
      await eventOf("1", { orderKey: 1, policy }),
      await eventOf("2", { orderKey: 2, policy }),
    ];
    const lease = leaseOf(script.offer([first, second]));
    script.say(lease, [{ kind: "filter", id: first.id, reason: "nothing to do" }], { holding: [second] });
    partition.crash();
    const { lease: told } = script.say(lease, [record(second)], { holding: [second] });
    expect(told?.turns.map(({ id }) => id)).toEqual([second.id]);
  });
});

describe("a number behind a gap", () => {
  it("waits on for what is missing, also when the object was lost", async () => {
    const policy = { gapWaitMs: 60_000, lookahead: 2 };
    const [first, third] = [
      await eventOf("1", { orderKey: 1, policy }),
      await eventOf("3", { orderKey: 3, policy }),
    ];
    const lease = leaseOf(script.offer([first, third]));
    script.say(lease, [{ kind: "filter", id: first.id, reason: "nothing to do" }], { holding: [third] });
    partition.crash();
    const { lease: told } = script.say(lease, [record(third)], { holding: [third] });
    expect(told?.turns).toEqual([]);
    expect(told?.nextTurnAtMs).toBe(START_MS + policy.gapWaitMs);
  });
});

describe("a turn that is over", () => {
  const waits: Readonly<Record<string, (lease: LeaseView, event: EventEnvelope) => void>> = {
    "by a failure": (lease, event) => void script.say(lease, [fail(event)]),
    "by giving the lease back": (lease) => void script.say(lease, [{ kind: "release" }]),
    "with the lease that had it": (lease) => void (partition.nowMs = lease.expiresAtMs),
  };

  it.each(Object.entries(waits))(
    "%s leaves an earlier event its place, also when the object was lost",
    async (_, wait) => {
      const later = await eventOf("later", { orderKey: 20 });
      const lease = leaseOf(script.offer([later]));
      script.say(lease, [record(later)], { holding: [later] });
      wait(lease, later);
      const earlier = await eventOf("earlier", { orderKey: 10 });
      script.offer([earlier], "ingest", false);
      partition.nowMs += 60_000;
      const next = leaseOf({ lease: script.claim("d2") });
      expect(next.granted.map(({ envelope }) => envelope.id)).toEqual([earlier.id, later.id]);
      partition.crash();
      const both = { driver: "d2", holding: [earlier, later] };
      const { lease: told } = script.say(next, [record(earlier), record(later)], both);
      expect(told?.turns.map(({ id }) => id)).toEqual([earlier.id]);
    },
  );
});

describe("a turn that was given up by waiting", () => {
  it("is not taken for held by an object that is loaded anew: what came before it meanwhile goes first", async () => {
    const later = await eventOf("later", { orderKey: 20 });
    const lease = leaseOf(script.offer([later]));
    script.say(lease, [record(later)], { holding: [later] });
    const untilMs = START_MS + 5_000;
    script.say(lease, [{ kind: "defer", id: later.id, untilMs, reason: "requests", deliveries: [] }]);
    partition.nowMs = untilMs;
    const earlier = await eventOf("earlier", { orderKey: 10 });
    const next = leaseOf(script.offer([earlier], "d2"));
    expect(next.granted.map(({ envelope }) => envelope.id)).toEqual([earlier.id, later.id]);
    partition.crash();
    const both = { driver: "d2", holding: [earlier, later] };
    const { lease: told } = script.say(next, [record(earlier), record(later)], both);
    expect(told?.turns.map(({ id }) => id)).toEqual([earlier.id]);
  });

  it("is known to be held, once given again", async () => {
    const later = await eventOf("later", { orderKey: 20 });
    const lease = leaseOf(script.offer([later]));
    script.say(lease, [record(later)], { holding: [later] });
    const untilMs = START_MS + 5_000;
    script.say(lease, [{ kind: "defer", id: later.id, untilMs, reason: "requests", deliveries: [] }]);
    partition.nowMs = untilMs;
    const next = leaseOf({ lease: script.claim("d2") });
    const given = script.say(next, [record(later)], { driver: "d2", holding: [later] });
    expect(given.lease?.turns.map(({ id }) => id)).toEqual([later.id]);
    partition.crash();
    const earlier = await eventOf("earlier", { orderKey: 10 });
    script.offer([earlier], "d3");
    expect(partition.record(earlier.id).late).toBe(true);
  });
});
