/**
 * The invariants of docs/spec/partition.md on the real object in workerd, while it is evicted, aborted and woken at
 * random points and drivers are killed. The seed repeats the choices; the runtime's own timing is its own.
 */
import { env } from "cloudflare:workers";
import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { seededRandom, type SeededRandom } from "../../dev/lib/random.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { partitionOf, type PartitionName } from "../../src/core/ids.ts";
import { PartitionObject } from "../../src/partition/partition-object.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { FaultyWorld, LEASE_MS, type Effect } from "./partition-faults-support.ts";

const SEED = Date.now() % 1_000_000;
const CUSTOMERS = 4;
const EVENTS_EACH = 14;
const FAULTS_FOR_MS = 5_000;
const STEP_MS = 15;
const SOON = { firstDelayMs: 20, factor: 1, jitter: 0.5, maxDelayMs: 40, maxRetries: 50 };
const ENDED = ["done", "dead", "filtered"];

const object = (partition: PartitionName): DurableObjectStub => partitionStub(env.PARTITION, partition);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("partitions under faults", () => {
  it(
    `lose nothing, keep the order and have one owner while objects and drivers die (seed ${SEED})`,
    { timeout: 40_000 },
    async () => {
      const random = seededRandom(SEED);
      const world = new FaultyWorld(random);
      world.takeOverLanes();
      const tokens = new Map<PartitionName, number>();
      const accepted = await Promise.all(
        Array.from({ length: CUSTOMERS }, (_, customer) => eventsOf(`faulty-${SEED}-${customer}`)),
      );
      const partitions = accepted.flatMap(([first]) => (first === undefined ? [] : [first.partition]));
      const appending = Promise.all(accepted.map((events) => append(world, random, events)));
      const untilMs = Date.now() + FAULTS_FOR_MS;
      while (Date.now() < untilMs) {
        await oneFault(world, random, partitions);
        await Promise.all(partitions.map((partition) => observe(world, partition, tokens)));
        handOutRings(world, random);
        await systemClock.sleep(STEP_MS);
      }
      await appending;
      await drain(world, partitions, tokens);
      await world.untilIdle();

      for (const events of accepted) await judge(world, events);
      expect(world.problems).toEqual([]);
    },
  );
});

function eventsOf(customer: string): Promise<EventEnvelope[]> {
  const policy = { ordering: "strict", leaseMs: LEASE_MS, retry: SOON, delivery: SOON } as const;
  return Promise.all(
    Array.from({ length: EVENTS_EACH }, (_, n) =>
      envelopeOf({ key: `e${n}`, customer, receivedAtMs: Date.now(), policy }),
    ),
  );
}

/** As ingest does: one after the other, repeated until acknowledged. Some come a second time through the lane. */
async function append(world: FaultyWorld, random: SeededRandom, events: EventEnvelope[]): Promise<void> {
  for (const envelope of events) {
    const { partition } = envelope;
    const request = { v: 1, request: crypto.randomUUID(), driver: "ingest", wantLease: false } as const;
    for (let isStored = false; !isStored;) {
      isStored = await world.client.offer({ ...request, partition, events: [envelope] }).then(
        (reply) => reply.verdicts[0]?.verdict !== "pushed_back",
        () => false,
      );
    }
    if (random.next() < 0.3) world.lane.push({ v: 1, kind: "event", envelope });
    await systemClock.sleep(random.integer(0, 10 * STEP_MS));
  }
}

async function oneFault(
  world: FaultyWorld,
  random: SeededRandom,
  partitions: readonly PartitionName[],
): Promise<void> {
  const partition = partitions[random.integer(0, partitions.length - 1)];
  if (partition === undefined) return;
  const draw = random.next();
  if (draw < 0.03) world.killOne();
  else if (draw < 0.12) await abortAllDurableObjects();
  else if (draw < 0.2) await evictDurableObject(object(partition));
  else if (draw < 0.4) await runDurableObjectAlarm(object(partition)).catch(() => false);
  else if (draw < 0.6) await sayAgain(world, random);
  else if (draw < 0.8) world.lane.push({ v: 1, kind: "ring", partition, priority: "normal" });
}

