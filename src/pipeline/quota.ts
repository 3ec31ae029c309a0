/**
 * A customer's quota: so many events of one source a minute. An event beyond it is deferred, never refused: it waits
 * in its partition and uses up no retry. Asked of a guard that each customer of such a source has for itself; sources
 * without a quota cost no call. Why here: docs/decisions/0005.
 */
import { LIMITS } from "../config/limits.ts";
import type { Quota } from "../core/policy.ts";
import { unreachable } from "../core/result.ts";
import type { CallReport, GuardLimits } from "../guard/port.ts";
import { admitInPlace, turnOf, type AdmissionDeps } from "./admission.ts";
import type { Prepared } from "./processor.ts";
import type { EventRun } from "./stage.ts";
import { leaseLost } from "./stage.ts";

export type QuotaDeps = AdmissionDeps;

/** Counted as tokens, one for each event: what was not used can be given back. */
const ONE_EVENT = 1;

/** Runs the work when the quota has room for this event; what is deferred further on gives its place back. */
export async function withinQuota(
  deps: QuotaDeps,
  { event }: EventRun,
  signal: AbortSignal,
  work: () => Promise<Prepared>,
): Promise<Prepared> {
  const { source, partition, policy, parent } = event.envelope;
  // A retry is no new event, and what a pipeline emits is not the customer's.
  if (policy.quota === undefined || event.attempt > 1 || parent !== null) return work();
  const admitted = await admitInPlace(
    deps,
    {
      guard: `quota:${source}:${partition}`,
      limits: limitsOf(policy.quota),
      // The quota is the customer's alone: every priority may use all of it.
      priority: "high",
      estimatedTokens: ONE_EVENT,
      ...turnOf(event),
    },
    signal,
  );
  switch (admitted.kind) {
    case "aborted":
      return { kind: "failed", failure: leaseLost("parse") };
    case "denied":
      return { kind: "deferred", untilMs: admitted.untilMs, reason: "over_quota" };
    case "granted": {
      let usedTokens = 0;
      try {
        const prepared = await work();
        if (prepared.kind !== "deferred") usedTokens = ONE_EVENT;
        return prepared;
      } finally {
        admitted.permit.settle(reportOf(usedTokens));
      }
    }
    default:
      return unreachable(admitted);
  }
}

function limitsOf({ perMinute, burst }: Quota): GuardLimits {
  const limits = { tokensPerMinute: perMinute };
  // The call that is due goes as well, so `burst` events are one fewer ahead of the pace.
  return burst === undefined
    ? limits
    : { ...limits, burstMs: ((burst - 1) * LIMITS.guard.windowMs) / perMinute };
}

function reportOf(usedTokens: number): CallReport {
  return { outcome: usedTokens === 0 ? "cancelled" : "success", latencyMs: 0, usedTokens };
}
