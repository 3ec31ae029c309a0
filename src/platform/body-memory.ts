/**
 * What the large bodies in an isolate's memory may weigh together. An isolate has 128 MB for everything; a body that is
 * read, decoded and parsed weighs several times what it did on the wire. Small bodies are not counted.
 */
export interface BodyMemory {
  /** false: there is no room now. A body that is alone is always let in. */
  reserve(bytes: number): boolean;
  /** Resolves true once there is room, first come first served; false when the signal aborts before. */
  whenRoom(bytes: number, signal: AbortSignal): Promise<boolean>;
  release(bytes: number): void;
}

export function createBodyMemory(maxBytes: number): BodyMemory {
  return new Memory(maxBytes);
}

interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

class Memory implements BodyMemory {
  readonly #maxBytes: number;
  #reservedBytes = 0;
  readonly #queue = new Set<Waiting>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  reserve(bytes: number): boolean {
    if (this.#reservedBytes > 0 && this.#reservedBytes + bytes > this.#maxBytes) return false;
    this.#reservedBytes += bytes;
    return true;
  }

  async whenRoom(bytes: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.#queue.size === 0 && this.reserve(bytes)) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiting = { bytes, enter: () => resolve(true) };
    const leave = () => {
      this.#queue.delete(waiting);
      resolve(false);
      // The next one may be smaller.
      this.#letIn();
    };
    this.#queue.add(waiting);
    signal.addEventListener("abort", leave, { once: true });
    const hasRoom = await promise;
    signal.removeEventListener("abort", leave);
    return hasRoom;
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#letIn();
  }

  #letIn(): void {
    for (const waiting of this.#queue) {
      if (!this.reserve(waiting.bytes)) return;
      this.#queue.delete(waiting);
      waiting.enter();
    }
  }
}
