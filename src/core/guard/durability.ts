/**
 * When the state must be written, and what a restart takes for used. Between two writes at most a tenth of
 * any limit is granted and at most `flushEveryMs` passes; a restart assumes exactly that much was granted
 * and lost. So it never creates capacity, and costs at most that tenth. A guard that has been idle for `flushEveryMs` is written as
 * closed: nothing can have been lost after that, because the next step is written before it is known. Pure.
 */
import { capsInForce, spend } from "./adapt.ts";
import { levelOf } from "./levels.ts";
import { NOTHING_UNWRITTEN, type GuardState, type PermitRecord } from "./model.ts";
import { charge } from "./rate.ts";
import type { GuardSettings, Moment } from "./settings.ts";

/** To be asked after every step, before its answer leaves: the write must be durable before the grant is known. */
export function mustWrite(state: GuardState, { nowMs, settings }: Moment): boolean {
  const { unwritten } = state;
  if (unwritten.urgent || (state.isClosed === true && hasUnwritten(state))) return true;
  const may = allowance(state, settings);
  if (unwritten.grants > may.grants || unwritten.tokens > may.tokens) return true;
  return hasUnwritten(state) && nowMs - state.writtenAtMs >= settings.flushEveryMs;
}

/** Whether a later write (nobody waits for it) would save anything. */
export function hasUnwritten(state: GuardState): boolean {
  return state.unwritten.changed || state.unwritten.grants > 0;
}

/** The state to write. It becomes the state in memory as well. */
export function written(state: GuardState, nowMs: number): GuardState {
  const writtenAtMs = Math.max(nowMs, state.nowMs);
  return { ...state, writtenAtMs, isClosed: !hasUnwritten(state), unwritten: NOTHING_UNWRITTEN };
}

/** After a write that failed: what is stored is older than memory believes, so the next step must be written before it is known. */
export function notWritten(state: GuardState): GuardState {
  return { ...state, unwritten: { ...state.unwritten, urgent: true } };
}

/** What a stored state means after a restart. */
export function reload(stored: GuardState, { nowMs, settings }: Moment): GuardState {
  // An object that is idle is soon put away: what it takes for lost then would keep those away who come back to it.
  if (stored.isClosed === true) return { ...stored, nowMs: Math.max(stored.nowMs, nowMs) };
  const lostAtMs = Math.max(stored.nowMs, Math.min(nowMs, stored.writtenAtMs + settings.flushEveryMs));
  const lost = allowance(stored, settings);
  const cost = { requests: finite(lost.requests), tokens: finite(lost.tokens) };
  const caps = capsInForce(stored.limits, stored.adaptive, settings);
  return {
    ...stored,
    nowMs: Math.max(stored.nowMs, nowMs),
    // As low priority, which counts against every share, and as blocks, whose calls may begin later.
    rate: charge(
      stored.rate,
      cost,
      caps,
      levelOf("low"),
      { nowMs: lostAtMs, countsAtMs: lostAtMs + settings.blockHoldMs },
      settings,
    ),
    adaptive: spend(stored.adaptive, cost),
    permits: [
      ...stored.permits.map((permit) => withLostRenewal(permit, lostAtMs, settings)),
      ...lostPermits(stored, finite(lost.slots), lostAtMs, settings),
    ],
    lastPermitId: stored.lastPermitId + settings.permitIdsPerRestart,
    // Written before the next grant: a second restart must not start from the same numbers again.
    unwritten: { ...NOTHING_UNWRITTEN, urgent: true },
  };
}

/** A guard whose stored state can't be read: as if the last minute had used up whatever the limits are. */
export function closedFor(state: GuardState, nowMs: number, settings: GuardSettings): GuardState {
  const pausedUntilMs = nowMs + Math.max(settings.windowMs, settings.slotLeaseMs);
  return { ...state, adaptive: { ...state.adaptive, pausedUntilMs } };
}

/** It may have been renewed as late as anything can have been lost. */
function withLostRenewal(permit: PermitRecord, lostAtMs: number, settings: GuardSettings): PermitRecord {
  const untilMs = Math.min(lostAtMs + settings.renewedLeaseMs, permit.grantedAtMs + settings.maxSlotLeaseMs);
  return { ...permit, expiresAtMs: Math.max(permit.expiresAtMs, untilMs) };
}

interface Allowance {
  readonly requests: number;
  readonly tokens: number;
  readonly slots: number;
  /** The smallest of what counts grants. */
  readonly grants: number;
}

/** What may be granted without a write. Nothing to lose where nothing is limited. */
function allowance({ limits, adaptive }: GuardState, settings: GuardSettings): Allowance {
  const part = (limit: number | null | undefined) =>
    limit == null ? Number.POSITIVE_INFINITY : Math.floor(limit * settings.unwrittenShare);
  const requests = part(limits.requestsPerMinute ?? adaptive.observedPerMinute);
  const slots = part(limits.maxConcurrent);
  return { requests, tokens: part(limits.tokensPerMinute), slots, grants: Math.min(requests, slots) };
}

function finite(amount: number): number {
  return Number.isFinite(amount) ? amount : 0;
}

/** Permits are numbered in order, so the numbers of the lost ones are known: their settlements find them. */
function lostPermits(
  stored: GuardState,
  count: number,
  lostAtMs: number,
  settings: GuardSettings,
): readonly PermitRecord[] {
  const expiresAtMs = lostAtMs + settings.blockHoldMs + stored.longestLeaseMs;
  return Array.from({ length: count }, (_, index) => ({
    id: stored.lastPermitId + 1 + index,
    priority: "low",
    grantedAtMs: lostAtMs,
    expiresAtMs,
    tokens: 0,
  }));
}
