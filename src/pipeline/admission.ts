/**
 * Asks a guard for a call, and waits in place when the turn is near. Used before models and destinations.
 * A denial is not a failure: it uses up no retry.
 */
import { LIMITS } from "../config/limits.ts";
import { unreachable } from "../core/result.ts";
import type {
  Admission,
  AdmissionRequest,
  CallReport,
  DenialReason,
  GuardClient,
  GuardLimits,
  Permit,
} from "../guard/port.ts";
import type { Sleep } from "./ports.ts";

export type Admitted =
  | { readonly kind: "granted"; readonly permit: Permit }
  | { readonly kind: "denied"; readonly untilMs: number; readonly reason: DenialReason }
  | { readonly kind: "aborted" };

export interface AdmissionDeps {
  readonly guard: GuardClient;
  readonly nowMs: () => number;
  readonly sleep: Sleep;
}

/** The shortest wait between two requests to a guard whose word is "now". */
const MIN_WAIT_MS = 20;
/** A permit that came too late is given back unused. */
const UNUSED: CallReport = { outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true };

/** The caller settles the permit it is given, once; one that was granted after the abort is settled here. */
export async function admitInPlace(
  deps: AdmissionDeps,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<Admitted> {
  const giveUpAtMs = deps.nowMs() + LIMITS.guard.waitInPlaceMs;
  // Waits add up here as well as on the clock, so that the loop ends whatever the clock does.
  let waitedMs = 0;
  let asked = request;
  for (;;) {
    if (signal.aborted) return { kind: "aborted" };
    const admission = await deps.guard.admit(asked);
    switch (admission.kind) {
      case "granted":
        if (!signal.aborted) return { kind: "granted", permit: admission.permit };
        admission.permit.settle(UNUSED);
        return { kind: "aborted" };
      case "denied": {
        const delayMs = Math.max(MIN_WAIT_MS, admission.retryAtMs - deps.nowMs());
        waitedMs += delayMs;
        if (waitedMs > LIMITS.guard.waitInPlaceMs || deps.nowMs() + delayMs > giveUpAtMs) {
          return { kind: "denied", untilMs: admission.retryAtMs, reason: admission.reason };
        }
        await deps.sleep(delayMs, signal);
        asked = inTurn(request, admission);
        break;
      }
      default:
        return unreachable(admission);
    }
  }
}

/** Whoever names the turn it was given goes before newcomers. */
function inTurn(
  request: AdmissionRequest,
  { retryAtMs, turnShard }: Extract<Admission, { kind: "denied" }>,
): AdmissionRequest {
  return { ...request, turnAtMs: retryAtMs, ...(turnShard === undefined ? {} : { turnShard }) };
}

/**
 * Of an event that was deferred: its turn, wherever it was given. Who was sent away once goes before newcomers, also at another guard, or an
 * overload would serve those first who came last.
 */
export function turnOf({ turnAtMs }: { readonly turnAtMs?: number }): { readonly turnAtMs?: number } {
  return turnAtMs === undefined ? {} : { turnAtMs };
}

/** Whether a guard has anything to watch. Without limits there is no call to it. */
export function hasLimits(limits: GuardLimits): boolean {
  return Object.values(limits).some((limit) => limit !== undefined);
}
