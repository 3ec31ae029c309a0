/** The other ways to and from a partition: ingest's one write, the client's repeats, the sweep. */
import { setImmediate as nextTask } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { EventId } from "../../src/core/ids.ts";
import type { OfferedVerdict, OfferReply, OfferRequest } from "../../src/core/partition/commands.ts";
import { appendEvents } from "../../src/lanes/append.ts";
import { sweepPartitions } from "../../src/lanes/sweep.ts";
import { createPartitionClient, type PartitionRpc } from "../../src/partition/client.ts";
import { askingPreviousEpochs } from "../../src/partition/epochs.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { START_MS } from "../support/partition-script.ts";

const quiet = { ...createLogger("error"), warn() {}, error() {}, info() {} };
const unreachable = () => Promise.reject(new Error("no route"));

describe("ingest's one write", () => {
  const strict = { ordering: "strict" } as const;
  const verdictOf = (id: EventId): OfferedVerdict["verdict"] =>
    id === refusedId ? "pushed_back" : id === duplicateId ? "duplicate" : "stored";
  let refusedId: EventId;
  let duplicateId: EventId;

  async function append(events: readonly EventEnvelope[], sent: EventEnvelope[], offers: OfferRequest[]) {
    return appendEvents(
      {
        lanes: { send: (envelopes) => Promise.resolve(void sent.push(...envelopes)), ring: unreachable },
        partitions: {
          offer: (request) => {
            offers.push(request);
            const verdicts = request.events.map(({ id }) => ({ id, verdict: verdictOf(id), state: null }));
            return Promise.resolve({ v: 1, verdicts, lease: null, nextDueMs: null });
          },
        },
        newId: () => `id${offers.length}`,
        sleep: unreachable,
      },
      events,
    );
  }

  it("goes to the lane, and for a strict order straight to the partition; each event hears its own word", async () => {
    const [queued, stored, duplicate, refused, elsewhere] = await Promise.all([
      envelopeOf({ key: "queued" }),
      envelopeOf({ key: "stored", policy: strict }),
      envelopeOf({ key: "duplicate", policy: strict }),
      envelopeOf({ key: "refused", policy: strict }),
      envelopeOf({ key: "elsewhere", customer: "two", policy: strict }),
    ]);
    [refusedId, duplicateId] = [refused.id, duplicate.id];
    const [sent, offers]: [EventEnvelope[], OfferRequest[]] = [[], []];
    const appended = await append([queued, stored, duplicate, refused, elsewhere], sent, offers);
    expect(appended).toEqual([
      { id: queued.id, status: "queued" },
      { id: stored.id, status: "queued" },
      { id: duplicate.id, status: "duplicate" },
      { id: refused.id, status: "refused", reason: "partition_full" },
      { id: elsewhere.id, status: "queued" },
    ]);
    expect(sent).toEqual([queued]);
    expect(offers.map((offer) => [offer.partition, offer.events.length, offer.wantLease])).toEqual([
      [stored.partition, 3, false],
      [elsewhere.partition, 1, false],
    ]);
  });

  it("that did not become durable is no answer", async () => {
    const events = [await envelopeOf({ key: "a" })];
    const offer = () => Promise.reject(new Error("no route"));
    const deps = {
      lanes: { send: unreachable, ring: unreachable },
      partitions: { offer },
      newId: () => "r",
      sleep: unreachable,
    };
    await expect(appendEvents(deps, events)).rejects.toThrow("no route");
    const several = [...events, await envelopeOf({ key: "b" })];
    await expect(appendEvents(deps, several)).rejects.toThrow("no route");
    const ordered = [await envelopeOf({ key: "a", policy: strict })];
    const lanes = { send: () => Promise.resolve(), ring: unreachable };
    await expect(appendEvents({ ...deps, lanes }, ordered)).rejects.toThrow("no route");
  });
});

