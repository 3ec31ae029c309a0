/**
 * Settlements that wait for a ride, by guard. Bounded: the oldest beyond the bound are dropped and their
 * permits left to expire, which frees the slot late and keeps the tokens reserved, never the reverse.
 */
import type { Settlement } from "../core/guard/commands.ts";

export class SettlementQueue {
  readonly #byGuard = new Map<string, readonly Settlement[]>();
  readonly #maxPerGuard: number;

  constructor(maxPerGuard: number) {
    this.#maxPerGuard = maxPerGuard;
  }

  guards(): readonly string[] {
    return [...this.#byGuard.keys()];
  }

  /** @returns how many were dropped to make room */
  add(guard: string, settlements: readonly Settlement[]): number {
    return this.#store(guard, [...this.#waiting(guard), ...settlements]);
  }

  /** The oldest first. What was taken is gone until it is `putBack`. */
  take(guard: string, max: number): readonly Settlement[] {
    const waiting = this.#waiting(guard);
    this.#store(guard, waiting.slice(max));
    return waiting.slice(0, max);
  }

  putBack(guard: string, settlements: readonly Settlement[]): number {
    return this.#store(guard, [...settlements, ...this.#waiting(guard)]);
  }

  #waiting(guard: string): readonly Settlement[] {
    return this.#byGuard.get(guard) ?? [];
  }

  #store(guard: string, settlements: readonly Settlement[]): number {
    const dropped = Math.max(0, settlements.length - this.#maxPerGuard);
    if (settlements.length === 0) this.#byGuard.delete(guard);
    else this.#byGuard.set(guard, settlements.slice(dropped));
    return dropped;
  }
}
