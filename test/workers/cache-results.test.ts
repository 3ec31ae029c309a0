import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { resultKey, type ResultIdentity } from "../../src/cache/result-key.ts";
import {
  createResultCache,
  type Production,
  type ResultCache,
  type ResultCacheDeps,
  type ShareRequest,
} from "../../src/cache/results.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { NOW_MS, recordingLogger, type LogLine } from "./pipeline-fixtures.ts";
import { eventually } from "../support/eventually.ts";

const identity: ResultIdentity = {
  space: "none/stripe",
  model: "fast",
  modelId: "test-model",
  promptVersion: "1",
  outputSchema: { type: "object", properties: { label: { type: "string" }, score: { type: "number" } } },
  parameters: { temperature: 0.5, maxOutputTokens: null },
  instruction: "Judge the caf\u00E9's message.",
  sections: [{ label: "mail", text: "hello" }],
};

const request = (change: Partial<ShareRequest> = {}): ShareRequest => ({
  identity,
  ttlSeconds: 3_600,
  signal: new AbortController().signal,
  ...change,
});

/** A production that can be counted and finished from outside. */
function production(value: string | null) {
  const gate = Promise.withResolvers<void>();
  const made = vi.fn<() => Promise<Production<string>>>(async () => {
    await gate.promise;
    const answer = value === null ? null : { value, modelId: "test-model-1" };
    return { answer, produced: `made ${value}` };
  });
  return { made, finish: () => gate.resolve() };
}

function finished(value: string | null) {
  const { made, finish } = production(value);
  finish();
  return made;
}

function cacheOver(deps: Partial<ResultCacheDeps> = {}): { cache: ResultCache; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const cache = createResultCache({
    kv: env.RESULTS,
    nowMs: () => NOW_MS,
    logger: recordingLogger(lines),
    ...deps,
  });
  return { cache, lines };
}

afterEach(async () => {
  vi.useRealTimers();
  const { keys } = await env.RESULTS.list();
  await Promise.all(keys.map((key) => env.RESULTS.delete(key.name)));
});

describe("the key of a result", () => {
  it("is the same for inputs that mean the same", async () => {
    const key = await resultKey(identity);
    expect(key).toMatch(/^result:[0-9a-f]{64}$/);
    const reordered = {
      properties: { score: { type: "number" }, label: { type: "string" } },
      type: "object",
    };
    expect(await resultKey({ ...identity, outputSchema: reordered })).toBe(key);
    expect(await resultKey({ ...identity, instruction: "Judge the cafe\u0301's message." })).toBe(key);
    expect(await resultKey({ ...identity, parameters: { maxOutputTokens: null, temperature: 5e-1 } })).toBe(
      key,
    );
  });

  it("is another for every near miss", async () => {
    const section = (label: string, text: string) => ({ sections: [{ label, text }] });
    const variants: Partial<ResultIdentity>[] = [
      {},
      { space: "eu/stripe" },
      { space: "none/shopify" },
      { model: "fast2" },
      { modelId: "test-model-2" },
      { promptVersion: "2" },
      { outputSchema: { type: "object", properties: { label: { type: "string" } } } },
      { parameters: { temperature: 0, maxOutputTokens: null } },
      { parameters: { temperature: null, maxOutputTokens: null } },
      { parameters: { temperature: 0.5, maxOutputTokens: 100 } },
      { instruction: "Judge the cafe's message." },
      section("mail", "hello "),
      section("mail", "Hello"),
      section("mai", "lhello"),
      { sections: [...identity.sections, { label: "", text: "" }] },
      { sections: [] },
    ];
    const keys = await Promise.all(variants.map((variant) => resultKey({ ...identity, ...variant })));
    expect(new Set(keys).size).toBe(variants.length);
  });
});

