/**
 * The idempotency cache in KV: what ingest answers duplicates from, written by consumers from what the partition has
 * committed. Never throws, never waits for long, never decides: what it does not know, the partition does.
 * Spec: docs/spec/idempotency.md.
 */
import type { Source } from "../config/define-source.ts";
import { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventSummary } from "../core/event-summary.ts";
import {
  changeOnEnd,
  keepSeconds,
  knownEnd,
  readKnownEnd,
  writeKnownEnd,
  type KnownEnd,
} from "../core/idempotency.ts";
import { jurisdictionOf, type EventId, type Jurisdiction, type PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { OfferedVerdict } from "../core/partition/commands.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { within } from "./within.ts";

/** KV, as far as it is needed. */
export interface IdempotencyStore {
  get(key: string, type: "text"): Promise<string | null>;
  get(keys: string[], type: "text"): Promise<Map<string, string | null>>;
  put(key: string, value: string, options: { readonly expirationTtl: number }): Promise<void>;
  delete(key: string): Promise<void>;
  list(options: { readonly prefix: string; readonly cursor?: string }): Promise<KeyPage>;
}

type KeyPage = { readonly keys: readonly { readonly name: string }[] } & (
  | { readonly list_complete: true }
  | { readonly list_complete: false; readonly cursor: string }
);

export interface IdempotencyCache {
  /** In the ids' order; null unless all of them are known. Takes at most `lookUpMs`. */
  lookUp(source: string, ids: readonly EventId[]): Promise<readonly KnownEnd[] | null>;
  seenAgain(envelope: EventEnvelope, verdict: OfferedVerdict): void;
  ended(envelope: EventEnvelope, end: EventSummary, body: JsonValue | undefined): void;
  /** Deletes what is stored of a partition's events. @throws when KV does: the caller erases again */
  erase(partition: PartitionName): Promise<void>;
}

export interface IdempotencyDeps {
  readonly sources: ReadonlyMap<string, Source>;
  /** null: events of this jurisdiction have none. */
  readonly storeOf: (jurisdiction: Jurisdiction) => IdempotencyStore | null;
  readonly nowMs: () => number;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly logger: Logger;
  readonly metricsOf?: (jurisdiction: Jurisdiction) => Metrics;
}

const limits = {
  ...LIMITS.idempotency,
  rememberIdsMs: LIMITS.partition.rememberIdsMs,
  maxResultBytes: LIMITS.partition.maxToldResultBytes,
};

export function createIdempotencyCache(deps: IdempotencyDeps): IdempotencyCache {
  const { sources, storeOf, nowMs, waitUntil, logger, metricsOf } = deps;
  /** Values alone, shared by all requests of the isolate: one that leaves takes nothing with it. */
  let passedInARow = 0;
  let askAgainAtMs = 0;
  const writtenAtMs = new Map<EventId, number>();

  /** null: passed by. */
  async function read(
    store: IdempotencyStore,
    ids: readonly EventId[],
  ): Promise<readonly (string | null)[] | null> {
    if (ids.length > limits.maxLookedUp || nowMs() < askAgainAtMs) return null;
    try {
      const texts = await within(limits.lookUpMs, null, textsOf(store, ids));
      if (texts !== "late") {
        passedInARow = 0;
        return texts;
      }
    } catch (thrown) {
      logger.warn("idempotency_read_failed", { message: messageOf(thrown) });
    }
    passedInARow++;
    if (passedInARow >= limits.maxPassedInARow) askAgainAtMs = nowMs() + limits.restMs;
    return null;
  }

  /** The source, where its events are looked up at all: only of those anything is written. */
  function sourceOf({ source: name, policy, parent, pipeline }: EventEnvelope): Source | null {
    const source = sources.get(name);
    if (source === undefined || source.idempotency === "off") return null;
    if (parent !== null || policy.ordering === "strict") return null;
    const isSync = source.routes.some(
      ({ pipeline: { name: routed }, options }) => routed === pipeline && options.mode === "sync",
    );
    return isSync ? null : source;
  }

  function write(event: string, id: EventId, writing: () => Promise<void>): void {
    const run = async () => {
      try {
        if ((await within(limits.writeTimeoutMs, null, writing())) === "late") {
          logger.warn("idempotency_slow", { event_id: id });
        }
      } catch (thrown) {
        logger.warn(event, { event_id: id, message: messageOf(thrown) });
      }
    };
    waitUntil(run());
  }

  function keep(store: IdempotencyStore, source: Source, { id, policy }: EventEnvelope, end: KnownEnd): void {
    noteWrite(id);
    const { retryWindowMs = null } = source.verify.scheme.notes ?? {};
    const expirationTtl = keepSeconds(end, retryWindowMs, policy.retainMs, limits);
    write("idempotency_write_failed", id, () => store.put(id, writeKnownEnd(end), { expirationTtl }));
  }

  /** Set anew, so that the map's order is the order of age. */
  function noteWrite(id: EventId): void {
    writtenAtMs.delete(id);
    writtenAtMs.set(id, nowMs());
    for (const oldest of writtenAtMs.keys()) {
      if (writtenAtMs.size <= limits.maxRecentWrites) return;
      writtenAtMs.delete(oldest);
    }
  }

  function isWrittenLately(id: EventId): boolean {
    return nowMs() - (writtenAtMs.get(id) ?? Number.NEGATIVE_INFINITY) < limits.writeAgainMs;
  }

  return {
    async lookUp(name, ids) {
      const source = sources.get(name);
      if (source === undefined || source.idempotency === "off") return null;
      const store = storeOf(source.jurisdiction);
      if (store === null) return null;
      const metrics = metricsOf?.(source.jurisdiction);
      const count = (outcome: "hit" | "miss" | "passed_by", amount: number) =>
        metrics?.count("sluice_idempotency_lookups_total", { source: name, outcome }, amount);
      const texts = await read(store, ids);
      if (texts === null) {
        count("passed_by", ids.length);
        return null;
      }
      const ends = texts.flatMap((text) => (text === null ? [] : (readKnownEnd(text) ?? [])));
      count("hit", ends.length);
      count("miss", ids.length - ends.length);
      return ends.length === ids.length ? ends : null;
    },
    seenAgain(envelope, { state, result }) {
      const source = sourceOf(envelope);
      const end = knownEnd(state, result, limits.maxResultBytes);
      const store = source && storeOf(jurisdictionOf(envelope.partition));
      if (source === null || store === null || end === null || isWrittenLately(envelope.id)) return;
      keep(store, source, envelope, end);
    },
    ended(envelope, { state, version }, body) {
      const source = sourceOf(envelope);
      const store = source && storeOf(jurisdictionOf(envelope.partition));
      if (source === null || store === null) return;
      const end = knownEnd(state, body, limits.maxResultBytes);
      const change = changeOnEnd(source.idempotency, end, version);
      if (change === "keep" && end !== null) keep(store, source, envelope, end);
      if (change === "forget") {
        const { id } = envelope;
        write("idempotency_forget_failed", id, () => store.delete(id));
      }
    },
    async erase(partition) {
      const store = storeOf(jurisdictionOf(partition));
      if (store === null) return;
      let cursor: string | undefined;
      do {
        const found = await store.list({
          prefix: `evt_${partition}_`,
          ...(cursor === undefined ? {} : { cursor }),
        });
        await Promise.all(found.keys.map(({ name }) => store.delete(name)));
        cursor = found.list_complete ? undefined : found.cursor;
      } while (cursor !== undefined);
    },
  };
}

async function textsOf(
  store: IdempotencyStore,
  ids: readonly EventId[],
): Promise<readonly (string | null)[]> {
  const [only, ...others] = ids;
  if (only === undefined) return [];
  if (others.length === 0) return [await store.get(only, "text")];
  const textById = await store.get([...ids], "text");
  return ids.map((id) => textById.get(id) ?? null);
}
