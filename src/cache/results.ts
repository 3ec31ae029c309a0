/**
 * The result cache: model answers in KV, for pipelines that ask for it. Only answers that passed their schema
 * and checks go in. It never fails a request: KV that is slow, down or holds nonsense is a miss.
 */
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import type { CacheLookup } from "../core/cache-lookup.ts";
import type { JsonValue } from "../core/json.ts";
import { messageOf, unreachable } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import type { JoinedFlight, SharedFlights } from "./ports.ts";
import { resultKey, type ResultIdentity } from "./result-key.ts";
import { createFlights, type Flight } from "./single-flight.ts";
import { within } from "./within.ts";

const cachedAnswerSchema = z.object({
  v: z.literal(1),
  /** The model's answer as JSON, before the output schema's own transformations. */
  value: z.json(),
  modelId: z.string(),
  storedAtMs: z.int(),
});

export interface CachedAnswer {
  readonly value: JsonValue;
  readonly modelId: string;
}

type Followed =
  | { readonly kind: "answer"; readonly answer: StoredAnswer }
  | { readonly kind: "lead"; readonly flight: Flight<StoredAnswer> }
  /** Waited long enough: call without a lead. */
  | { readonly kind: "beside" };

type StoredAnswer = CachedAnswer & { readonly v: 1; readonly storedAtMs: number };

export interface ShareRequest {
  readonly identity: ResultIdentity;
  readonly ttlSeconds: number;
  /** How much longer an answer is kept, for when a new one cannot be had. Default: not at all. */
  readonly staleSeconds?: number;
  readonly signal: AbortSignal;
  /** Equal requests share one call also across locations. Default: within an isolate. */
  readonly acrossLocations?: boolean;
}

export interface Production<Produced> {
  /** What others may have; null for anything but a checked answer. */
  readonly answer: CachedAnswer | null;
  readonly produced: Produced;
}

export type Shared<Produced> =
  | { readonly kind: "hit"; readonly answer: CachedAnswer }
  /** `stale`: an answer past its time, where the request keeps such and nothing new was produced. */
  | { readonly kind: "produced"; readonly produced: Produced; readonly stale?: CachedAnswer };

export interface ResultCache {
  /** An equal request's answer from KV or from a call under way in this isolate; else `produce` is called. */
  share<Produced>(
    request: ShareRequest,
    produce: () => Promise<Production<Produced>>,
  ): Promise<Shared<Produced>>;
}

export interface ResultCacheDeps {
  readonly kv: Pick<KVNamespace, "get" | "put">;
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** For requests that ask for it. */
  readonly flights?: SharedFlights;
  /** Told of every look-up, for metrics. Must not throw. */
  readonly observe?: (lookup: CacheLookup, model: string) => void;
}

/** For answers that may be kept nowhere: every request is one of its own. */
export const NO_RESULT_CACHE: ResultCache = {
  share: async (_, produce) => ({ kind: "produced", produced: (await produce()).produced }),
};

