/** A stream as it is stored, in and out. Decides nothing; all calls are synchronous. */
import { LIMITS } from "../config/limits.ts";
import { begin, type StoredLog } from "../core/stream/machine.ts";
import {
  FIRST_ID,
  STREAM_RECORD_VERSION,
  type Chunk,
  type Frame,
  type StreamRecord,
} from "../core/stream/model.ts";
import type { Attribution } from "../guard/budgets.ts";
import { weighTokens } from "../models/estimate.ts";
import type { TokenUsage } from "../models/port.ts";
import type { IndexKeys } from "./start-gate.ts";
import type { StreamRequest } from "./port.ts";

/** What the model was asked, as far as asking again needs it. */
export interface Asked {
  /** Tells a repeated question from another one; null: nobody repeats it. */
  readonly fingerprint: string | null;
  /** Kept only where the object itself may ask again; it holds the prompt. */
  readonly request: StreamRequest | null;
  /** Indexes that are told of the end. */
  readonly countedBy: IndexKeys;
  /** Whom it is asked for: pays when the object dies. */
  readonly caller?: Attribution;
}

export interface StoredStream extends StoredLog {
  readonly asked: Asked;
}

type Begun = Pick<StoredStream, "record" | "asked">;

export const NOTHING_ASKED: Asked = { fingerprint: null, request: null, countedBy: [] };

/** The record, and what was asked. */
const STREAM_KEY = "stream";
/** With the id of the last frame in it, so that keys rise as ids do. */
const CHUNK_PREFIX = "chunk:";
const ID_DIGITS = String(Number.MAX_SAFE_INTEGER).length;

/**
 * In the object's key-value table, which is the platform's own: tables that were made for one stream would be seven rows beside
 * the dozen that it has. Values are JSON as UTF-8, because a structured clone would take twice the room for one letter beyond Latin-1.
 */
export class StreamStore {
  private readonly storage: DurableObjectStorage;
  /** Rows written since the object was loaded: each key that is put or deleted is one. */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
  }

  /** Null for a stream that was never started, or is gone. Writes nothing. */
  load(): StoredStream | null {
    const stored = this.storage.kv.get<Uint8Array>(STREAM_KEY);
    if (stored === undefined) return null;
    const { record, asked } = parse(stored) as Begun; // written by begin
    if (record.v !== STREAM_RECORD_VERSION) {
      throw new Error(`unknown stream record version ${String(record.v)}`);
    }
    const [last = null] = this.chunks({ reverse: true, limit: 1 });
    return { record, asked, lastChunk: last };
  }

  /** Has the platform make its table before there is anything to store: a key that is not there is deleted, which writes no row. */
  prepare(): void {
    this.storage.kv.delete(STREAM_KEY);
  }

  begin(record: StreamRecord, asked: Asked): void {
    this.put(STREAM_KEY, { record, asked });
  }

  /** The log begins anew, with this chunk. */
  reopen(record: StreamRecord, asked: Asked, first: Chunk): void {
    this.storage.transactionSync(() => {
      this.begin(record, asked);
      const keys = Array.from(this.storage.kv.list({ prefix: CHUNK_PREFIX }), ([key]) => key);
      for (const key of keys) this.storage.kv.delete(key);
      this.rowsWritten += keys.length;
      this.add(first);
    });
  }

  add(chunk: Chunk): void {
    this.put(chunkKey(chunk.lastId), chunk);
  }

  /** The next stored frames after a cursor: a bounded piece of the log. */
  framesAfter(record: StreamRecord, cursor: number): readonly Frame[] {
    const chunks = this.chunks({ startAfter: chunkKey(cursor), limit: LIMITS.streams.replayChunks });
    const frames = chunks.flatMap((chunk) => chunk.frames).filter((frame) => frame.id > cursor);
    // The first frame is not stored: it follows from the record.
    return cursor < FIRST_ID ? [...begin(record).tail, ...frames] : frames;
  }

  /** All that was said. */
  texts(): readonly string[] {
    return this.chunks({})
      .flatMap(({ frames }) => frames)
      .flatMap(({ body }) => (body.kind === "text" ? [body.text] : []));
  }

  /** When nobody counted: by what was stored. The provider was paid for at least that. */
  usage(inputTokens: number): TokenUsage {
    const weight = this.texts().reduce((sum, text) => sum + weighTokens(text), 0);
    return { inputTokens, outputTokens: Math.ceil(weight), estimated: true };
  }

  private chunks(which: Omit<SyncKvListOptions, "prefix">): readonly Chunk[] {
    return Array.from(
      this.storage.kv.list<Uint8Array>({ ...which, prefix: CHUNK_PREFIX }),
      ([, stored]) => parse(stored) as Chunk,
    );
  }

  private put(key: string, value: unknown): void {
    this.storage.kv.put(key, new TextEncoder().encode(JSON.stringify(value)));
    this.rowsWritten += 1;
  }
}

function chunkKey(lastId: number): string {
  return `${CHUNK_PREFIX}${String(lastId).padStart(ID_DIGITS, "0")}`;
}

/** What `put` has written. */
function parse(stored: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(stored));
}
