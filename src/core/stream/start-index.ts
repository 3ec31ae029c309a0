/**
 * What one user (or one API token) has started: a short list that answers "how many are open", "how many in the last minute"
 * and "which". Pure. An entry whose end was never reported counts as ended once its time is over.
 */
import type { StreamState } from "./model.ts";

export interface IndexEntry {
  readonly id: string;
  readonly model: string;
  readonly startedAtMs: number;
  /** No generation outlives this. */
  readonly deadlineMs: number;
  readonly endedAtMs: number | null;
  readonly state: StreamState;
}

export interface StartLimits {
  readonly startsPerMinute: number;
  readonly maxConcurrent: number;
}

export interface IndexLimits {
  /** Entries kept; beyond it the oldest that have ended go. */
  readonly maxEntries: number;
  /** As long as a stream can be read after its end. */
  readonly retentionMs: number;
}

export type Opened =
  | { readonly kind: "opened"; readonly entries: readonly IndexEntry[] }
  | { readonly kind: "refused"; readonly reason: "starts" | "concurrency"; readonly retryAtMs: number };

const MINUTE_MS = 60_000;

export function openStart(
  entries: readonly IndexEntry[],
  start: Omit<IndexEntry, "endedAtMs" | "state">,
  { startsPerMinute, maxConcurrent }: StartLimits,
  limits: IndexLimits,
): Opened {
  const nowMs = start.startedAtMs;
  const kept = prune(entries, nowMs, limits).filter(({ id }) => id !== start.id);
  const recent = kept.filter(({ startedAtMs }) => startedAtMs > nowMs - MINUTE_MS);
  if (recent.length >= startsPerMinute) {
    // When enough of them are more than a minute old.
    const next = recent.map(({ startedAtMs }) => startedAtMs).sort((left, right) => left - right);
    const since = next[recent.length - startsPerMinute] ?? nowMs;
    return { kind: "refused", reason: "starts", retryAtMs: since + MINUTE_MS };
  }
  const open = kept.filter((entry) => isOpenAt(entry, nowMs));
  if (open.length >= maxConcurrent) {
    return { kind: "refused", reason: "concurrency", retryAtMs: nowMs + RETRY_CONCURRENCY_MS };
  }
  return { kind: "opened", entries: [...kept, { ...start, endedAtMs: null, state: "starting" }] };
}

/** Nobody can say when one of them will end; soon enough to be tried again. */
const RETRY_CONCURRENCY_MS = 2_000;

/** The same list when there is nothing to change. */
export function endStart(
  entries: readonly IndexEntry[],
  id: string,
  state: StreamState,
  nowMs: number,
): readonly IndexEntry[] {
  return entries.map((entry) =>
    entry.id === id && entry.endedAtMs === null ? { ...entry, state, endedAtMs: nowMs } : entry,
  );
}

/** Newest first, as they are now. */
export function listStarts(
  entries: readonly IndexEntry[],
  nowMs: number,
  limits: IndexLimits,
): readonly IndexEntry[] {
  return prune(entries, nowMs, limits)
    .map((entry) => (entry.endedAtMs === null && !isOpenAt(entry, nowMs) ? lost(entry) : entry))
    .toSorted((left, right) => right.startedAtMs - left.startedAtMs);
}

/** When the last entry is of no more use; null: there is none. */
export function emptyAtMs(entries: readonly IndexEntry[], { retentionMs }: IndexLimits): number | null {
  return entries.length === 0 ? null : Math.max(...entries.map((entry) => endOf(entry) + retentionMs));
}

function prune(entries: readonly IndexEntry[], nowMs: number, limits: IndexLimits): readonly IndexEntry[] {
  const readable = entries.filter((entry) => endOf(entry) + limits.retentionMs > nowMs);
  let surplus = readable.length - limits.maxEntries + 1;
  return readable.filter((entry) => {
    if (surplus <= 0 || isOpenAt(entry, nowMs)) return true;
    surplus -= 1;
    return false;
  });
}

function isOpenAt({ endedAtMs, deadlineMs }: IndexEntry, nowMs: number): boolean {
  return endedAtMs === null && deadlineMs > nowMs;
}

function endOf({ endedAtMs, deadlineMs }: IndexEntry): number {
  return endedAtMs ?? deadlineMs;
}

function lost(entry: IndexEntry): IndexEntry {
  return { ...entry, state: "interrupted", endedAtMs: entry.deadlineMs };
}
