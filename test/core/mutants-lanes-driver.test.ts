/** What drivers promise about time: leases, heartbeats, settling, lingering, and when to stop. */
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action } from "../../src/core/partition/commands.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { consumeLane } from "../../src/lanes/consumer.ts";
import type { DriverLimits } from "../../src/lanes/ports.ts";
import type { PartitionClient } from "../../src/partition/client.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { OUTPUT, START_MS } from "../support/partition-script.ts";
import { deliveredTo, eventMessage, READY, World } from "./mutants-lanes-support.ts";

let world: World;

beforeEach(async () => {
  world = await World.create();
});

function eventOf(key: string, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope> {
  return envelopeOf({ key, orderKey: Number(key.slice(1)), policy });
}

function events(count: number, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => eventOf(`e${n}`, policy)));
}

async function drive(
  batch: readonly EventEnvelope[],
  limits: Partial<DriverLimits> = {},
  client?: PartitionClient,
) {
  await world.clock.run(
    consumeLane(
      world.deps(limits, client),
      batch.map((envelope) => eventMessage(envelope)),
    ),
  );
}

const passedMs = () => world.clock.nowMs() - START_MS;
/** When each exchange was made, and what it said. */
const said = () => world.exchanges.map(({ atMs, actions }) => [atMs - START_MS, kindsOf(actions)]);
const kindsOf = (actions: readonly Action[]) => actions.map((action) => action.kind).join("+");

describe("an effect", () => {
  it("starts only under a lease that outlives it, not one that ends with it", async () => {
    await drive(await events(1, { leaseMs: 20_000 }), { effectTimeoutMs: 20_000 });
    expect(world.effects).toEqual([]);
    expect(world.claims).toBe(0); // a session that came to nothing is not tried again at once
    expect(passedMs()).toBe(0); // and the lease is not kept for nothing
    const other = await World.create();
    world = other;
    await drive(await events(1, { leaseMs: 20_001 }), { effectTimeoutMs: 20_000 });
    expect(world.effects).toEqual(["e0"]);
  });

  it("that had to wait for its slot has the lease extended first", async () => {
    world.prepare = async ({ envelope }) => {
      if (envelope.dedupeKey === "e1") {
        await world.clock.sleep(10);
        world.clock.pass(75_000); // the process was held up: no heartbeat came through
      }
      return READY;
    };
    world.deliver = (event) => {
      expect((world.partition.partition.lease?.expiresAtMs ?? 0) - world.clock.nowMs()).toBeGreaterThan(
        20_000,
      );
      return Promise.resolve(world.sink(event));
    };
    await drive(await events(2), { driverSlots: 1 });
    expect(world.effects).toEqual(["e0", "e1"]);
  });

  it("is not started for a turn that is told twice", async () => {
    world.prepare = async ({ envelope }) => {
      if (envelope.dedupeKey === "e1") await world.clock.sleep(100);
      return READY;
    };
    world.deliver = async (event) => {
      await world.clock.sleep(500);
      return world.sink(event);
    };
    await drive(await events(2));
    expect(world.effects).toEqual(["e0", "e1"]);
  });

  it("is not started when the lease was lost while it waited for its slot", async () => {
    world.prepare = async ({ envelope }) => {
      if (envelope.dedupeKey === "e1") {
        await world.clock.sleep(10);
        world.clock.pass(95_000);
      }
      return READY;
    };
    await drive(await events(2), { driverSlots: 1 });
    expect(world.effects).toEqual([]);
    expect(world.reports).toEqual([START_MS + 90_000]);
  });

  it("is recorded before the next one starts, each under a lease that outlives it", async () => {
    const order: string[] = [];
    world.deliver = async ({ envelope }, _, __, confirm) => {
      for (const destination of ["crm", "audit"]) {
        order.push(destination);
        await confirm(deliveredTo(envelope, destination));
        order.push(`${destination}:${world.partition.record(envelope.id).deliveries.length}`);
      }
      return { kind: "delivered", deliveries: [] };
    };
    await drive(await events(1));
    expect(order).toEqual(["crm", "crm:1", "audit", "audit:2"]);
    expect(world.states()).toEqual(["done"]);
  });

  it("of a second destination does not start when the lease no longer outlives it", async () => {
    const sent: string[] = [];
    const policy = {
      leaseMs: 30_000,
      delivery: { firstDelayMs: 3_600_000, factor: 1, jitter: 0, maxDelayMs: 3_600_000, maxRetries: 5 },
    };
    const [event] = await events(1, policy);
    if (event === undefined) throw new Error("no event");
    // A partition that extends nothing.
    const exchange: PartitionClient["exchange"] = async (partition, request) => {
      const reply = await world.client.exchange(partition, request);
      return reply.lease === null
        ? reply
        : { ...reply, lease: { ...reply.lease, expiresAtMs: START_MS + 30_000 } };
    };
    world.deliver = async ({ envelope }, _, __, confirm) => {
      for (const destination of ["crm", "audit"]) {
        sent.push(destination);
        world.clock.pass(11_000);
        await confirm(deliveredTo(envelope, destination));
      }
      return { kind: "delivered", deliveries: [] };
    };
    await drive([event], {}, { ...world.client, exchange });
    expect(sent).toEqual(["crm"]);
    expect(world.partition.record(event.id)).toMatchObject({
      state: "retrying",
      deliveries: [{ destination: "crm" }],
      failure: { stage: "deliver", class: "transient", code: "unexpected" },
    });
  });
});