describe("an answer past its time", () => {
  const day = 86_400;

  it("is offered beside a production that came to nothing, as long as the request keeps such", async () => {
    let nowMs = NOW_MS;
    const at = { nowMs: () => nowMs };
    const keeping = request({ ttlSeconds: 600, staleSeconds: day });
    await cacheOver(at).cache.share(keeping, finished("good"));
    nowMs += 700_000;
    expect(await cacheOver(at).cache.share(keeping, finished(null))).toEqual({
      kind: "produced",
      produced: "made null",
      stale: { value: "good", modelId: "test-model-1" },
    });
    const strict = request({ ttlSeconds: 600 });
    expect(await cacheOver(at).cache.share(strict, finished(null))).toEqual({
      kind: "produced",
      produced: "made null",
    });
    nowMs += day * 1_000;
    expect(await cacheOver(at).cache.share(keeping, finished(null))).not.toHaveProperty("stale");
  });

  it("never stands in for a new one that can be had", async () => {
    let nowMs = NOW_MS;
    const at = { nowMs: () => nowMs };
    const keeping = request({ ttlSeconds: 600, staleSeconds: day });
    await cacheOver(at).cache.share(keeping, finished("old"));
    nowMs += 700_000;
    const fresh = finished("new");
    expect(await cacheOver(at).cache.share(keeping, fresh)).toEqual({
      kind: "produced",
      produced: "made new",
    });
    expect(fresh).toHaveBeenCalledOnce();
    expect(await cacheOver(at).cache.share(keeping, finished("newer"))).toMatchObject({
      kind: "hit",
      answer: { value: "new" },
    });
  });

  it("is kept in KV for as long as it may be used", async () => {
    const lives: (number | undefined)[] = [];
    const kv = {
      get: async () => null,
      put: async (_key: string, _value: string, options?: KVNamespacePutOptions) =>
        void lives.push(options?.expirationTtl),
    };
    const deps = { kv: kv as never }; // the two overloads in use
    await cacheOver(deps).cache.share(request({ ttlSeconds: 600 }), finished("good"));
    await cacheOver(deps).cache.share(request({ ttlSeconds: 600, staleSeconds: 300 }), finished("good"));
    expect(lives).toEqual([600, 900]);
  });
});

it("every look-up is told, so that a hit rate can be had", async () => {
  let nowMs = NOW_MS;
  const seen: string[] = [];
  const deps = { nowMs: () => nowMs, observe: (lookup: string) => void seen.push(lookup) };
  const keeping = request({ ttlSeconds: 600, staleSeconds: 600 });
  const { cache } = cacheOver(deps);
  await cache.share(keeping, finished("good"));
  await cache.share(keeping, finished("good"));
  await cacheOver(deps).cache.share(keeping, finished("good"));
  nowMs += 700_000;
  await cacheOver(deps).cache.share(keeping, finished(null));
  expect(seen).toEqual(["miss", "hit_isolate", "hit_kv", "miss", "stale"]);
});

describe("the result cache", () => {
  it("answers an equal request from KV, in any isolate", async () => {
    const first = await cacheOver().cache.share(request(), finished("good"));
    expect(first).toEqual({ kind: "produced", produced: "made good" });
    const { cache, lines } = cacheOver();
    const again = finished("other");
    expect(await cache.share(request(), again)).toMatchObject({
      kind: "hit",
      answer: { value: "good", modelId: "test-model-1" },
    });
    expect(again).not.toHaveBeenCalled();
    expect(lines.map((line) => line.event)).toEqual(["cache_hit"]);
  });

  it("remembers new answers in the isolate, because KV remembers that it had none", async () => {
    const forgetful = { get: async () => null, put: async () => {} };
    const { cache } = cacheOver({ kv: forgetful as never }); // the two overloads in use
    await cache.share(request(), finished("good"));
    const again = finished("other");
    expect((await cache.share(request(), again)).kind).toBe("hit");
    expect(again).not.toHaveBeenCalled();
  });

  it("never stores a result without an answer", async () => {
    const { cache } = cacheOver();
    await cache.share(request(), finished(null));
    expect((await env.RESULTS.list()).keys).toEqual([]);
    const again = finished("good");
    await cache.share(request(), again);
    expect(again).toHaveBeenCalledOnce();
  });

  it("keeps an answer no longer than the pipeline asks, though KV has a longer minimum", async () => {
    let nowMs = NOW_MS;
    const puts: number[] = [];
    const kv = {
      get: (key: string) => env.RESULTS.get(key, "text"),
      put: (key: string, value: string, options: { expirationTtl: number }) => {
        puts.push(options.expirationTtl);
        return env.RESULTS.put(key, value, options);
      },
    };
    const { cache } = cacheOver({ kv: kv as never, nowMs: () => nowMs }); // the two overloads in use
    const short = request({ ttlSeconds: 5 });
    await cache.share(short, finished("old"));
    expect(puts).toEqual([LIMITS.cache.minTtlSeconds]);
    nowMs += 4_999;
    expect((await cache.share(short, finished("new"))).kind).toBe("hit");
    nowMs += 1;
    expect(await cache.share(short, finished("new"))).toEqual({ kind: "produced", produced: "made new" });
    expect(await cache.share(short, finished("newer"))).toMatchObject({ answer: { value: "new" } });
  });

  it("takes what it cannot read for a miss and writes it anew", async () => {
    for (const nonsense of ["", "{", "null", '{"v":2,"value":"x"}', '{"v":1,"value":"x","modelId":1}']) {
      await env.RESULTS.put(await resultKey(identity), nonsense);
      const made = finished("good");
      expect((await cacheOver().cache.share(request(), made)).kind).toBe("produced");
      expect((await cacheOver().cache.share(request(), finished("other"))).kind).toBe("hit");
    }
  });

  it("fails no request when KV fails", async () => {
    const kv = {
      get: () => Promise.reject(new Error("KV is down")),
      put: () => Promise.reject(new Error("KV is down")),
    };
    const { cache, lines } = cacheOver({ kv });
    expect(await cache.share(request(), finished("good"))).toEqual({
      kind: "produced",
      produced: "made good",
    });
    expect(lines.map((line) => line.event)).toEqual([
      "cache_read_failed",
      "cache_miss",
      "cache_write_failed",
    ]);
  });

  it("does not wait for a KV that does not answer", async () => {
    vi.useFakeTimers();
    const silent = new Promise<never>(() => {});
    const { cache } = cacheOver({ kv: { get: () => silent, put: () => silent } });
    const shared = cache.share(request(), finished("good"));
    await eventually(() => expect(vi.getTimerCount()).toBe(1));
    await vi.advanceTimersByTimeAsync(LIMITS.cache.readTimeoutMs);
    await vi.advanceTimersByTimeAsync(LIMITS.cache.writeTimeoutMs);
    expect(await shared).toEqual({ kind: "produced", produced: "made good" });
  });
});

