/**
 * A body that is not small: it waits for room in the isolate's memory before it is read, and if it takes more than one read is
 * hashed as its pieces arrive, so that it is gone through once less.
 */
import { LIMITS } from "../config/limits.ts";
import type { BodyMemory, BodyRoom } from "../platform/body-memory.ts";
import { declaredLength } from "../platform/read-body.ts";
import { encodeHex } from "../core/hex.ts";
import { rememberSha256 } from "./encodings.ts";

export class LargeBody {
  readonly #memory: BodyMemory;
  readonly #request: Request;
  readonly #expectedBytes: number;
  readonly #liveFactor: number;
  readonly #keepAlive: (work: Promise<unknown>) => void;
  readonly #released = Promise.withResolvers<void>();
  #room: BodyRoom | null = null;
  #isReleased = false;
  #hash: { readonly stream: DigestStream; readonly writer: WritableStreamDefaultWriter } | null = null;

  /**
   * @param keepAlive `waitUntil`: when a sender leaves, nothing of its request runs any more, neither code after an `await` nor
   *   the signal's listeners, unless something is waited for. Its room would be gone until it expires.
   */
  constructor(
    memory: BodyMemory,
    request: Request,
    { maxBytes, liveFactor }: { readonly maxBytes: number; readonly liveFactor: number },
    keepAlive: (work: Promise<unknown>) => void,
  ) {
    this.#memory = memory;
    this.#request = request;
    // Room is taken for all that may come: two bodies that are half read must not wait for each other.
    this.#expectedBytes = declaredLength(request.headers) || maxBytes;
    this.#liveFactor = liveFactor;
    this.#keepAlive = keepAlive;
  }

  /** Resolves true when the body may be read; false when the wait for room was given up. */
  enter(): Promise<boolean> {
    if (this.#isReleased) return Promise.resolve(false);
    if (this.#room !== null) return this.#room.entered;
    const { bodyRoomMs } = LIMITS.ingest;
    // Held before it is granted: a sender may leave in the moment in which it is let in.
    this.#room = this.#memory.queue(this.#expectedBytes * this.#liveFactor, bodyRoomMs);
    this.#keepAlive(this.#released.promise);
    this.#request.signal.addEventListener("abort", () => this.release(), { once: true });
    return this.#room.entered;
  }

  /** The next piece, once it has entered. */
  async take(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#isReleased) return;
    if (this.#hash === null) {
      const stream = new crypto.DigestStream("SHA-256");
      this.#hash = { stream, writer: stream.getWriter() };
    }
    await this.#hash.writer.write(piece);
  }

  /** The whole of it, put together: whoever asks for its digest now gets the one that is known. */
  async finish(body: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#hash === null) return;
    await this.#hash.writer.close();
    rememberSha256(body, encodeHex(new Uint8Array(await this.#hash.stream.digest)));
    this.#hash = null;
  }

  /** Its text and payload are gone: only its bytes are left, for R2. */
  opened(): void {
    this.#room?.shrink(this.#expectedBytes);
  }

  /** For whoever works on this body too, maybe for longer than its request lasts. */
  get room(): BodyRoom | null {
    return this.#room;
  }

  /** Once the request is answered, whatever became of it. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#room?.release();
    this.#released.resolve();
    // A digest nobody asked for any more must not fail where nobody hears it.
    this.#hash?.writer.abort().catch(ignoreAborted);
    this.#hash?.stream.digest.catch(ignoreAborted);
    this.#hash = null;
  }
}

function ignoreAborted(): void {
  // Aborted by us.
}
