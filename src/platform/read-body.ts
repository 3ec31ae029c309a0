/**
 * Reads a request's body as raw bytes, under a cap and a deadline. A declared length is HTTP's own framing, which the
 * runtime holds a sender to: such a body is read whole, in one step, a third of what a stream's reader costs. Where none is
 * declared, the cap holds while reading.
 */
import { KIB, LIMITS, MIB, SECOND_MS } from "../config/limits.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import type { Problem } from "./problem.ts";

export type ReadFailure =
  | { readonly kind: "body_too_large"; readonly maxBytes: number }
  | { readonly kind: "body_timeout" }
  | { readonly kind: "malformed_body"; readonly reason: "interrupted" };

/** There was no room for a body of this size until its deadline: only where the caller counts. */
export type NoRoom = { readonly kind: "no_room" };

/** Counts a body that is not small, and sees its pieces when it needs more than one read. */
export interface CountedBody {
  /** Waited for before the body is read, or read on. false: no room. */
  enter(): Promise<boolean>;
  /** Each piece in its order, waited for before the next. */
  take(piece: Chunk): Promise<void>;
}

type Chunk = Uint8Array<ArrayBuffer>;

/** A body in pieces. */
interface BodySource {
  /** @param into is filled, and no longer usable: the piece lies in the same memory, or anywhere else */
  next(into: Chunk): Promise<Piece>;
  cancel(): Promise<void>;
}

interface Piece {
  readonly chunk: Chunk;
  readonly isLast: boolean;
}

const NOTHING_LEFT: Piece = { chunk: new Uint8Array(0), isLast: true };

const INTERRUPTED: ReadFailure = { kind: "malformed_body", reason: "interrupted" };

/** Of the buffer for one step. */
const MAX_READ_BYTES = MIB;
const UNDECLARED_READ_BYTES = 16 * KIB;

export function readBody(request: Request, maxBytes: number): Promise<Result<Chunk, ReadFailure>>;
export function readBody(
  request: Request,
  maxBytes: number,
  counted: CountedBody | undefined,
): Promise<Result<Chunk, ReadFailure | NoRoom>>;
export async function readBody(
  request: Request,
  maxBytes: number,
  counted?: CountedBody,
): Promise<Result<Chunk, ReadFailure | NoRoom>> {
  const declaredBytes = declaredLength(request.headers);
  if (declaredBytes > maxBytes) return err({ kind: "body_too_large", maxBytes });
  // A stream is only asked for where one is needed: making it costs more than reading a small body.
  if (declaredBytes === 0 && request.body === null) return ok(new Uint8Array(0));
  const { promise: deadline, resolve: expire } = Promise.withResolvers<"expired">();
  const timer = setTimeout(() => expire("expired"), deadlineMs(declaredBytes));
  try {
    const isCounted = counted !== undefined && declaredBytes > LIMITS.ingest.countedBodyBytes;
    if (isCounted && (await Promise.race([counted.enter(), deadline])) !== true) {
      return err({ kind: "no_room" });
    }
    if (declaredBytes > 0 && !(isCounted && declaredBytes > MAX_READ_BYTES)) {
      const whole = await Promise.race([request.arrayBuffer(), deadline]);
      if (whole === "expired") return err({ kind: "body_timeout" });
      // Only a request that was made in a Worker can hold more than it declares.
      if (whole.byteLength > maxBytes) return err({ kind: "body_too_large", maxBytes });
      return ok(new Uint8Array(whole));
    }
    if (request.body === null) return ok(new Uint8Array(0));
    const source = openBody(request.body);
    const reading = { deadline, declaredBytes, maxBytes, counted };
    const read = await (declaredBytes > 0 ? readDeclared(source, reading) : readAll(source, reading));
    // Not awaited: a sender that hangs must not hold up the answer.
    if (!read.ok) source.cancel().catch(ignoreClosed);
    return read;
  } catch {
    // The sender went away, or its framing broke.
    return err(INTERRUPTED);
  } finally {
    clearTimeout(timer);
  }
}

/** Small bodies are given less time: who holds a request open must at least promise to send much. */
function deadlineMs(declaredBytes: number): number {
  const { bodyGraceMs, minBodyBytesPerSecond, bodyReadMs } = LIMITS.ingest;
  if (declaredBytes === 0) return bodyReadMs;
  return Math.min(bodyReadMs, bodyGraceMs + (declaredBytes / minBodyBytesPerSecond) * SECOND_MS);
}

interface Reading {
  readonly deadline: Promise<"expired">;
  readonly declaredBytes: number;
  readonly maxBytes: number;
  readonly counted: CountedBody | undefined;
}

