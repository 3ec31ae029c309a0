/** The store's own promises: bounds that scans and orders rely on, before and after a reload. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import { newPartition, type EventRecord } from "../../src/core/partition/model.ts";
import { planEarlyDrop } from "../../src/partition/retention.ts";
import { BUCKET_MS, bucketOfTime, PARTITION_MIGRATIONS } from "../../src/partition/schema.ts";
import { PartitionStore } from "../../src/partition/store.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { partitionFor } from "../support/envelopes.ts";
import { recordOf as deliveredRecordOf, START_MS } from "./partition-records.ts";

const RETAIN_MS = 7 * DAY_MS;
let run = 0;
let customer = "";

beforeEach(() => {
  customer = `store-${++run}`;
});

/** An event that waits, as it is stored on arrival. */
function recordOf(key: string, change: Partial<EventRecord> = {}): Promise<EventRecord> {
  const pending = { state: "pending", endedAtMs: null, sequence: 0, effectsBegun: false } as const;
  return deliveredRecordOf(customer, key, { ...pending, ...change });
}

const isNew = () => undefined;

/** When the week of a time is over. */
const bucketEnd = (atMs: number) => (bucketOfTime(atMs) + 1) * BUCKET_MS;

function retire(store: PartitionStore, nowMs: number, retainMs: number): boolean {
  return store.retire(store.planRetirement(nowMs, retainMs), nowMs, retainMs);
}

/** A store over the same storage, loaded anew each time. */
async function withStore<Value>(use: (store: PartitionStore) => Value): Promise<Value> {
  const name = await partitionFor(customer);
  const object: DurableObjectStub = partitionStub(env.PARTITION, name);
  return runInDurableObject(object, (_, state) => {
    migrate(state.storage, PARTITION_MIGRATIONS);
    const store = new PartitionStore(state.storage.sql);
    if (store.load() === null) store.savePartition(newPartition(name, START_MS));
    return use(store);
  });
}

describe("the store", () => {
  it("knows the highest order of all it holds, also after a reload and a change of place", async () => {
    const [low, high] = [await recordOf("low", { order: 5 }), await recordOf("high", { order: 9 })];
    await withStore((store) => {
      expect(store.highestOrder).toBe(Number.NEGATIVE_INFINITY);
      store.save([high, low], isNew);
      expect(store.highestOrder).toBe(9);
      store.save([{ ...low, order: 12 }], () => low);
      expect(store.highestOrder).toBe(12);
    });
    await withStore((store) => expect(store.highestOrder).toBe(12));
  });

  it("writes the partition's row only where the mark would skip an event, also after a reload", async () => {
    const [first, second] = [await recordOf("first", { order: 5 }), await recordOf("second", { order: 9 })];
    await withStore((store) => {
      store.save([second], isNew);
      expect(store.needsPartition).toBe(false);
      store.savePartition(newPartition(second.envelope.partition, START_MS));
    });
    await withStore((store) => {
      expect(store.needsPartition).toBe(false);
      store.save([first], isNew);
      expect(store.needsPartition).toBe(true);
      expect(store.firstOpen(10).map((record) => record.order)).toEqual([5, 9]);
    });
  });

  it("says when the next event is due, across weeks, and nothing when none is", async () => {
    const soon = await recordOf("soon", { nextAtMs: START_MS + 80 });
    const later = await recordOf("later", { nextAtMs: START_MS + 50, arrivedAtMs: START_MS + 8 * DAY_MS });
    await withStore((store) => {
      expect(store.nextDueAfter(START_MS)).toBeNull();
      store.save([soon], isNew);
      expect(store.nextDueAfter(START_MS)).toBe(START_MS + 80);
      store.save([later], isNew);
      expect(store.nextDueAfter(START_MS)).toBe(START_MS + 50);
      expect(store.nextDueAfter(START_MS + 50)).toBe(START_MS + 80);
      expect(store.nextDueAfter(START_MS + 80)).toBeNull();
      expect(store.firstDue(10, START_MS + 50).map((record) => record.id)).toEqual([later.id]);
    });
  });

  it("counts by priority: one high event is enough, and an empty partition is low", async () => {
    const [a, b] = [await recordOf("a"), await recordOf("b")];
    const high = { ...b, envelope: { ...b.envelope, priority: "high" as const } };
    await withStore((store) => {
      expect(store.highestPriority).toBe("low");
      store.save([a, high], isNew);
      expect(store.highestPriority).toBe("high");
      store.save([{ ...high, state: "done" }], () => high);
      expect(store.highestPriority).toBe("normal");
    });
  });

  it("counts the rows it writes upwards", async () => {
    const record = await recordOf("a");
    await withStore((store) => {
      const before = store.rowsWritten;
      store.save([record], isNew);
      expect(store.rowsWritten).toBeGreaterThan(before);
    });
  });
});

describe("a dropped week", () => {
  const ended = { state: "done", endedAtMs: START_MS } as const;

  it("is gone for one who loads the storage anew, and its ids are known for thirty days, not less, not more", async () => {
    const record = await recordOf("a", ended);
    const dueMs = await withStore((store) => {
      store.save([record], isNew);
      const atMs = store.nextRetentionMs(RETAIN_MS) ?? 0;
      retire(store, atMs, RETAIN_MS);
      return atMs;
    });
    await withStore((store) => {
      expect(store.find(record.id)).toBeNull();
      retire(store, dueMs + LIMITS.partition.rememberIdsMs - 1, RETAIN_MS);
      expect(store.isRemembered(record.id)).toBe(true);
      expect(retire(store, dueMs + LIMITS.partition.rememberIdsMs, RETAIN_MS)).toBe(true);
      expect(store.isRemembered(record.id)).toBe(false);
    });
  });

  it("is the oldest one, in whatever order weeks began", async () => {
    const [young, old] = [
      await recordOf("young", { ...ended, arrivedAtMs: START_MS + 15 * DAY_MS }),
      await recordOf("old", ended),
    ];
    await withStore((store) => {
      store.save([young], isNew);
      const youngDueMs = store.nextRetentionMs(RETAIN_MS) ?? 0;
      store.save([old], isNew);
      expect(store.nextRetentionMs(RETAIN_MS)).toBeLessThan(youngDueMs);
    });
    await withStore((store) =>
      expect(store.nextRetentionMs(RETAIN_MS)).toBe(bucketEnd(START_MS) + RETAIN_MS),
    );
  });
});

describe("what is dropped early", () => {
  it("is what has ended, and names no body of an event that has none", async () => {
    const ended = await deliveredRecordOf(customer, "ended");
    await withStore((store) => store.save([ended], isNew));
    const object: DurableObjectStub = partitionStub(env.PARTITION, await partitionFor(customer));
    await runInDurableObject(object, (_, { storage: { sql } }) => {
      const plan = planEarlyDrop(sql, bucketOfTime(ended.arrivedAtMs), 10);
      expect(plan).toEqual({ remember: [ended.id], bodies: [] });
    });
  });
});
