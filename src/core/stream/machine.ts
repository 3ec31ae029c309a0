/**
 * The log's decisions: (log, what happened, now, limits) → new log and what is to be stored. No platform, no
 * clock. A frame may be shown as soon as it is in the log; a chunk is stored before the next thing happens.
 * States, transitions and invariants: docs/spec/stream.md.
 */
import {
  FIRST_ID,
  hasEnded,
  isEnding,
  type Chunk,
  type Ending,
  type Frame,
  type FrameBody,
  type StreamLimits,
  type StreamLog,
  type StreamRecord,
  type StreamState,
  type StreamUsage,
} from "./model.ts";

export interface Step {
  readonly log: StreamLog;
  readonly store: Chunk | null;
}

/** A generation whose record has just been stored. Its first frame follows from the record, so it is durable. */
export function begin(record: StreamRecord): StreamLog {
  return {
    record,
    state: "starting",
    lastId: FIRST_ID,
    storedId: FIRST_ID,
    tail: [{ id: FIRST_ID, body: { kind: "start" } }],
    unstoredCharacters: 0,
    unstoredSinceMs: record.startedAtMs,
    endedAtMs: null,
  };
}

/** A piece of the answer. After the end it changes nothing: an upstream may still be talking. */
export function append(log: StreamLog, text: string, nowMs: number, limits: StreamLimits): Step {
  if (hasEnded(log) || text === "") return { log, store: null };
  const bodies = splitText(text, limits.maxFrameCharacters).map((piece): FrameBody => ({
    kind: "text",
    text: piece,
  }));
  const next = extend(log, bodies, nowMs);
  return storeIfDue({ ...next, state: "streaming" }, nowMs, limits);
}

/** Pieces that came together. Stored as if each had come by itself, so that no row grows with them. */
export function appendAll(
  log: StreamLog,
  texts: readonly string[],
  nowMs: number,
  limits: StreamLimits,
): { readonly log: StreamLog; readonly stores: readonly Chunk[] } {
  const stores: Chunk[] = [];
  let current = log;
  for (const text of texts.flatMap((one) => splitText(one, limits.maxFrameCharacters))) {
    const step = append(current, text, nowMs, limits);
    current = step.log;
    if (step.store !== null) stores.push(step.store);
  }
  return { log: current, stores };
}

/** Time has passed. */
export function flush(log: StreamLog, nowMs: number, limits: StreamLimits): Step {
  return storeIfDue(log, nowMs, limits);
}

/** When `flush` must be called at the latest; null: nothing is unstored. */
export function nextFlushMs(log: StreamLog, limits: StreamLimits): number | null {
  return log.lastId === log.storedId ? null : log.unstoredSinceMs + limits.maxUnstoredMs;
}

/** The one end. A second one changes nothing, so a stop that comes late stops nothing. */
export function finish(log: StreamLog, ending: Ending, nowMs: number, limits: StreamLimits): Step {
  if (hasEnded(log)) return { log, store: null };
  const ended = { ...extend(log, [ending], nowMs), state: stateAfter(ending), endedAtMs: nowMs };
  return store(ended, nowMs, limits);
}

/** What storage says about a log whose object is gone. */
export interface StoredLog {
  readonly record: StreamRecord;
  readonly lastChunk: Chunk | null;
}

/**
 * The log as it is stored. If it had not ended, nobody is generating any more: it ends here, `interrupted`. Viewers may have
 * been shown frames that were never stored, so the ids they can have are left out, and a rewind comes before the end.
 */
export function recover(
  stored: StoredLog,
  usage: () => StreamUsage | null,
  nowMs: number,
  limits: StreamLimits,
): Step {
  const { record, lastChunk } = stored;
  const storedId = lastChunk?.lastId ?? FIRST_ID;
  const open = begin(record);
  const last = lastChunk?.frames.at(-1)?.body;
  const log: StreamLog = {
    ...open,
    lastId: storedId,
    storedId,
    tail: lastChunk?.frames ?? open.tail,
    state: lastChunk === null ? "starting" : "streaming",
    unstoredSinceMs: nowMs,
  };
  if (lastChunk !== null && last !== undefined && isEnding(last)) {
    return { log: { ...log, state: stateAfter(last), endedAtMs: lastChunk.storedAtMs }, store: null };
  }
  const skipped = { ...log, lastId: lastShownId(stored, limits) };
  const rewound = extend(skipped, [{ kind: "rewind", toId: storedId }], nowMs);
  return finish(rewound, interrupted(usage()), nowMs, limits);
}

/**
 * The model is asked once more, by choice. What was said no longer counts: its rows go, and the log goes on with a rewind to its
 * start, so that nobody has anything replaced in silence. Ids go on as well: whoever has seen the old frames, and even their
 * end, is after them and before the rewind.
 *
 * @param lastId no id up to this is given again
 */
export function reopen(
  record: StreamRecord,
  lastId: number,
  nowMs: number,
): { log: StreamLog; store: Chunk } {
  const id = lastId + 1;
  const frames: readonly Frame[] = [{ id, body: { kind: "rewind", toId: FIRST_ID } }];
  const log = { ...begin(record), lastId: id, storedId: id, tail: frames, unstoredSinceMs: nowMs };
  return { log, store: { firstId: id, lastId: id, storedAtMs: nowMs, frames } };
}

