/** Random lives of a stream: viewers come, go and dawdle, the upstream breaks, somebody stops it, the object dies. */
import * as fc from "fast-check";
import { expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import {
  append,
  attach,
  begin,
  finish,
  flush,
  framesAfter,
  nextFlushMs,
  isOpen,
  lastShownId,
  recover,
  reopen,
  watch,
  type Step,
} from "../../src/core/stream/machine.ts";
import {
  hasEnded,
  isEnding,
  type Chunk,
  type Ending,
  type Frame,
  type StreamLimits,
  type StreamLog,
  type StreamRecord,
} from "../../src/core/stream/model.ts";

/** Small, so that every bound is met. */
const limits: StreamLimits = {
  ...LIMITS.streams,
  maxUnstoredCharacters: 40,
  maxUnstoredFrames: 8,
  flushFrames: 4,
  tailFrames: 6,
  idsPerRestart: 20,
  maxFrameCharacters: 12,
};
const RECORD: StreamRecord = {
  v: 1,
  id: "strm_1",
  model: "fast",
  startedAtMs: 0,
  deadlineMs: 60_000,
  inputTokens: 3,
};
const USAGE = { inputTokens: 1, outputTokens: 1, estimated: true };

type Op =
  | { readonly do: "text"; readonly text: string }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "attach"; readonly after: number | "known" | "end" }
  | { readonly do: "read"; readonly viewer: number; readonly frames: number }
  | { readonly do: "leave"; readonly viewer: number }
  | { readonly do: "crash" | "alarm" | "ask again" | "crash and ask again" }
  | { readonly do: "end"; readonly ending: Ending };

interface Viewer {
  /** What it had seen before it attached: ids and texts, for a viewer that resumes. */
  readonly after: number;
  readonly shownBefore: readonly Frame[];
  cursor: number;
  connected: boolean;
  readonly frames: Frame[];
}

/** The object and its storage. */
class World {
  nowMs = 0;
  log: StreamLog = begin(RECORD);
  isGenerating = true;
  readonly chunks: Chunk[] = [];
  readonly viewers: Viewer[] = [];

  apply(step: Step): void {
    if (step.store !== null) this.chunks.push(step.store);
    this.log = step.log;
    expect(this.log.tail.length).toBeLessThanOrEqual(limits.tailFrames + limits.maxUnstoredFrames + 1);
  }

  stored(after: number): readonly Frame[] {
    const first: readonly Frame[] = after < 1 ? begin(RECORD).tail : [];
    return [...first, ...this.chunks.flatMap(({ frames }) => frames.filter(({ id }) => id > after))];
  }

  read(viewer: Viewer, atMost: number): void {
    const found = framesAfter(this.log, viewer.cursor);
    const frames = (found === "stored" ? this.stored(viewer.cursor) : found).slice(0, atMost);
    viewer.frames.push(...frames);
    viewer.cursor = frames.at(-1)?.id ?? viewer.cursor;
  }

  crash(): void {
    for (const viewer of this.viewers) viewer.connected = false;
    this.isGenerating = false;
    const stored = { record: RECORD, lastChunk: this.chunks.at(-1) ?? null };
    this.apply(recover(stored, () => USAGE, this.nowMs, limits));
  }

  /** What counts no more is deleted; the object has a model to read from again. */
  reopen(lastId: number): void {
    const { log, store } = reopen(RECORD, lastId, this.nowMs);
    this.chunks.length = 0;
    this.apply({ log, store });
    this.isGenerating = true;
  }

  run(op: Op): void {
    switch (op.do) {
      case "text":
        if (this.isGenerating) this.apply(append(this.log, op.text, this.nowMs, limits));
        return;
      case "pass": {
        this.nowMs += op.ms;
        const dueMs = nextFlushMs(this.log, limits);
        if (dueMs !== null && dueMs <= this.nowMs) this.apply(flush(this.log, this.nowMs, limits));
        return;
      }
      case "attach":
        this.attach(op.after);
        return;
      case "read": {
        const viewer = this.viewers[op.viewer % Math.max(1, this.viewers.length)];
        if (viewer?.connected) this.read(viewer, op.frames);
        return;
      }
      case "leave": {
        const viewer = this.viewers[op.viewer % Math.max(1, this.viewers.length)];
        if (viewer !== undefined) viewer.connected = false;
        return;
      }
      case "crash":
        this.crash();
        return;
      case "ask again":
        if (hasEnded(this.log) && this.log.state !== "done") this.reopen(this.log.lastId);
        return;
      case "crash and ask again": {
        for (const viewer of this.viewers) viewer.connected = false;
        const stored = { record: RECORD, lastChunk: this.chunks.at(-1) ?? null };
        if (isOpen(stored)) this.reopen(lastShownId(stored, limits));
        return;
      }
      case "alarm":
        if (watch(this.log, this.nowMs, this.isGenerating, limits).kind === "interrupt") this.crash();
        return;
      case "end":
        this.apply(finish(this.log, op.ending, this.nowMs, limits));
        return;
    }
  }

