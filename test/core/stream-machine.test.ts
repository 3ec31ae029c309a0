import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import {
  append,
  appendAll,
  attach,
  begin,
  finish,
  flush,
  framesAfter,
  nextFlushMs,
  recover,
  watch,
} from "../../src/core/stream/machine.ts";
import type { Ending, StreamLog, StreamRecord, StreamState } from "../../src/core/stream/model.ts";

const limits = LIMITS.streams;
const USAGE = { inputTokens: 3, outputTokens: 5, estimated: false };
const RECORD: StreamRecord = {
  v: 1,
  id: "strm_1",
  model: "fast",
  startedAtMs: 1_000,
  deadlineMs: 70_000,
  inputTokens: 3,
};
const DONE: Ending = { kind: "done", finishReason: "stop", usage: USAGE };
const STOPPED: Ending = { kind: "stopped", usage: USAGE };
const FAILED: Ending = { kind: "error", class: "transient", code: "cut", usage: USAGE };
const INTERRUPTED: Ending = { kind: "error", class: "transient", code: "interrupted", usage: null };

const starting = begin(RECORD);
const streaming = append(starting, "a", 1_000, limits).log;
const logIn = (state: StreamState): StreamLog => {
  if (state === "starting") return starting;
  if (state === "streaming") return streaming;
  const ending = { done: DONE, stopped: STOPPED, error: FAILED, interrupted: INTERRUPTED }[state];
  return finish(streaming, ending, 1_001, limits).log;
};

describe("transitions", () => {
  it.each<[StreamState, string, StreamState]>([
    ["starting", "text", "streaming"],
    ["starting", "done", "done"],
    ["starting", "stop", "stopped"],
    ["starting", "fail", "error"],
    ["starting", "interrupt", "interrupted"],
    ["streaming", "text", "streaming"],
    ["streaming", "done", "done"],
    ["streaming", "stop", "stopped"],
    ["streaming", "fail", "error"],
    ["streaming", "interrupt", "interrupted"],
    ...(["done", "stopped", "error", "interrupted"] as const).flatMap((state) =>
      ["text", "done", "stop", "fail", "interrupt"].map((what): [StreamState, string, StreamState] => [
        state,
        what,
        state,
      ]),
    ),
  ])("%s, on %s, is %s", (from, what, to) => {
    const before = logIn(from);
    const step =
      what === "text"
        ? append(before, "x", 2_000, limits)
        : finish(before, { done: DONE, stop: STOPPED, fail: FAILED }[what] ?? INTERRUPTED, 2_000, limits);
    expect(step.log.state).toBe(to);
    if (from !== "starting" && from !== "streaming") expect(step).toEqual({ log: before, store: null });
  });
});

/** Appends one frame every `everyMs` and counts the rows. */
function rowsFor(frames: number, everyMs: number, text = "word "): number {
  let log = begin(RECORD);
  let rows = 0;
  for (let index = 0; index < frames; index++) {
    const nowMs = RECORD.startedAtMs + index * everyMs;
    const dueMs = nextFlushMs(log, limits);
    if (dueMs !== null && dueMs < nowMs) {
      const step = flush(log, dueMs, limits);
      rows += step.store === null ? 0 : 1;
      log = step.log;
    }
    const step = append(log, text, nowMs, limits);
    rows += step.store === null ? 0 : 1;
    log = step.log;
  }
  const end = finish(log, DONE, RECORD.startedAtMs + frames * everyMs, limits);
  return rows + (end.store === null ? 0 : 1);
}

describe("storing", () => {
  it.each([
    ["20 tokens a second", 400, 50],
    ["50 tokens a second", 1_000, 20],
    ["125 tokens a second", 1_000, 8],
    ["1,000 tokens a second", 1_000, 1],
    ["all at once", 1_000, 0],
  ])("takes at most a row for 20 frames, and one for the end: %s", (_, frames, everyMs) => {
    expect(rowsFor(frames, everyMs)).toBeLessThanOrEqual(frames / 20 + 1);
  });

  it("of a model slower than that takes at most a row a second", () => {
    expect(rowsFor(30, 500)).toBeLessThanOrEqual(17);
  });

  it("does not wait for more once 4 KB, or too many frames, are only in memory", () => {
    expect(append(starting, "x".repeat(4_096), 1_000, limits).store?.lastId).toBe(2);
    let log = starting;
    for (let count = 1; count < limits.maxUnstoredFrames; count++) log = append(log, "x", 1_000, limits).log;
    expect(log.storedId).toBe(1);
    expect(append(log, "x", 1_000, limits).log.storedId).toBe(1 + limits.maxUnstoredFrames);
  });

  it("takes rows that fit a row however their text is escaped, and however much comes together", () => {
    const worst = "\u0001".repeat(390_000);
    const { log, stores } = appendAll(starting, [worst, "", "a", "b"], 1_000, limits);
    for (const { frames } of stores) expect(JSON.stringify(frames).length).toBeLessThan(1_000_000);
    const kept = [
      ...stores.flatMap(({ frames }) => frames),
      ...log.tail.filter(({ id }) => id > log.storedId),
    ];
    const texts = kept.map(({ body }) => (body.kind === "text" ? body.text : ""));
    expect(texts.join("")).toBe(`${worst}ab`);
    expect(kept.map(({ id }) => id)).toEqual(kept.map((_, index) => index + 2));
  });

  it("is asked for a second after the oldest frame that is only in memory, and for nothing else", () => {
    expect(nextFlushMs(starting, limits)).toBeNull();
    const later = append(streaming, "b", 1_900, limits).log;
    expect(nextFlushMs(later, limits)).toBe(2_000);
    expect(flush(later, 1_999, limits).store).toBeNull();
    const stored = flush(later, 2_000, limits);
    expect(stored.store).toMatchObject({ firstId: 2, lastId: 3 });
    expect(nextFlushMs(stored.log, limits)).toBeNull();
  });

  it("takes the end along at once, with everything that is unstored", () => {
    const { store, log } = finish(streaming, DONE, 1_001, limits);
    expect(store?.frames.map(({ body }) => body.kind)).toEqual(["text", "done"]);
    expect(log.storedId).toBe(log.lastId);
  });
});

