/**
 * A time-out that is set again and again and hardly ever fires, as while a stream is read. Setting a timer for every piece costs more
 * than the piece; this one keeps the timer that runs and looks, when it fires, whether it is still meant.
 */
export class LazyTimer {
  readonly #fire: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** null: nothing is waited for. */
  #dueAtMs: number | null = null;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  /** Fires once, when so much time has passed without another word. */
  expect(delayMs: number): void {
    const nowMs = Date.now();
    this.#dueAtMs = nowMs + delayMs;
    if (this.#timer !== undefined && this.#timerAtMs <= this.#dueAtMs) return;
    this.#arm(nowMs);
  }

  relax(): void {
    this.#dueAtMs = null;
  }

  close(): void {
    this.#dueAtMs = null;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #arm(nowMs: number): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    const dueAtMs = this.#dueAtMs ?? nowMs;
    this.#timerAtMs = dueAtMs;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, dueAtMs - nowMs));
  }

  #look(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#dueAtMs === null) return;
    const nowMs = Date.now();
    if (nowMs < this.#dueAtMs) {
      this.#arm(nowMs);
      return;
    }
    this.#dueAtMs = null;
    this.#fire();
  }
}
