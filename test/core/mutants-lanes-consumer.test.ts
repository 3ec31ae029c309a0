/** Nothing is acknowledged that is not durable: the consumer, and the last resort behind it. */
import { setImmediate as nextTask } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { EventSummary } from "../../src/core/event-summary.ts";
import { failure } from "../../src/core/failure.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import { createBell } from "../../src/lanes/bell.ts";
import { consumeLane } from "../../src/lanes/consumer.ts";
import { createSlots } from "../../src/lanes/slots.ts";
import { consumeUndeliverable } from "../../src/lanes/undeliverable.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { START_MS } from "../support/partition-script.ts";
import { eventMessage, Message, ringMessage, VirtualClock, World } from "./mutants-lanes-support.ts";

const BACK = { retryAfterSeconds: 15 };
let world: World;

beforeEach(async () => {
  world = await World.create();
});

const unreachable = () => Promise.reject(new Error("no route"));

describe("a lane's consumer", () => {
  it("acknowledges a message only after its partition has it", async () => {
    const message = eventMessage(await envelopeOf({ key: "a" }));
    const offer: typeof world.client.offer = (request) => {
      expect(message.verdict).toBe("none");
      return world.client.offer(request);
    };
    await world.clock.run(consumeLane(world.deps({}, { ...world.client, offer }), [message]));
    expect(message.verdict).toBe("ack");
    expect(world.effects).toEqual(["a"]);
    expect(world.offers.map((request) => request.wantLease)).toEqual([true]);
    expect(world.reports).toEqual([]);
  });

  it("sends back what a full partition refused, and works on what it took", async () => {
    world.partition.limits = { ...world.partition.limits, maxOpenEvents: 1 };
    const messages = [
      eventMessage(await envelopeOf({ key: "a" })),
      eventMessage(await envelopeOf({ key: "b" })),
    ];
    await world.clock.run(consumeLane(world.deps(), messages));
    expect(messages.map((message) => message.verdict)).toEqual(["ack", BACK]);
    expect(world.effects).toEqual(["a"]);
  });

  it("sends back what nobody can read, after a while, and goes on with the rest", async () => {
    const messages = [new Message({ v: 99 }), eventMessage(await envelopeOf({ key: "a" }))];
    await world.clock.run(consumeLane(world.deps(), messages));
    expect(messages.map((message) => message.verdict)).toEqual([BACK, "ack"]);
  });

  it("sends everything back when the partition cannot be reached", async () => {
    const { name } = world.partition;
    const messages = [eventMessage(await envelopeOf({ key: "a" })), ringMessage(name)];
    const client = { ...world.client, offer: unreachable, claim: unreachable };
    await world.clock.run(consumeLane(world.deps({}, client), messages));
    expect(messages.map((message) => message.verdict)).toEqual([BACK, BACK]);
    const ring = ringMessage(name);
    await world.clock.run(consumeLane(world.deps({}, client), [ring]));
    expect(ring.verdict).toEqual(BACK);
  });

  it("takes a ring as news of work: it claims, drives, and acknowledges the ring", async () => {
    const envelope = await envelopeOf({ key: "a" });
    const { name } = world.partition;
    world.partition.offer({
      v: 1,
      request: "r",
      partition: name,
      driver: "ingest",
      events: [envelope],
      wantLease: false,
    });
    const rings = [ringMessage(name), ringMessage(name)];
    await world.clock.run(consumeLane(world.deps(), rings));
    expect(rings.map((ring) => ring.verdict)).toEqual(["ack", "ack"]);
    expect(world.claims).toBe(1);
    expect(world.effects).toEqual(["a"]);
  });

  it("offers the events of one partition in one call, a ring beside them included", async () => {
    const ring = ringMessage(world.partition.name);
    const messages = [
      ring,
      eventMessage(await envelopeOf({ key: "a" })),
      eventMessage(await envelopeOf({ key: "b" })),
    ];
    await world.clock.run(consumeLane(world.deps(), messages));
    expect(world.offers.map((request) => request.events.length)).toEqual([2]);
    expect(world.claims).toBe(0);
    expect(messages.every((message) => message.verdict === "ack")).toBe(true);
  });

  it("offers the events of two partitions apart", async () => {
    const messages = await Promise.all(
      ["one", "two"].map(async (customer) => eventMessage(await envelopeOf({ key: "a", customer }))),
    );
    const offered: PartitionName[] = [];
    const offer: typeof world.client.offer = ({ partition }) => {
      offered.push(partition);
      return unreachable();
    };
    await world.clock.run(consumeLane(world.deps({}, { ...world.client, offer }), messages));
    expect(offered).toEqual([await partitionFor("one"), await partitionFor("two")]);
  });

  it("reports a partition whose lease another one has, when its message came before: that one may have died", async () => {
    const envelope = await envelopeOf({ key: "a" });
    const { name } = world.partition;
    world.partition.offer({
      v: 1,
      request: "r",
      partition: name,
      driver: "dead",
      events: [envelope],
      wantLease: true,
    });
    for (const message of [eventMessage(envelope), ringMessage(name)]) {
      await world.clock.run(consumeLane(world.deps(), [message]));
      expect(message.verdict).toBe("ack");
    }
    expect(world.reports).toEqual([]);
    for (const message of [eventMessage(envelope, 2), ringMessage(name, 2)]) {
      await world.clock.run(consumeLane(world.deps(), [message]));
    }
    expect(world.reports).toEqual([START_MS, START_MS]);
  });
});

