/** What the partition's object must keep when its alarm, its writes or its memory fail. */
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Action, LeaseView } from "../../src/core/partition/commands.ts";
import { PartitionObject } from "../../src/partition/partition-object.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

let customer = 0;
let partition: PartitionName;

beforeEach(async () => {
  partition = await partitionFor(`durable-${++customer}`);
});

const stub = () => partitionStub(env.PARTITION, partition);
/** The stub as the test helpers want it. */
const object = (): DurableObjectStub => partitionStub(env.PARTITION, partition);
/** Calls the object from inside: what it throws stays what it is. */
function inside<Value>(use: (instance: PartitionObject) => Promise<Value>): Promise<Value> {
  return runInDurableObject(object(), (instance) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    return use(instance);
  });
}
const request = () => crypto.randomUUID();

function eventOf(key: string, orderKey: number): Promise<EventEnvelope> {
  return envelopeOf({ key, customer: `durable-${customer}`, orderKey, receivedAtMs: Date.now() });
}

function store(...events: readonly EventEnvelope[]) {
  return stub().offer({ v: 1, request: request(), partition, driver: "ingest", events, wantLease: false });
}

async function claim(driver = "d1"): Promise<LeaseView> {
  const { lease } = await stub().claim({ v: 1, request: request(), driver });
  if (lease === null) throw new Error("expected a lease");
  return lease;
}

function say(lease: LeaseView, actions: readonly Action[], driver = "d1") {
  const holding = lease.granted.map((grant) => grant.envelope.id);
  return stub().exchange({
    v: 1,
    request: request(),
    driver,
    token: lease.token,
    holding,
    wantMore: false,
    actions,
  });
}

const complete = ({ id }: EventEnvelope): Action => ({ kind: "complete", id, deliveries: [], emits: [] });
const alarmAtMs = () => runInDurableObject(object(), (_, state) => state.storage.getAlarm());
const run = (sql: string) => runInDurableObject(object(), (_, state) => void state.storage.sql.exec(sql));
const eventTable = () =>
  runInDurableObject(object(), (_, state) => {
    const named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'events_%'";
    return state.storage.sql.exec<{ name: string }>(named).one().name;
  });

describe("the partition object", () => {
  it("never throws from its alarm: what went wrong is tried again seconds later", async () => {
    await store(await eventOf("a", 1));
    const table = await eventTable();
    await run(`ALTER TABLE ${table} RENAME TO hidden`);
    await runInDurableObject(object(), (_, state) => state.storage.deleteAlarm());
    await inside((instance) => expect(instance.alarm()).resolves.toBeUndefined());
    expect(await alarmAtMs()).toBeGreaterThan(Date.now());
    expect(await alarmAtMs()).toBeLessThanOrEqual(Date.now() + 5_000);
    await run(`ALTER TABLE hidden RENAME TO ${table}`);
  });

  it("sets an alarm when it is loaded with open work and has none", async () => {
    await store(await eventOf("a", 1));
    await runInDurableObject(object(), (_, state) => state.storage.deleteAlarm());
    await abortAllDurableObjects();
    expect(await alarmAtMs()).not.toBeNull();
  });

  it("needs no alarm when nothing was ever stored", async () => {
    await stub().poke();
    expect(await alarmAtMs()).toBeNull();
  });

  it("believes only what is stored: a commit that failed leaves neither counts nor leases behind", async () => {
    const [a, b, c] = [await eventOf("a", 1), await eventOf("b", 2), await eventOf("c", 3)];
    await store(a);
    const table = await eventTable();
    await run(
      `CREATE TRIGGER broken BEFORE INSERT ON ${table} WHEN NEW.id = '${c.id}'
       BEGIN SELECT RAISE(ABORT, 'disk full'); END`,
    );
    const offer = {
      v: 1,
      request: request(),
      partition,
      driver: "ingest",
      events: [b, c],
      wantLease: false,
    } as const;
    await inside((instance) => expect(instance.offer(offer)).rejects.toThrow(/disk full/));
    expect(await stub().status()).toMatchObject({ openEvents: 1 });
    expect(await stub().read(b.id)).toBeNull();
    await run("CREATE TRIGGER locked BEFORE INSERT ON partition BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    const asked = { v: 1, request: request(), driver: "d1" } as const;
    await inside((instance) => expect(instance.claim(asked)).rejects.toThrow(/disk full/));
    expect((await stub().status())?.partition.lease).toBeNull();
    await run("DROP TRIGGER broken");
    await run("DROP TRIGGER locked");
    expect((await claim()).granted.map((grant) => grant.envelope.id)).toEqual([a.id]);
  });

  it("rings its lane once for due work, not with every event that follows", async () => {
    const sent: unknown[] = [];
    await stub().poke();
    await runInDurableObject(object(), (instance) => {
      const queue = { send: (body: unknown) => Promise.resolve(void sent.push(body)), sendBatch: () => {} };
      Reflect.set(instance, "env", { ...env, LANE_NORMAL: queue });
    });
    await store(await eventOf("a", 1));
    await store(await eventOf("b", 2));
    expect(sent).toEqual([{ v: 1, kind: "ring", partition, priority: "normal" }]);
    // A lease answers the ring: when it goes back with work open, that is news.
    await say(await claim(), [{ kind: "release" }]);
    expect(sent).toHaveLength(2);
  });

  it("rings again soon when a ring did not get through", async () => {
    let sends = 0;
    await stub().poke();
    await runInDurableObject(object(), (instance) => {
      const queue = {
        send: () => Promise.reject(new Error(`queue is down ${++sends}`)),
        sendBatch: () => {},
      };
      Reflect.set(instance, "env", { ...env, LANE_NORMAL: queue });
    });
    await store(await eventOf("a", 1));
    await store(await eventOf("b", 2));
    expect(sends).toBe(2);
    expect(await alarmAtMs()).toBeLessThanOrEqual(Date.now() + 5_000);
  });

  it("finds what an operator let in again at its new place, also after a crash", async () => {
    const [a, b] = [await eventOf("a", 1), await eventOf("b", 2)];
    await store(a, b);
    const first = await claim();
    await say(first, [{ kind: "filter", id: a.id, reason: "no" }, { kind: "release" }]);
    await stub().operate({ kind: "replay", id: a.id, reuseOutput: false });
    await abortAllDurableObjects();
    const second = await claim();
    expect(second.granted.map((grant) => grant.envelope.id)).toEqual([b.id, a.id]);
    await say(second, [complete(b), { kind: "release" }]);
    await abortAllDurableObjects();
    expect((await claim("d2")).granted.map((grant) => grant.envelope.id)).toEqual([a.id]);
  });

  it("shows what is under lease as leased, and what waits with its time", async () => {
    const [a, b] = [await eventOf("a", 1), await eventOf("b", 2)];
    await store(a, b);
    const lease = await claim();
    expect(await stub().read(a.id)).toMatchObject({ state: "leased", nextAtMs: null });
    const untilMs = Date.now() + 60_000;
    await say(lease, [{ kind: "defer", id: a.id, untilMs, reason: "requests", deliveries: [] }, complete(b)]);
    expect(await stub().read(a.id)).toMatchObject({ state: "deferred", nextAtMs: untilMs, endedAtMs: null });
    expect(await stub().read(b.id)).toMatchObject({ state: "done", nextAtMs: null });
    expect(await stub().recall(b.id)).toEqual({ v: 1, known: true, openEvents: 1 });
    expect((await stub().recall((await eventOf("c", 3)).id)).known).toBe(false);
  });
});
