/**
 * What one event costs, in operations: by the kind of traffic, the ledger's setting and what the event is. Where a number is
 * counted, it says by what; where it is assumed, it says why. Pure.
 */
import type { IdempotencyMode } from "../../src/core/idempotency.ts";

export interface Operations {
  readonly workerRequests: number;
  readonly cpuMs: number;
  readonly queueMessages: number;
  readonly objectRequests: number;
  /** Wall-clock seconds in which an object is awake because of the event; 128 MB each. */
  readonly objectSeconds: number;
  readonly sqliteRows: number;
  readonly d1Rows: number;
  readonly kvReads: number;
  readonly kvWrites: number;
  readonly r2ClassA: number;
  readonly r2ClassB: number;
}

export interface Configuration {
  readonly name: string;
  /** Events a second in the whole gateway: about 20, about 1, or one in minutes that shares nothing with another. */
  readonly traffic: "full" | "busy" | "alone";
  readonly ledger: "none" | "rows";
  readonly ordering: "arrival" | "strict";
  /** Part of the events whose answer the result cache has; null: no cache. */
  readonly cacheHits: number | null;
  readonly largeBody: boolean;
  readonly idempotency: IdempotencyMode;
}

/** By `npm run bench:partition -- --only costs`: one delivery, retention included; rows are the cursor's and the alarms'. */
const COUNTED = {
  alone: { sqliteRows: 5 + 2, objectRequests: 4 },
  busy: { sqliteRows: 4.01 + 0.01, objectRequests: 2.33 },
  full: { sqliteRows: 4.01 + 0.01, objectRequests: 2.33 },
} as const;

/** Events that share an invocation of the consumer (`max_batch_size`), and its message to telemetry. */
const BATCH = { alone: 1, busy: 5, full: 5 } as const;
/** Ingest isolates send their counts at most every 10 s: at one event a second, one message for ten. Consumers' ride along. */
const COUNT_MESSAGES = { alone: 1, busy: 0.1, full: 0.02 } as const;
/** Own work of ingest and consumer, assumed: a few times what the bench of ingest shows. */
const CPU_MS = { ingest: 2, consumer: 4 } as const;
/**
 * An object's answer takes milliseconds. A guard stays awake for up to a second after a call, until its state is
 * written, which a lonely event pays for alone.
 */
const OBJECT_SECONDS = { alone: 0.02 + 1, busy: 0.02 + 0.2, full: 0.02 + 0.05 } as const;
const GUARD_ROWS = { alone: 1, busy: 0.2, full: 0.05 } as const;
/** Telemetry batches wait 5 s for more: at one event a second five events share what is written once per batch. */
const TELEMETRY_BATCH = { alone: 1, busy: 5, full: 50 } as const;
/** A row of the rollups per source, pipeline and state in a batch; a part of the counts, written and joined (deleted). */
const D1_PER_BATCH = 2 + 2;
/** A success as a row of its own: the table and its three indexes. */
const D1_PER_SUCCESS = 4;

export function operationsOf(configuration: Configuration): Operations {
  const { traffic, ledger, ordering, cacheHits, largeBody, idempotency } = configuration;
  const batch = BATCH[traffic];
  const isStrict = ordering === "strict";
  // A strict event goes into its partition at once, and its lane is rung only while nobody drives.
  const laneMessages = isStrict ? 1 / batch : 1;
  return {
    workerRequests: 1 + 1 / batch,
    cpuMs: CPU_MS.ingest + CPU_MS.consumer,
    queueMessages: laneMessages + 1 / batch + COUNT_MESSAGES[traffic],
    objectRequests: COUNTED[traffic].objectRequests + (isStrict ? 1 : 0),
    objectSeconds: OBJECT_SECONDS[traffic],
    sqliteRows: COUNTED[traffic].sqliteRows + GUARD_ROWS[traffic],
    d1Rows: D1_PER_BATCH / TELEMETRY_BATCH[traffic] + (ledger === "rows" ? D1_PER_SUCCESS : 0),
    // A strict event is not looked up at the edge: its partition answers before it is acknowledged.
    kvReads: (cacheHits === null ? 0 : 1) + (isStrict || idempotency === "off" ? 0 : 1),
    kvWrites: (cacheHits === null ? 0 : 1 - cacheHits) + (isStrict || idempotency !== "results" ? 0 : 1),
    r2ClassA: largeBody ? 1 : 0,
    r2ClassB: largeBody ? 1 : 0,
  };
}

/** Rows the cron writes each minute: sample, readings, watch state, totals, minute; and as many deletes as they age. */
export const CRON_ROWS_PER_MINUTE = 5 + 3;

export const CONFIGURATIONS: readonly Configuration[] = [
  configuration("20 a second, ledger on exceptions", { traffic: "full" }),
  configuration("1 a second, ledger on exceptions", {}),
  configuration("1 a second, every success a row", { ledger: "rows" }),
  configuration("1 a second, `strict`", { ordering: "strict" }),
  configuration('20 a second, `idempotency: "off"`', { traffic: "full", idempotency: "off" }),
  configuration('1 a second, `idempotency: "results"`', { idempotency: "results" }),
  configuration("1 a second, result cache, half of it hits", { cacheHits: 0.5 }),
  configuration("1 a second, bodies over 120 KB", { largeBody: true }),
  configuration("alone, ledger on exceptions", { traffic: "alone" }),
  configuration("alone, every success a row", { traffic: "alone", ledger: "rows" }),
];

function configuration(name: string, change: Partial<Configuration>): Configuration {
  return {
    name,
    traffic: "busy",
    ledger: "none",
    ordering: "arrival",
    cacheHits: null,
    largeBody: false,
    idempotency: "duplicates",
    ...change,
  };
}
