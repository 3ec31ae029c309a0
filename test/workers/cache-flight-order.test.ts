/** One producer per key, and what of its answer is kept, how long and for whom. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { resultKey } from "../../src/cache/result-key.ts";
import { createResultCache, type ShareRequest } from "../../src/cache/results.ts";
import { createFlights } from "../../src/cache/single-flight.ts";
import { within } from "../../src/cache/within.ts";
import { recordingLogger, type LogLine } from "./pipeline-fixtures.ts";
import { eventually } from "../support/eventually.ts";

const NOW_MS = 1_800_000_000_000;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("flights of an isolate", () => {
  const limits = { maxFlightMs: 1_000, keepAnswersMs: 100, maxKept: 2 };

  it("keep as many answers as they may, the latest ones", () => {
    const flights = createFlights<string>(limits, () => NOW_MS);
    for (const key of ["a", "b", "c"]) flights.lead(key).land(key, true);
    expect(["a", "b", "c"].map((key) => flights.join(key) !== null)).toEqual([false, true, true]);
  });

  it("keep no answer that is not to be kept, and none that there is not", () => {
    const flights = createFlights<string>(limits, () => NOW_MS);
    flights.lead("a").land("a", false);
    flights.lead("b").land(null, true);
    expect(["a", "b"].map((key) => flights.join(key))).toEqual([null, null]);
  });

  it("count the age of one that was led anew from then on", () => {
    let nowMs = NOW_MS;
    const flights = createFlights<string>(limits, () => nowMs);
    flights.lead("a").land("a", true);
    nowMs += limits.keepAnswersMs;
    flights.lead("b").land("b", true);
    expect(flights.join("a")).toBeNull();
    flights.lead("a");
    flights.lead("c").land("c", true);
    expect(["a", "b", "c"].map((key) => flights.join(key) !== null)).toEqual([true, false, true]);
  });
});

describe("a wait", () => {
  it("ends with its signal, and leaves nothing behind however it ends", async () => {
    const gone = new AbortController();
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const removed = vi.spyOn(gone.signal, "removeEventListener");
    const waiting = within(60_000, gone.signal, new Promise<string>(() => undefined));
    gone.abort();
    expect(await waiting).toBe("late");
    expect(await within(60_000, gone.signal, Promise.resolve("here"))).toBe("here");
    expect([cleared.mock.calls.length, removed.mock.calls.length]).toEqual([2, 2]);
  });
});

describe("the result cache", () => {
  const identity = {
    space: "shop",
    model: "fast",
    modelId: "m",
    promptVersion: "1",
    outputSchema: {},
    parameters: { temperature: null, maxOutputTokens: null },
    instruction: "Sort.",
    sections: [{ label: "text", text: "hello" }],
  };

  it("finds what an earlier version of itself has stored", async () => {
    expect(await resultKey(identity)).toBe(
      "result:341529ef58d776f613f2be2c9d860e0b66d9b41d8c2054694d7c8427a7aa23aa",
    );
  });

  function setUp() {
    const lines: LogLine[] = [];
    const stored = new Map<string, string>();
    const reads: string[] = [];
    const lifetimes: (number | undefined)[] = [];
    const lookups: string[] = [];
    const landed: (string | null)[] = [];
    const joins = { count: 0, answer: null as string | null, land: async () => {} };
    const clock = { nowMs: NOW_MS };
    const cache = createResultCache({
      kv: {
        get: (async (key: string) => {
          reads.push(key);
          return stored.get(key) ?? null;
        }) as never, // one of the overloads, the one that is used
        put: async (key: string, value: string, options?: { expirationTtl?: number }) => {
          lifetimes.push(options?.expirationTtl);
          stored.set(key, value);
        },
      },
      nowMs: () => clock.nowMs,
      logger: recordingLogger(lines),
      flights: {
        join: async () => {
          joins.count += 1;
          if (joins.answer !== null) return { kind: "answer", answer: joins.answer };
          return {
            kind: "lead",
            land: async (answer) => {
              landed.push(answer);
              await joins.land();
            },
          };
        },
      },
      observe: (lookup) => lookups.push(lookup),
    });
    const request = (change: Partial<ShareRequest> = {}): ShareRequest => ({
      identity,
      ttlSeconds: 100,
      signal: new AbortController().signal,
      ...change,
    });
    const produce = (value: string | null) => async () => ({
      answer: value === null ? null : { value, modelId: "m" },
      produced: value,
    });
    return { cache, request, produce, lines, stored, reads, lifetimes, lookups, landed, joins, clock };
  }

  it("is silent about a miss and about a write in time, and keeps the answer for whole seconds", async () => {
    const { cache, request, produce, lines, lifetimes } = setUp();
    await cache.share(request({ ttlSeconds: 100.5 }), produce("yes"));
    expect(lines.filter(({ level }) => level === "warn")).toEqual([]);
    expect(lifetimes).toEqual([101]);
  });

  it("looks once for many who ask the same at once, here and elsewhere", async () => {
    const first = setUp();
    await first.cache.share(first.request(), first.produce("yes"));
    const { cache, request, produce, stored, reads } = setUp();
    for (const [key, value] of first.stored) stored.set(key, value);
    const hits = await Promise.all([1, 2, 3].map(() => cache.share(request(), produce("no"))));
    expect(hits.map(({ kind }) => kind)).toEqual(["hit", "hit", "hit"]);
    expect(reads).toHaveLength(1);
    const other = setUp();
    other.joins.answer = JSON.stringify({ v: 1, value: "theirs", modelId: "m", storedAtMs: NOW_MS });
    const across = other.request({ acrossLocations: true });
    const theirs = await Promise.all([1, 2].map(() => other.cache.share(across, other.produce("no"))));
    expect(theirs.map(({ kind }) => kind)).toEqual(["hit", "hit"]);
    expect(other.joins.count).toBe(1);
  });

  it("gives an answer that is past its time to nobody who did not ask for it", async () => {
    const { cache, request, produce, clock } = setUp();
    await cache.share(request(), produce("old"));
    clock.nowMs += 100_500;
    expect(await cache.share(request(), produce(null))).toEqual({ kind: "produced", produced: null });
    const stale = await cache.share(request({ staleSeconds: 1 }), produce(null));
    expect(stale).toMatchObject({ kind: "produced", stale: { value: "old" } });
  });

  it("lets one whose time is up ask beside the others, and says so", async () => {
    const { cache, request, produce, lookups } = setUp();
    const slow = Promise.withResolvers<void>();
    const leader = cache.share(request(), async () => {
      await slow.promise;
      return produce("yes")();
    });
    await eventually(() => expect(lookups).toEqual(["miss"]));
    const gone = AbortSignal.abort();
    expect(await cache.share(request({ signal: gone }), produce("own"))).toEqual({
      kind: "produced",
      produced: "own",
    });
    expect(lookups).toEqual(["miss", "beside"]);
    slow.resolve();
    await leader;
  });

  it.each([
    ["its last millisecond has begun", 1, "hit"],
    ["its time is up", 0, "produced"],
  ] as const)("waits for the next who leads until %s", async (_, leftMs, kind) => {
    vi.useFakeTimers();
    const { cache, request, produce, lookups, clock } = setUp();
    const slow = [Promise.withResolvers<null>(), Promise.withResolvers<null>()] as const;
    const leader = cache.share(request(), async () => produce(await slow[0].promise)());
    await eventually(() => expect(lookups).toEqual(["miss"]));
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const next = cache.share(request(), async () => {
      await slow[1].promise;
      return produce("yes")();
    });
    const waiting = cache.share(request(), produce("own"));
    const waitMs = LIMITS.cache.maxFlightWaitMs;
    await eventually(() =>
      expect(timeouts.mock.calls.map(([, delayMs]) => delayMs)).toEqual([waitMs, waitMs]),
    );
    clock.nowMs += waitMs - leftMs;
    slow[0].resolve(null);
    await leader;
    slow[1].resolve(null);
    expect([(await next).kind, (await waiting).kind]).toEqual(["produced", kind]);
  });

  it("keeps an answer in the isolate up to the size that is named", async () => {
    for (const [extra, from] of [
      [0, "hit_isolate"],
      [1, "hit_kv"],
    ] as const) {
      const { cache, request, produce, lookups } = setUp();
      const text = "x".repeat(LIMITS.cache.maxRecentCharacters - 2 + extra);
      await cache.share(request(), produce(text));
      await cache.share(request(), produce("no"));
      expect(lookups).toEqual(["miss", from]);
    }
  });

  it("has told those elsewhere before it says that it is done", async () => {
    const { cache, request, produce, landed, joins } = setUp();
    const told = Promise.withResolvers<void>();
    joins.land = () => told.promise;
    let isDone = false;
    const shared = cache
      .share(request({ acrossLocations: true }), produce("yes"))
      .then(() => (isDone = true));
    await eventually(() => expect(landed).toHaveLength(1));
    await Promise.resolve();
    expect(isDone).toBe(false);
    told.resolve();
    await shared;
    expect(isDone).toBe(true);
  });
});
