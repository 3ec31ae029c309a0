/**
 * The guard's decisions: who may call now, who waits and until when, and what a finished call changes.
 * Pure: time and chance are arguments. Spec: docs/spec/guard.md.
 */
import { adapt, capsInForce, spend } from "./adapt.ts";
import { blockSize, idleSlotsLeft, isCalm } from "./block.ts";
import { afterCall, afterExpiry, breakerVerdict, healthOf, startProbe } from "./breaker.ts";
import type { AdmitRequest, CallReport, Decision, Settlement } from "./commands.ts";
import { levelOf } from "./levels.ts";
import type { GuardState, Limits, PermitRecord } from "./model.ts";
import { findObstacle } from "./obstacles.ts";
import { charge, refund, usedInWindow, NO_COST, type Caps } from "./rate.ts";
import type { GuardSettings, Moment } from "./settings.ts";
import { isContended, unexpired } from "./slots.ts";
import { nextTurn } from "./turns.ts";

export interface AdmitStep {
  readonly state: GuardState;
  readonly decision: Decision;
}

/** Part of the newest latency in the moving average. */
const LATENCY_WEIGHT = 0.2;

/** @param random uniform in [0, 1) */
export function admit(state: GuardState, request: AdmitRequest, at: Moment, random: number): AdmitStep {
  const { burstMs = at.settings.burstMs } = request.limits;
  const settings = { ...at.settings, burstMs };
  const current = advance(adoptLimits(state, request.limits), at.nowMs);
  const nowMs = current.nowMs;
  const caps = capsInForce(request.limits, current.adaptive, settings);
  const obstacle = findObstacle(current, request, caps, { nowMs, settings });
  if (obstacle === null) return grant(current, request, caps, { nowMs, settings });
  const turn = nextTurn(current, request, caps, obstacle.atMs, { nowMs, random, settings });
  return {
    state: { ...current, turnsMs: turn.turnsMs },
    decision: { kind: "denied", reason: obstacle.reason, retryAtMs: turn.retryAtMs },
  };
}

/** A settlement of a permit that is gone (settled before, or expired) changes nothing. */
export function settle(state: GuardState, settlement: Settlement, at: Moment): GuardState {
  const { report } = settlement;
  const current = advance(state, at.nowMs);
  const permit = current.permits.find(({ id }) => id === settlement.permitId);
  if (permit === undefined) return current;
  const { nowMs } = current;
  const settings = at.settings;
  const rate = settleRate(current, permit, report, { nowMs, settings });
  const health = healthOf(report, current.limits.slowMs);
  const breaker = afterCall(current.breaker, { permitId: permit.id, health }, nowMs, settings.breaker);
  const adaptive = adapt(current.adaptive, report, adaptContext(current, permit, settings), settings.adapt);
  const excessTokens = Math.max(0, (report.usedTokens ?? 0) - permit.tokens);
  const isUrgent =
    breaker.phase !== current.breaker.phase ||
    adaptive.factor < current.adaptive.factor ||
    adaptive.pausedUntilMs > current.adaptive.pausedUntilMs + settings.flushEveryMs;
  return {
    ...current,
    permits: current.permits.filter((other) => other !== permit),
    rate,
    breaker,
    adaptive,
    latencyMs:
      report.outcome === "success" ? averaged(current.latencyMs, report.latencyMs) : current.latencyMs,
    unwritten: {
      ...current.unwritten,
      tokens: current.unwritten.tokens + excessTokens,
      changed: true,
      urgent: current.unwritten.urgent || isUrgent,
    },
  };
}

/** The callers are still at it. A slot that has expired is somebody else's by now, and stays so. */
export function renew(state: GuardState, permitIds: readonly number[], at: Moment): GuardState {
  if (permitIds.length === 0) return state;
  const current = advance(state, at.nowMs);
  const { renewedLeaseMs, maxSlotLeaseMs } = at.settings;
  const renewed = (permit: PermitRecord): PermitRecord => {
    if (!permitIds.includes(permit.id)) return permit;
    const untilMs = Math.min(current.nowMs + renewedLeaseMs, permit.grantedAtMs + maxSlotLeaseMs);
    return { ...permit, expiresAtMs: Math.max(permit.expiresAtMs, untilMs) };
  };
  return {
    ...current,
    permits: current.permits.map(renewed),
    unwritten: { ...current.unwritten, changed: true },
  };
}

/** Lets time pass: expired permits are gone, and a probe that expired leaves room for the next. */
export function advance(state: GuardState, toMs: number): GuardState {
  const nowMs = Math.max(state.nowMs, toMs);
  const permits = unexpired(state.permits, nowMs);
  if (permits === state.permits) return { ...state, nowMs };
  const isUnderWay = (permitId: number) => permits.some(({ id }) => id === permitId);
  return { ...state, nowMs, permits, breaker: afterExpiry(state.breaker, isUnderWay, nowMs) };
}

function adoptLimits(state: GuardState, limits: Limits): GuardState {
  const isSame =
    state.limits.requestsPerMinute === limits.requestsPerMinute &&
    state.limits.tokensPerMinute === limits.tokensPerMinute &&
    state.limits.maxConcurrent === limits.maxConcurrent &&
    state.limits.slowMs === limits.slowMs &&
    state.limits.burstMs === limits.burstMs;
  // Written before the first grant under them: a restart reckons with the limits it finds stored.
  return isSame ? state : { ...state, limits, unwritten: { ...state.unwritten, urgent: true } };
}

