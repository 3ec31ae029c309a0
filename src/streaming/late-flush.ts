/** One timer: calls back when something has to be stored at the latest. */
export class LateFlush {
  readonly #flush: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(flush: () => void) {
    this.#flush = flush;
  }

  /** @param dueMs null: nothing waits. An earlier call's time stands, because what waits only gets older */
  set(dueMs: number | null, nowMs: number): void {
    if (dueMs === null) {
      if (this.#timer !== undefined) clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined;
        this.#flush();
      },
      Math.max(0, dueMs - nowMs),
    );
  }
}
