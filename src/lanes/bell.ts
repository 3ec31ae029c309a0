/** Waiting that can be cut short. A ring while nobody waits is kept for the next one who does. */
import type { Clock } from "../platform/clock.ts";

export interface Bell {
  ring(): void;
  /** Resolves at the next ring, or after `maxMs`. */
  wait(maxMs: number): Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let stopWaiting: (() => void) | null = null;
  return {
    ring() {
      rung = true;
      stopWaiting?.();
    },
    async wait(maxMs) {
      if (!rung) {
        const timer = new AbortController();
        stopWaiting = () => timer.abort();
        await clock.sleep(maxMs, timer.signal);
        stopWaiting = null;
      }
      rung = false;
    },
  };
}