  /** A new viewer, or one that knows where an earlier one left off (`known`). */
  private attach(after: number | "known" | "end"): void {
    const earlier = after === "known" ? this.viewers.findLast((viewer) => !viewer.connected) : undefined;
    const named =
      typeof after === "number" ? after : after === "end" ? this.log.lastId : (earlier?.cursor ?? 0);
    const cursor = attach(this.log, named);
    const shownBefore =
      earlier === undefined
        ? [...this.stored(0), ...this.log.tail.filter(({ id }) => id > this.log.storedId)].filter(
            ({ id }) => id <= cursor,
          )
        : [...earlier.shownBefore, ...earlier.frames];
    this.viewers.push({ after: cursor, shownBefore, cursor, connected: true, frames: [] });
  }
}

/** What was not taken back afterwards. */
function standing(frames: readonly Frame[]): readonly Frame[] {
  let kept: Frame[] = [];
  for (const frame of frames) {
    const { body } = frame;
    if (body.kind === "rewind") kept = kept.filter(({ id }) => id <= body.toId);
    kept.push(frame);
  }
  return kept;
}

/** What a reader of these frames has before it in the end. */
function textOf(frames: readonly Frame[]): string {
  let shown: { readonly id: number; readonly text: string }[] = [];
  for (const { id, body } of frames) {
    if (body.kind === "text") shown.push({ id, text: body.text });
    if (body.kind === "rewind") shown = shown.filter((piece) => piece.id <= body.toId);
  }
  return shown.map(({ text }) => text).join("");
}

const ending: fc.Arbitrary<Ending> = fc.oneof(
  fc.constant<Ending>({ kind: "done", finishReason: "stop", usage: USAGE }),
  fc.constant<Ending>({ kind: "error", class: "transient", code: "cut", usage: USAGE }),
  fc.constant<Ending>({ kind: "stopped", usage: null }),
);
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.string({ unit: "grapheme", maxLength: 30 }).map((text): Op => ({ do: "text", text })),
  },
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 1_200 }).map((ms): Op => ({ do: "pass", ms })) },
  {
    weight: 4,
    arbitrary: fc
      .oneof(fc.integer({ min: -2, max: 60 }), fc.constantFrom("known" as const, "end" as const))
      .map((after): Op => ({ do: "attach", after })),
  },
  {
    weight: 8,
    arbitrary: fc
      .record({ viewer: fc.nat(8), frames: fc.integer({ min: 1, max: 9 }) })
      .map((read): Op => ({ do: "read", ...read })),
  },
  { weight: 2, arbitrary: fc.nat(8).map((viewer): Op => ({ do: "leave", viewer })) },
  { weight: 1, arbitrary: fc.constantFrom<Op>({ do: "crash" }, { do: "alarm" }) },
  { weight: 1, arbitrary: fc.constantFrom<Op>({ do: "ask again" }, { do: "crash and ask again" }) },
  { weight: 1, arbitrary: ending.map((one): Op => ({ do: "end", ending: one })) },
);

it("whatever happens, every viewer's concatenation is the log from where it attached, with one end", () => {
  let interrupted = 0;
  fc.assert(
    fc.property(fc.array(op, { maxLength: 90 }), (ops) => {
      const world = new World();
      for (const one of ops) world.run(one);
      if (!hasEnded(world.log)) world.run({ do: "end", ending: { kind: "stopped", usage: null } });
      const log = world.stored(0);
      const ids = log.map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].sort((left, right) => left - right));
      expect(log.filter(({ body }) => isEnding(body))).toEqual([log.at(-1)]);
      if (world.log.state === "interrupted") interrupted += 1;
      for (const viewer of world.viewers) {
        // Who was cut off comes back where it was.
        viewer.cursor = attach(world.log, viewer.cursor);
        for (let turn = 0; turn < 1_000 && viewer.cursor < world.log.lastId; turn++) world.read(viewer, 5);
        expect(viewer.frames.map(({ id }) => id)).toEqual(
          [...new Set(viewer.frames.map(({ id }) => id))].sort((left, right) => left - right),
        );
        expect(standing(viewer.frames).filter(({ body }) => isEnding(body)).length).toBeLessThanOrEqual(1);
        expect(textOf([...viewer.shownBefore, ...viewer.frames])).toBe(textOf(log));
        const stored = log.filter(({ id }) => id > viewer.after);
        const lost = viewer.frames.filter(({ id }) => !ids.includes(id));
        // Beyond the log there is only what a crash took back, and a rewind says so.
        expect(viewer.frames.filter(({ id }) => ids.includes(id))).toEqual(stored);
        if (lost.length > 0) expect(log.some(({ body }) => body.kind === "rewind")).toBe(true);
      }
    }),
    { numRuns: 1_500 },
  );
  expect(interrupted).toBeGreaterThan(50);
});

it("an object that dies again changes nothing that it has told", () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
      const world = new World();
      for (const one of ops) world.run(one);
      world.run({ do: "crash" });
      const before = world.stored(0);
      world.run({ do: "crash" });
      world.run({ do: "alarm" });
      world.run({ do: "end", ending: { kind: "stopped", usage: null } });
      world.run({ do: "text", text: "late" });
      expect(world.stored(0)).toEqual(before);
    }),
  );
});
