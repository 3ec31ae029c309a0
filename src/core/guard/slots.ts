/**
 * Concurrency slots. A slot is a permit that has neither been settled nor expired: a caller that died
 * frees its slot by doing nothing. Shares hold here too: low may hold half of the slots.
 */
import { capsOf, levelOf, usedUpTo, withAmount, levelsFrom, type Level } from "./levels.ts";
import type { GuardState, Limits, PermitRecord, Triple } from "./model.ts";
import type { GuardSettings } from "./settings.ts";

export function unexpired(permits: readonly PermitRecord[], nowMs: number): readonly PermitRecord[] {
  return permits.every((permit) => permit.expiresAtMs > nowMs)
    ? permits
    : permits.filter((permit) => permit.expiresAtMs > nowMs);
}

export function heldByPriority(permits: readonly PermitRecord[]): Triple {
  let held: Triple = [0, 0, 0];
  for (const permit of permits) {
    const level = levelOf(permit.priority);
    held = withAmount(held, level, held[level] + 1);
  }
  return held;
}

export function hasFreeSlot(
  permits: readonly PermitRecord[],
  limits: Limits,
  level: Level,
  settings: GuardSettings,
): boolean {
  if (permits.length >= settings.maxPermits) return false;
  if (limits.maxConcurrent === undefined) return true;
  const caps = capsOf(limits.maxConcurrent, settings.shares);
  const held = heldByPriority(permits);
  return levelsFrom(level).every((at) => usedUpTo(held, at) < caps[at]);
}

/** Slots are scarce enough that someone may be waiting: a settlement should not wait for a ride. */
export function isContended(
  permits: readonly PermitRecord[],
  limits: Limits,
  level: Level,
  settings: GuardSettings,
): boolean {
  if (limits.maxConcurrent === undefined) return false;
  const caps = capsOf(limits.maxConcurrent, settings.shares);
  const held = heldByPriority(permits);
  return levelsFrom(level).some((at) => usedUpTo(held, at) >= caps[at] * settings.contendedShare);
}

export function expectedLatencyMs(state: GuardState, settings: GuardSettings): number {
  return state.latencyMs ?? settings.expectedLatencyMs;
}
