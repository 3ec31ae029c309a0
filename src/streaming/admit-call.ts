/** Leave to call a model: it is known, and its guard lets the call through. Whoever gets leave owes a settlement. */
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { DenialReason, GuardClient, Permit } from "../guard/port.ts";
import { callReport, type CallFacts } from "../models/call-report.ts";
import { estimateCallTokens } from "../models/estimate.ts";
import type { ConfiguredModel } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import type { ModelRegistry } from "../models/registry.ts";
import type { Problem } from "../platform/problem.ts";
import type { Logger } from "../telemetry/log.ts";
import { problemOfDenial, problemOfFailure } from "./stream-problems.ts";
import type { StreamRequest } from "./port.ts";

export interface CallDeps {
  readonly models: ModelRegistry;
  readonly guard: GuardClient;
  readonly nowMs: () => number;
  readonly log: Logger;
  /** Told of every call that is over, for metrics and traces. Must not throw. */
  readonly observe?: (call: StreamedCall) => void;
}

/** A call that was made, and is over. */
export interface StreamedCall {
  readonly model: ConfiguredModel;
  readonly request: StreamRequest;
  readonly startedAtMs: number;
  readonly facts: CallFacts;
  readonly failed: StageFailure | undefined;
  readonly costMicros: number | null;
}

export interface AdmittedCall {
  readonly model: ConfiguredModel;
  /** The longest the call can take. */
  readonly lifeMs: number;
  /** Tells the guard what became of it, and waits until it has heard. */
  readonly settle: (id: string, facts: CallFacts, failed: StageFailure | undefined) => Promise<void>;
}

/** Nothing was sent and nothing spent. */
export type Refusal =
  | { readonly kind: "failed"; readonly failure: StageFailure }
  | { readonly kind: "denied"; readonly reason: DenialReason; readonly retryAtMs: number };

export function problemOfRefusal(refusal: Refusal, nowMs: number): Problem {
  if (refusal.kind === "failed") return problemOfFailure(refusal.failure);
  return problemOfDenial(refusal.reason, refusal.retryAtMs, nowMs);
}

export async function admitCall(
  deps: CallDeps,
  request: StreamRequest,
): Promise<Result<AdmittedCall, Refusal>> {
  const found = deps.models.get(request.model);
  if (!found.ok) return err({ kind: "failed", failure: found.error });
  const { name, definition } = found.value;
  const { connectMs, totalMs } = definition.timeouts;
  const lifeMs = Math.min(connectMs + totalMs + LIMITS.streams.deadlineMarginMs, LIMITS.streams.maxLifeMs);
  const admission = await deps.guard.admit({
    guard: `model:${name}`,
    limits: definition.limits,
    priority: request.priority ?? "high",
    estimatedTokens: estimateCallTokens(request.texts, request.options.maxOutputTokens),
    leaseMs: Math.max(lifeMs, LIMITS.guard.slotLeaseMs),
  });
  if (admission.kind === "denied") {
    return err({ kind: "denied", reason: admission.reason, retryAtMs: admission.retryAtMs });
  }
  return ok({ model: found.value, lifeMs, settle: settlement(deps, request, found.value, admission.permit) });
}

function settlement(
  { guard, log, nowMs, observe }: CallDeps,
  request: StreamRequest,
  model: ConfiguredModel,
  permit: Permit,
): AdmittedCall["settle"] {
  const startedAtMs = nowMs();
  return (id, facts, failed) => {
    const { usage } = facts;
    const micros = usage === undefined ? null : costMicros(usage, model.definition.price);
    permit.settle(callReport(facts, failed));
    if (request.isObserved !== true) {
      observe?.({ model, request, startedAtMs, facts, failed, costMicros: micros });
    }
    log.info(failed === undefined ? "stream.done" : "stream.failed", {
      id,
      model: model.name,
      code: failed?.code,
      inputTokens: usage?.inputTokens,
      outputTokens: usage?.outputTokens,
      estimatedUsage: usage?.estimated,
      costMicros: micros ?? undefined,
    });
    return guard.flush();
  };
}
