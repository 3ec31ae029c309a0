/** What stands between a caller and its call, and until when. Reads the state, changes nothing. */
import { heldBackUntilMs } from "./adapt.ts";
import { breakerVerdict } from "./breaker.ts";
import type { AdmitRequest, DeniedReason } from "./commands.ts";
import { levelOf } from "./levels.ts";
import type { GuardState } from "./model.ts";
import { earliestMs, type Caps, type RateKind } from "./rate.ts";
import type { Moment } from "./settings.ts";
import { expectedLatencyMs, hasFreeSlot } from "./slots.ts";
import { yieldsToOthers } from "./turns.ts";

export interface Obstacle {
  readonly reason: DeniedReason;
  /** When it is expected to be gone. */
  readonly atMs: number;
}

/** The one that lasts longest; null when the call may go. */
export function findObstacle(
  state: GuardState,
  request: AdmitRequest,
  caps: Caps,
  at: Moment,
): Obstacle | null {
  return [
    breakerObstacle(state, at),
    pauseObstacle(state, at),
    slotObstacle(state, request, at),
    rateObstacle(state, "requests", request, caps, at),
    rateObstacle(state, "tokens", request, caps, at),
  ].reduce(later, null);
}

function later(one: Obstacle | null, other: Obstacle | null): Obstacle | null {
  if (one === null || other === null) return one ?? other;
  return other.atMs > one.atMs ? other : one;
}

function breakerObstacle(state: GuardState, { nowMs, settings }: Moment): Obstacle | null {
  const verdict = breakerVerdict(state.breaker, state.permits, nowMs);
  if (verdict.kind !== "blocked") return null;
  return { reason: "breaker", atMs: verdict.atMs ?? nowMs + expectedLatencyMs(state, settings) };
}

function pauseObstacle({ adaptive }: GuardState, { nowMs }: Moment): Obstacle | null {
  return nowMs < adaptive.pausedUntilMs ? { reason: "requests", atMs: adaptive.pausedUntilMs } : null;
}

/** Nobody knows when a slot comes free; on the average one does every latency / slots. */
function slotObstacle(
  state: GuardState,
  request: AdmitRequest,
  { nowMs, settings }: Moment,
): Obstacle | null {
  if (hasFreeSlot(state.permits, request.limits, levelOf(request.priority), settings)) return null;
  const slots = request.limits.maxConcurrent ?? settings.maxPermits;
  return { reason: "concurrency", atMs: nowMs + expectedLatencyMs(state, settings) / slots };
}

function rateObstacle(
  state: GuardState,
  kind: RateKind,
  request: AdmitRequest,
  caps: Caps,
  { nowMs, settings }: Moment,
): Obstacle | null {
  const amount = kind === "requests" ? 1 : request.estimatedTokens;
  const heldBackMs = heldBackUntilMs(state.adaptive.left[kind], amount, nowMs);
  if (heldBackMs !== null) return { reason: kind, atMs: heldBackMs };
  const kindCaps = caps[kind];
  if (kindCaps === null || amount === 0) return null;
  const atMs = earliestMs(state.rate, kind, kindCaps, amount, levelOf(request.priority), settings);
  const dueMs = yieldsToOthers(state, request, nowMs, settings) ? nowMs - settings.yieldMs : nowMs;
  return atMs > dueMs ? { reason: kind, atMs } : null;
}
