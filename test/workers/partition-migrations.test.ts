/** What earlier versions have stored is read, and goes on. A released migration is never edited: its text is pinned here. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import type { EventId } from "../../src/core/ids.ts";
import { PARTITION_MIGRATIONS, bucketOfTime, createEventTable } from "../../src/partition/schema.ts";
import { PartitionStore } from "../../src/partition/store.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { START_MS } from "./partition-records.ts";

const HASH = "0123456789abcdefghjkmnpqrs";
let run = 0;

/** A storage as version 1 left it: an open event, a partition's row, and packed ids. */
async function inVersion1<Value>(
  use: (storage: DurableObjectStorage, openId: EventId) => Value,
): Promise<Value> {
  const customer = `migrated-${++run}`;
  const name = await partitionFor(customer);
  const envelope = await envelopeOf({ key: "open", customer });
  const stub: DurableObjectStub = env.PARTITION.get(env.PARTITION.idFromName(name));
  return runInDurableObject(stub, (_, { storage }) => {
    const { sql } = storage;
    for (const { name: table } of sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '_cf%'")
      .toArray())
      sql.exec(`DROP TABLE ${table}`);
    migrate(storage, PARTITION_MIGRATIONS.slice(0, 1));
    const bucket = bucketOfTime(START_MS);
    for (const statement of createEventTable(bucket)) sql.exec(statement);
    const record = {
      v: 1,
      id: envelope.id,
      run: 1,
      state: "pending",
      envelope,
      order: START_MS,
      arrivedAtMs: START_MS,
      enteredAtMs: START_MS,
      nextAtMs: 0,
      endedAtMs: null,
      attempts: 0,
      deliveryAttempts: 0,
      deferrals: 0,
      starts: 0,
      sequence: 0,
      late: false,
      effectsBegun: false,
      output: null,
      deliveries: [],
      failure: null,
      timeline: [],
      lastRequest: "r",
    };
    const values = [record.id, START_MS, START_MS, 1, 1, 0, JSON.stringify(record)];
    sql.exec(`INSERT INTO events_${bucket} VALUES (?, ?, ?, ?, ?, ?, ?)`, ...values);
    const partition = {
      v: 1,
      name,
      mode: "ordered",
      token: 7,
      lease: null,
      turn: null,
      effectsReached: null,
      sequence: 3,
      gateUntilMs: 0,
      paused: null,
      draining: false,
      lateEvents: 0,
    };
    sql.exec("INSERT INTO partition VALUES (1, ?)", JSON.stringify({ partition, mark: null }));
    sql.exec("INSERT INTO remembered VALUES (?, ?, ?)", bucket - 10, HASH, HASH);
    return use(storage, envelope.id);
  });
}

describe("the partition's tables", () => {
  it("of version 1 become the present ones, with everything in them", async () => {
    await inVersion1((storage, openId) => {
      migrate(storage, PARTITION_MIGRATIONS);
      const store = new PartitionStore(storage.sql);
      expect(store.load()).toMatchObject({ token: 7, sequence: 3 });
      expect(store.firstOpen(5).map(({ id }) => id)).toEqual([openId]);
      expect(store.isRemembered(`${openId.slice(0, -HASH.length)}${HASH}` as EventId)).toBe(true); // of its form
      expect(store.isRemembered(openId)).toBe(false);
    });
  });

  it("are brought up to date once: a second look changes nothing", async () => {
    await inVersion1((storage) => {
      migrate(storage, PARTITION_MIGRATIONS);
      const tables = () => storage.sql.exec("SELECT name, sql FROM sqlite_master ORDER BY name").toArray();
      const before = tables();
      migrate(storage, PARTITION_MIGRATIONS);
      expect(tables()).toEqual(before);
    });
  });

  it("written by a newer program are refused, never guessed at", async () => {
    await inVersion1((storage) => {
      const newest = PARTITION_MIGRATIONS.at(-1)?.version ?? 0;
      migrate(storage, [...PARTITION_MIGRATIONS, { version: newest + 1, statements: [] }]);
      expect(() => migrate(storage, PARTITION_MIGRATIONS)).toThrow("newer than this program");
    });
  });

  it("of version 1 are what was released", () => {
    const text = PARTITION_MIGRATIONS[0]?.statements.join(";").replaceAll(/\s+/g, " ");
    expect(text).toBe(
      "CREATE TABLE partition (k INTEGER PRIMARY KEY CHECK (k = 1), record TEXT NOT NULL);" +
        "CREATE TABLE remembered ( bucket INTEGER NOT NULL, first TEXT NOT NULL, hashes TEXT NOT NULL, " +
        "PRIMARY KEY (bucket, first) ) WITHOUT ROWID",
    );
  });

  it("are numbered without a gap", () => {
    expect(PARTITION_MIGRATIONS.map(({ version }) => version)).toEqual(
      PARTITION_MIGRATIONS.map((_, index) => index + 1),
    );
  });
});