describe("a strict event whose partition does not answer", () => {
  const policy = { ordering: "strict", onUnreachable: "queue" } as const;

  async function appendOver(offer: (request: OfferRequest) => Promise<OfferReply>, events: EventEnvelope[]) {
    const sent: EventEnvelope[] = [];
    const lanes = {
      send: (envelopes: readonly EventEnvelope[]) => Promise.resolve(void sent.push(...envelopes)),
      ring: unreachable,
    };
    const deps = { lanes, partitions: { offer }, newId: () => "r", sleep: () => nextTask() };
    return { appended: await appendEvents(deps, events), sent };
  }

  it("is queued by choice, whether the call fails or hangs, and the answer says that its order is suspended", async () => {
    const event = await envelopeOf({ key: "a", policy });
    for (const offer of [unreachable, () => new Promise<never>(() => {})]) {
      const { appended, sent } = await appendOver(offer, [event]);
      expect(appended).toEqual([{ id: event.id, status: "queued", order: "suspended" }]);
      expect(sent).toEqual([{ ...event, orderSuspended: true }]);
    }
  });

  it("that can be reached is in order, and in no lane", async () => {
    const event = await envelopeOf({ key: "a", policy });
    const verdicts = [{ id: event.id, verdict: "stored", state: "pending" } as const];
    const { appended, sent } = await appendOver(
      () => Promise.resolve({ v: 1, verdicts, lease: null, nextDueMs: null }),
      [event],
    );
    expect(appended).toEqual([{ id: event.id, status: "queued" }]);
    expect(sent).toEqual([]);
  });

  it("is answered only when its lane has it", async () => {
    const event = await envelopeOf({ key: "a", policy });
    const lanes = { send: unreachable, ring: unreachable };
    const deps = { lanes, partitions: { offer: unreachable }, newId: () => "r", sleep: () => nextTask() };
    await expect(appendEvents(deps, [event])).rejects.toThrow("no route");
  });
});

describe("the sweep", () => {
  const sweepLimits = { sweepGraceMs: 90_000, sweepPartitions: 10, sweepAgainMs: 3_600_000 };

  async function sweep(replies: readonly (readonly [number, number | null, number?] | null)[]) {
    const told: unknown[] = [];
    const partitions = await Promise.all(replies.map((_, n) => partitionFor(`c${n}`)));
    let poked = 0;
    await sweepPartitions({
      openPartitions: {
        overdue: (nowMs, limit) => {
          told.push(["overdue", nowMs - START_MS, limit]);
          return Promise.resolve(partitions);
        },
        report: async ([report], nowMs) => {
          await nextTask();
          told.push(["report", (report?.dueMs ?? 0) - START_MS, nowMs - START_MS]);
        },
        settle: async (partition) => {
          await nextTask();
          told.push(["settle", partitions.indexOf(partition)]);
        },
      },
      partitions: {
        poke: () => {
          const reply = replies[poked++];
          if (reply === null || reply === undefined) return unreachable();
          const [openEvents, nextDueMs, untold] = reply;
          const told = untold === undefined ? {} : { untold };
          return Promise.resolve({ v: 1, openEvents, nextDueMs, ...told });
        },
      },
      nowMs: () => START_MS,
      log: quiet,
      limits: sweepLimits,
    });
    return told;
  }

  it("settles what is empty, keeps what is open by its next due time, and passes by what it cannot reach", async () => {
    const told = await sweep([null, [0, null], [1, START_MS + 5_000], [2, null]]);
    expect(told).toEqual([
      ["overdue", -90_000, 10],
      ["settle", 1],
      ["report", 5_000, 0],
      ["report", 0, 0],
    ]);
  });

  it("looks after what the ledger has not heard like after what is open", async () => {
    for (const both of [
      [0, null, 1],
      [1, null, 1],
    ] as const) {
      expect((await sweep([both])).at(-1)).toEqual(["report", 0, 0]);
    }
  });

  it("waits for what it writes down", async () => {
    expect((await sweep([[0, null]])).at(-1)).toEqual(["settle", 0]);
  });

  it("looks again within the hour, however late the work is due", async () => {
    expect((await sweep([[1, START_MS + 86_400_000]])).at(-1)).toEqual(["report", 3_600_000, 0]);
  });
});

