/** What the partition's object does as time passes: alarms, retention, its own end. */
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Action, LeaseView } from "../../src/core/partition/commands.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { PartitionObject } from "../../src/partition/partition-object.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

/** The present, standing still: alarms are set for a real time later, and none comes while a test runs. */
let startMs = 0;
let rings: unknown[] = [];
let customer = 0;
let partition: PartitionName;

beforeEach(async () => {
  startMs = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: startMs });
  partition = await partitionFor(`upkeep-${++customer}`);
  rings = await hearRings();
});
afterEach(() => {
  vi.useRealTimers();
});

const stub = () => partitionStub(env.PARTITION, partition);
/** The stub as the test helpers want it. */
const object = (): DurableObjectStub => partitionStub(env.PARTITION, partition);
/** Rings end here: a consumer that ran meanwhile would take this file's time for the real one. */
async function hearRings(): Promise<unknown[]> {
  const heard: unknown[] = [];
  const queue = { send: (body: unknown) => Promise.resolve(void heard.push(body)), sendBatch: () => {} };
  await runInDurableObject(object(), (instance) => {
    Reflect.set(instance, "env", { ...env, LANE_NORMAL: queue });
  });
  return heard;
}
const request = () => crypto.randomUUID();
const alarmAtMs = () => runInDurableObject(object(), (_, state) => state.storage.getAlarm());

async function eventOf(key: string, orderKey = 1, policy: Partial<EventPolicy> = {}): Promise<EventEnvelope> {
  return envelopeOf({
    key,
    customer: `upkeep-${customer}`,
    orderKey,
    receivedAtMs: Date.now() + orderKey,
    policy,
  });
}

function store(...events: readonly EventEnvelope[]) {
  return stub().offer({ v: 1, request: request(), partition, driver: "ingest", events, wantLease: false });
}

async function claim(): Promise<LeaseView> {
  const { lease } = await stub().claim({ v: 1, request: request(), driver: "d1" });
  if (lease === null) throw new Error("expected a lease");
  return lease;
}

function say(lease: LeaseView, ...actions: readonly Action[]) {
  const holding = lease.granted.map((grant) => grant.envelope.id);
  return stub().exchange({
    v: 1,
    request: request(),
    driver: "d1",
    token: lease.token,
    holding,
    wantMore: false,
    actions,
  });
}

const complete = ({ id }: EventEnvelope): Action => ({ kind: "complete", id, deliveries: [], emits: [] });
const fail = ({ id }: EventEnvelope): Action => ({
  kind: "fail",
  id,
  failure: failure("infer", "transient", "http_503", "later"),
  deliveries: [],
});
const release: Action = { kind: "release" };

/** The alarm as the platform calls it, at `atMs`. */
function wakeAt(atMs: number): Promise<void> {
  vi.setSystemTime(atMs);
  return runInDurableObject(object(), (instance) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    return instance.alarm();
  });
}