describe("a heartbeat", () => {
  it("comes a little after half of the lease, as long as the work lasts", async () => {
    world.prepare = async () => {
      await world.clock.sleep(200_000);
      return READY;
    };
    await drive(await events(1));
    const beats = world.exchanges.filter(({ actions }) => actions.length === 0);
    expect(beats.map(({ atMs }) => atMs - START_MS)).toEqual([49_500, 99_000, 148_500, 198_000]);
    expect(world.effects).toEqual(["e0"]);
  });

  it("comes at most every second, however short the lease is", async () => {
    world.prepare = async (_, signal) => {
      await world.clock.sleep(60_000, signal);
      return READY;
    };
    await drive(await events(1, { leaseMs: 1 }));
    expect(said()).toEqual([[1_000, ""]]);
    expect(world.effects).toEqual([]);
  });
});

describe("the settle window", () => {
  it("is waited for by the driver when it is short: the partition is asked once", async () => {
    for (const settleMs of [1, 1_500]) {
      world = await World.create();
      await drive(await events(1, { settleMs }));
      expect(said()).toEqual([
        [settleMs, "record"],
        [settleMs, "complete"],
      ]);
    }
  });

  it("is the partition's to end when it is long: the output is stored first", async () => {
    await drive(await events(1, { settleMs: 1_501 }));
    expect(said()).toEqual([
      [0, "record"],
      [1_501, ""],
      [1_501, "complete"],
    ]);
  });
});

