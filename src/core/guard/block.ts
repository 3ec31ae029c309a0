/**
 * Blocks of grants: how many calls beyond the one that was asked for a caller is granted ahead. A block takes
 * a small part of what lies free and nothing where anybody waits, so low limits and busy ones give
 * none. Reads the state, changes nothing. Spec: docs/spec/guard.md, "Blocks".
 */
import { sampledCalls } from "./breaker.ts";
import type { AdmitRequest } from "./commands.ts";
import { capsOf, levelOf, levelsFrom, usedUpTo } from "./levels.ts";
import type { GuardState, Left } from "./model.ts";
import { freeNow, type Caps, type RateKind } from "./rate.ts";
import type { Moment } from "./settings.ts";
import { heldByPriority } from "./slots.ts";

/** @param state after the grant of the call itself */
export function blockSize(state: GuardState, request: AdmitRequest, caps: Caps, at: Moment): number {
  const { ahead } = request;
  if (ahead === undefined || !isCalm(state, at) || isWaitedFor(state, at)) return 0;
  const room = Math.min(
    ahead.calls,
    at.settings.maxBlockCalls,
    partOfRate(state, "requests", request, caps, at),
    ahead.tokens === 0
      ? Number.POSITIVE_INFINITY
      : partOfRate(state, "tokens", request, caps, at) / ahead.tokens,
    idleSlotsLeft(state, request, at),
    at.settings.maxPermits / 2 - state.permits.length,
  );
  return Math.max(0, Math.floor(room));
}

/** The endpoint is well and has not been otherwise of late: whatever a caller learns can wait. */
export function isCalm({ breaker, adaptive }: GuardState, { nowMs, settings }: Moment): boolean {
  if (breaker.phase !== "closed" || adaptive.factor < 1 || adaptive.pausedUntilMs > nowMs) return false;
  return sampledCalls(breaker.samples, nowMs, settings.breaker).failures === 0;
}

/** What blocks and unsent settlements may still keep from others; without slots they keep nothing. */
export function idleSlotsLeft(state: GuardState, request: AdmitRequest, { settings }: Moment): number {
  const { maxConcurrent } = request.limits;
  if (maxConcurrent === undefined) return Number.POSITIVE_INFINITY;
  const caps = capsOf(maxConcurrent, settings.shares);
  const held = heldByPriority(state.permits);
  const left = levelsFrom(levelOf(request.priority)).map(
    (level) => Math.floor(caps[level] * settings.idleSlotShare) - usedUpTo(held, level),
  );
  return Math.min(...left);
}

function isWaitedFor({ turnsMs }: GuardState, { nowMs }: Moment): boolean {
  return turnsMs.some((turnMs) => turnMs > nowMs);
}

function partOfRate(
  state: GuardState,
  kind: RateKind,
  request: AdmitRequest,
  caps: Caps,
  { nowMs, settings }: Moment,
): number {
  const told = toldFree(state.adaptive.left[kind], nowMs);
  const kindCaps = caps[kind];
  const level = levelOf(request.priority);
  const free =
    kindCaps === null
      ? Number.POSITIVE_INFINITY
      : freeNow(state.rate, kind, kindCaps, level, nowMs, settings);
  return Math.min(free, told) * settings.blockShare;
}

function toldFree(left: Left, nowMs: number): number {
  return left === null || left.untilMs <= nowMs ? Number.POSITIVE_INFINITY : left.amount;
}
