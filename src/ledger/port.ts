/**
 * The ledger as the rest of the gateway sees it: what was told of events, found again. A projection for operators; the
 * partitions are the truth. Every method may throw when D1 is down, and nothing on an event's way calls one.
 */
import type { EventSummary } from "../core/event-summary.ts";
import type { EventId, PartitionName } from "../core/ids.ts";

export type LedgerState = EventSummary["state"];

/** What an operator has to deal with, or would miss: always kept as rows, and re-sent by its partition until it is. */
export const EXCEPTION_STATES: ReadonlySet<LedgerState> = new Set(["dead", "review", "expired"]);

/** Every condition must hold; an absent one always does. */
export interface EventFilter {
  /** Any of these. */
  readonly states?: readonly LedgerState[] | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly pipeline?: string | undefined;
  readonly partition?: PartitionName | undefined;
  /** As in `partitionKey`: `space:key`. */
  readonly customer?: string | undefined;
  /** The sender's own id of the delivery. */
  readonly dedupeKey?: string | undefined;
  /** The failure's code. */
  readonly code?: string | undefined;
  readonly late?: boolean | undefined;
  /** By the time of acceptance; `toMs` is not included. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
}

/** Where a page ended: the time that its list is sorted by, and the id. */
export interface LedgerPosition {
  readonly atMs: number;
  readonly id: string;
}

/** By acceptance, or (`longest-waiting`, for what is in review) by the time since when a person is waited for. */
export type ListOrder = "newest" | "oldest" | "longest-waiting";

export interface EventPageRequest {
  readonly filter: EventFilter;
  readonly order: ListOrder;
  readonly limit: number;
  readonly after: LedgerPosition | null;
}

/** A page may hold fewer events than were asked for, even none, and have a next one: a look-up reads a bounded number of rows. */
export interface EventPage {
  readonly events: readonly EventSummary[];
  readonly next: LedgerPosition | null;
}

/** What ended in one span of time, for one source, pipeline, state and failure code. */
export interface Rollup {
  readonly fromMs: number;
  readonly source: string;
  readonly pipeline: string;
  readonly state: LedgerState;
  /** The failure's code; empty where nothing failed. */
  readonly code: string;
  readonly ended: number;
  readonly late: number;
  readonly retried: number;
  /** From acceptance to end, summed up and counted by `LATENCY_BOUNDS_MS`. */
  readonly latencyMs: number;
  readonly latencyCounts: readonly number[];
  /** Answers that a model was asked for, and those that came from the cache. */
  readonly modelCalls: number;
  readonly modelCached: number;
  readonly modelMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicros: number;
}

export interface RollupRequest {
  readonly fromMs: number;
  readonly toMs: number;
  /** Minutes are added up to spans of this length. */
  readonly stepMs: number;
  readonly source?: string;
  readonly pipeline?: string;
}

/** Exceptions nobody has dealt with yet. */
export interface ExceptionCount {
  readonly state: LedgerState;
  readonly pipeline: string;
  readonly count: number;
  readonly oldestEndedAtMs: number | null;
}

export interface EventLedger {
  list(request: EventPageRequest): Promise<EventPage>;
  find(id: EventId): Promise<EventSummary | null>;
  rollups(request: RollupRequest): Promise<readonly Rollup[]>;
  exceptions(): Promise<readonly ExceptionCount[]>;
  /** Forgets what it knows of a partition's events. */
  erase(partition: PartitionName): Promise<void>;
}
