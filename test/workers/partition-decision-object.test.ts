/** Questions as the partition's object keeps them: their table, who waits for them, and how they are shown. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DecisionRecord, OpenDecision } from "../../src/core/partition/model.ts";
import { DecisionTable } from "../../src/partition/decision-table.ts";
import { DecisionWaiters } from "../../src/partition/decision-waiters.ts";
import { undecidedView, viewOf } from "../../src/partition/event-view.ts";
import { PARTITION_MIGRATIONS } from "../../src/partition/schema.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import { migrate } from "../../src/platform/migrations.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { recordOf, START_MS } from "./partition-records.ts";

const ANSWER: DecisionRecord = {
  by: "default",
  answer: "hold",
  atMs: START_MS,
  token: START_MS,
  reason: "deadline",
  review: "due",
};
const NOTHING = { put: [], remove: [] };

async function questionOf(
  key: string,
  dueMs: number,
  change: Partial<OpenDecision> = {},
): Promise<OpenDecision> {
  const envelope = await envelopeOf({ key, receivedAtMs: START_MS });
  const { id } = envelope;
  const asked = { token: START_MS, request: "first", askedAtMs: START_MS + 1, default: "hold", answer: null };
  return { v: 1, id, envelope, dueMs, ...asked, ...change };
}

let run = 0;
beforeEach(() => {
  run++;
});

/** A table over the same storage for the whole test, loaded anew each time. */
async function withTable<Value>(
  use: (table: DecisionTable, state: DurableObjectState) => Value,
): Promise<Value> {
  const object: DurableObjectStub = partitionStub(env.PARTITION, await partitionFor(`questions-${run}`));
  return runInDurableObject(object, (_, state) => {
    migrate(state.storage, PARTITION_MIGRATIONS);
    const table = new DecisionTable(state.storage.sql);
    table.refresh();
    return use(table, state);
  });
}

describe("the table of questions", () => {
  it("knows how many wait and which is due first, also after a reload", async () => {
    const [late, soon] = [await questionOf("late", 900), await questionOf("soon", 400)];
    const seen = (table: DecisionTable) => [table.count, table.nextDueMs];
    await withTable((table) => {
      expect(seen(table)).toEqual([0, null]);
      expect(table.find(late.id)).toBeNull();
      table.save({ put: [late, soon], remove: [] });
      expect(seen(table)).toEqual([2, 400]);
    });
    await withTable((table) => {
      expect(seen(table)).toEqual([2, 400]);
      expect(table.find(late.id)).toEqual(late);
      table.save({ put: [{ ...soon, dueMs: 1_000, answer: ANSWER }], remove: [] });
      expect(seen(table)).toEqual([2, 900]);
      expect(table.find(soon.id)?.answer).toEqual(ANSWER);
      table.save({ put: [], remove: [late.id] });
      expect(seen(table)).toEqual([1, 1_000]);
      expect(table.find(late.id)).toBeNull();
      table.save({ put: [], remove: [soon.id] });
    });
    await withTable((table) => expect(seen(table)).toEqual([0, null]));
  });

  it("writes one row for a question and one for its end, and none for nothing", async () => {
    const question = await questionOf("a", 400);
    await withTable((table) => {
      expect(table.rowsWritten).toBe(0);
      table.save({ put: [question], remove: [] });
      const { rowsWritten } = table;
      expect(rowsWritten).toBeGreaterThan(0);
      table.save(NOTHING);
      expect(table.rowsWritten).toBe(rowsWritten);
      table.save({ put: [], remove: [question.id] });
      expect(table.rowsWritten).toBeGreaterThan(rowsWritten);
    });
  });

  it("loads what is named and what is due, each once, the longest due first", async () => {
    const [named, first, second, later] = [
      await questionOf("named", 900),
      await questionOf("first", 100),
      await questionOf("second", 200),
      await questionOf("later", 500),
    ];
    await withTable((table) => {
      expect(table.load([named.id], 1_000)).toEqual([]);
      table.save({ put: [named, second, later, first], remove: [] });
      expect(table.load([named.id], 99)).toEqual([named]);
      expect(table.load([named.id], 100)).toEqual([named, first]);
      expect(table.load([named.id, second.id], 250)).toEqual([named, second, first]);
      expect(table.load([], 499)).toEqual([first, second]);
    });
  });

  it("names the large bodies of its events", async () => {
    const stored = await questionOf("stored", 100);
    const body = { kind: "stored", key: "bodies/1", sizeBytes: 9, sha256: "00" } as const;
    const large = { ...stored, envelope: { ...stored.envelope, body } };
    const small = await questionOf("small", 100);
    await withTable((table) => {
      table.save({ put: [large, small], remove: [] });
      expect(table.bodies()).toEqual(["bodies/1"]);
    });
  });

  it("believes what is stored after a write that was taken back", async () => {
    const [kept, lost] = [await questionOf("kept", 500), await questionOf("lost", 100)];
    await withTable((table, { storage }) => {
      table.save({ put: [kept], remove: [] });
      const refused = () =>
        storage.transactionSync(() => {
          table.save({ put: [lost], remove: [] });
          throw new Error("taken back");
        });
      expect(refused).toThrow("taken back");
      table.refresh();
      expect([table.count, table.nextDueMs]).toEqual([1, 500]);
    });
  });

  it("reads no row of a version that it does not know", async () => {
    const question = await questionOf("a", 500);
    await withTable((table, { storage }) => {
      table.save({ put: [question], remove: [] });
      storage.sql.exec("UPDATE decisions SET record = json_set(record, '$.v', 2)");
      expect(() => table.find(question.id)).toThrow("unknown decision version 2");
    });
  });
});

