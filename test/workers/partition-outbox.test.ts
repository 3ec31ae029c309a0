/** What a partition tells the ledger of its own accord, and what it forgets when space or time is up. */
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { EventId, PartitionName } from "../../src/core/ids.ts";
import { PartitionObject } from "../../src/partition/partition-object.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { parseTelemetry } from "../../src/telemetry/message.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";

const FIRST_MS = LIMITS.partition.outboxFirstMs;
let startMs = 0;
let customer = 0;
let partition: PartitionName;
let told: { id: EventId; state: string; version: number }[] = [];
/** When the partition asked to be looked after. */
let awaited: number[] = [];

/** The object's own queues end here, so that nothing else drives or acknowledges. */
async function listen(isDown = () => false): Promise<void> {
  told = [];
  awaited = [];
  const queue = {
    send: (body: unknown) => {
      const message = parseTelemetry(body);
      if (message.ok && message.value.kind === "partition_open") awaited.push(message.value.dueMs);
      if (!message.ok || message.value.kind !== "events") return Promise.resolve();
      if (isDown()) return Promise.reject(new Error("queue is down"));
      told.push(...message.value.events);
      return Promise.resolve();
    },
  };
  await runInDurableObject(object(), (instance) => {
    const lane = { send: () => Promise.resolve(), sendBatch: () => Promise.resolve() };
    Reflect.set(instance, "env", { ...env, TELEMETRY: queue, LANE_NORMAL: lane, LANE_LOW: lane });
  });
}

beforeEach(async () => {
  startMs = Date.now();
  vi.useFakeTimers({ toFake: ["Date"], now: startMs });
  partition = await partitionFor(`outbox-${++customer}`);
  await listen();
});
afterEach(() => {
  vi.useRealTimers();
});

const stub = () => partitionStub(env.PARTITION, partition);
/** The stub as the test helpers want it. */
const object = (): DurableObjectStub => partitionStub(env.PARTITION, partition);
const request = () => crypto.randomUUID();
async function status() {
  const found = await stub().status();
  if (found === null) throw new Error("expected a status");
  return found;
}
const alarmAtMs = () => runInDurableObject(object(), (_, state) => state.storage.getAlarm());

function eventOf(key: string, change: Partial<EventEnvelope> = {}): Promise<EventEnvelope> {
  const options = { key, customer: `outbox-${customer}`, receivedAtMs: startMs };
  return envelopeOf(options).then((envelope) => ({ ...envelope, ...change }));
}

function store(...events: readonly EventEnvelope[]) {
  return stub().offer({ v: 1, request: request(), partition, driver: "ingest", events, wantLease: false });
}

/** Stores the event and ends it. */
async function end(event: EventEnvelope, how: "dead" | "done"): Promise<void> {
  await store(event);
  if (how === "dead") {
    await stub().operate({ kind: "skip", id: event.id, reason: "in the way" });
    return;
  }
  const { lease } = await stub().claim({ v: 1, request: request(), driver: "d1" });
  if (lease === null) throw new Error("expected a lease");
  const { token } = lease;
  const actions = [{ kind: "complete", id: event.id, deliveries: [], emits: [] } as const];
  const base = { v: 1, driver: "d1", token, holding: [], wantMore: false } as const;
  await stub().exchange({ ...base, request: request(), actions });
}

function alarmAt(atMs: number): Promise<void> {
  vi.setSystemTime(atMs);
  return runInDurableObject(object(), (instance) => {
    if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
    return instance.alarm();
  });
}

