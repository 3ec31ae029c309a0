/**
 * Permits granted ahead, kept per isolate: a later call takes one of them instead of asking the guard. Plain data,
 * so invocations may share it. A permit is used within `blockHoldMs` of the *request* for it, by this machine's own
 * clock, hence before the guard stops reckoning with its call; or it is given back with the next request
 * to its guard. An isolate that ends takes its permits along: they stay counted for a minute.
 */
import { LIMITS } from "../config/limits.ts";
import type { Settlement } from "../core/guard/commands.ts";
import type { AdmissionRequest } from "./port.ts";

export interface PooledPermit {
  readonly permitId: number;
  /** What it reserves. */
  readonly tokens: number;
  readonly mayKeep: boolean;
}

export interface Ahead {
  readonly calls: number;
  readonly tokens: number;
}

export interface PermitPool {
  /** A permit that fits the call; it is the caller's from now on. Takes note of the call also where there is none. */
  take(request: AdmissionRequest): PooledPermit | null;
  /** What to ask for together with a call that found no permit: as many calls as there were of late. */
  wanted(request: AdmissionRequest): Ahead | undefined;
  /** What was granted ahead of a request that was sent at `askedAtMs`. */
  add(request: AdmissionRequest, permits: readonly PooledPermit[], askedAtMs: number): void;
  /** An endpoint that is not well: no call begins under what is kept. */
  drop(guard: string): void;
  /** Settlements of permits that will not be used any more. What was taken is gone. */
  takeUnused(guard: string, max: number): readonly Settlement[];
}

interface Kept extends PooledPermit {
  readonly useByMs: number;
}

/** Calls to one guard on the same terms. */
interface Terms {
  kept: readonly Kept[];
  /** Recent calls, the oldest first: what is expected is what was. */
  calls: readonly { readonly atMs: number; readonly tokens: number }[];
  /** Asked for and not yet answered. */
  asked: readonly { readonly atMs: number; readonly calls: number }[];
}

const UNUSED = { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true } as const;

export function createPermitPool(nowMs: () => number): PermitPool {
  const termsByGuard = new Map<string, Map<string, Terms>>();
  const unusedByGuard = new Map<string, readonly Settlement[]>();

  function termsOf(request: AdmissionRequest): Terms {
    const byKey = termsByGuard.get(request.guard) ?? new Map<string, Terms>();
    termsByGuard.set(request.guard, byKey);
    const key = keyOf(request);
    const terms = byKey.get(key) ?? { kept: [], calls: [], asked: [] };
    byKey.set(key, terms);
    expire(request.guard, terms);
    return terms;
  }

  function expire(guard: string, terms: Terms): void {
    const sinceMs = nowMs() - LIMITS.guard.blockHoldMs;
    const expired = terms.kept.filter((permit) => permit.useByMs <= nowMs());
    if (expired.length > 0) terms.kept = terms.kept.filter((permit) => permit.useByMs > nowMs());
    giveBack(guard, expired);
    terms.calls = terms.calls.filter((call) => call.atMs > sinceMs);
    terms.asked = terms.asked.filter((ask) => ask.atMs > sinceMs);
  }

  function giveBack(guard: string, permits: readonly Kept[]): void {
    if (permits.length === 0) return;
    const unused = permits.map(({ permitId }): Settlement => ({ permitId, report: UNUSED }));
    const all = [...(unusedByGuard.get(guard) ?? []), ...unused];
    unusedByGuard.set(guard, all.slice(-LIMITS.guard.maxSettlementsPerCall));
  }

  return {
    take(request) {
      const terms = termsOf(request);
      terms.calls = [...terms.calls, { atMs: nowMs(), tokens: request.estimatedTokens }].slice(
        -LIMITS.guard.maxBlockCalls - 1,
      );
      const found = terms.kept.find((permit) => permit.tokens >= request.estimatedTokens);
      if (found === undefined) return null;
      terms.kept = terms.kept.filter((permit) => permit !== found);
      return found;
    },
    wanted(request) {
      const terms = termsOf(request);
      const promised = terms.asked.reduce((sum, ask) => sum + ask.calls, terms.kept.length);
      // This call is among them, and has its own permit.
      const calls = terms.calls.length - 1 - promised;
      if (calls < 1) return undefined;
      terms.asked = [...terms.asked, { atMs: nowMs(), calls }];
      return { calls, tokens: Math.max(...terms.calls.map((call) => call.tokens)) };
    },
    add(request, permits, askedAtMs) {
      const terms = termsOf(request);
      terms.asked = terms.asked.filter((ask) => ask.atMs !== askedAtMs);
      const useByMs = askedAtMs + LIMITS.guard.blockHoldMs;
      terms.kept = [...terms.kept, ...permits.map((permit) => ({ ...permit, useByMs }))];
      expire(request.guard, terms);
    },
    drop(guard) {
      for (const terms of termsByGuard.get(guard)?.values() ?? []) {
        giveBack(guard, terms.kept);
        terms.kept = [];
      }
    },
    takeUnused(guard, max) {
      for (const terms of termsByGuard.get(guard)?.values() ?? []) expire(guard, terms);
      const unused = unusedByGuard.get(guard) ?? [];
      unusedByGuard.set(guard, unused.slice(max));
      return unused.slice(0, max);
    },
  };
}

/** Permits fit a call only if it would have been asked for in the same words. */
function keyOf({ priority, limits, leaseMs }: AdmissionRequest): string {
  const { requestsPerMinute, tokensPerMinute, maxConcurrent, slowMs } = limits;
  return JSON.stringify([priority, leaseMs, requestsPerMinute, tokensPerMinute, maxConcurrent, slowMs]);
}
