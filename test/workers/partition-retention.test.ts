import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import type { EventId } from "../../src/core/ids.ts";
import { newPartition } from "../../src/core/partition/model.ts";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import { PARTITION_MIGRATIONS } from "../../src/partition/schema.ts";
import { PartitionStore } from "../../src/partition/store.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { recordOf, START_MS } from "./partition-records.ts";

const RETAIN_MS = 7 * DAY_MS;
let run = 0;
let customer = "";

beforeEach(() => {
  customer = `retention-${++run}`;
});

function retire(store: PartitionStore, nowMs: number, retainMs: number): boolean {
  return store.retire(store.planRetirement(nowMs, retainMs), nowMs, retainMs);
}

/** Runs inside a fresh object: only its SQLite is used. */
async function withStore<Value>(use: (store: PartitionStore) => Value): Promise<Value> {
  const name = await partitionFor(customer);
  const stub: DurableObjectStub = env.PARTITION.get(env.PARTITION.idFromName(name));
  return runInDurableObject(stub, (_, state) => {
    migrate(state.storage, PARTITION_MIGRATIONS);
    const store = new PartitionStore(state.storage.sql);
    if (store.load() === null) store.savePartition(newPartition(name, START_MS));
    return use(store);
  });
}

const isNew = () => undefined;

describe("retention", () => {
  it("drops a week of ended events, and still knows their ids for a month", async () => {
    const records = await Promise.all(Array.from({ length: 600 }, (_, n) => recordOf(customer, `e${n}`)));
    const unknown = (await recordOf(customer, "never seen")).id;
    await withStore((store) => {
      store.save(records, isNew);
      const dueMs = store.nextRetentionMs(RETAIN_MS) ?? 0;
      retire(store, dueMs - 1, RETAIN_MS);
      expect(store.find(records[0]?.id ?? unknown)).not.toBeNull();
      expect(retire(store, dueMs, RETAIN_MS)).toBe(false);
      expect(records.every(({ id }) => store.find(id) === null && store.isRemembered(id))).toBe(true);
      expect(store.isRemembered(unknown)).toBe(false);
      expect(retire(store, dueMs + 60 * DAY_MS, RETAIN_MS)).toBe(true);
      expect(records.some(({ id }) => store.isRemembered(id))).toBe(false);
    });
  });

  it("carries over what is open, in review or dead, and keeps its place in the order", async () => {
    const open = await recordOf(customer, "open", { state: "retrying", endedAtMs: null, order: 5 });
    const dead = await recordOf(customer, "dead", { state: "dead" });
    const review = await recordOf(customer, "review", { state: "review" });
    const done = await recordOf(customer, "done");
    await withStore((store) => {
      store.save([open, dead, review, done], isNew);
      retire(store, store.nextRetentionMs(RETAIN_MS) ?? 0, RETAIN_MS);
      const kept = [open, dead, review].map(({ id }) => store.find(id)?.state);
      expect(kept).toEqual(["retrying", "dead", "review"]);
      expect(store.firstOpen(10).map((record) => record.id)).toEqual<EventId[]>([open.id]);
      expect(store.find(done.id)).toBeNull();
    });
  });

  it("leaves a table alone while anything in it is younger than its own retention", async () => {
    const envelope = await envelopeOf({ key: "long", customer, policy: { retainMs: 90 * DAY_MS } });
    const long = await recordOf(customer, "long", { envelope });
    await withStore((store) => {
      store.save([long], isNew);
      retire(store, store.nextRetentionMs(RETAIN_MS) ?? 0, RETAIN_MS);
      expect(store.find(long.id)).not.toBeNull();
    });
  });

  it("counts an event's own retention, and that of a dead letter, to the millisecond", async () => {
    const policy = { retainMs: 90 * DAY_MS };
    const long = await recordOf(customer, "long", {
      envelope: await envelopeOf({ key: "long", customer, policy }),
    });
    const dead = await recordOf(customer, "dead", { state: "dead", endedAtMs: START_MS });
    await withStore((store) => {
      store.save([long], isNew);
      retire(store, START_MS + policy.retainMs - 1, RETAIN_MS);
      expect(store.find(long.id)).not.toBeNull();
      retire(store, START_MS + policy.retainMs, RETAIN_MS);
      expect(store.find(long.id)).toBeNull();
      store.save([dead], isNew);
      retire(store, START_MS + LIMITS.partition.keepExceptionsMs, RETAIN_MS);
      expect(store.find(dead.id)).toBeNull();
    });
  });

  it("counts what is open again after a reload, by priority", async () => {
    const open = await recordOf(customer, "open", { state: "pending", endedAtMs: null });
    const low = { ...open.envelope, priority: "low" as const };
    await withStore((store) => {
      store.save([{ ...open, envelope: low }], isNew);
      store.savePartition(newPartition(open.envelope.partition, START_MS));
    });
    await withStore((store) => {
      expect(store.openEvents).toBe(1);
      expect(store.highestPriority).toBe("low");
    });
  });
});

describe("migrations", () => {
  it("run once each, in order, and refuse a database that a newer program wrote", async () => {
    const stub: DurableObjectStub = env.PARTITION.get(env.PARTITION.idFromName(await partitionFor(customer)));
    await runInDurableObject(stub, (_, { storage }) => {
      migrate(storage, PARTITION_MIGRATIONS);
      const next = [...PARTITION_MIGRATIONS, { version: 99, statements: ["CREATE TABLE later (k INTEGER)"] }];
      migrate(storage, next);
      migrate(storage, next);
      expect(storage.sql.exec("SELECT version FROM schema_version").toArray()).toHaveLength(next.length);
      expect(() => migrate(storage, PARTITION_MIGRATIONS)).toThrow(/newer than this program/);
    });
  });
});