describe("a report of open work", () => {
  it("has left before the invocation ends: nothing of it floats", async () => {
    const envelope = await envelopeOf({ key: "a" });
    const { name } = world.partition;
    world.partition.operate({ kind: "pause", reason: "later" });
    world.partition.offer({
      v: 1,
      request: "r",
      partition: name,
      driver: "dead",
      events: [envelope],
      wantLease: false,
    });
    const told: string[] = [];
    const telemetry = {
      partitionOpen: async () => {
        await world.clock.sleep(50);
        told.push("open");
      },
      eventsEnded: () => Promise.resolve(),
    };
    await world.clock.run(consumeLane({ ...world.deps(), telemetry }, [eventMessage(envelope, 2)]));
    expect(told).toEqual(["open"]);
    world.partition.operate({ kind: "resume" });
    world.prepare = () =>
      Promise.resolve({ kind: "deferred", untilMs: world.clock.nowMs() + 60_000, reason: "requests" });
    await world.clock.run(consumeLane({ ...world.deps(), telemetry }, [eventMessage(envelope)]));
    expect(told).toEqual(["open", "open"]);
  });
});

describe("what ended in a run", () => {
  async function runWith(prepare: World["prepare"]) {
    const envelope = await envelopeOf({ key: "a" });
    const told: EventSummary[][] = [];
    const open: number[] = [];
    const telemetry = {
      partitionOpen: (_: string, dueMs: number) => Promise.resolve(void open.push(dueMs)),
      eventsEnded: async (summaries: readonly EventSummary[]) => {
        await world.clock.sleep(50);
        told.push([...summaries]);
      },
    };
    world.prepare = prepare;
    await world.clock.run(consumeLane({ ...world.deps(), telemetry }, [eventMessage(envelope)]));
    return { told: told.map((message) => message.map(({ state }) => state)), open };
  }

  it("is told in one message before the invocation ends; a success is nobody's to look after", async () => {
    expect(await runWith(world.prepare)).toEqual({ told: [["done"]], open: [] });
  });

  it("and must be seen by a person, has the sweep look after the partition, though nothing is open there", async () => {
    const failed = { kind: "failed", failure: failure("infer", "permanent", "no", "never") } as const;
    const { told, open } = await runWith(() => Promise.resolve(failed));
    expect(told).toEqual([["dead"]]);
    expect(open).toEqual([START_MS]);
  });

  it("is no message when nothing has ended", async () => {
    const waits = { kind: "deferred", untilMs: START_MS + 60_000, reason: "requests" } as const;
    expect((await runWith(() => Promise.resolve(waits))).told).toEqual([]);
  });
});

