/**
 * A stream's log as its object holds it: the machine's state, its rows, and those who watch. Shows a frame at once, stores frames
 * packed. Decides nothing itself, and never calls a model.
 */
import { LIMITS } from "../config/limits.ts";
import {
  appendAll,
  attach,
  begin,
  finish,
  flush,
  framesAfter,
  lastShownId,
  nextFlushMs,
  recover,
  reopen,
} from "../core/stream/machine.ts";
import {
  hasEnded,
  isEnding,
  type Chunk,
  type Ending,
  type Frame,
  type StreamLog,
  type StreamRecord,
} from "../core/stream/model.ts";
import { problemResponse } from "../platform/problem.ts";
import { Audience } from "./audience.ts";
import type { StreamFormat } from "./formats/format.ts";
import type { StreamLinks } from "./formats/stream-facts.ts";
import { LateFlush } from "./late-flush.ts";
import { TOO_MANY_VIEWERS, UNKNOWN_STREAM } from "./stream-problems.ts";
import type { Asked, StoredStream, StreamStore } from "./stream-store.ts";
import { STREAM_STATE_HEADER } from "./stub.ts";

const limits = LIMITS.streams;

/** A log that has just got its end. */
export type EndedLog = StreamLog & { readonly endedAtMs: number };

export class LiveLog {
  readonly #store: StreamStore;
  readonly #ended: (log: EndedLog) => Promise<void>;
  readonly #audience = new Audience((cursor) => this.#framesAfter(cursor));
  readonly #lateFlush = new LateFlush(() => {
    if (this.#log === null) return;
    const { log, store } = flush(this.#log, Date.now(), limits);
    this.#keep(log, store === null ? [] : [store]);
  });
  #log: StreamLog | null = null;

  /** @param ended is called in the turn that stored the end, and waited for */
  constructor(store: StreamStore, ended: (log: EndedLog) => Promise<void>) {
    this.#store = store;
    this.#ended = ended;
  }

  /** null: there is none (yet, or any more). */
  get current(): StreamLog | null {
    return this.#log;
  }

  /** How it ended; null: it has not. */
  get ending(): Ending | null {
    const last = this.#log?.tail.at(-1)?.body;
    return last !== undefined && isEnding(last) ? last : null;
  }

  /** Of a record that is stored. */
  begin(record: StreamRecord): void {
    this.#keep(begin(record), []);
  }

  /** In the place of what was there. */
  reopen(record: StreamRecord, asked: Asked, lastShown: number): void {
    const { log, store } = reopen(record, lastShown, record.startedAtMs);
    this.#store.reopen(record, asked, store);
    this.#keep(log, []);
  }

  /** After the object died: the log as it is stored, and, where it was open, its end. */
  async recover(stored: StoredStream): Promise<void> {
    const usage = () => this.#store.usage(stored.record.inputTokens);
    const { log, store } = recover(stored, usage, Date.now(), limits);
    this.#keep(log, store === null ? [] : [store]);
    if (store !== null) await this.#tellEnd(log);
  }

  append(texts: readonly string[]): void {
    if (this.#log === null) return;
    const { log, stores } = appendAll(this.#log, texts, Date.now(), limits);
    this.#keep(log, stores);
  }

  /** Only the first end counts. */
  async finish(ending: Ending): Promise<void> {
    if (this.#log === null || hasEnded(this.#log)) return;
    const { log, store } = finish(this.#log, ending, Date.now(), limits);
    this.#keep(log, store === null ? [] : [store]);
    await this.#tellEnd(log);
  }

  /** Everything is past its retention. */
  forget(): void {
    this.#log = null;
  }

  attach(format: StreamFormat, after: number | null): Response {
    const log = this.#log;
    if (log === null) return problemResponse(UNKNOWN_STREAM);
    // Clients of the other formats know no rewind: they are shown what stands, from its start.
    const cursor = format === "sluice" ? attach(log, after ?? 0) : 0;
    // `useChat` names no place: nothing is active any more. Others have read all there is.
    const read = attach(log, after ?? 0) >= log.lastId || (format === "ui" && after === null);
    if (hasEnded(log) && read) {
      return new Response(null, { status: 204, headers: { [STREAM_STATE_HEADER]: log.state } });
    }
    if (this.#audience.isFull) return problemResponse(TOO_MANY_VIEWERS);
    return this.#audience.view(log.record, format, cursor);
  }

  /** For the one that started it: from the first frame on. */
  watch(format: StreamFormat, links: StreamLinks): Response {
    if (this.#log === null) return problemResponse(UNKNOWN_STREAM);
    return this.#audience.view(this.#log.record, format, 0, links);
  }

  /** Stores what is to be stored, then lets the viewers see the rest. */
  #keep(log: StreamLog, stores: readonly Chunk[]): void {
    for (const chunk of stores) this.#store.add(chunk);
    this.#log = log;
    this.#lateFlush.set(nextFlushMs(log, limits), Date.now());
    this.#audience.wake();
  }

  async #tellEnd(log: StreamLog): Promise<void> {
    const { endedAtMs } = log;
    if (endedAtMs !== null) await this.#ended({ ...log, endedAtMs });
  }

  #framesAfter(cursor: number): readonly Frame[] {
    if (this.#log === null) throw new Error("the stream is past its retention");
    const frames = framesAfter(this.#log, cursor);
    return frames === "stored" ? this.#store.framesAfter(this.#log.record, cursor) : frames;
  }
}

/** The last id that anybody can have seen of a stored log. */
export function lastShownOf(stored: StoredStream): number {
  return lastShownId(stored, limits);
}