describe("a driver", () => {
  it("says in one exchange what is ready together, and holds what it has not said", async () => {
    await drive(await events(3));
    expect(world.exchanges[0]?.actions.map((action) => action.kind)).toEqual(["record", "record", "record"]);
    expect(world.exchanges[0]?.holding).toHaveLength(3);
    expect(world.exchanges[1]?.actions.map((action) => action.kind)).toEqual(["complete"]);
    expect(world.exchanges[1]?.holding).toHaveLength(2);
    expect(world.exchanges).toHaveLength(4);
  });

  it("takes no new events once its time is up, finishes what it holds, and reports what is left", async () => {
    world.deliver = async (event) => {
      await world.clock.sleep(400);
      return world.sink(event);
    };
    await drive(await events(5, { lookahead: 1 }), { driveBudgetMs: 800 });
    expect(world.effects).toEqual(["e0", "e1"]);
    expect(world.states().filter((state) => state === "pending")).toHaveLength(3);
    expect(world.partition.partition.lease).toBeNull();
    expect(world.reports).toHaveLength(1);
    expect(passedMs()).toBe(800);
  });

  it("gives the lease back when nothing is going on", async () => {
    world.prepare = ({ envelope }) =>
      Promise.resolve(
        envelope.dedupeKey === "e0"
          ? { kind: "deferred", untilMs: START_MS + 60_000, reason: "requests" }
          : READY,
      );
    await drive(await events(2));
    expect(said().at(-1)?.[1]).toBe("release");
    expect(world.reports).toEqual([START_MS + 60_000]);
    expect(passedMs()).toBe(0);
  });

  it("lingers for what is nearly due, by the millisecond, and is rung for the rest", async () => {
    for (const [delayMs, effects] of [
      [1_500, ["e0"]],
      [1_501, []],
    ] as const) {
      world = await World.create();
      let failures = 1;
      world.prepare = () =>
        Promise.resolve(
          failures-- > 0
            ? { kind: "failed", failure: failure("infer", "transient", "http_503", "later") }
            : READY,
        );
      const retry = { firstDelayMs: delayMs, factor: 1, jitter: 0, maxDelayMs: delayMs, maxRetries: 5 };
      await drive(await events(1, { retry }));
      expect(world.effects).toEqual(effects);
      expect(world.claims).toBe(effects.length);
      expect(world.reports).toEqual(effects.length === 1 ? [] : [START_MS + delayMs]);
      // Timers may fire a little early: two milliseconds are added.
      if (effects.length === 1) expect(passedMs()).toBe(delayMs + 2);
    }
  });

  it("lingers for nothing that is due after its time is up", async () => {
    let failures = 1;
    world.prepare = () =>
      Promise.resolve(
        failures-- > 0
          ? { kind: "failed", failure: failure("infer", "transient", "http_503", "later") }
          : READY,
      );
    const retry = { firstDelayMs: 1_000, factor: 1, jitter: 0, maxDelayMs: 1_000, maxRetries: 5 };
    await drive(await events(1, { retry }), { driveBudgetMs: 1_000 });
    expect(world.effects).toEqual([]);
    expect(world.claims).toBe(0);
  });

  it("whose partition cannot be reached again leaves it to the alarm, and says when it is due", async () => {
    const retry = { firstDelayMs: 1_000, factor: 1, jitter: 0, maxDelayMs: 1_000, maxRetries: 5 };
    world.prepare = () =>
      Promise.resolve({ kind: "failed", failure: failure("infer", "transient", "http_503", "later") });
    const client = { ...world.client, claim: () => Promise.reject(new Error("no route")) };
    await drive(await events(1, { retry }), {}, client);
    expect(world.reports).toEqual([START_MS + 1_000]);
  });

  it("that cannot reach its partition stops, and says when the lease ends", async () => {
    const aborted: boolean[] = [];
    world.prepare = async (_, signal) => {
      await world.clock.sleep(60_000, signal);
      await world.clock.sleep(100); // cleans up: the driver waits for it
      aborted.push(signal.aborted);
      return READY;
    };
    const client = { ...world.client, exchange: () => Promise.reject(new Error("no route")) };
    await drive(await events(1), {}, client);
    expect(world.effects).toEqual([]);
    expect(aborted).toEqual([true]);
    expect(world.reports).toEqual([START_MS + 90_000]);
  });

  it("whose exchange is lost loses what waits for the next one, too, and ends", async () => {
    world.prepare = async ({ envelope }) => {
      if (envelope.dedupeKey === "e1") await world.clock.sleep(50);
      return READY;
    };
    const exchange = async () => {
      await world.clock.sleep(100);
      throw new Error("no route");
    };
    await drive(await events(2), {}, { ...world.client, exchange });
    expect(world.effects).toEqual([]);
    expect(passedMs()).toBe(100);
  });

  it("stops an event that an operator skipped, and goes on with the others, whatever the stopped one says", async () => {
    for (const ending of ["throws", "returns"] as const) {
      world = await World.create();
      const [a, b] = await events(2);
      if (a === undefined || b === undefined) throw new Error("no event");
      const stoppedAtMs: number[] = [];
      world.deliver = async (event, _, signal) => {
        if (event.envelope.id === a.id) {
          world.partition.operate({ kind: "skip", id: a.id, reason: "broken" });
          await world.clock.sleep(80_000, signal);
          stoppedAtMs.push(passedMs());
          if (ending === "throws") throw new Error("stopped");
          return { kind: "failed", failure: failure("deliver", "transient", "x", "x"), deliveries: [] };
        }
        await world.clock.sleep(1_000);
        return world.sink(event);
      };
      await drive([a, b]);
      expect(stoppedAtMs).toEqual([49_500]); // heard with the heartbeat
      expect(world.effects).toEqual(["e1"]);
      expect(world.states()).toEqual(["dead", "done"]);
      expect(world.exchanges.at(-1)?.holding).toEqual([]);
      expect(world.exchanges.every(({ actions }) => actions.every((action) => action.kind !== "fail"))).toBe(
        true,
      );
    }
  });

  it("whose last word is lost ends all the same, and nothing of it is left behind", async () => {
    for (const outcome of [READY, { kind: "filtered", reason: "not ours" } as const]) {
      world = await World.create();
      world.prepare = () => Promise.resolve(outcome);
      const exchange: PartitionClient["exchange"] = (partition, request) =>
        request.actions.some((action) => action.kind === "complete" || action.kind === "filter")
          ? Promise.reject(new Error("no route"))
          : world.client.exchange(partition, request);
      await drive(await events(1), {}, { ...world.client, exchange });
      expect(world.states()).toEqual(["pending"]);
      expect(world.reports).toEqual([START_MS + 90_000]);
    }
  });
});