describe("what a lane gave up on", () => {
  const kept = () => {
    const bodies = new Map<string, string>();
    return { bodies, put: (key: string, body: string) => Promise.resolve(void bodies.set(key, body)) };
  };

  it("is offered once more, and acknowledged when its partition has it", async () => {
    const message = eventMessage(await envelopeOf({ key: "a" }));
    const store = kept();
    await consumeUndeliverable(world.deps(), store, [message, ringMessage(world.partition.name)]);
    expect(message.verdict).toBe("ack");
    expect(world.offers.map((request) => request.wantLease)).toEqual([false]);
    expect(world.states()).toEqual(["pending"]);
    expect(store.bodies.size).toBe(0);
  });

  it("is kept, then acknowledged, when its partition is full or out of reach, or nobody can read it", async () => {
    world.partition.limits = { ...world.partition.limits, maxOpenEvents: 0 };
    const envelope = await envelopeOf({ key: "a" });
    const full = eventMessage(envelope);
    const unreadable = new Message({ v: 99 }, 1, "m2");
    const store = kept();
    await consumeUndeliverable(world.deps(), store, [full, unreadable]);
    const away = new Message({ v: 1, kind: "event", envelope }, 1, "m3");
    await consumeUndeliverable(world.deps({}, { ...world.client, offer: unreachable }), store, [away]);
    expect([full, unreadable, away].map((message) => message.verdict)).toEqual(["ack", "ack", "ack"]);
    expect([...store.bodies.keys()]).toEqual(["m1", "m2", "m3"].map((id) => `undeliverable/${id}.json`));
    expect(JSON.parse(store.bodies.get("undeliverable/m2.json") ?? "")).toEqual({
      v: 1,
      keptAtMs: START_MS,
      body: { v: 99 },
    });
  });

  it("comes again when it could not be kept", async () => {
    const message = new Message({ v: 99 });
    const deps = world.deps();
    await consumeUndeliverable(deps, { put: unreachable }, [message]);
    expect(message.verdict).toEqual({ retryAfterSeconds: deps.limits.undeliverableRetrySeconds });
  });

  it("is acknowledged only once it is kept", async () => {
    const message = new Message({ v: 99 });
    const put = async () => {
      await nextTask();
      expect(message.verdict).toBe("none");
    };
    await consumeUndeliverable(world.deps(), { put }, [message]);
    expect(message.verdict).toBe("ack");
  });
});

describe("slots", () => {
  const gate = () => Promise.withResolvers<void>();

  it("hold no more than their number, serve in the order of asking, effects first", async () => {
    const slots = createSlots(2);
    const started: string[] = [];
    const gates = new Map(["a", "b", "c", "d", "e"].map((name) => [name, gate()]));
    const work = (name: string) => () => {
      started.push(name);
      return gates.get(name)?.promise ?? Promise.resolve();
    };
    const all = [slots.use(work("a")), slots.use(work("b")), slots.use(work("c")), slots.use(work("d"))];
    all.push(slots.useFirst(work("e")));
    const settle = async () => {
      for (let round = 0; round < 10; round++) await Promise.resolve();
    };
    await settle();
    expect(started).toEqual(["a", "b"]);
    for (const name of ["a", "b", "e", "c", "d"]) {
      gates.get(name)?.resolve();
      await settle();
    }
    await Promise.all(all);
    expect(started).toEqual(["a", "b", "e", "c", "d"]);
    // All places are free again, and no more than there were.
    const again: string[] = [];
    const held = gate();
    const more = ["x", "y", "z"].map((name) => slots.use(() => (again.push(name), held.promise)));
    await settle();
    expect(again).toEqual(["x", "y"]);
    held.resolve();
    await Promise.all(more);
  });

  it("are free again after work that threw", async () => {
    const slots = createSlots(1);
    await expect(slots.use(unreachable)).rejects.toThrow("no route");
    await expect(slots.use(() => Promise.resolve("ran"))).resolves.toBe("ran");
  });
});

describe("a bell", () => {
  it("cuts a wait short, is kept for one who comes later, and for that one only", async () => {
    const clock = new VirtualClock();
    const bell = createBell(clock);
    await clock.run(bell.wait(1));
    expect(clock.nowMs()).toBe(START_MS + 1);
    const waiting = bell.wait(1_000);
    bell.ring();
    await clock.run(waiting);
    expect(clock.nowMs()).toBe(START_MS + 1);
    bell.ring();
    bell.ring();
    await clock.run(bell.wait(1_000));
    expect(clock.nowMs()).toBe(START_MS + 1);
    await clock.run(bell.wait(1_000));
    expect(clock.nowMs()).toBe(START_MS + 1_001);
  });
});
