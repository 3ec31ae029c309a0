/** Time that passes only when everybody waits for it: simulations of minutes run in a moment, the same every time. */
import { setImmediate as untilQuiet } from "node:timers/promises";

export class VirtualTime {
  nowMs: number;
  readonly #wakeUps: { readonly atMs: number; readonly wake: () => void }[] = [];

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  readonly sleep = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      this.#wakeUps.push({ atMs: this.nowMs + Math.max(0, delayMs), wake: resolve });
    });

  /** Wakes everybody whose time comes until then, in order. */
  async runUntil(endMs: number): Promise<void> {
    for (;;) {
      await untilQuiet();
      const nextMs = Math.min(...this.#wakeUps.map(({ atMs }) => atMs));
      if (nextMs > endMs) {
        this.nowMs = Math.max(this.nowMs, endMs);
        return;
      }
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const due of this.#wakeUps.filter(({ atMs }) => atMs <= nextMs)) {
        this.#wakeUps.splice(this.#wakeUps.indexOf(due), 1);
        due.wake();
      }
    }
  }
}