describe("a frame", () => {
  it("is counted, not its characters, and a long text is never cut inside one of them", () => {
    const text = "x".repeat(limits.maxFrameCharacters - 1) + "👋".repeat(3);
    const { log } = append(starting, text, 1_000, limits);
    const texts = log.tail.flatMap(({ body }) => (body.kind === "text" ? [body.text] : []));
    expect(texts).toHaveLength(2);
    expect(texts.join("")).toBe(text);
    for (const piece of texts) expect(piece.isWellFormed()).toBe(true);
    expect(log.tail.map(({ id }) => id)).toEqual([1, 2, 3]);
  });
});

describe("an object that comes back", () => {
  const chunk = { firstId: 2, lastId: 3, storedAtMs: 1_500 } as const;
  const half = {
    ...chunk,
    frames: [
      { id: 2, body: { kind: "text", text: "a" } },
      { id: 3, body: { kind: "text", text: "b" } },
    ],
  } as const;

  it("without its upstream ends the stream as interrupted, after an explicit rewind to what is stored", () => {
    const { log, store } = recover({ record: RECORD, lastChunk: half }, () => USAGE, 9_000, limits);
    expect(log.state).toBe("interrupted");
    expect(store?.frames.map(({ body }) => body)).toEqual([
      { kind: "rewind", toId: 3 },
      { kind: "error", class: "transient", code: "interrupted", usage: USAGE },
    ]);
    // More than was ever shown and not stored.
    expect(store?.firstId).toBeGreaterThan(3 + limits.maxUnstoredFrames);
  });

  it("to a stream that had ended changes nothing, its age included", () => {
    const frames = [...half.frames, { id: 4, body: DONE }];
    const stored = { record: RECORD, lastChunk: { ...half, lastId: 4, frames } };
    const { log, store } = recover(stored, () => USAGE, 9_000, limits);
    expect(store).toBeNull();
    expect(log).toMatchObject({ state: "done", lastId: 4, endedAtMs: 1_500 });
  });
});

describe("a viewer", () => {
  it.each([
    [-5, 0],
    [0, 0],
    [2, 2],
    [99, 2],
  ])("that names frame %i begins after %i", (after, cursor) => {
    expect(attach(streaming, after)).toBe(cursor);
  });

  it("further behind than memory reaches is sent to storage", () => {
    let log = starting;
    for (let count = 0; count < 2 * limits.tailFrames; count++) log = append(log, "x", 1_000, limits).log;
    expect(framesAfter(log, 0)).toBe("stored");
    expect(framesAfter(log, log.lastId - 2)).toHaveLength(2);
    expect(framesAfter(log, log.lastId)).toEqual([]);
  });
});

describe("the alarm", () => {
  it.each([
    ["looks again while somebody generates", streaming, 2_000, true, { kind: "wait", atMs: 32_000 }],
    ["never later than the deadline", streaming, 60_000, true, { kind: "wait", atMs: 70_000 }],
    ["ends what takes longer", streaming, 70_000, true, { kind: "interrupt" }],
    ["ends what nobody generates", starting, 2_000, false, { kind: "interrupt" }],
    ["keeps what has ended", logIn("done"), 5_000, false, { kind: "wait", atMs: 1_001 + limits.retentionMs }],
    ["until its time is over", logIn("done"), 1_001 + limits.retentionMs, false, { kind: "retire" }],
  ])("%s", (_, log, nowMs, isGenerating, expected) => {
    expect(watch(log, nowMs, isGenerating, limits)).toEqual(expected);
  });
});
