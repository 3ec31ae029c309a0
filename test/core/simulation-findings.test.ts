import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { consumeLane, type LaneDelivery } from "../../src/lanes/consumer.ts";
import type { DriverDependencies } from "../../src/lanes/ports.ts";
import { sweepPartitions } from "../../src/lanes/sweep.ts";
import { ok } from "../../src/core/result.ts";
import { createProcessor } from "../../src/pipeline/runner.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { VirtualClock } from "../simulation/clock.ts";
import { Context } from "../simulation/context.ts";
import { Faults } from "../simulation/faults.ts";
import { loadPartitionClass, type PartitionClass } from "../simulation/object-module.ts";
import { Chance } from "../simulation/random.ts";
import { SimDisk } from "../simulation/sim-disk.ts";
import { LoadedState } from "../simulation/sim-state.ts";
import { Trace } from "../simulation/trace.ts";
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

// What the simulation found, each as the shortest story that shows it.

let script: PartitionScript;
let partition: MemoryPartition;

beforeEach(async () => {
  script = await PartitionScript.start();
  partition = script.partition;
});

const failDelivery = ({ id }: EventEnvelope): Action => ({
  kind: "fail",
  id,
  failure: failure("deliver", "transient", "network", "the answer was lost"),
  deliveries: [],
});

describe("an effect whose answer was lost", () => {
  it("may have arrived, so what comes after it with a smaller key is late", async () => {
    const [first, second] = [
      await eventOf("first", { orderKey: 1 }),
      await eventOf("second", { orderKey: 2 }),
    ];
    const lease = leaseOf(script.offer([second]));
    script.say(lease, [record(second)], { holding: [second] });
    script.say(lease, [failDelivery(second)]);
    script.offer([first], "ingest", false);
    expect(partition.record(first.id).late).toBe(true);
  });

  it("may have arrived although its driver died, so what comes after it with a smaller key is late", async () => {
    const [first, second] = [
      await eventOf("first", { orderKey: 1 }),
      await eventOf("second", { orderKey: 2 }),
    ];
    script.say(leaseOf(script.offer([second])), [record(second)], { holding: [second] });
    partition.nowMs += 200_000;
    partition.crash();
    partition.alarm();
    script.offer([first], "ingest", false);
    expect(partition.record(first.id).late).toBe(true);
  });

  it("keeps its output: every later driver is told that effects may be out", async () => {
    const event = await eventOf("event");
    const lease = leaseOf(script.offer([event]));
    expect(lease.granted[0]?.effectsBegun).toBe(false);
    script.say(lease, [record(event)], { holding: [event] });
    script.say(lease, [failDelivery(event)]);
    partition.nowMs += 60_000;
    expect(granted(script.claim("d2")).granted[0]).toMatchObject({ effectsBegun: true, output: OUTPUT });
  });

  it("keeps its output when the dead letter is replayed under the same idempotency key", async () => {
    const event = await eventOf("event", { policy: { delivery: { ...NO_RETRY } } });
    const lease = leaseOf(script.offer([event]));
    script.say(lease, [record(event)], { holding: [event] });
    script.say(lease, [failDelivery(event)]);
    expect(partition.record(event.id).state).toBe("dead");
    script.operate({ kind: "replay", id: event.id, reuseOutput: false });
    expect(partition.record(event.id)).toMatchObject({ run: 1, output: OUTPUT, effectsBegun: true });
  });
});

const NO_RETRY = { firstDelayMs: 1, factor: 1, jitter: 0, maxDelayMs: 1, maxRetries: 0 };

describe("an event that enters again", () => {
  it("is not taken back by the lease it ended under when the object crashes", async () => {
    const event = await eventOf("event");
    script.finish(event);
    const { sequence } = partition.record(event.id);
    script.operate({ kind: "replay", id: event.id, reuseOutput: true });
    partition.crash();
    expect(partition.partition.lease).toBeNull();
    const lease = granted(script.claim("d2"));
    const reply = script.say(lease, [record(event)], { driver: "d2", holding: [event] });
    expect(reply.lease?.turns[0]?.sequence).toBeGreaterThan(sequence);
  });

  it("comes behind everything, and the sender's next number still comes after it, in time", async () => {
    const [one, two] = [await eventOf("one", { orderKey: 1 }), await eventOf("two", { orderKey: 2 })];
    script.finish(one);
    script.operate({ kind: "replay", id: one.id, reuseOutput: true });
    const lease = granted(script.claim("d1"));
    script.say(lease, [record(one)], { holding: [one] });
    script.say(lease, [{ ...complete(one), deliveries: [delivery(one, "sink", 2)] } as Action]);
    script.offer([two], "ingest", false);
    expect(partition.record(two.id).late).toBe(false);
  });

  it("or was emitted, makes no number of the sender late", async () => {
    const [one, two] = [await eventOf("one", { orderKey: 1 }), await eventOf("two", { orderKey: 2 })];
    const child = { ...(await eventOf("child")), parent: { id: one.id, depth: 1 } };
    const lease = leaseOf(script.offer([one]));
    script.say(lease, [record(one)], { holding: [one] });
    const ended = { kind: "complete", id: one.id, deliveries: [delivery(one)], emits: [child] } as const;
    const next = leaseOf(script.say(lease, [ended]));
    script.say(next, [record(child)], { holding: [child] });
    script.say(next, [complete(child)]);
    expect(partition.record(child.id).state).toBe("done");
    script.offer([two], "ingest", false);
    expect(partition.record(two.id).late).toBe(false);
  });
});