describe("a dead letter", () => {
  it("is told by the alarm, ever more rarely, until the ledger has acknowledged it", async () => {
    const event = await eventOf("a");
    await end(event, "dead");
    expect(await alarmAtMs()).toBe(startMs + FIRST_MS);
    await alarmAt(startMs + FIRST_MS - 1);
    expect(told).toEqual([]);
    await alarmAt(startMs + FIRST_MS);
    expect(told.map(({ id, state, version }) => [id, state, version])).toEqual([[event.id, "dead", 1]]);
    expect(await alarmAtMs()).toBe(startMs + 3 * FIRST_MS);
    await alarmAt(startMs + 3 * FIRST_MS);
    expect(told).toHaveLength(2);
    expect(await alarmAtMs()).toBe(startMs + 7 * FIRST_MS);
    await stub().acknowledge([{ id: event.id, version: 1 }]);
    await alarmAt(startMs + 7 * FIRST_MS);
    expect(told).toHaveLength(2);
    expect((await stub().poke()).untold).toBe(0);
  });

  it("is told again after a message that could not be sent", async () => {
    let isDown = true;
    await listen(() => isDown);
    await end(await eventOf("a"), "dead");
    await alarmAt(startMs + FIRST_MS);
    expect(told).toEqual([]);
    isDown = false;
    await alarmAt(startMs + 3 * FIRST_MS);
    expect(told).toHaveLength(1);
  });

  it("is not told later because others follow", async () => {
    const [first, second] = [await eventOf("a"), await eventOf("b")];
    await end(first, "dead");
    vi.setSystemTime(startMs + FIRST_MS - 1);
    await end(second, "dead");
    await alarmAt(startMs + FIRST_MS);
    expect(told.map(({ id }) => id)).toEqual([first.id]);
  });

  it("stays told when the ledger has only heard an earlier word of it", async () => {
    const event = await eventOf("a");
    await end(event, "dead");
    await stub().operate({ kind: "replay", id: event.id, reuseOutput: false });
    await stub().acknowledge([{ id: event.id, version: 1 }]);
    expect(await stub().poke()).toMatchObject({ untold: 1, openEvents: 1 });
    await stub().acknowledge([{ id: event.id, version: 2 }]);
    expect((await stub().poke()).untold).toBe(0);
  });

  it("is remembered as untold by an object that is loaded anew, and has its alarm", async () => {
    await end(await eventOf("a"), "dead");
    await runInDurableObject(object(), (_, state) => state.storage.deleteAlarm());
    await abortAllDurableObjects();
    expect(await alarmAtMs()).not.toBeNull();
    expect((await stub().poke()).untold).toBe(1);
  });

  it("that is not stored any more is told no more", async () => {
    const { id } = await eventOf("forgotten");
    await runInDurableObject(object(), (_, state) => {
      state.storage.sql.exec("INSERT INTO outbox VALUES (?, 1, 0, 0)", id);
    });
    await abortAllDurableObjects();
    await alarmAt(startMs + 1);
    expect(told).toEqual([]);
    expect((await stub().poke()).untold).toBe(0);
  });
});

describe("what an operator leaves behind", () => {
  it("is reported to the sweep: work that was let go on, and what is untold", async () => {
    const [open, skipped] = [await eventOf("a"), await eventOf("b")];
    await store(open, skipped);
    await stub().operate({ kind: "resume" });
    expect(awaited).toEqual([0]);
    await stub().operate({ kind: "skip", id: open.id, reason: "in the way" });
    await stub().operate({ kind: "skip", id: skipped.id, reason: "in the way" });
    expect(awaited.at(-1)).toBe(startMs + FIRST_MS);
  });

  it("is no news when there is nothing", async () => {
    await stub().operate({ kind: "pause", reason: "a look" });
    expect(awaited).toEqual([]);
  });
});

describe("the ledger's word", () => {
  it("costs a row, and lets time pass like every command", async () => {
    const [dead, held] = [await eventOf("a"), await eventOf("b")];
    await end(dead, "dead");
    await store(held);
    expect((await stub().claim({ v: 1, request: request(), driver: "d1" })).lease).not.toBeNull();
    const { rowsWritten: before } = await status();
    await stub().acknowledge([{ id: dead.id, version: 1 }]);
    expect((await status()).rowsWritten).toBe(before + 1);
    await end(await eventOf("c"), "dead");
    vi.setSystemTime(startMs + held.policy.leaseMs);
    await stub().acknowledge([]);
    expect((await status()).partition.lease).toBeNull();
  });
});

describe("a plain success", () => {
  it("costs the outbox nothing", async () => {
    await end(await eventOf("a"), "done");
    expect((await stub().poke()).untold).toBe(0);
  });
});

