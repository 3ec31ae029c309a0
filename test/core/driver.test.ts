import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { consumeLane, type LaneDelivery } from "../../src/lanes/consumer.ts";
import type { DriverDependencies } from "../../src/lanes/ports.ts";
import type { PartitionClient } from "../../src/partition/client.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { EventProcessor, Prepared } from "../../src/pipeline/processor.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf, partitionFor, type EnvelopeOptions } from "../support/envelopes.ts";
import { MemoryPartition } from "../support/memory-partition.ts";

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
const READY: Prepared = { kind: "ready", output: OUTPUT };

/** One partition in memory, a processor that is told what to do, and a record of effects. */
class World {
  readonly partition: MemoryPartition;
  readonly effects: string[] = [];
  readonly prepared: string[] = [];
  readonly leftOpenUntilMs: number[] = [];
  prepare: (envelope: EventEnvelope, signal: AbortSignal) => Promise<Prepared> = () => Promise.resolve(READY);
  deliver: (envelope: EventEnvelope) => Promise<void> = () => Promise.resolve();
  loseReplies = 0;
  private ids = 0;

  constructor(name: PartitionName) {
    this.partition = new MemoryPartition(name, Date.now());
  }

  private sync<Reply>(call: () => Reply): Promise<Reply> {
    this.partition.nowMs = Date.now();
    const reply = call();
    if (this.loseReplies > 0) {
      this.loseReplies--;
      return this.sync(call); // the client repeats the very same request
    }
    return Promise.resolve(reply);
  }

  readonly client: PartitionClient = {
    offer: (request) => this.sync(() => this.partition.offer(request)),
    claim: (_, request) => this.sync(() => this.partition.claim(request)),
    exchange: (_, request) => this.sync(() => this.partition.exchange(request)),
    read: () => Promise.resolve(null),
    status: () => Promise.resolve(null),
    operate: (_, command) => this.sync(() => this.partition.operate(command)),
    recall: () => Promise.resolve({ v: 1, known: false, openEvents: 0 }),
    poke: () => this.sync(() => this.partition.alarm()),
    acknowledge: () => Promise.resolve(),
    erase: () => Promise.resolve(),
  };

  private readonly processor: EventProcessor = {
    prepare: (event, signal) => {
      this.prepared.push(event.envelope.dedupeKey);
      return event.output === null ? this.prepare(event.envelope, signal) : Promise.resolve(READY);
    },
    deliver: async (event) => {
      await this.deliver(event.envelope);
      this.effects.push(event.envelope.dedupeKey);
      const idempotencyKey = `${event.envelope.id}.${event.run}.sink`;
      const delivery = {
        destination: "sink",
        idempotencyKey,
        status: 200,
        deliveredAtMs: Date.now(),
        durationMs: 0,
      };
      return { kind: "delivered", deliveries: [delivery] };
    },
  };

  deps(overrides: Partial<DriverDependencies["limits"]> = {}): DriverDependencies {
    return {
      partitions: this.client,
      processor: this.processor,
      buildEmits: () => Promise.resolve([]),
      telemetry: {
        partitionOpen: (_, dueMs) => {
          this.leftOpenUntilMs.push(dueMs);
          return Promise.resolve();
        },
        eventsEnded: () => Promise.resolve(),
      },
      clock: systemClock,
      newId: () => `id${++this.ids}`,
      log: createLogger("error"),
      limits: {
        driverSlots: 5,
        driveBudgetMs: 30_000,
        lingerMs: 1_500,
        retryDelaySeconds: 15,
        undeliverableRetrySeconds: 3_600,
        effectTimeoutMs: 20_000,
        ...overrides,
      },
    };
  }
}

class Delivery implements LaneDelivery {
  readonly id = "m1";
  readonly attempts = 1;
  verdict: "none" | "ack" | "retry" = "none";
  readonly body: unknown;

  constructor(body: unknown) {
    this.body = body;
  }

  ack(): void {
    this.verdict = "ack";
  }

  retry(): void {
    this.verdict = "retry";
  }
}

const eventMessage = (envelope: EventEnvelope) => new Delivery({ v: 1, kind: "event", envelope });

let world: World;

beforeEach(async () => {
  world = new World(await partitionFor("customer-1"));
});

function events(count: number, options: Omit<EnvelopeOptions, "key"> = {}): Promise<EventEnvelope[]> {
  const receivedAtMs = Date.now();
  return Promise.all(
    Array.from({ length: count }, (_, n) =>
      envelopeOf({ key: `e${n}`, orderKey: n, receivedAtMs, ...options }),
    ),
  );
}

const states = () => [...world.partition.rows.values()].map((record) => record.state);