/** A message of the past arrives once more: whatever it said is applied already or must have no effect. */
async function sayAgain(world: FaultyWorld, random: SeededRandom): Promise<void> {
  const request = world.said[random.integer(0, world.said.length - 1)];
  const id = request?.holding[0];
  if (request === undefined || id === undefined) return;
  const partition = partitionOf(id);
  const say = runInDurableObject(object(partition), async (instance) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    const { lease } = instance.status().partition;
    if (lease === null || lease.token <= request.token || lease.expiresAtMs <= Date.now() + 50) return;
    const facts = () =>
      [id, ...request.actions.flatMap((action) => ("id" in action ? [action.id] : []))].map((one) =>
        instance.read(one),
      );
    const before = facts();
    const reply = instance.exchange(request);
    const after = facts();
    if ((await reply).status !== "fenced") world.problems.push("a superseded token was accepted");
    if (JSON.stringify(after) !== JSON.stringify(before)) world.problems.push(`a fenced write changed ${id}`);
  });
  await say.catch(() => undefined); // aborted meanwhile
}

/** What must hold between any two commits. */
async function observe(
  world: FaultyWorld,
  partition: PartitionName,
  tokens: Map<PartitionName, number>,
): Promise<void> {
  const look = runInDurableObject(object(partition), async (instance, state) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    const status = instance.status();
    return { status, alarmAtMs: await state.storage.getAlarm() };
  });
  const seen = await look.catch(() => null); // aborted meanwhile
  if (seen === null) return;
  const { status, alarmAtMs } = seen;
  if (status.openEvents > 0 && alarmAtMs === null) world.problems.push(`open work without alarm`);
  const { token } = status.partition;
  if (token < (tokens.get(partition) ?? 0)) world.problems.push("a token went back");
  tokens.set(partition, token);
}

function handOutRings(world: FaultyWorld, random: SeededRandom): void {
  for (const message of world.lane.splice(0)) {
    world.deliver(message);
    if (random.next() < 0.2) world.deliver(message);
  }
}

/** No more faults: every backlog drains, by alarms and rings alone. */
async function drain(
  world: FaultyWorld,
  partitions: readonly PartitionName[],
  tokens: Map<PartitionName, number>,
): Promise<void> {
  const untilMs = Date.now() + 20_000;
  for (let open = 1; open > 0 && Date.now() < untilMs;) {
    handOutRings(world, seededRandom(0));
    await systemClock.sleep(STEP_MS);
    await Promise.all(partitions.map((partition) => observe(world, partition, tokens)));
    const statuses = await Promise.all(partitions.map((partition) => world.client.status(partition)));
    open = statuses.reduce((sum, status) => sum + (status?.openEvents ?? 0), 0);
  }
}

async function judge(world: FaultyWorld, events: readonly EventEnvelope[]): Promise<void> {
  const effects = world.effects.filter(({ id }) => events.some((envelope) => envelope.id === id));
  for (const { id } of events) {
    const view = await world.client.read(id);
    expect(ENDED).toContain(view?.state);
    expect(effects.some((effect) => effect.id === id)).toBe(view?.state === "done");
  }
  const places = effects.map(({ id }) => events.findIndex((envelope) => envelope.id === id));
  expect(places).toEqual(places.toSorted((left, right) => left - right));
  const tokens = effects.map(({ token }) => token);
  expect(tokens).toEqual(tokens.toSorted((left, right) => left - right));
  for (const [index, effect] of effects.entries()) {
    const before = effects.slice(0, index).filter((one) => one.idempotencyKey === effect.idempotencyKey);
    expect(before.every((one) => one.consumer.hasFailed)).toBe(true);
    const others = effects.slice(0, index).filter((one) => one.id !== effect.id);
    expect(effect.sequence).toBeGreaterThan(highestSequence(others));
  }
}

function highestSequence(effects: readonly Effect[]): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...effects.map(({ sequence }) => sequence));
}