/** Into one buffer: a body that is put together from pieces is there twice. */
async function readDeclared(
  source: BodySource,
  { deadline, declaredBytes, maxBytes, counted }: Reading,
): Promise<Result<Chunk, ReadFailure>> {
  let buffer = new Uint8Array(declaredBytes + 1);
  let sizeBytes = 0;
  for (;;) {
    const leftBytes = declaredBytes - sizeBytes;
    // One more than is expected: only the end of the body keeps a read from being filled.
    const endAt = leftBytes > MAX_READ_BYTES ? sizeBytes + MAX_READ_BYTES : declaredBytes + 1;
    const piece = await Promise.race([source.next(buffer.subarray(sizeBytes, endAt)), deadline]);
    if (piece === "expired") return err({ kind: "body_timeout" });
    const { chunk } = piece;
    // Only a request that was made in a Worker can hold more than it declares.
    if (chunk.length > leftBytes) return err({ kind: "body_too_large", maxBytes });
    if (buffer.length === 0) buffer = new Uint8Array(chunk.buffer);
    else buffer.set(chunk, sizeBytes);
    if (chunk.length > 0) await counted?.take(buffer.subarray(sizeBytes, sizeBytes + chunk.length));
    sizeBytes += chunk.length;
    if (piece.isLast) return ok(buffer.subarray(0, sizeBytes));
  }
}

async function readAll(
  source: BodySource,
  { deadline, maxBytes, counted }: Reading,
): Promise<Result<Chunk, ReadFailure | NoRoom>> {
  const { countedBodyBytes } = LIMITS.ingest;
  const chunks: Chunk[] = [];
  let sizeBytes = 0;
  let wantedBytes = UNDECLARED_READ_BYTES;
  for (;;) {
    // One more than is expected: only the end of the body keeps a read from being filled.
    const leftBytes = maxBytes - sizeBytes;
    const into = new Uint8Array(Math.min(wantedBytes, leftBytes, MAX_READ_BYTES) + 1);
    const piece = await Promise.race([source.next(into), deadline]);
    if (piece === "expired") return err({ kind: "body_timeout" });
    sizeBytes += piece.chunk.length;
    if (sizeBytes > maxBytes) return err({ kind: "body_too_large", maxBytes });
    if (piece.chunk.length > 0) chunks.push(piece.chunk);
    if (counted !== undefined && piece.chunk.length > 0 && sizeBytes > countedBodyBytes) {
      if ((await Promise.race([counted.enter(), deadline])) !== true) return err({ kind: "no_room" });
      // Its first pieces were small until now.
      const untold = sizeBytes - piece.chunk.length > countedBodyBytes ? chunks.slice(-1) : chunks;
      for (const chunk of untold) await counted.take(chunk);
    }
    if (piece.isLast) return ok(join(chunks, sizeBytes));
    wantedBytes = sizeBytes;
  }
}

function openBody(body: ReadableStream<Chunk>): BodySource {
  try {
    return byteSource(body.getReader({ mode: "byob" }));
  } catch {
    // Not a byte stream: a request that was built in a Worker, not received.
    return chunkSource(body.getReader());
  }
}

/** One step per buffer, in the runtime's own code: https://developers.cloudflare.com/workers/runtime-apis/streams/readablestreambyobreader/ */
function byteSource(reader: ReadableStreamBYOBReader): BodySource {
  return {
    async next(into) {
      const wantedBytes = into.length;
      const { value, done } = await reader.readAtLeast(wantedBytes, into);
      // Only the end of the body leaves the buffer short.
      return done ? NOTHING_LEFT : { chunk: value, isLast: value.length < wantedBytes };
    },
    cancel: () => reader.cancel(),
  };
}

function chunkSource(reader: ReadableStreamDefaultReader<Chunk>): BodySource {
  return {
    async next() {
      const { value, done } = await reader.read();
      return done ? NOTHING_LEFT : { chunk: value, isLast: false };
    },
    cancel: () => reader.cancel(),
  };
}

function join(chunks: readonly Chunk[], sizeBytes: number): Chunk {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const body = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.length;
  }
  return body;
}

/** 0 for what is absent or no number: the cap still holds while reading. */
export function declaredLength(headers: Headers): number {
  const text = headers.get("content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

function ignoreClosed(): void {
  // The stream is already closed or broken: there is nothing left to cancel.
}

export function problemOfRead(failure: ReadFailure): Problem {
  switch (failure.kind) {
    case "body_too_large": {
      const detail = `At most ${failure.maxBytes} bytes are read.`;
      return { status: 413, code: "body-too-large", title: "The body is too large", detail };
    }
    case "body_timeout":
      return { status: 408, code: "body-timeout", title: "The body took too long to arrive" };
    case "malformed_body": {
      const detail = "The body ended before it was complete.";
      return { status: 400, code: "malformed-body", title: "The body cannot be read", detail };
    }
    default:
      return unreachable(failure);
  }
}
