/**
 * The time a denied caller is told: its own, so that callers who were denied together don't come back
 * together. Turns of one priority are handed out in order, one pace apart. A turn is a place in the queue,
 * not a grant: nothing is set aside for a caller that may never come back, but newcomers let those go
 * first whose turn has come (`yieldsToOthers`).
 */
import type { AdmitRequest } from "./commands.ts";
import { capsOf, levelOf, withAmount } from "./levels.ts";
import type { GuardState } from "./model.ts";
import { sustainedIntervalMs, type Caps } from "./rate.ts";
import type { GuardSettings } from "./settings.ts";
import { expectedLatencyMs } from "./slots.ts";

export interface Turn {
  readonly retryAtMs: number;
  readonly turnsMs: GuardState["turnsMs"];
}

/** A newcomer, while turns of its priority are outstanding, takes only capacity that has lain unused. */
export function yieldsToOthers(
  state: GuardState,
  request: AdmitRequest,
  nowMs: number,
  settings: GuardSettings,
): boolean {
  // Clocks differ a little between machines: a caller may seem to be early.
  const comesInTurn = request.turnAtMs !== undefined && request.turnAtMs <= nowMs + settings.yieldMs;
  return !comesInTurn && state.turnsMs[levelOf(request.priority)] > nowMs;
}

/**
 * The end of the queue, for those as well who come in turn and are denied: squeezing them in ahead of it
 * makes everyone after them come in vain.
 *
 * @param soonestMs when the obstacle is expected to be gone
 * @param random uniform in [0, 1)
 */
export function nextTurn(
  state: GuardState,
  request: AdmitRequest,
  caps: Caps,
  soonestMs: number,
  at: { readonly nowMs: number; readonly random: number; readonly settings: GuardSettings },
): Turn {
  const { nowMs, random, settings } = at;
  const level = levelOf(request.priority);
  const gapMs = Math.max(1, Math.ceil(turnGapMs(state, request, caps, settings)));
  const firstMs = Math.ceil(Math.max(soonestMs, nowMs + 1));
  const turnMs = Math.max(firstMs, state.turnsMs[level]);
  if (turnMs - nowMs > settings.maxTurnMs) {
    const spreadMs = Math.floor((settings.maxTurnMs * (1 + random)) / 2);
    return { retryAtMs: nowMs + spreadMs, turnsMs: state.turnsMs };
  }
  return {
    retryAtMs: turnMs + Math.floor(random * gapMs),
    turnsMs: withAmount(state.turnsMs, level, turnMs + gapMs),
  };
}

/** How far apart callers of this priority can be served at best. */
function turnGapMs(state: GuardState, request: AdmitRequest, caps: Caps, settings: GuardSettings): number {
  const level = levelOf(request.priority);
  const byRequests = caps.requests === null ? 0 : sustainedIntervalMs(caps.requests, 1, level, settings);
  const byTokens =
    caps.tokens === null ? 0 : sustainedIntervalMs(caps.tokens, request.estimatedTokens, level, settings);
  const byRate = Math.max(byRequests, byTokens);
  const { maxConcurrent } = request.limits;
  if (maxConcurrent === undefined) return byRate === 0 ? settings.turnStepMs : byRate;
  const slots = capsOf(maxConcurrent, settings.shares)[level];
  return Math.max(byRate, expectedLatencyMs(state, settings) / slots);
}