describe("who waits for an answer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("hears it when it is stored, with the question or with its event; nobody hears that of another", async () => {
    const waiters = new DecisionWaiters();
    const [asked, entered, other] = [
      await questionOf("asked", 1),
      await recordOf("waiters", "entered"),
      await questionOf("other", 1),
    ];
    const heard: string[] = [];
    const hear = (name: string, id: OpenDecision["id"]) =>
      waiters.wait(id, 1_000).then((decision) => heard.push(`${name} ${decision?.reason ?? "nothing"}`));
    const all = [
      hear("one", asked.id),
      hear("two", asked.id),
      hear("three", entered.id),
      hear("four", other.id),
    ];
    waiters.tell({ changed: [entered], decisions: { put: [asked], remove: [other.id] } });
    waiters.tell({
      changed: [{ ...entered, decision: { ...ANSWER, reason: "entered" } }],
      decisions: { put: [{ ...asked, answer: ANSWER }], remove: [] },
    });
    await Promise.all(all.slice(0, 3));
    expect(heard).toEqual(["one deadline", "two deadline", "three entered"]);
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all(all);
    expect(heard.at(-1)).toBe("four nothing");
    // Nobody is told twice.
    waiters.tell({ changed: [], decisions: { put: [{ ...other, answer: ANSWER }], remove: [] } });
    expect(heard).toHaveLength(4);
  });

  it("hears nothing when its time is up, and at once when it has none", async () => {
    const waiters = new DecisionWaiters();
    const { id } = await questionOf("a", 1);
    let isOver = false;
    const waiting = waiters.wait(id, 500).then((decision) => {
      isOver = true;
      return decision;
    });
    await vi.advanceTimersByTimeAsync(499);
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toBeNull();
    const atOnce = waiters.wait(id, -5);
    await vi.advanceTimersByTimeAsync(0);
    expect(await atOnce).toBeNull();
  });

  it("leaves nothing behind: no timer, which would keep the object awake, and no name", async () => {
    const waiters = new DecisionWaiters();
    const [question, other] = [await questionOf("a", 1), await questionOf("b", 1)];
    const WAIT_MS = 54_321;
    const [set, clear] = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "clearTimeout")];
    const waiting = waiters.wait(question.id, WAIT_MS);
    const timer = set.mock.results[set.mock.calls.findIndex(([, delayMs]) => delayMs === WAIT_MS)]?.value;
    const answered = (id: OpenDecision["id"]) => ({ put: [{ ...question, id, answer: ANSWER }], remove: [] });
    waiters.tell({ changed: [], decisions: answered(other.id) });
    waiters.tell({ changed: [], decisions: answered(question.id) });
    expect(await waiting).toEqual(ANSWER);
    expect(clear).toHaveBeenCalledWith(timer);
    expect(Reflect.get(waiters, "waiting")).toHaveProperty("size", 0);
    vi.restoreAllMocks();
  });

  it("may come while others leave", async () => {
    const waiters = new DecisionWaiters();
    const question = await questionOf("a", 1);
    const short = waiters.wait(question.id, 100);
    const long = waiters.wait(question.id, 1_000);
    await vi.advanceTimersByTimeAsync(100);
    expect(await short).toBeNull();
    waiters.tell({ changed: [], decisions: { put: [{ ...question, answer: ANSWER }], remove: [] } });
    expect(await long).toEqual(ANSWER);
  });
});

describe("a question as it is shown", () => {
  it("is an event that waits, of which nothing has happened but that it was asked", async () => {
    const question = await questionOf("a", START_MS + 900);
    const { envelope } = question;
    const { id, source, type, pipeline, partition, partitionKey, dedupeKey, priority, traceparent } =
      envelope;
    const shown = {
      id,
      source,
      type,
      pipeline,
      partition,
      partitionKey,
      dedupeKey,
      priority,
      traceparent,
      run: 1,
      state: "pending",
      receivedAtMs: START_MS,
      endedAtMs: null,
      nextAtMs: START_MS + 900,
      attempts: 0,
      deliveryAttempts: 0,
      deferrals: 0,
      starts: 0,
      sequence: 0,
      late: false,
      parent: null,
      output: null,
      deliveries: [],
      failure: null,
      timeline: [{ atMs: START_MS + 1, what: "asked" }],
    };
    expect(undecidedView(question)).toEqual(shown);
    expect(undecidedView({ ...question, answer: ANSWER })).toEqual({ ...shown, decision: ANSWER });
  });

  it("keeps its answer when it is in the log", async () => {
    const record = await recordOf("shown", "a");
    expect(viewOf(record, false)).not.toHaveProperty("decision");
    expect(viewOf({ ...record, decision: ANSWER }, false).decision).toEqual(ANSWER);
  });
});
