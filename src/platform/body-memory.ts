/**
 * How much memory bodies may hold in an isolate together. An isolate has 128 MB for everything; a body that is read,
 * decoded and parsed weighs several times what it did on the wire. Small bodies are not counted.
 *
 * A request that is cut off runs no further code, `finally` included. So a room exists before it is granted, and can be given
 * back from outside (by the request's signal) whether it was granted by then or not; and no room outlives its time.
 */
export interface BodyRoom {
  /** true once there is room, first come first served; false when it was given back before. */
  readonly entered: Promise<boolean>;
  /** What is left of the body weighs no more than this from now on. */
  shrink(bytes: number): void;
  /** One more user, for so long: the room is free when each has released it. false: it is free already. */
  share(forMs: number): boolean;
  release(): void;
}

export interface BodyMemory {
  /** null: there is no room now. A body that is alone is always let in. */
  reserve(bytes: number, forMs: number): BodyRoom | null;
  /** A place in the queue. */
  queue(bytes: number, forMs: number): BodyRoom;
}

export function createBodyMemory(maxBytes: number, nowMs: () => number): BodyMemory {
  return new Memory(maxBytes, nowMs);
}

class Memory implements BodyMemory {
  readonly #maxBytes: number;
  readonly #nowMs: () => number;
  readonly #held = new Set<Room>();
  readonly #waiting = new Set<Room>();

  constructor(maxBytes: number, nowMs: () => number) {
    this.#maxBytes = maxBytes;
    this.#nowMs = nowMs;
  }

  reserve(bytes: number, forMs: number): BodyRoom | null {
    // Those who wait go first.
    this.#letIn();
    return this.#waiting.size === 0 && this.#hasRoom(bytes) ? this.queue(bytes, forMs) : null;
  }

  queue(bytes: number, forMs: number): BodyRoom {
    const room = new Room(bytes, forMs, this.#nowMs, () => {
      if (room.isFree) this.#held.delete(room);
      if (room.isFree) this.#waiting.delete(room);
      // The next one may be smaller.
      this.#letIn();
    });
    this.#waiting.add(room);
    this.#letIn();
    return room;
  }

  #hasRoom(bytes: number): boolean {
    let heldBytes = 0;
    for (const room of this.#held) heldBytes += room.bytes;
    return heldBytes === 0 || heldBytes + bytes <= this.#maxBytes;
  }

  #letIn(): void {
    const nowMs = this.#nowMs();
    for (const room of this.#held) if (room.expiresAtMs <= nowMs) this.#held.delete(room);
    for (const room of this.#waiting) {
      if (!this.#hasRoom(room.bytes)) return;
      this.#waiting.delete(room);
      this.#held.add(room);
      room.enter();
    }
  }
}

class Room implements BodyRoom {
  readonly entered: Promise<boolean>;
  bytes: number;
  /** How long it is needed once it is granted. */
  #forMs: number;
  #enteredAtMs = Number.POSITIVE_INFINITY;
  #users = 1;
  readonly #nowMs: () => number;
  readonly #resolve: (hasEntered: boolean) => void;
  readonly #changed: () => void;

  constructor(bytes: number, forMs: number, nowMs: () => number, changed: () => void) {
    ({ promise: this.entered, resolve: this.#resolve } = Promise.withResolvers<boolean>());
    this.bytes = bytes;
    this.#forMs = forMs;
    this.#nowMs = nowMs;
    this.#changed = changed;
  }

  get isFree(): boolean {
    return this.#users === 0;
  }

  get expiresAtMs(): number {
    return this.#enteredAtMs + this.#forMs;
  }

  enter(): void {
    this.#enteredAtMs = this.#nowMs();
    this.#resolve(true);
  }

  share(forMs: number): boolean {
    if (this.isFree) return false;
    this.#users++;
    this.#forMs += forMs;
    return true;
  }

  shrink(bytes: number): void {
    if (bytes >= this.bytes) return;
    this.bytes = bytes;
    this.#changed();
  }

  release(): void {
    if (this.#users === 0) return;
    this.#users--;
    if (this.#users > 0) return;
    this.#resolve(false);
    this.#changed();
  }
}
