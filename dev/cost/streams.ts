/**
 * What one stream costs, in operations: an answer of 20 s at 50 tokens a second, as `operations.ts` has it for events. Rows are counted by
 * the stream's own machine; CPU is the bench's. Pure.
 */
import { LIMITS } from "../../src/config/limits.ts";
import { append, begin, finish, flush, nextFlushMs, type Step } from "../../src/core/stream/machine.ts";
import type { Operations } from "./operations.ts";

const SECONDS = 20;
const TOKENS_PER_SECOND = 50;
const TOKENS = SECONDS * TOKENS_PER_SECOND;

/**
 * Per frame, of the whole runtime's process (`npm run bench:stream` on an idle machine of two cores): what is billed is the part of it
 * that runs JavaScript, so these are upper bounds.
 */
const CPU_MICROS_PER_FRAME = { verbatim: 80, relay: 170, resumable: 190, view: 90 } as const;
/** Before the first frame and after the last, assumed: as an ingested event. */
const CPU_MS_PER_START = 2;

/** A share of a block of permits, and of what settles them: assumed, as for a busy consumer. */
const GUARD = { requests: 0.2, rows: 0.2 } as const;
/** An object is woken once more, to delete everything; once a stream, the next one's object is made ready. */
const OBJECT = { start: 1, ready: 1, retention: 1 } as const;
/** The record; an alarm when it is made ready, and one for its deletion. */
const ROWS_BESIDE_FRAMES = 1 + 2;
/** What is counted waits for company this long, with the object awake. */
const REPORT_SECONDS = LIMITS.streams.reportAfterMs / 1_000;
const COUNT_MESSAGES = 0.1;

export interface StreamConfiguration {
  readonly name: string;
  readonly kind: "verbatim" | "relay" | "resumable";
  /** Connections that read it beside the one that started it: other tabs, reloads. */
  readonly views: number;
}

export const STREAM_CONFIGURATIONS: readonly StreamConfiguration[] = [
  { name: "chat completion, `verbatim`", kind: "verbatim", views: 0 },
  { name: "relay, chat completion", kind: "relay", views: 0 },
  { name: "resumable, read as it is started", kind: "resumable", views: 0 },
  { name: "resumable, and read by three more connections", kind: "resumable", views: 3 },
];

export function streamOperationsOf({ kind, views }: StreamConfiguration): Operations {
  const isOwned = kind === "resumable";
  const framesMs = (TOKENS * (CPU_MICROS_PER_FRAME[kind] + views * CPU_MICROS_PER_FRAME.view)) / 1_000;
  return {
    workerRequests: 1 + views,
    cpuMs: CPU_MS_PER_START + framesMs,
    queueMessages: COUNT_MESSAGES,
    objectRequests: GUARD.requests + (isOwned ? OBJECT.start + OBJECT.ready + OBJECT.retention + views : 0),
    objectSeconds: isOwned ? SECONDS + REPORT_SECONDS : 0,
    sqliteRows: GUARD.rows + (isOwned ? ROWS_BESIDE_FRAMES + chunkRows() : 0),
    d1Rows: 0,
    kvReads: 0,
    kvWrites: 0,
    r2ClassA: 0,
    r2ClassB: 0,
  };
}

/** Rows of frames that the machine stores for this answer. */
export function chunkRows(): number {
  const limits = LIMITS.streams;
  const everyMs = 1_000 / TOKENS_PER_SECOND;
  const record = {
    v: 1,
    id: "",
    model: "",
    startedAtMs: 0,
    deadlineMs: limits.maxLifeMs,
    inputTokens: 0,
  } as const;
  let log = begin(record);
  let rows = 0;
  const take = (step: Step) => {
    log = step.log;
    if (step.store !== null) rows += 1;
  };
  for (let token = 1; token <= TOKENS; token++) {
    const nowMs = token * everyMs;
    const dueMs = nextFlushMs(log, limits);
    if (dueMs !== null && dueMs <= nowMs) take(flush(log, dueMs, limits));
    take(append(log, "word ", nowMs, limits));
  }
  const usage = { inputTokens: 0, outputTokens: TOKENS, estimated: false };
  take(finish(log, { kind: "done", finishReason: "stop", usage }, SECONDS * 1_000, limits));
  return rows;
}