describe("large bodies", () => {
  const KEY = "bodies/x/y";
  const body = { kind: "stored", key: KEY, sha256: "0".repeat(64), sizeBytes: 3 } as const;

  it("go with their event when its retention is over, and stay while it is dead", async () => {
    await env.PAYLOADS.put(KEY, "abc");
    await end(await eventOf("small"), "done");
    const event = await eventOf("a", { body });
    await end(event, "dead");
    await stub().acknowledge([{ id: event.id, version: 1 }]);
    await alarmAt(startMs + 30 * DAY_MS);
    expect(await env.PAYLOADS.head(KEY)).not.toBeNull();
    await alarmAt(startMs + LIMITS.partition.keepExceptionsMs + 30 * DAY_MS);
    expect(await env.PAYLOADS.head(KEY)).toBeNull();
  });

  it("go with the customer", async () => {
    await env.PAYLOADS.put(KEY, "abc");
    await store(await eventOf("small"), await eventOf("a", { body }));
    await stub().erase();
    expect(await env.PAYLOADS.head(KEY)).toBeNull();
  });
});

describe("an erasure that could not remove a body", () => {
  it("fails, and has erased nothing: it is asked for again", async () => {
    const body = { kind: "stored", key: "bodies/z", sha256: "0".repeat(64), sizeBytes: 3 } as const;
    const event = await eventOf("a", { body });
    await store(event);
    await runInDurableObject(object(), async (instance) => {
      if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
      const bucket = { delete: () => Promise.reject(new Error("no bucket")) };
      Reflect.set(instance, "env", { ...env, PAYLOADS: bucket });
      await expect(instance.erase()).rejects.toThrow("no bucket");
    });
    expect(await stub().read(event.id)).not.toBeNull();
  });
});

describe("a partition that holds an event of long retention", () => {
  it("looks again when that is over, and not in between", async () => {
    const event = await eventOf("a");
    await end({ ...event, policy: { ...event.policy, retainMs: 60 * DAY_MS } }, "done");
    const dueMs = startMs + 21 * DAY_MS;
    await alarmAt(dueMs);
    await alarmAt(dueMs);
    expect(await alarmAtMs()).toBe(startMs + 60 * DAY_MS);
  });
});

describe("a question that a sender waits for", () => {
  const settle = (id: EventId, isFinal: boolean) => {
    const settlement = { kind: "default", reason: "deadline", isFinal, output: null } as const;
    return stub().settle({ v: 1, request: request(), id, settlement });
  };
  async function ask(): Promise<EventId> {
    const envelope = await eventOf("asked");
    await stub().ask({ v: 1, request: request(), envelope, default: "hold", remainingMs: 1_000, waitMs: 0 });
    return envelope.id;
  }
  /** Inside the object: a rejection that crosses the call would be seen twice by the test's runtime. */
  const cannotSettle = (id: EventId) =>
    runInDurableObject(object(), async (instance) => {
      if (!(instance instanceof PartitionObject)) throw new Error("not a partition");
      const settlement = { kind: "default", reason: "deadline", isFinal: true, output: null } as const;
      const settling = instance.settle({ v: 1, request: request(), id, settlement });
      await expect(settling).rejects.toThrow("no disk");
    });
  const sql = (statement: string) =>
    runInDurableObject(object(), (_, state) => void state.storage.sql.exec(statement));
  const REFUSE = "CREATE TRIGGER refuse BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'no disk'); END";

  it("is reported to the sweep while its default answer stands and a late one may come", async () => {
    const id = await ask();
    expect(awaited).toEqual([]);
    await settle(id, false);
    expect(awaited).toEqual([await alarmAtMs()]);
    await settle(id, true);
    expect(awaited).toHaveLength(1);
  });

  it("is reported to the sweep when its answer could not be stored, once in five seconds", async () => {
    const id = await ask();
    const dueMs = await alarmAtMs();
    await sql(REFUSE);
    await cannotSettle(id);
    await cannotSettle(id);
    expect(awaited).toEqual([dueMs]);
    vi.setSystemTime(startMs + LIMITS.partition.ringEveryMs);
    await cannotSettle(id);
    expect(awaited).toHaveLength(2);
  });

  it("gets another alarm when the platform dropped the first and its answer could not be stored", async () => {
    const id = await ask();
    await sql(REFUSE);
    await runInDurableObject(object(), (_, state) => state.storage.deleteAlarm());
    const nowMs = startMs + 60_000;
    vi.setSystemTime(nowMs);
    await cannotSettle(id);
    expect(await alarmAtMs()).toBe(nowMs + LIMITS.partition.ringEveryMs);
  });
});