describe("a backlog that expires at once", () => {
  it.each(["arrival", "none"] as const)(
    "is worked through to its end, however few are read at a time (%s)",
    async (ordering) => {
      script = await PartitionScript.start("customer-1", { ordering }, 4);
      partition = script.partition;
      for (let n = 0; n < 10; n++) {
        script.offer([await eventOf(`e${n}`, { orderKey: n, policy: { ordering } })], "ingest", false);
      }
      partition.nowMs += 5 * 86_400_000;
      for (let looks = 0; looks < 3; looks++) {
        expect(partition.alarmAtMs).not.toBeNull();
        partition.alarm();
      }
      expect(partition.open()).toEqual([]);
    },
  );
});

/** A driver's surroundings over the partition in memory. */
function driverOver(change: Partial<DriverDependencies>): DriverDependencies {
  let ids = 0;
  return {
    partitions: {
      offer: (request) => Promise.resolve(partition.offer(request)),
      claim: (_, request) => Promise.resolve(partition.claim(request)),
      exchange: (_, request) => Promise.resolve(partition.exchange(request)),
      read: () => Promise.resolve(null),
      status: () => Promise.resolve(null),
      operate: (_, command) => Promise.resolve(partition.operate(command)),
      recall: () => Promise.resolve({ v: 1, known: false, openEvents: 0 }),
      poke: () => Promise.reject(new Error("not asked for")),
      acknowledge: () => Promise.reject(new Error("not asked for")),
      erase: () => Promise.reject(new Error("not asked for")),
    },
    processor: {
      prepare: () => Promise.reject(new Error("not asked for")),
      deliver: () => Promise.reject(new Error("not asked for")),
    },
    buildEmits: () => Promise.resolve([]),
    telemetry: { partitionOpen: () => Promise.resolve(), eventsEnded: () => Promise.resolve() },
    clock: systemClock,
    newId: () => `id${++ids}`,
    log: createLogger("error"),
    limits: {
      driverSlots: 5,
      driveBudgetMs: 30_000,
      lingerMs: 1_500,
      retryDelaySeconds: 15,
      undeliverableRetrySeconds: 60,
      effectTimeoutMs: 20_000,
    },
    ...change,
  };
}

function messageOf(body: unknown, attempts = 1): LaneDelivery {
  return { id: "m1", attempts, body, ack: () => {}, retry: () => {} };
}

const ringOf = (attempts = 1) =>
  messageOf({ v: 1, kind: "ring", partition: partition.name, priority: "normal" }, attempts);

describe("a driver", () => {
  it("has no effect of a newer output before that is stored, though an older one gave it the turn", async () => {
    partition.nowMs = Date.now();
    const [first, second] = [
      await eventOf("first", { orderKey: 1 }),
      await eventOf("second", { orderKey: 2 }),
    ];
    const lease = leaseOf(script.offer([first, second], "d0"));
    const stored = [record(first), record(second), { kind: "release" } as const];
    script.say(lease, stored, { driver: "d0", holding: [first, second] });
    const newer: StoredOutput = { ...OUTPUT, stageVersion: "echo@2" };
    const firstIsDone = Promise.withResolvers<void>();
    const outputsAtEffect: (string | undefined)[] = [];
    const base = driverOver({});
    const deps = driverOver({
      partitions: {
        ...base.partitions,
        exchange: async (_, request) => {
          if (request.actions.some((action) => action.kind === "complete" && action.id === first.id)) {
            // The second event is prepared while this request is on its way.
            firstIsDone.resolve();
            await new Promise((resolve) => setImmediate(resolve));
          }
          return partition.exchange(request);
        },
      },
      processor: {
        prepare: async ({ envelope }) => {
          if (envelope.id === second.id) await firstIsDone.promise;
          return { kind: "ready", output: newer };
        },
        deliver: ({ envelope }) => {
          outputsAtEffect.push(partition.record(envelope.id).output?.stageVersion);
          return Promise.resolve({ kind: "delivered", deliveries: [delivery(envelope)] });
        },
      },
    });
    await consumeLane(deps, [ringOf()]);
    expect(outputsAtEffect).toEqual(["echo@2", "echo@2"]);
  });

  it("that finds the lease taken reports the partition when its messages came before: who had them may be dead", async () => {
    const event = await eventOf("event");
    script.offer([event], "somebody else");
    partition.nowMs = Date.now();
    const reported: string[] = [];
    const telemetry = {
      partitionOpen: (name: string) => Promise.resolve(void reported.push(name)),
      eventsEnded: () => Promise.resolve(),
    };
    partition.nowMs = START_MS;
    await consumeLane(driverOver({ telemetry }), [ringOf(1)]);
    expect(reported).toEqual([]);
    await consumeLane(driverOver({ telemetry }), [ringOf(2)]);
    expect(reported).toEqual([partition.name]);
  });
});