/** The last id that anybody can have seen of a log whose object is gone. */
export function lastShownId({ lastChunk }: StoredLog, limits: StreamLimits): number {
  const last = lastChunk?.frames.at(-1);
  const storedId = lastChunk?.lastId ?? FIRST_ID;
  return last !== undefined && isEnding(last.body) ? storedId : storedId + limits.idsPerRestart;
}

/** Whether what is stored waits for somebody to generate. */
export function isOpen({ lastChunk }: StoredLog): boolean {
  const last = lastChunk?.frames.at(-1);
  return last === undefined || !isEnding(last.body);
}

export function interrupted(usage: StreamUsage | null): Ending {
  return { kind: "error", class: "transient", code: "interrupted", usage };
}

/** Where a viewer begins: after the frame it names. What was never given counts as everything so far. */
export function attach(log: StreamLog, after: number): number {
  return Math.min(Math.max(0, after), log.lastId);
}

/**
 * The frames after a cursor, as far as memory has them: replay and live are the same read. `stored`: the viewer is
 * behind what memory holds and reads on from storage; nothing is buffered for it.
 */
export function framesAfter(log: StreamLog, cursor: number): readonly Frame[] | "stored" {
  if (cursor >= log.lastId) return [];
  const first = log.tail[0];
  if (first === undefined || (first.id > FIRST_ID && cursor < first.id - 1)) return "stored";
  return log.tail.slice(firstAfter(log.tail, cursor));
}

/** Whoever watches is near the end, so that it is looked for from there. */
function firstAfter(tail: readonly Frame[], cursor: number): number {
  let from = tail.length;
  while (from > 0 && (tail[from - 1]?.id ?? 0) > cursor) from -= 1;
  return from;
}

export type Watch =
  /** Look again then. */
  | { readonly kind: "wait"; readonly atMs: number }
  /** Nobody generates any more, or nothing may take so long. */
  | { readonly kind: "interrupt" }
  /** Past its retention: everything goes. */
  | { readonly kind: "retire" };

/** What the alarm has to do. There is always a next time until everything is gone. */
export function watch(log: StreamLog, nowMs: number, isGenerating: boolean, limits: StreamLimits): Watch {
  if (log.endedAtMs !== null) {
    const retireAtMs = log.endedAtMs + limits.retentionMs;
    return nowMs >= retireAtMs ? { kind: "retire" } : { kind: "wait", atMs: retireAtMs };
  }
  if (!isGenerating || nowMs >= log.record.deadlineMs) return { kind: "interrupt" };
  return { kind: "wait", atMs: Math.min(nowMs + limits.watchdogMs, log.record.deadlineMs) };
}

function extend(log: StreamLog, bodies: readonly FrameBody[], nowMs: number): StreamLog {
  const frames = bodies.map((body, index) => ({ id: log.lastId + 1 + index, body }));
  const characters = bodies.reduce((sum, body) => sum + (body.kind === "text" ? body.text.length : 0), 0);
  return {
    ...log,
    tail: [...log.tail, ...frames],
    lastId: log.lastId + frames.length,
    unstoredCharacters: log.unstoredCharacters + characters,
    unstoredSinceMs: log.lastId === log.storedId ? nowMs : log.unstoredSinceMs,
  };
}

/**
 * A row costs as much as a page of them, so that a slow model's frames are gathered: a row is due when it is worth it, when
 * too much would be lost with the object, or when its oldest frame has waited long enough.
 */
function storeIfDue(log: StreamLog, nowMs: number, limits: StreamLimits): Step {
  const frames = log.tail.length - firstAfter(log.tail, log.storedId);
  const waitedMs = nowMs - log.unstoredSinceMs;
  const due =
    frames > 0 &&
    ((frames >= limits.flushFrames && waitedMs >= limits.flushMs) ||
      log.unstoredCharacters >= limits.maxUnstoredCharacters ||
      frames >= limits.maxUnstoredFrames ||
      waitedMs >= limits.maxUnstoredMs);
  return due ? store(log, nowMs, limits) : { log, store: null };
}

function store(log: StreamLog, nowMs: number, limits: StreamLimits): Step {
  const frames = unstored(log);
  const first = frames[0];
  const chunk =
    first === undefined ? null : { firstId: first.id, lastId: log.lastId, storedAtMs: nowMs, frames };
  const tail = log.tail.slice(-limits.tailFrames);
  return { log: { ...log, tail, storedId: log.lastId, unstoredCharacters: 0 }, store: chunk };
}

function unstored({ tail, storedId }: StreamLog): readonly Frame[] {
  return tail.slice(firstAfter(tail, storedId));
}

function stateAfter(ending: Ending): StreamState {
  if (ending.kind !== "error") return ending.kind;
  return ending.code === "interrupted" ? "interrupted" : "error";
}

/** Pieces that fit a frame, never cut inside a code point. */
function splitText(text: string, maxCharacters: number): readonly string[] {
  if (text.length <= maxCharacters) return [text];
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    let to = Math.min(text.length, from + maxCharacters);
    const code = text.charCodeAt(to - 1);
    if (to < text.length && code >= 0xd800 && code <= 0xdbff) to -= 1;
    pieces.push(text.slice(from, to));
    from = to;
  }
  return pieces;
}