describe("the client of a partition", () => {
  /** An object that answers `status` as told; a stub of it is good for one call. */
  function clientOf(answers: readonly (Error | null)[]) {
    const slept: number[] = [];
    let calls = 0;
    const stub = () => {
      expect(slept).toHaveLength(calls); // every wait before a repeat is over
      const answer = answers[calls++];
      const status = () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve(null));
      // Only what these tests call is there.
      return { status } as Partial<PartitionRpc> as PartitionRpc;
    };
    const sleep = async (delayMs: number) => {
      await nextTask();
      slept.push(delayMs);
    };
    const client = createPartitionClient({ stub, attempts: 3, sleep, random: () => 0.5 });
    return { client, slept, calls: () => calls };
  }
  const lost = new Error("network connection lost");

  it("repeats a call whose answer was lost, each time on a fresh stub, after a short wait", async () => {
    const { client, slept, calls } = clientOf([lost, lost, null]);
    await expect(client.status(await partitionFor("a"))).resolves.toBeNull();
    expect(calls()).toBe(3);
    expect(slept).toEqual([125, 375]);
  });

  it("gives up in the end, with the last error", async () => {
    const { client, calls } = clientOf([lost, lost, new Error("the last one"), null]);
    await expect(client.status(await partitionFor("a"))).rejects.toThrow("the last one");
    expect(calls()).toBe(3);
  });

  it("never calls an overloaded object again at once", async () => {
    const { client, calls } = clientOf([Object.assign(new Error("overloaded"), { overloaded: true }), null]);
    await expect(client.status(await partitionFor("a"))).rejects.toThrow("overloaded");
    expect(calls()).toBe(1);
    const other = clientOf([Object.assign(new Error("lost"), { overloaded: false }), null]);
    await expect(other.client.status(await partitionFor("a"))).resolves.toBeNull();
  });
});

describe("an offer", () => {
  it("places a new partition where the first of its events is at home", async () => {
    const homes: unknown[] = [];
    const client = createPartitionClient({
      stub: (_, home) => {
        homes.push(home);
        const offer = async (): Promise<OfferReply> => ({ v: 1, verdicts: [], lease: null, nextDueMs: null });
        return { offer } as Partial<PartitionRpc> as PartitionRpc; // as above
      },
      attempts: 1,
      sleep: unreachable,
      random: () => 0,
    });
    const [first, second] = [await envelopeOf({ key: "a" }), await envelopeOf({ key: "b" })];
    const events = [{ ...first, home: "weur" } as const, { ...second, home: "apac" } as const];
    const base = { v: 1, request: "r", partition: first.partition, driver: "d", wantLease: false } as const;
    await client.offer({ ...base, events });
    expect(homes).toEqual(["weur"]);
  });
});

describe("a changed partitionBy", () => {
  it("asks the old partition about each event that may be known there, and about no other", async () => {
    const asked: EventId[] = [];
    const offered: OfferRequest[] = [];
    const previous = async (key: string) => (await envelopeOf({ key, customer: "old" })).id;
    const [known, busy, loose, idle] = [
      await previous("known"),
      await previous("busy"),
      await previous("loose"),
      await previous("idle"),
    ];
    const base = createPartitionClient({
      stub: unreachableStub,
      attempts: 1,
      sleep: unreachable,
      random: () => 0,
    });
    const client = askingPreviousEpochs({
      ...base,
      recall: (id) => {
        asked.push(id);
        return Promise.resolve({
          v: 1,
          known: id === known,
          openEvents: id === busy || id === loose ? 1 : 0,
        });
      },
      offer: (request) => {
        offered.push(request);
        const verdicts = request.events.map(
          ({ id }) => ({ id, verdict: "stored", state: "pending" }) as const,
        );
        return Promise.resolve({ v: 1, verdicts, lease: null, nextDueMs: null });
      },
    });
    const events = [
      { ...(await envelopeOf({ key: "1" })), previousId: known },
      { ...(await envelopeOf({ key: "2" })), previousId: busy },
      { ...(await envelopeOf({ key: "3", policy: { ordering: "none" } })), previousId: loose },
      { ...(await envelopeOf({ key: "4" })), previousId: idle },
      await envelopeOf({ key: "5" }),
    ];
    const [first] = events;
    if (first === undefined) throw new Error("no event");
    const request = { v: 1, request: "r", partition: first.partition, driver: "d", wantLease: true } as const;
    const reply = await client.offer({ ...request, events });
    const verdicts = new Map(reply.verdicts.map(({ id, verdict }) => [id, verdict]));
    expect(events.map(({ id }) => verdicts.get(id))).toEqual([
      "duplicate",
      "pushed_back",
      "stored",
      "stored",
      "stored",
    ]);
    expect(offered.map((one) => one.events)).toEqual([events.slice(2)]);
    expect(asked).toEqual([known, busy, loose, idle]);
    await client.offer({ ...request, events: events.slice(4) });
    expect(asked).toHaveLength(4);
    expect(offered).toHaveLength(2);
    const again = await client.offer({ ...request, events: events.slice(0, 1) });
    expect(again.verdicts).toEqual([{ id: first.id, verdict: "duplicate", state: null }]);
  });
});

function unreachableStub(): never {
  throw new Error("no route");
}