describe("equal requests at the same time", () => {
  it("share one call", async () => {
    const { cache } = cacheOver();
    const { made, finish } = production("good");
    const all = Promise.all(Array.from({ length: 5 }, () => cache.share(request(), made)));
    await eventually(() => expect(made).toHaveBeenCalled());
    finish();
    const kinds = (await all).map((shared) => shared.kind);
    expect(made).toHaveBeenCalledOnce();
    expect(kinds.filter((kind) => kind === "hit")).toHaveLength(4);
  });

  it("do not inherit a failure: one of those who waited calls next, and the rest share that", async () => {
    const { cache } = cacheOver();
    const failing = production(null);
    const leader = cache.share(request(), failing.made);
    await eventually(() => expect(failing.made).toHaveBeenCalled());
    const next = finished("good");
    const waiting = Promise.all(Array.from({ length: 4 }, () => cache.share(request(), next)));
    failing.finish();
    expect(await leader).toEqual({ kind: "produced", produced: "made null" });
    const kinds = (await waiting).map((shared) => shared.kind);
    expect(next).toHaveBeenCalledOnce();
    expect(kinds.filter((kind) => kind === "hit")).toHaveLength(3);
  });

  it("outlive a call that throws: only its own caller hears of it", async () => {
    const { cache } = cacheOver();
    const gate = Promise.withResolvers<never>();
    const throwing = vi.fn<() => Promise<Production<string>>>(() => gate.promise);
    const leader = cache.share(request(), throwing);
    await eventually(() => expect(throwing).toHaveBeenCalled());
    const follower = cache.share(request(), finished("good"));
    gate.reject(new Error("a bug"));
    await expect(leader).rejects.toThrow("a bug");
    expect((await follower).kind).toBe("produced");
  });

  it("wait no longer than their own signal allows", async () => {
    const { cache } = cacheOver();
    const hanging = production("late");
    const leader = cache.share(request(), hanging.made);
    await eventually(() => expect(hanging.made).toHaveBeenCalled());
    const controller = new AbortController();
    const own = finished("own");
    const follower = cache.share(request({ signal: controller.signal }), own);
    controller.abort();
    expect(await follower).toEqual({ kind: "produced", produced: "made own" });
    hanging.finish();
    await leader;
  });

  it("do not join a call whose invocation may be gone", async () => {
    let nowMs = NOW_MS;
    const { cache } = cacheOver({ nowMs: () => nowMs });
    const dead = production("never");
    const leader = cache.share(request(), dead.made);
    await eventually(() => expect(dead.made).toHaveBeenCalled());
    nowMs += LIMITS.cache.maxFlightWaitMs;
    const made = finished("good");
    expect((await cache.share(request(), made)).kind).toBe("produced");
    expect(made).toHaveBeenCalledOnce();
    dead.finish();
    await leader;
    expect(await cache.share(request(), finished("other"))).toMatchObject({ answer: { value: "good" } });
  });
});
