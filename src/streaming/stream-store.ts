/** Rows in, rows out. Decides nothing; all calls are synchronous. */
import { LIMITS } from "../config/limits.ts";
import { begin, type StoredLog } from "../core/stream/machine.ts";
import {
  FIRST_ID,
  STREAM_RECORD_VERSION,
  type Chunk,
  type Frame,
  type FrameBody,
  type StreamRecord,
} from "../core/stream/model.ts";
import { weighTokens } from "../models/estimate.ts";
import type { TokenUsage } from "../models/port.ts";
import { migrate } from "../platform/migrations.ts";
import type { IndexKeys } from "./start-gate.ts";
import type { StreamRequest } from "./port.ts";
import { STREAM_MIGRATIONS } from "./schema.ts";

interface ChunkRow extends Record<string, SqlStorageValue> {
  last_id: number;
  first_id: number;
  stored_at: number;
  frames: string;
}

/** What the model was asked, as far as asking again needs it. */
export interface Asked {
  /** Tells a repeated question from another one; null: nobody repeats it. */
  readonly fingerprint: string | null;
  /** Kept only where the object itself may ask again; it holds the prompt. */
  readonly request: StreamRequest | null;
  /** Indexes that are told of the end. */
  readonly countedBy: IndexKeys;
}

export interface StoredStream extends StoredLog {
  readonly asked: Asked;
}

export const NOTHING_ASKED: Asked = { fingerprint: null, request: null, countedBy: [] };

export class StreamStore {
  private readonly storage: DurableObjectStorage;
  private readonly sql: SqlStorage;
  private hasTables = false;
  /** Rows written since the object was loaded, by the cursor's own counter. */
  rowsWritten = 0;

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
    this.sql = storage.sql;
  }

  /** Null for a stream that was never started, or is gone. Writes nothing. */
  load(): StoredStream | null {
    const tables = this.sql
      .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'stream'")
      .toArray();
    if (tables.length === 0) return null;
    this.prepare();
    const row = this.sql
      .exec<{ record: string; asked: string }>("SELECT record, asked FROM stream WHERE k = 1")
      .toArray()[0];
    if (row === undefined) return null;
    const record = JSON.parse(row.record) as StreamRecord; // written by begin
    if (record.v !== STREAM_RECORD_VERSION) {
      throw new Error(`unknown stream record version ${String(record.v)}`);
    }
    const last = this.sql.exec<ChunkRow>("SELECT * FROM chunks ORDER BY last_id DESC LIMIT 1").toArray()[0];
    const asked = JSON.parse(row.asked) as Asked; // written by begin
    return { record, asked, lastChunk: last === undefined ? null : chunkOf(last) };
  }

  /** Makes the tables, once. */
  prepare(): void {
    if (this.hasTables) return;
    migrate(this.storage, STREAM_MIGRATIONS);
    this.hasTables = true;
  }

  /** Everything has been deleted. */
  forget(): void {
    this.hasTables = false;
  }

  begin(record: StreamRecord, asked: Asked): void {
    this.prepare();
    this.rowsWritten += this.sql.exec(
      "INSERT INTO stream (k, record, asked) VALUES (1, ?, ?)",
      JSON.stringify(record),
      JSON.stringify(asked),
    ).rowsWritten;
  }

  /** The log begins anew, with this chunk. */
  reopen(record: StreamRecord, asked: Asked, first: Chunk): void {
    this.storage.transactionSync(() => {
      const [row, which] = [JSON.stringify(record), JSON.stringify(asked)];
      const updated = this.sql.exec("UPDATE stream SET record = ?, asked = ? WHERE k = 1", row, which);
      const deleted = this.sql.exec("DELETE FROM chunks");
      this.rowsWritten += updated.rowsWritten + deleted.rowsWritten;
      this.add(first);
    });
  }

  add({ firstId, lastId, storedAtMs, frames }: Chunk): void {
    const bodies = JSON.stringify(frames.map(({ id, body }) => (id === firstId ? body : { id, ...body })));
    this.rowsWritten += this.sql.exec(
      "INSERT INTO chunks (last_id, first_id, stored_at, frames) VALUES (?, ?, ?, ?)",
      lastId,
      firstId,
      storedAtMs,
      bodies,
    ).rowsWritten;
  }

  /** The next stored frames after a cursor: a bounded piece of the log. */
  framesAfter(record: StreamRecord, cursor: number): readonly Frame[] {
    const rows = this.sql
      .exec<ChunkRow>(
        "SELECT * FROM chunks WHERE last_id > ? ORDER BY last_id LIMIT ?",
        cursor,
        LIMITS.streams.replayChunks,
      )
      .toArray();
    const frames = rows.flatMap((row) => chunkOf(row).frames).filter((frame) => frame.id > cursor);
    // The first frame is not stored: it follows from the record.
    return cursor < FIRST_ID ? [...begin(record).tail, ...frames] : frames;
  }

  /** All that was said. */
  texts(): readonly string[] {
    const texts: string[] = [];
    for (const row of this.sql.exec<ChunkRow>("SELECT * FROM chunks ORDER BY last_id")) {
      for (const { body } of chunkOf(row).frames) if (body.kind === "text") texts.push(body.text);
    }
    return texts;
  }

  /** When nobody counted: by what was stored. The provider was paid for at least that. */
  usage(inputTokens: number): TokenUsage {
    const weight = this.texts().reduce((sum, text) => sum + weighTokens(text), 0);
    return { inputTokens, outputTokens: Math.ceil(weight), estimated: true };
  }
}

function chunkOf(row: ChunkRow): Chunk {
  const stored = JSON.parse(row.frames) as (FrameBody & { readonly id?: number })[]; // written by add
  const frames = stored.map(({ id = row.first_id, ...body }) => ({ id, body }));
  return { firstId: row.first_id, lastId: row.last_id, storedAtMs: row.stored_at, frames };
}