describe("the partition's alarm", () => {
  it("that is set already stands when it is early enough, and a passed one does not", async () => {
    await store(await eventOf("a"));
    const rungAtMs = startMs + LIMITS.partition.ringEveryMs;
    expect(await alarmAtMs()).toBe(rungAtMs);
    const lease = await claim();
    expect(lease.expiresAtMs).toBeGreaterThan(rungAtMs);
    expect(await alarmAtMs()).toBe(rungAtMs);
    vi.setSystemTime(rungAtMs);
    await stub().poke();
    expect(await alarmAtMs()).toBe(lease.expiresAtMs);
  });

  it("stands through a reload: loading an object moves nothing", async () => {
    await store(await eventOf("a"));
    await claim();
    const before = await alarmAtMs();
    vi.setSystemTime(startMs + 1_000);
    await abortAllDurableObjects();
    await stub().read((await eventOf("a")).id);
    expect(await alarmAtMs()).toBe(before);
  });

  it("is not set by looking at a partition that holds nothing", async () => {
    expect(await stub().read((await eventOf("a")).id)).toBeNull();
    expect(await alarmAtMs()).toBeNull();
  });

  it("is set anew for what comes after an erasure", async () => {
    await store(await eventOf("a"));
    await stub().erase();
    expect(await alarmAtMs()).toBeNull();
    await store(await eventOf("b"));
    expect(await alarmAtMs()).toBe(startMs + LIMITS.partition.ringEveryMs);
  });

  it("rings again when a ring's time is over, to the millisecond", async () => {
    await store(await eventOf("a"));
    for (const [afterMs, count] of [
      [LIMITS.partition.ringEveryMs - 1, 1],
      [LIMITS.partition.ringEveryMs, 2],
    ] as const) {
      vi.setSystemTime(startMs + afterMs);
      await stub().poke();
      expect(rings).toHaveLength(count);
    }
  });

  it("of an ordered partition waits for the first event, and nobody is granted past it", async () => {
    const [a, b] = [await eventOf("a", 1), await eventOf("b", 2)];
    await store(a, b);
    await say(await claim(), fail(a), release);
    expect((await stub().claim({ v: 1, request: request(), driver: "d2" })).lease).toBeNull();
  });

  it("of one without order comes with the first that is due, however many wait", async () => {
    const policy = { ordering: "none" } as const;
    partition = await partitionFor(`upkeep-${customer}`, policy);
    await hearRings();
    const [a, b] = [await eventOf("a", 1, policy), await eventOf("b", 2, policy)];
    await store(a);
    const waitsMs = (await say(await claim(), fail(a))).nextDueMs ?? 0;
    expect(waitsMs).toBeGreaterThan(startMs);
    await store(b);
    await say(await claim(), complete(b));
    expect((await stub().poke()).nextDueMs).toBe(waitsMs);
    vi.setSystemTime(waitsMs);
    expect((await claim()).granted.map((grant) => grant.envelope.id)).toEqual([a.id]);
  });
});

describe("a claim", () => {
  it("is granted the whole look-ahead, however little was read before", async () => {
    const events = await Promise.all(
      Array.from({ length: 12 }, (_, n) => eventOf(`e${n}`, n + 1, { lookahead: 10 })),
    );
    await store(...events);
    await stub().poke();
    expect((await claim()).granted).toHaveLength(10);
  });
});

describe("what a partition shows", () => {
  it("is its oldest event, and nothing when it is empty", async () => {
    expect((await stub().status())?.oldestOpenAtMs).toBeNull();
    await store(await eventOf("b", 2), await eventOf("a", 1));
    expect((await stub().status())?.oldestOpenAtMs).toBe(startMs + 1);
  });

  it("is no due time for what is due at once, or has ended", async () => {
    const a = await eventOf("a");
    await store(a);
    expect(await stub().read(a.id)).toMatchObject({ state: "pending", nextAtMs: null });
    await say(await claim(), fail(a));
    const nextAtMs = (await stub().read(a.id))?.nextAtMs ?? 0;
    expect(nextAtMs).toBeGreaterThan(startMs);
    vi.setSystemTime(nextAtMs);
    await say(await claim(), complete(a));
    expect(await stub().read(a.id)).toMatchObject({ state: "done", nextAtMs: null });
  });
});

describe("retention", () => {
  it("runs with the alarm: envelopes go, their ids stay duplicates, and in the end the storage is empty", async () => {
    const a = await eventOf("a");
    await store(a);
    await say(await claim(), complete(a));
    const dropAtMs = (await alarmAtMs()) ?? 0;
    expect(dropAtMs).toBeGreaterThanOrEqual(startMs + LIMITS.partition.minRetainMs);
    expect(dropAtMs).toBeLessThanOrEqual(startMs + LIMITS.partition.minRetainMs + 7 * DAY_MS);
    await wakeAt(dropAtMs - 1);
    expect((await stub().read(a.id))?.state).toBe("done");
    await wakeAt(dropAtMs);
    expect(await stub().read(a.id)).toBeNull();
    expect(await stub().recall(a.id)).toMatchObject({ known: true, openEvents: 0 });
    expect((await store(a)).verdicts[0]).toEqual({ id: a.id, verdict: "duplicate", state: null });
    await wakeAt(dropAtMs + LIMITS.partition.rememberIdsMs + 14 * DAY_MS);
    const rows = await runInDurableObject(object(), (_, state) => [
      state.storage.sql.exec("SELECT * FROM partition").toArray().length,
      state.storage.sql.exec("SELECT * FROM remembered").toArray().length,
    ]);
    expect(rows).toEqual([0, 0]);
    expect(await stub().recall(a.id)).toMatchObject({ known: false });
  });
});
