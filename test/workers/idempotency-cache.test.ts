/** The idempotency cache over KV, alone: what it reads, what it writes, and what it does when KV is slow, down or wrong. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createIdempotencyCache, type IdempotencyStore } from "../../src/cache/idempotency.ts";
import type { EventSchemas } from "../../src/config/event-schemas.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { DAY_MS } from "../../src/config/units.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { EventId, Jurisdiction } from "../../src/core/ids.ts";
import type { CounterName, LabelsOf } from "../../src/core/metrics/catalogue.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { awsSns, custom, defineSource, stripe, type SourceOptions } from "../../src/index.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { envelopeOf, partitionFor } from "../support/envelopes.ts";
import { reading, watchKv } from "../support/kv.ts";
import { summaryFor } from "../support/summaries.ts";
import { testPipeline } from "./ingest-support.ts";

const { lookUpMs, maxPassedInARow, restMs, maxLookedUp } = LIMITS.idempotency;
const pipeline = testPipeline("echo");
type Options = Partial<SourceOptions<EventSchemas>>;
const sourceOf = (options: Options = {}) =>
  defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: {},
    routes: () => [],
    ...options,
  });

interface CacheOptions {
  readonly source?: ReturnType<typeof sourceOf>;
  readonly store?: Partial<IdempotencyStore>;
  readonly stores?: (jurisdiction: Jurisdiction) => IdempotencyStore | null;
}

function cacheWith({ source = sourceOf({ idempotency: "results" }), store = {}, stores }: CacheOptions = {}) {
  const counts = new Map<string, number>();
  const work: Promise<unknown>[] = [];
  let nowMs = 1_000_000;
  const { kv, puts, calls } = watchKv(env.IDEMPOTENCY, store);
  const cache = createIdempotencyCache({
    sources: new Map([["test", source]]),
    storeOf: stores ?? (() => kv),
    nowMs: () => nowMs,
    waitUntil: (promise) => void work.push(promise),
    logger: createLogger("error"),
    metricsOf: () => ({
      count: <Name extends CounterName>(name: Name, labels: LabelsOf<Name>, amount = 1) => {
        const { outcome = "" } = labels as Readonly<Record<string, string>>;
        if (amount > 0) counts.set(outcome, (counts.get(outcome) ?? 0) + amount);
        expect(name).toBe("sluice_idempotency_lookups_total");
      },
      time: () => undefined,
    }),
  });
  return {
    cache,
    puts,
    calls,
    counts,
    pass: (ms: number) => void (nowMs += ms),
    written: () => Promise.all(work.splice(0)),
  };
}

let keys = 0;
const eventOf = (policy: Partial<EventPolicy> = {}, changes: Partial<EventEnvelope> = {}) =>
  envelopeOf({ key: `idempotency-${++keys}`, policy }).then((envelope) => ({ ...envelope, ...changes }));
const endOf = ({ dedupeKey }: EventEnvelope, summary = {}) => summaryFor({ key: dedupeKey, summary });
const duplicate = ({ id }: EventEnvelope) =>
  ({ id, verdict: "duplicate", state: "done", result: { score: 7 } }) as const;
const never = () => new Promise<never>(() => undefined);

describe("a look-up", () => {
  it("finds what a consumer wrote, all of a request's events in one call", async () => {
    const { cache, calls, counts, written } = cacheWith();
    const [one, two, unknown] = [await eventOf(), await eventOf(), await eventOf()];
    cache.ended(one, await endOf(one), { score: 1 });
    cache.ended(two, await endOf(two, { state: "filtered" }), undefined);
    await written();
    expect(await cache.lookUp("test", [one.id])).toEqual([{ state: "done", result: { score: 1 } }]);
    expect(await cache.lookUp("test", [two.id, one.id])).toEqual([
      { state: "filtered" },
      { state: "done", result: { score: 1 } },
    ]);
    expect(await cache.lookUp("test", [one.id, unknown.id])).toBe(null);
    expect(calls).toEqual(["put", "put", "get", "get", "get"]);
    expect(Object.fromEntries(counts)).toEqual({ hit: 4, miss: 1 });
  });

  it("is passed by when KV is slower than 50 ms, and its late answer harms nobody", async () => {
    const late = Promise.withResolvers<never>();
    const { cache, counts } = cacheWith({ store: { get: () => late.promise } });
    const { id } = await eventOf();
    const startedAtMs = Date.now();
    expect(await cache.lookUp("test", [id])).toBe(null);
    expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(lookUpMs - 2);
    expect(Object.fromEntries(counts)).toEqual({ passed_by: 1 });
    late.reject(new Error("KV GET failed"));
    await expect(late.promise).rejects.toThrow("KV GET failed");
  });

  it.each([
    ["answers with an error", () => Promise.reject(new Error("KV GET failed: 503"))],
    [
      "throws at once",
      () => {
        throw new Error("no such namespace");
      },
    ],
  ])("is passed by when KV %s", async (_, get) => {
    const { cache, counts } = cacheWith({ store: { get } });
    expect(await cache.lookUp("test", [(await eventOf()).id])).toBe(null);
    expect(Object.fromEntries(counts)).toEqual({ passed_by: 1 });
  });

  it("is not waited for while KV is down: after five in a row nothing is asked for five seconds", async () => {
    let calls = 0;
    let isDown = true;
    const get = reading(async () => {
      calls++;
      if (isDown) throw new Error("down");
      return [null];
    });
    const { cache, pass } = cacheWith({ store: { get } });
    const { id } = await eventOf();
    for (let at = 0; at < maxPassedInARow + 3; at++) expect(await cache.lookUp("test", [id])).toBe(null);
    expect(calls).toBe(maxPassedInARow);
    isDown = false;
    pass(restMs - 1);
    await cache.lookUp("test", [id]);
    expect(calls).toBe(maxPassedInARow);
    pass(1);
    await cache.lookUp("test", [id]);
    await cache.lookUp("test", [id]);
    expect(calls).toBe(maxPassedInARow + 2);
  });

  it("of one request that never returns keeps no other from its own", async () => {
    let calls = 0;
    const get = reading(async ([key = ""]) =>
      ++calls === 1 ? never() : [await env.IDEMPOTENCY.get(key, "text")],
    );
    const { cache, written } = cacheWith({ store: { get } });
    const event = await eventOf();
    cache.seenAgain(event, duplicate(event));
    await written();
    const left = cache.lookUp("test", [event.id]);
    expect(await cache.lookUp("test", [event.id])).toEqual([{ state: "done", result: { score: 7 } }]);
    expect(await left).toBe(null);
  });

  it("takes nonsense, and a later version's entry, for nothing known", async () => {
    const { cache, counts } = cacheWith();
    const { id } = await eventOf();
    for (const text of ["", "garbage", '{"v":2,"state":"done"}', '{"v":1,"state":"dead"}']) {
      await env.IDEMPOTENCY.put(id, text);
      expect(await cache.lookUp("test", [id])).toBe(null);
    }
    expect(Object.fromEntries(counts)).toEqual({ miss: 4 });
  });

  it("asks nothing for more events than KV answers for in one call", async () => {
    const { cache, counts } = cacheWith({ store: { get: never } });
    const { id } = await eventOf();
    const ids = Array.from({ length: maxLookedUp + 1 }, (): EventId => id);
    expect(await cache.lookUp("test", ids)).toBe(null);
    expect(Object.fromEntries(counts)).toEqual({ passed_by: maxLookedUp + 1 });
  });
});

describe("a consumer's write", () => {
  it("comes of every first end in the mode `results`, and of none in `duplicates`", async () => {
    const event = await eventOf();
    const end = await endOf(event);
    const results = cacheWith({ source: sourceOf({ idempotency: "results" }) });
    const duplicates = cacheWith({ source: sourceOf() });
    for (const { cache } of [results, duplicates]) cache.ended(event, end, { score: 7 });
    expect(results.puts).toMatchObject([
      { key: event.id, value: '{"v":1,"state":"done","result":{"score":7}}' },
    ]);
    expect(duplicates.puts).toEqual([]);
    duplicates.cache.seenAgain(event, duplicate(event));
    expect(duplicates.puts).toEqual(results.puts);
    await Promise.all([results.written(), duplicates.written()]);
  });

  it("comes of no duplicate whose event is open, dead or in review", async () => {
    const { cache, puts } = cacheWith();
    const event = await eventOf();
    for (const state of [
      "pending",
      "leased",
      "retrying",
      "deferred",
      "dead",
      "review",
      "expired",
      null,
    ] as const)
      cache.seenAgain(event, { id: event.id, verdict: "duplicate", state });
    expect(puts).toEqual([]);
  });

  it("comes once a minute of an event that its sender repeats in a burst", async () => {
    const { cache, puts, pass, written } = cacheWith();
    const event = await eventOf();
    for (let at = 0; at < 10; at++) cache.seenAgain(event, duplicate(event));
    expect(puts).toHaveLength(1);
    pass(LIMITS.idempotency.writeAgainMs);
    cache.seenAgain(event, duplicate(event));
    expect(puts).toHaveLength(2);
    await written();
  });

  it("is kept for the sender's retry window and a day", async () => {
    const keptFor = async (verify: Options["verify"]) => {
      const { cache, puts, written } = cacheWith({
        source: sourceOf(verify === undefined ? {} : { verify }),
      });
      const event = await eventOf();
      cache.seenAgain(event, { id: event.id, verdict: "duplicate", state: "filtered" });
      await written();
      return ((puts[0]?.ttlSeconds ?? 0) * 1_000) / DAY_MS;
    };
    expect(await keptFor(stripe({ secrets: ["S"] }))).toBe(4);
    expect(await keptFor(awsSns({ topics: ["T"] }))).toBe(24);
    expect(await keptFor(custom({ name: "own", secrets: ["S"], signatureHeaders: ["x-signature"] }))).toBe(4);
  });

  it("never comes of events that are not looked up", async () => {
    const sync = defineSource({
      verify: stripe({ secrets: ["STRIPE_SECRET"] }),
      idempotency: "results",
      events: { "test.event": z.unknown() },
      routes: (route) => [route("test.event", pipeline, { mode: "sync", deadlineMs: 1_000, default: null })],
    });
    const parent = { id: (await eventOf()).id, depth: 1 };
    for (const [source, event] of [
      [sourceOf({ idempotency: "off" }), await eventOf()],
      [sourceOf({ idempotency: "results" }), await eventOf({ ordering: "strict" })],
      [sourceOf({ idempotency: "results" }), await eventOf({}, { parent })],
      [sourceOf({ idempotency: "results" }), await eventOf({}, { source: "taken-out-of-the-config" })],
      [sync, await eventOf()],
    ] as const) {
      const { cache, puts } = cacheWith({ source });
      cache.ended(event, await endOf(event), { score: 7 });
      cache.seenAgain(event, duplicate(event));
      expect(puts).toEqual([]);
    }
  });

  it("that fails or hangs is nobody's error", async () => {
    const put = () => Promise.reject(new Error("429: one write a second"));
    const { cache, written } = cacheWith({ store: { put } });
    const event = await eventOf();
    cache.ended(event, await endOf(event), null);
    await written();
    expect(await cache.lookUp("test", [event.id])).toBe(null);
  });

  it("of a later run replaces what the earlier one left, and takes it away when the later one does not end well", async () => {
    for (const mode of ["results", "duplicates"] as const) {
      const { cache, written } = cacheWith({ source: sourceOf({ idempotency: mode }) });
      const event = await eventOf();
      cache.seenAgain(event, duplicate(event));
      await written();
      cache.ended(event, await endOf(event, { run: 2, version: 3 }), { score: 8 });
      await written();
      expect(await cache.lookUp("test", [event.id])).toEqual([{ state: "done", result: { score: 8 } }]);
      cache.ended(event, await endOf(event, { run: 3, version: 5, state: "dead" }), { score: 9 });
      await written();
      expect(await cache.lookUp("test", [event.id])).toBe(null);
    }
  });
});

describe("a jurisdiction", () => {
  it("has its own namespace or none, and never touches the common one", async () => {
    const source = sourceOf({ idempotency: "results", jurisdiction: "eu" });
    const event = await envelopeOf({ key: "of-the-eu", jurisdiction: "eu" });
    const asked: Jurisdiction[] = [];
    const { cache } = cacheWith({
      source,
      stores: (jurisdiction) => {
        asked.push(jurisdiction);
        return null;
      },
    });
    cache.ended(event, await endOf(event), { score: 7 });
    cache.seenAgain(event, duplicate(event));
    expect(await cache.lookUp("test", [event.id])).toBe(null);
    await cache.erase(event.partition);
    expect(asked).toEqual(["eu", "eu", "eu", "eu"]);
  });
});

describe("an erasure", () => {
  it("deletes every entry of the partition, and no other's", async () => {
    const { cache, written } = cacheWith();
    const events = await Promise.all(
      Array.from({ length: 30 }, (_, at) => envelopeOf({ key: `erased-${at}`, customer: "gone" })),
    );
    const other = await envelopeOf({ key: "erased-1", customer: "stays" });
    for (const event of [...events, other]) cache.ended(event, await endOf(event), { score: 7 });
    await written();
    await cache.erase(await partitionFor("gone"));
    for (const { id } of events) expect(await env.IDEMPOTENCY.get(id)).toBe(null);
    expect(await env.IDEMPOTENCY.get(other.id)).not.toBe(null);
  });

  it("says so when KV does not take it, so that the operator erases again", async () => {
    const list = () => Promise.reject(new Error("KV is down"));
    const { cache } = cacheWith({ store: { list } });
    await expect(cache.erase((await eventOf()).partition)).rejects.toThrow("KV is down");
  });
});