function grant(state: GuardState, request: AdmitRequest, caps: Caps, at: Moment): AdmitStep {
  const { nowMs, settings } = at;
  const isProbe = breakerVerdict(state.breaker, state.permits, nowMs).kind === "probe";
  const permitId = state.lastPermitId + 1;
  const one = withPermits(state, request, caps, { count: 1, tokens: request.estimatedTokens }, at);
  const granted: GuardState = isProbe
    ? {
        ...one,
        breaker: startProbe(state.breaker, permitId, settings.breaker),
        unwritten: { ...one.unwritten, urgent: true },
      }
    : one;
  const calls = blockSize(granted, request, caps, at);
  const tokens = request.ahead?.tokens ?? 0;
  const useByMs = nowMs + settings.blockHoldMs;
  const next =
    calls === 0 ? granted : withPermits(granted, request, caps, { count: calls, tokens, useByMs }, at);
  const level = levelOf(request.priority);
  return {
    state: next,
    decision: {
      kind: "granted",
      permitId,
      settleSoon:
        next.breaker.phase !== "closed" || isContended(next.permits, request.limits, level, settings),
      mayKeep: isUneventful(next, request, at),
      ...(calls === 0 ? {} : { ahead: calls }),
    },
  };
}

interface Batch {
  readonly count: number;
  readonly tokens: number;
  readonly useByMs?: number;
}

function withPermits(
  state: GuardState,
  request: AdmitRequest,
  caps: Caps,
  { count, tokens, useByMs }: Batch,
  { nowMs, settings }: Moment,
): GuardState {
  const leaseMs = Math.min(request.leaseMs ?? settings.slotLeaseMs, settings.maxSlotLeaseMs);
  const countsAtMs = useByMs ?? nowMs;
  const cost = { requests: count, tokens: tokens * count };
  const permits = Array.from({ length: count }, (_, index): PermitRecord => ({
    id: state.lastPermitId + 1 + index,
    priority: request.priority,
    grantedAtMs: nowMs,
    expiresAtMs: countsAtMs + leaseMs,
    tokens,
    ...(useByMs === undefined ? {} : { useByMs }),
  }));
  return {
    ...state,
    lastPermitId: state.lastPermitId + count,
    longestLeaseMs: Math.max(state.longestLeaseMs, leaseMs),
    permits: [...state.permits, ...permits],
    rate: charge(state.rate, cost, caps, levelOf(request.priority), { nowMs, countsAtMs }, settings),
    adaptive: spend(state.adaptive, cost),
    unwritten: {
      ...state.unwritten,
      grants: state.unwritten.grants + count,
      tokens: state.unwritten.tokens + cost.tokens,
      // How long a permit that a restart has lost may be under way must be known after it.
      urgent: state.unwritten.urgent || leaseMs > state.longestLeaseMs,
    },
  };
}

/**
 * Nobody waits for this call's success: slots enough, no breaker that counts failures, no rate to restore. While
 * failures are sampled every success counts against them, so none is kept.
 */
function isUneventful(state: GuardState, request: AdmitRequest, at: Moment): boolean {
  return isCalm(state, at) && idleSlotsLeft(state, request, at) >= 0;
}

/** Unused amounts go back to the minute they were taken from; what was used beyond the estimate counts from now. */
function settleRate(
  state: GuardState,
  permit: PermitRecord,
  { usedTokens, unused }: CallReport,
  { nowMs, settings }: Moment,
): GuardState["rate"] {
  const level = levelOf(permit.priority);
  const caps = capsInForce(state.limits, state.adaptive, settings);
  const countedAtMs = permit.useByMs ?? permit.grantedAtMs;
  if (unused === true) {
    return refund(state.rate, { requests: 1, tokens: permit.tokens }, caps, level, countedAtMs, settings);
  }
  if (usedTokens === null || usedTokens === permit.tokens) return state.rate;
  const tokens = permit.tokens - usedTokens;
  return tokens > 0
    ? refund(state.rate, { ...NO_COST, tokens }, caps, level, countedAtMs, settings)
    : charge(
        state.rate,
        { ...NO_COST, tokens: -tokens },
        caps,
        level,
        { nowMs, countsAtMs: nowMs },
        settings,
      );
}

function adaptContext(state: GuardState, permit: PermitRecord, settings: GuardSettings) {
  const later = state.permits.filter((other) => other.id > permit.id);
  const [low, normal, high] = usedInWindow(state.rate, "requests", state.nowMs, settings);
  return {
    nowMs: state.nowMs,
    hasRequestLimit: state.limits.requestsPerMinute !== undefined,
    requestsPerMinute: low + normal + high,
    grantedSince: {
      requests: later.length,
      tokens: later.reduce((sum, other) => sum + other.tokens, 0),
    },
  };
}

function averaged(average: number | null, latencyMs: number): number {
  return average === null ? latencyMs : average + (latencyMs - average) * LATENCY_WEIGHT;
}
