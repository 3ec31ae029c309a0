/**
 * Successes that nobody waits for, kept per isolate until the next admission to the same guard carries them: an
 * event that comes alone then costs one request to its guard instead of two. Plain data, so invocations may share
 * it. What is never carried expires with its permit, and an isolate that ends takes it along: the reservation
 * stays counted for its minute.
 */
import { LIMITS } from "../config/limits.ts";
import type { Settlement } from "../core/guard/commands.ts";

export interface KeptSettlements {
  add(guard: string, settlement: Settlement): void;
  /** The oldest first. What was taken is gone. */
  take(guard: string, max: number): readonly Settlement[];
}

interface Kept {
  readonly settlement: Settlement;
  readonly keptAtMs: number;
}

export function createKeptSettlements(nowMs: () => number): KeptSettlements {
  const byGuard = new Map<string, readonly Kept[]>();
  return {
    add(guard, settlement) {
      const kept = [...(byGuard.get(guard) ?? []), { settlement, keptAtMs: nowMs() }];
      byGuard.set(guard, kept.slice(-LIMITS.guard.maxSettlementsPerCall));
    },
    take(guard, max) {
      const kept = byGuard.get(guard) ?? [];
      if (kept.length <= max) byGuard.delete(guard);
      else byGuard.set(guard, kept.slice(max));
      return kept.slice(0, max).map((one) => withoutStaleHint(one, nowMs()));
    },
  };
}

/** A hint's times count from its arrival: an old one would hold back calls for a state that has passed. */
function withoutStaleHint({ settlement, keptAtMs }: Kept, nowMs: number): Settlement {
  if (nowMs - keptAtMs < LIMITS.guard.adapt.hintHoldMs) return settlement;
  const { outcome, latencyMs, usedTokens } = settlement.report;
  return { permitId: settlement.permitId, report: { outcome, latencyMs, usedTokens } };
}