describe("every outcome", () => {
  const transient = failure("enrich", "transient", "http_503", "later");
  it("of preparing reaches the partition as what it is", async () => {
    const outcomes = {
      e0: { kind: "filtered", reason: "not ours" },
      e1: { kind: "review", output: OUTPUT, reason: "unsure" },
      e2: { kind: "failed", failure: failure("parse", "permanent", "schema", "no") },
    } as const;
    world.prepare = ({ envelope }) => {
      if (envelope.dedupeKey === "e3") return Promise.reject(new Error("a bug"));
      const found = Object.entries(outcomes).find(([key]) => key === envelope.dedupeKey);
      return Promise.resolve(found?.[1] ?? { kind: "failed", failure: transient });
    };
    await drive(await events(4));
    expect(world.states()).toEqual(["filtered", "review", "dead", "retrying"]);
    expect([...world.partition.rows.values()].at(-1)?.failure).toMatchObject({
      stage: "infer",
      code: "unexpected",
    });
  });

  it("of delivering reaches the partition as what it is, with what was delivered", async () => {
    const slow = { firstDelayMs: 3_600_000, factor: 1, jitter: 0, maxDelayMs: 3_600_000, maxRetries: 5 };
    const outcomes = {
      deferred: { kind: "deferred", untilMs: START_MS + 60_000, reason: "requests" },
      failed: { kind: "failed", failure: failure("deliver", "transient", "http_503", "later") },
    } as const;
    for (const [state, outcome] of Object.entries(outcomes)) {
      world = await World.create();
      world.deliver = ({ envelope }) =>
        Promise.resolve({ ...outcome, deliveries: [deliveredTo(envelope, "crm")] });
      await drive(await events(1, { delivery: slow }));
      const [row] = world.partition.rows.values();
      expect(row).toMatchObject({
        state: state === "failed" ? "retrying" : "deferred",
        deliveries: [{ destination: "crm" }],
      });
    }
  });

  it("of a delivery carries the token, the number, and what earlier attempts left", async () => {
    const seen: unknown[] = [];
    world.prepare = (event) => {
      expect(event.sequence).toBe(0); // none before its turn
      return Promise.resolve(READY);
    };
    const delivery = { firstDelayMs: 5, factor: 1, jitter: 0, maxDelayMs: 5, maxRetries: 5 };
    world.deliver = (event) => {
      const { token, sequence, attempt, run, effectsBegun } = event;
      seen.push([token, sequence, attempt, run, effectsBegun, event.deliveries.length]);
      if (seen.length > 1) return Promise.resolve(world.sink(event));
      const deliveries = [deliveredTo(event.envelope, "crm")];
      return Promise.resolve({
        kind: "failed",
        failure: failure("deliver", "transient", "x", "x"),
        deliveries,
      });
    };
    await drive(await events(1, { delivery }));
    const token = world.exchanges[0]?.token;
    expect(seen).toEqual([
      [token, 1, 1, 1, false, 0],
      [START_MS + 7, 1, 2, 1, true, 1],
    ]);
  });

  it("brings along what it emits", async () => {
    const child = { ...(await eventOf("e9")), parent: { id: (await eventOf("e0")).id, depth: 1 } };
    world.deliver = (event) => {
      world.emits = event.envelope.dedupeKey === "e0" ? [child] : [];
      return Promise.resolve(world.sink(event));
    };
    await drive(await events(1));
    expect(world.effects).toEqual(["e0", "e9"]);
  });
});