export function createResultCache(deps: ResultCacheDeps): ResultCache {
  const flights = createFlights<StoredAnswer>(
    {
      maxFlightMs: LIMITS.cache.maxFlightWaitMs,
      keepAnswersMs: LIMITS.cache.recentMs,
      maxKept: LIMITS.cache.maxRecentAnswers,
    },
    deps.nowMs,
  );

  /**
   * Waits for others' calls until one has an answer, or nobody is at it, or the wait is over. Takes the lead in
   * the same breath in which it finds that nobody is at it: those who waited together must not all call.
   */
  async function follow(key: string, request: ShareRequest): Promise<Followed> {
    const giveUpAtMs = deps.nowMs() + LIMITS.cache.maxFlightWaitMs;
    for (;;) {
      const joined = flights.join(key);
      if (joined === null) return { kind: "lead", flight: flights.lead(key) };
      const waitMs = giveUpAtMs - deps.nowMs();
      if (waitMs <= 0 || request.signal.aborted) return { kind: "beside" };
      const answer = await within(waitMs, request.signal, joined);
      if (answer === "late") return { kind: "beside" };
      if (answer === null) continue;
      if (isFresh(answer, request.ttlSeconds)) return { kind: "answer", answer };
      return { kind: "lead", flight: flights.lead(key) };
    }
  }

  function isFresh(answer: StoredAnswer, ttlSeconds: number): boolean {
    return deps.nowMs() - answer.storedAtMs < ttlSeconds * 1_000;
  }

  function isUsable(answer: StoredAnswer, { ttlSeconds, staleSeconds = 0 }: ShareRequest): boolean {
    return isFresh(answer, ttlSeconds + staleSeconds);
  }

  async function lead<Produced>(
    key: string,
    flight: Flight<StoredAnswer>,
    request: ShareRequest,
    produce: () => Promise<Production<Produced>>,
  ): Promise<Shared<Produced>> {
    try {
      const known = await read(deps, key);
      if (known !== null && isFresh(known, request.ttlSeconds)) {
        flight.land(known, isSmall(known));
        return hit(request, known, "hit_kv");
      }
      const joined = await joinOthers(key, request);
      const theirs = joined.kind === "answer" ? parseStored(deps, joined.answer) : null;
      if (theirs !== null && isFresh(theirs, request.ttlSeconds)) {
        flight.land(theirs, isSmall(theirs));
        return hit(request, theirs, "hit_elsewhere");
      }
      deps.logger.debug("cache_miss", { key });
      observe(request, "miss");
      const { answer, produced } = await produceFor(joined, produce);
      if (answer !== null) {
        const { value, modelId } = answer;
        const stored: StoredAnswer = { v: 1, value, modelId, storedAtMs: deps.nowMs() };
        flight.land(stored, isSmall(stored));
        await write(deps, key, stored, request.ttlSeconds + (request.staleSeconds ?? 0));
        return { kind: "produced", produced };
      }
      if (known === null || !isUsable(known, request)) return { kind: "produced", produced };
      observe(request, "stale");
      return { kind: "produced", produced, stale: { value: known.value, modelId: known.modelId } };
    } finally {
      flight.land(null, false);
    }
  }

  function joinOthers(key: string, request: ShareRequest): Promise<JoinedFlight> {
    if (request.acrossLocations !== true || deps.flights === undefined) return Promise.resolve(ALONE);
    return deps.flights.join(key, request.signal);
  }

  /** Those elsewhere hear of it before KV does, also of a production that came to nothing. */
  async function produceFor<Produced>(
    joined: JoinedFlight,
    produce: () => Promise<Production<Produced>>,
  ): Promise<Production<Produced>> {
    let told: string | null = null;
    try {
      const production = await produce();
      const { answer } = production;
      if (answer !== null) told = JSON.stringify({ v: 1, ...answer, storedAtMs: deps.nowMs() });
      return production;
    } finally {
      if (joined.kind === "lead") await joined.land(told);
    }
  }

  function observe(request: ShareRequest, lookup: CacheLookup): void {
    deps.observe?.(lookup, request.identity.model);
  }

  function hit(
    request: ShareRequest,
    answer: CachedAnswer,
    from: CacheLookup,
  ): { kind: "hit"; answer: CachedAnswer } {
    deps.logger.debug("cache_hit", { from });
    observe(request, from);
    return { kind: "hit", answer };
  }

  return {
    share: async (request, produce) => {
      const key = await resultKey(request.identity);
      const followed = await follow(key, request);
      switch (followed.kind) {
        case "answer":
          return hit(request, followed.answer, "hit_isolate");
        case "lead":
          return lead(key, followed.flight, request, produce);
        case "beside":
          observe(request, "beside");
          return { kind: "produced", produced: (await produce()).produced };
        default:
          return unreachable(followed);
      }
    },
  };
}

function isSmall(answer: StoredAnswer): boolean {
  return JSON.stringify(answer.value).length <= LIMITS.cache.maxRecentCharacters;
}

async function read(deps: ResultCacheDeps, key: string): Promise<StoredAnswer | null> {
  try {
    const text = await within(LIMITS.cache.readTimeoutMs, null, deps.kv.get(key, "text"));
    if (text === "late") deps.logger.warn("cache_slow");
    if (text === null || text === "late") return null;
    return parseStored(deps, text);
  } catch (thrown) {
    deps.logger.warn("cache_read_failed", { message: messageOf(thrown) });
  }
  return null;
}

const ALONE: JoinedFlight = { kind: "alone" };

function parseStored(deps: ResultCacheDeps, text: string): StoredAnswer | null {
  try {
    const parsed = cachedAnswerSchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // No JSON: the same as JSON of another shape.
  }
  deps.logger.warn("cache_unreadable");
  return null;
}

async function write(
  deps: ResultCacheDeps,
  key: string,
  answer: StoredAnswer,
  ttlSeconds: number,
): Promise<void> {
  const expirationTtl = Math.max(Math.ceil(ttlSeconds), LIMITS.cache.minTtlSeconds);
  try {
    const put = deps.kv.put(key, JSON.stringify(answer), { expirationTtl });
    const written = await within(LIMITS.cache.writeTimeoutMs, null, put);
    if (written === "late") deps.logger.warn("cache_slow");
  } catch (thrown) {
    deps.logger.warn("cache_write_failed", { message: messageOf(thrown) });
  }
}