describe("a delivery that was held up at its guard until its time was up", () => {
  it("is not sent any more: the lease may be somebody else's by then", async () => {
    let nowMs = START_MS;
    let sent = 0;
    let settled = 0;
    const permit = { settle: () => void settled++ };
    const processor = createProcessor({
      pipelines: new Map(),
      models: { call: () => Promise.reject(new Error("not asked for")), modelIdOf: () => null },
      cache: { share: () => Promise.reject(new Error("not asked for")) },
      destinations: (name) =>
        ok({
          name,
          limits: { requestsPerMinute: 60 },
          send: () => Promise.resolve(ok({ status: 200 + sent++, durationMs: 1 })),
        }),
      guard: {
        admit: () => {
          nowMs += 60_000; // the process was frozen meanwhile
          return Promise.resolve({ kind: "granted", permit });
        },
        flush: () => Promise.resolve(),
      },
      loadBody: () => Promise.reject(new Error("not asked for")),
      fetch: () => Promise.reject(new Error("not asked for")),
      nowMs: () => nowMs,
      logger: createLogger("error"),
    });
    const lease = leaseOf(script.offer([await eventOf("event")]));
    const [grant] = lease.granted;
    if (grant === undefined) throw new Error("no grant");
    const event = { ...grant, token: lease.token, sequence: 1 };
    const confirm = () => Promise.resolve();
    const result = await processor.deliver(event, OUTPUT, new AbortController().signal, confirm);
    expect(result).toMatchObject({ kind: "deferred", deliveries: [] });
    expect({ sent, settled }).toEqual({ sent: 0, settled: 1 });
  });
});

describe("the sweep", () => {
  it("looks at a paused partition again within the hour, however late its work is due", async () => {
    const reports: number[] = [];
    await sweepPartitions({
      openPartitions: {
        overdue: () => Promise.resolve([partition.name]),
        report: (all) => Promise.resolve(void reports.push(...all.map(({ dueMs }) => dueMs))),
        settle: () => Promise.reject(new Error("there is open work")),
      },
      partitions: {
        poke: () => Promise.resolve({ v: 1, openEvents: 1, nextDueMs: START_MS + 4 * 86_400_000 }),
      },
      nowMs: () => START_MS,
      log: createLogger("error"),
      limits: { sweepGraceMs: 90_000, sweepPartitions: 10, sweepAgainMs: 3_600_000 },
    });
    expect(reports).toEqual([START_MS + 3_600_000]);
  });
});

describe("the partition's object", () => {
  let objectClass: PartitionClass;

  beforeAll(async () => {
    objectClass = await loadPartitionClass();
  });

  it("sets its alarm anew when the one that stands is past: the platform may have given it up", async () => {
    const clock = new VirtualClock();
    const chance = new Chance(1);
    const context = new Context(clock, chance, new Faults([], chance), new Trace(clock));
    const disk = new SimDisk(partition.name, "p1");
    const process = context.startProcess("object", "p1");
    const object = process.run(() => new objectClass(new LoadedState(context, disk, process), lanes()));
    const offer = async (key: string) => {
      const events = [await eventOf(key, { policy: { ordering: "strict" } })];
      const request = { v: 1, request: key, driver: "ingest", partition: partition.name, events } as const;
      await object.offer({ ...request, wantLease: false });
    };
    vi.spyOn(Date, "now").mockImplementation(() => process.nowMs());
    try {
      await offer("first");
      expect(disk.workingAlarmMs).toBeGreaterThan(process.nowMs());
      clock.nowMs += 600_000;
      await offer("second");
      expect(disk.workingAlarmMs).toBeGreaterThan(process.nowMs());
    } finally {
      vi.restoreAllMocks();
      disk.close();
    }
  });
});

function lanes() {
  const queue = { send: () => Promise.resolve(), sendBatch: () => Promise.resolve() };
  return { LANE_HIGH: queue, LANE_NORMAL: queue, LANE_LOW: queue };
}
