/**
 * The guard's decisions: who may call now, who waits and until when, and what a finished call changes.
 * Pure: time and chance are arguments. Spec: docs/spec/guard.md.
 */
import { adapt, capsInForce, spend } from "./adapt.ts";
import { afterCall, afterExpiry, breakerVerdict, healthOf, sampledCalls, startProbe } from "./breaker.ts";
import type { AdmitRequest, Decision, Settlement } from "./commands.ts";
import { levelOf } from "./levels.ts";
import type { GuardState, Limits, PermitRecord } from "./model.ts";
import { findObstacle } from "./obstacles.ts";
import { charge, refundTokens, usedInWindow, NO_COST, type Caps } from "./rate.ts";
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
  const { settings } = at;
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
  const rate = settleTokens(current, permit, report.usedTokens, { nowMs, settings });
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
    state.limits.slowMs === limits.slowMs;
  // Written before the first grant under them: a restart reckons with the limits it finds stored.
  return isSame ? state : { ...state, limits, unwritten: { ...state.unwritten, urgent: true } };
}

function grant(state: GuardState, request: AdmitRequest, caps: Caps, { nowMs, settings }: Moment): AdmitStep {
  const level = levelOf(request.priority);
  const permitId = state.lastPermitId + 1;
  const leaseMs = Math.min(request.leaseMs ?? settings.slotLeaseMs, settings.maxSlotLeaseMs);
  const cost = { requests: 1, tokens: request.estimatedTokens };
  const isProbe = breakerVerdict(state.breaker, state.permits, nowMs).kind === "probe";
  const breaker = isProbe ? startProbe(state.breaker, permitId, settings.breaker) : state.breaker;
  const permit: PermitRecord = {
    id: permitId,
    priority: request.priority,
    grantedAtMs: nowMs,
    expiresAtMs: nowMs + leaseMs,
    tokens: request.estimatedTokens,
  };
  const permits = [...state.permits, permit];
  const settleSoon = breaker.phase !== "closed" || isContended(permits, request.limits, level, settings);
  return {
    decision: {
      kind: "granted",
      permitId,
      settleSoon,
      mayKeep: isUneventful(state, request, nowMs, settings),
    },
    state: {
      ...state,
      lastPermitId: permitId,
      longestLeaseMs: Math.max(state.longestLeaseMs, leaseMs),
      permits,
      breaker,
      rate: charge(state.rate, cost, caps, level, nowMs, settings),
      adaptive: spend(state.adaptive, cost),
      unwritten: {
        ...state.unwritten,
        grants: state.unwritten.grants + 1,
        tokens: state.unwritten.tokens + cost.tokens,
        urgent: state.unwritten.urgent || isProbe,
      },
    },
  };
}

/**
 * Nothing waits for this call's success: no slot, no breaker that counts failures, no rate to restore. While
 * failures are sampled every success counts against them, so none is kept.
 */
function isUneventful(
  state: GuardState,
  request: AdmitRequest,
  nowMs: number,
  settings: GuardSettings,
): boolean {
  const { breaker, adaptive } = state;
  if (request.limits.maxConcurrent !== undefined || breaker.phase !== "closed" || adaptive.factor < 1)
    return false;
  return sampledCalls(breaker.samples, nowMs, settings.breaker).failures === 0;
}

/** Unused tokens go back to the minute they were taken from; what was used beyond the estimate counts from now. */
function settleTokens(
  state: GuardState,
  permit: PermitRecord,
  usedTokens: number | null,
  { nowMs, settings }: Moment,
): GuardState["rate"] {
  if (usedTokens === null || usedTokens === permit.tokens) return state.rate;
  const level = levelOf(permit.priority);
  const caps = capsInForce(state.limits, state.adaptive, settings);
  const unused = permit.tokens - usedTokens;
  return unused > 0
    ? refundTokens(state.rate, unused, caps, level, permit.grantedAtMs, settings)
    : charge(state.rate, { ...NO_COST, tokens: -unused }, caps, level, nowMs, settings);
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