describe("the consumer and its drivers", () => {
  it("deliver every event of a shuffled batch once, in order, though inference ends in any order", async () => {
    const batch = await events(5);
    world.prepare = async (envelope) => {
      await systemClock.sleep(10 - 2 * Number(envelope.dedupeKey.slice(1)));
      return READY;
    };
    const deliveries = batch.toReversed().map(eventMessage);
    await consumeLane(world.deps(), deliveries);
    expect(world.effects).toEqual(["e0", "e1", "e2", "e3", "e4"]);
    expect(states()).toEqual(Array.from({ length: 5 }, () => "done"));
    expect(deliveries.every((delivery) => delivery.verdict === "ack")).toBe(true);
  });

  it("have one effect for a message that the lane delivers twice, also when both run at once", async () => {
    const [envelope] = await events(1);
    if (envelope === undefined) throw new Error("no event");
    const twice = [eventMessage(envelope), eventMessage(envelope)];
    await Promise.all([
      consumeLane(world.deps(), twice),
      consumeLane(world.deps(), [eventMessage(envelope)]),
    ]);
    expect(world.effects).toEqual(["e0"]);
  });

  it("lose nothing when answers of the partition are lost and requests repeated", async () => {
    world.loseReplies = 6;
    await consumeLane(world.deps(), (await events(4)).map(eventMessage));
    expect(world.effects).toEqual(["e0", "e1", "e2", "e3"]);
  });

  it("linger for a retry that is due soon and then finish in order", async () => {
    const policy = { retry: { firstDelayMs: 20, factor: 1, jitter: 0, maxDelayMs: 20, maxRetries: 5 } };
    let failures = 2;
    world.prepare = (envelope) => {
      if (envelope.dedupeKey !== "e0" || failures-- <= 0) return Promise.resolve(READY);
      return Promise.resolve({ kind: "failed", failure: failure("infer", "transient", "http_503", "later") });
    };
    await consumeLane(world.deps(), (await events(3, { policy })).map(eventMessage));
    expect(world.effects).toEqual(["e0", "e1", "e2"]);
  });

  it("never call the model again for an event whose output is stored", async () => {
    const policy = { delivery: { firstDelayMs: 5, factor: 1, jitter: 0, maxDelayMs: 5, maxRetries: 5 } };
    let calls = 0;
    let failures = 1;
    world.prepare = () => Promise.resolve((calls++, READY));
    world.deliver = () => (failures-- > 0 ? Promise.reject(new Error("sink is down")) : Promise.resolve());
    await consumeLane(world.deps(), (await events(1, { policy })).map(eventMessage));
    expect(calls).toBe(1);
    expect(world.effects).toEqual(["e0"]);
  });

  it("give the lease back when the first event waits long: the rest is not held hostage", async () => {
    world.prepare = (envelope) =>
      Promise.resolve(
        envelope.dedupeKey === "e0"
          ? { kind: "deferred", untilMs: Date.now() + 60_000, reason: "requests" }
          : READY,
      );
    await consumeLane(world.deps(), (await events(3)).map(eventMessage));
    expect(world.partition.partition.lease).toBeNull();
    expect(world.effects).toEqual([]);
    expect(states()).toEqual(["deferred", "pending", "pending"]);
    expect(world.partition.alarmAtMs).not.toBeNull();
    // What is left open is reported for the sweep.
    expect(world.leftOpenUntilMs[0]).toBeGreaterThan(Date.now() + 50_000);
  });

  it("have no effect under a lease that no longer outlives it", async () => {
    const policy = { leaseMs: 100 };
    await consumeLane(
      world.deps({ effectTimeoutMs: 1_000 }),
      (await events(1, { policy })).map(eventMessage),
    );
    expect(world.effects).toEqual([]);
  });

  it("stop everything when the lease is taken from them", async () => {
    const aborted: string[] = [];
    world.prepare = (envelope, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          aborted.push(envelope.dedupeKey);
          resolve(READY);
        });
        world.partition.partition = { ...world.partition.partition, lease: null };
      });
    await consumeLane(world.deps(), (await events(1, { policy: { leaseMs: 1 } })).map(eventMessage));
    expect(aborted).toEqual(["e0"]);
    expect(world.effects).toEqual([]);
  });

  it("send a message back that nobody can read, and one whose partition cannot be reached", async () => {
    const garbage = new Delivery({ v: 99 });
    await consumeLane(world.deps(), [garbage]);
    expect(garbage.verdict).toBe("retry");
    const [envelope] = await events(1);
    if (envelope === undefined) throw new Error("no event");
    const message = eventMessage(envelope);
    const unreachable = { ...world.client, offer: () => Promise.reject(new Error("no route")) };
    await consumeLane({ ...world.deps(), partitions: unreachable }, [message]);
    expect(message.verdict).toBe("retry");
  });
});
