/**
 * Slots under calls that are under way, and when each must be renewed. A slot's lease is short, so that a caller that
 * dies frees it soon; a caller that lives renews it with whatever it sends to the guard, else with a heartbeat of
 * its own. One per client.
 */
import { LIMITS } from "../config/limits.ts";

/** Runs `action` once after `delayMs`, unless the returned function is called before. */
export type Schedule = (delayMs: number, action: () => void) => () => void;

interface Held {
  readonly guard: string;
  /** The call cannot take longer: renewing it further would keep a slot for nobody. */
  readonly endsAtMs: number;
  renewedAtMs: number;
}

export class HeldPermits {
  readonly #held = new Map<string, Held & { readonly permitId: number }>();
  readonly #nowMs: () => number;
  readonly #schedule: Schedule | undefined;
  readonly #beat: (guard: string) => void;
  #cancelTimer: (() => void) | null = null;

  /** @param beat sends what is due to a guard */
  constructor(nowMs: () => number, schedule: Schedule | undefined, beat: (guard: string) => void) {
    this.#nowMs = nowMs;
    this.#schedule = schedule;
    this.#beat = beat;
  }

  hold(guard: string, permitId: number, callMs: number): void {
    const nowMs = this.#nowMs();
    this.#held.set(keyOf(guard, permitId), {
      guard,
      permitId,
      endsAtMs: nowMs + callMs,
      renewedAtMs: nowMs,
    });
    this.#arm();
  }

  release(guard: string, permitId: number): void {
    this.#held.delete(keyOf(guard, permitId));
    if (this.#held.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Those that were not renewed of late. Counts them as renewed: where that was lost they are due again before long. */
  takeDue(guard: string): readonly number[] {
    const nowMs = this.#nowMs();
    const due = [...this.#held.values()]
      .filter((held) => held.guard === guard && isDue(held, nowMs, LIMITS.guard.renewEveryMs / 2))
      .slice(0, LIMITS.guard.maxSettlementsPerCall);
    for (const held of due) held.renewedAtMs = nowMs;
    return due.map(({ permitId }) => permitId);
  }

  #arm(): void {
    if (this.#cancelTimer !== null || this.#held.size === 0) return;
    const oldestMs = Math.min(...[...this.#held.values()].map(({ renewedAtMs }) => renewedAtMs));
    const delayMs = oldestMs + LIMITS.guard.renewEveryMs - this.#nowMs();
    this.#cancelTimer = this.#schedule?.(Math.max(MIN_TIMER_MS, delayMs), () => this.#onTimer()) ?? null;
  }

  #onTimer(): void {
    this.#cancelTimer = null;
    const nowMs = this.#nowMs();
    const due = [...this.#held.values()].filter((held) => isDue(held, nowMs, LIMITS.guard.renewEveryMs));
    for (const guard of new Set(due.map((held) => held.guard))) this.#beat(guard);
    // One whose call should have ended long ago is nobody's: it expires.
    for (const [key, { endsAtMs }] of this.#held) if (nowMs >= endsAtMs) this.#held.delete(key);
    this.#arm();
  }
}

/** Timers may fire a little before the clock says so. */
const MIN_TIMER_MS = 10;

function isDue(held: Held, nowMs: number, afterMs: number): boolean {
  return nowMs < held.endsAtMs && nowMs - held.renewedAtMs >= afterMs;
}

function keyOf(guard: string, permitId: number): string {
  return `${permitId} ${guard}`;
}
