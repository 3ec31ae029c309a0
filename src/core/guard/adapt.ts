/**
 * Adapting to what the other side says about its limits: a 429 halves the rates, successes restore
 * them in steps, `Retry-After` pauses, and remaining/reset hints cap what is sent until the reset.
 * Never raises a rate above the configured one. Pure.
 */
import type { CallReport } from "./commands.ts";
import { capsOf } from "./levels.ts";
import type { Adaptive, Left, Limits } from "./model.ts";
import type { Caps, Cost, RateKind } from "./rate.ts";
import type { AdaptSettings, GuardSettings } from "./settings.ts";

export interface AdaptContext {
  readonly nowMs: number;
  readonly hasRequestLimit: boolean;
  /** Granted in the last minute. */
  readonly requestsPerMinute: number;
  /** Granted after the call that now reports: the other side may not have counted them when it answered. */
  readonly grantedSince: Cost;
}

/** The caps in force: the configured limits, times the factor. */
export function capsInForce(limits: Limits, adaptive: Adaptive, settings: GuardSettings): Caps {
  const requests = limits.requestsPerMinute ?? adaptive.observedPerMinute;
  const scaled = (limit: number | null | undefined) =>
    limit == null ? null : capsOf(Math.max(1, Math.floor(limit * adaptive.factor)), settings.shares);
  return { requests: scaled(requests), tokens: scaled(limits.tokensPerMinute) };
}

export function adapt(
  adaptive: Adaptive,
  report: CallReport,
  context: AdaptContext,
  settings: AdaptSettings,
): Adaptive {
  const rated = adaptRate(adaptive, report, context, settings);
  return {
    ...rated,
    pausedUntilMs: Math.max(adaptive.pausedUntilMs, pausedUntilMs(rated, report, context.nowMs, settings)),
    left: leftAfter(adaptive.left, report, context, settings),
  };
}

/** A grant uses up what the other side said was left. */
export function spend(adaptive: Adaptive, cost: Cost): Adaptive {
  const { requests, tokens } = adaptive.left;
  if (requests === null && tokens === null) return adaptive;
  return {
    ...adaptive,
    left: { requests: less(requests, cost.requests), tokens: less(tokens, cost.tokens) },
  };
}

/** null: nothing the other side said stands in the way. */
export function heldBackUntilMs(left: Left, amount: number, nowMs: number): number | null {
  if (left === null || amount === 0 || left.untilMs <= nowMs || left.amount >= amount) return null;
  return left.untilMs;
}

function adaptRate(
  adaptive: Adaptive,
  report: CallReport,
  context: AdaptContext,
  settings: AdaptSettings,
): Adaptive {
  const steps = Math.floor((context.nowMs - adaptive.changedAtMs) / settings.everyMs);
  if (report.hint?.limited === true) {
    if (steps < 1) return adaptive; // Of the same overload as the last one.
    const observed = Math.max(context.requestsPerMinute, settings.minObservedPerMinute);
    return {
      ...adaptive,
      factor: Math.max(adaptive.factor / 2, settings.minFactor),
      changedAtMs: context.nowMs,
      observedPerMinute: context.hasRequestLimit ? null : (adaptive.observedPerMinute ?? observed),
      streak: adaptive.streak + 1,
    };
  }
  if (report.outcome !== "success") return adaptive;
  if (adaptive.factor === 1 || steps < 1) return { ...adaptive, streak: 0 };
  // A slow endpoint earns several steps with one success, yet never more than it has shown to bear.
  const factor = Math.min(1, adaptive.factor * 2, adaptive.factor + steps * settings.factorStep);
  return {
    ...adaptive,
    factor,
    changedAtMs: context.nowMs,
    observedPerMinute: factor === 1 ? null : adaptive.observedPerMinute,
    streak: 0,
  };
}

function pausedUntilMs(rated: Adaptive, report: CallReport, nowMs: number, settings: AdaptSettings): number {
  const { hint } = report;
  if (hint?.retryAfterMs !== undefined && (hint.limited || report.outcome !== "success")) {
    return nowMs + Math.min(Math.max(0, hint.retryAfterMs), settings.maxPauseMs);
  }
  if (hint?.limited !== true) return 0;
  const doublings = Math.max(0, rated.streak - 1);
  return nowMs + Math.min(settings.firstPauseMs * 2 ** doublings, settings.defaultMaxPauseMs);
}

function leftAfter(
  left: Adaptive["left"],
  { hint }: CallReport,
  context: AdaptContext,
  settings: AdaptSettings,
): Adaptive["left"] {
  if (hint === undefined) return left;
  const told = (kind: RateKind, remaining: number | undefined, resetMs: number | undefined): Left => {
    if (remaining === undefined || remaining < 0) return left[kind];
    const holdsMs = Math.min(resetMs ?? settings.hintHoldMs, settings.hintHoldMs);
    if (holdsMs <= 0) return null;
    return { amount: Math.max(0, remaining - context.grantedSince[kind]), untilMs: context.nowMs + holdsMs };
  };
  return {
    requests: told("requests", hint.remainingRequests, hint.requestsResetMs),
    tokens: told("tokens", hint.remainingTokens, hint.tokensResetMs),
  };
}

function less(left: Left, amount: number): Left {
  return left === null ? null : { ...left, amount: Math.max(0, left.amount - amount) };
}
