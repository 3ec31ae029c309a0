/**
 * A body that is larger than one read: it waits for room in the isolate's memory before it is read on, and is hashed
 * as its pieces arrive, so that it is gone through once less. Bodies that come in one piece never get here.
 */
import type { BodyMemory } from "../platform/body-memory.ts";
import { declaredLength } from "../platform/read-body.ts";
import { encodeHex } from "../core/hex.ts";
import { rememberSha256 } from "./encodings.ts";

export class LargeBody {
  readonly #memory: BodyMemory;
  readonly #expectedBytes: number;
  readonly #given = new AbortController();
  #reservedBytes = 0;
  #hash: { readonly stream: DigestStream; readonly writer: WritableStreamDefaultWriter } | null = null;

  readonly #released = Promise.withResolvers<void>();

  /**
   * @param keepAlive `waitUntil`: when a sender leaves, nothing of its request runs any more, neither code after an `await` nor
   *   the signal's listeners, unless something is waited for. Its room would be gone for the isolate's life.
   */
  constructor(
    memory: BodyMemory,
    request: Request,
    maxBytes: number,
    keepAlive: (work: Promise<unknown>) => void,
  ) {
    this.#memory = memory;
    // Room is taken for all that may come: two bodies that are half read must not wait for each other.
    this.#expectedBytes = declaredLength(request.headers) || maxBytes;
    keepAlive(this.#released.promise);
    request.signal.addEventListener("abort", () => this.release(), { once: true });
  }

  /** Resolves when the piece may be kept; false when the wait for room was given up. */
  async take(piece: Uint8Array<ArrayBuffer>): Promise<boolean> {
    if (this.#hash === null) {
      if (!(await this.#memory.whenRoom(this.#expectedBytes, this.#given.signal))) return false;
      this.#reservedBytes = this.#expectedBytes;
      const stream = new crypto.DigestStream("SHA-256");
      this.#hash = { stream, writer: stream.getWriter() };
    }
    await this.#hash.writer.write(piece);
    return true;
  }

  /** The whole of it, put together: whoever asks for its digest now gets the one that is known. */
  async finish(body: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#hash === null) return;
    await this.#hash.writer.close();
    rememberSha256(body, encodeHex(new Uint8Array(await this.#hash.stream.digest)));
    this.#hash = null;
  }

  /** Once the request is answered, whatever became of it. */
  release(): void {
    this.#given.abort();
    this.#released.resolve();
    if (this.#reservedBytes > 0) this.#memory.release(this.#reservedBytes);
    this.#reservedBytes = 0;
    // A digest nobody asked for any more must not fail where nobody hears it.
    this.#hash?.writer.abort().catch(ignoreAborted);
    this.#hash?.stream.digest.catch(ignoreAborted);
    this.#hash = null;
  }
}

function ignoreAborted(): void {
  // Aborted by us.
}
