/** Space: what was delivered makes room for what is open, and stays a duplicate. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { beforeEach, describe, expect, it } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { EventId } from "../../src/core/ids.ts";
import { newPartition } from "../../src/core/partition/model.ts";
import { RememberedIds } from "../../src/partition/remembered.ts";
import { PARTITION_MIGRATIONS } from "../../src/partition/schema.ts";
import { PartitionStore } from "../../src/partition/store.ts";
import { Upkeep } from "../../src/partition/upkeep.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { partitionFor } from "../support/envelopes.ts";
import { recordOf, START_MS } from "./partition-records.ts";

let customer = "";
let run = 0;

beforeEach(() => {
  customer = `pressure-${++run}`;
});

async function inStorage<Value>(
  use: (storage: DurableObjectStorage) => Value | Promise<Value>,
): Promise<Value> {
  const name = await partitionFor(customer);
  const stub: DurableObjectStub = env.PARTITION.get(env.PARTITION.idFromName(name));
  return runInDurableObject(stub, (_, state) => {
    migrate(state.storage, PARTITION_MIGRATIONS);
    return use(state.storage);
  });
}

const isNew = () => undefined;

describe("under pressure of space", () => {
  it("the oldest delivered events go, their ids stay known; open, dead and untold ones stay", async () => {
    const ended = { endedAtMs: START_MS } as const;
    const old = await recordOf(customer, "old", { state: "done", order: 1, ...ended });
    const filtered = await recordOf(customer, "filtered", { state: "filtered", order: 2, ...ended });
    const kept = [
      await recordOf(customer, "dead", { state: "dead", order: 3, ...ended }),
      await recordOf(customer, "open", { state: "pending", order: 4, endedAtMs: null }),
      await recordOf(customer, "untold", { state: "done", order: 5, version: 3, ...ended }),
    ];
    const young = await recordOf(customer, "young", { state: "done", order: 6, ...ended });
    await inStorage((storage) => {
      const store = new PartitionStore(storage.sql);
      if (store.load() === null) store.savePartition(newPartition(old.envelope.partition, START_MS));
      store.save([old, filtered, ...kept, young], isNew);
      storage.sql.exec("INSERT INTO outbox VALUES (?, 3, 0, 0)", kept[2]?.id ?? "");
      expect(store.dropEarly(2).dropped).toBe(2);
      for (const { id } of [old, filtered]) {
        expect(store.find(id)).toBeNull();
        expect(store.isRemembered(id)).toBe(true);
      }
      for (const { id } of [...kept, young]) expect(store.find(id)).not.toBeNull();
      expect(store.dropEarly(10).dropped).toBe(1);
      expect(store.dropEarly(10).dropped).toBe(0);
      expect(store.openEvents).toBe(1);
    });
  });

  it("a week that holds only what must stay does not keep the next one from making room", async () => {
    const kept = await recordOf(customer, "dead", { state: "dead", order: 1 });
    const late = START_MS + 8 * DAY_MS;
    const done = await recordOf(customer, "done", { order: 2, arrivedAtMs: late, endedAtMs: late });
    await inStorage((storage) => {
      const store = new PartitionStore(storage.sql);
      store.load();
      store.save([kept, done], isNew);
      expect(store.dropEarly(10).dropped).toBe(1);
      expect(store.find(kept.id)).not.toBeNull();
    });
  });

  it("dropping gives space back, pass by pass, until there is enough", async () => {
    const filler = "x".repeat(100_000);
    const records = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        recordOf(customer, `k${index}`, {
          state: "done",
          order: index,
          endedAtMs: START_MS,
          lastRequest: filler,
        }),
      ),
    );
    await inStorage(async (storage) => {
      const store = new PartitionStore(storage.sql);
      store.load();
      store.save(records, isNew);
      const before = store.storedBytes;
      expect(before).toBeGreaterThan(1_000_000);
      const share = before / LIMITS.partition.maxStoredBytes;
      const pressed: PartitionStore = Object.create(store, {
        // As full as the bound allows, scaled to what a test can store.
        storedBytes: {
          get: () => (store.storedBytes / before) * LIMITS.partition.maxStoredBytes,
        },
      });
      expect(share).toBeLessThan(1);
      const upkeep = new Upkeep({
        storage,
        store: pressed,
        bodies: { delete: () => Promise.resolve() },
        log: { ...createLogger("error"), warn() {} },
      });
      expect(upkeep.nextAtMs(START_MS)).toBe(START_MS);
      await upkeep.run(START_MS);
      expect(store.storedBytes).toBeLessThan(before / 2);
      expect(upkeep.nextAtMs(START_MS)).not.toBe(START_MS);
    });
  });
});

describe("remembered ids", () => {
  const idOf = (index: number) => `evt_x_${String(index).padStart(26, "0")}` as EventId; // only its last part counts here

  const numbers = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => ((from + index) * 7_919) % 1_000_003);

  it("are found in every part, however they were added, and no others are", async () => {
    await inStorage((storage) => {
      const ids = new RememberedIds(storage.sql);
      ids.load();
      const added = [numbers(0, 5_000), numbers(5_000, 5_000), numbers(10_000, 3_000), numbers(13_000, 100)];
      for (const chunk of added) ids.add(1, chunk.map(idOf));
      ids.add(2, numbers(20_000, 10).map(idOf));
      // A part takes in what comes next while there is room for it.
      const rows = storage.sql
        .exec("SELECT bucket, part, COUNT(*) AS packed FROM remembered GROUP BY bucket, part")
        .toArray();
      expect(rows).toEqual([
        { bucket: 1, part: 0, packed: 20 },
        { bucket: 1, part: 1, packed: 32 },
        { bucket: 2, part: 0, packed: 1 },
      ]);
      const known = new Set([...added.flat(), ...numbers(20_000, 10)]);
      const reloaded = new RememberedIds(storage.sql);
      reloaded.load();
      for (const index of [...known].filter((_, place) => place % 101 === 0)) {
        expect(ids.has(idOf(index))).toBe(true);
      }
      for (let index = 0; index < 1_000_003; index += 997) {
        expect(reloaded.has(idOf(index))).toBe(known.has(index));
      }
    });
  });

  it("fill a part to the last place, and are kept once", async () => {
    await inStorage((storage) => {
      const ids = new RememberedIds(storage.sql);
      ids.load();
      ids.add(1, numbers(0, 8_000).map(idOf));
      ids.add(1, numbers(8_000, 192).map(idOf));
      const count = () => storage.sql.exec("SELECT COUNT(*) AS rows FROM remembered").one()["rows"];
      expect(count()).toBe(32);
      ids.add(1, numbers(0, 1).map(idOf));
      expect(count()).toBe(33);
    });
  });
});
