/**
 * Leave to call a model: a budget pays for it, it is known, and the guard of its nearest endpoint that is well lets the call through. Whoever gets
 * leave owes a settlement. Budgets and endpoints are honoured as in pipelines, by the same parts.
 */
import { LIMITS } from "../config/limits.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { BudgetKeeper } from "../guard/budgets.ts";
import type { DenialReason, GuardClient, Permit } from "../guard/port.ts";
import { callReport, type CallFacts } from "../models/call-report.ts";
import { askInTurn, deniedHere, failedHere, type NotHere } from "../models/endpoints-in-turn.ts";
import { estimateCallTokens } from "../models/estimate.ts";
import type { ConfiguredModel } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import { endpointsInOrder, modelOfEndpoint } from "../models/regional.ts";
import type { ModelRegistry } from "../models/registry.ts";
import type { Problem } from "../platform/problem.ts";
import type { Logger } from "../telemetry/log.ts";
import { problemOfDenial, problemOfFailure } from "./stream-problems.ts";
import type { StreamRequest } from "./port.ts";

export interface CallDeps {
  readonly models: ModelRegistry;
  readonly guard: GuardClient;
  /** Absent: nothing is budgeted. */
  readonly budgets?: BudgetKeeper;
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
  /** As the config names it: what a budget went down to, where one did. */
  readonly name: string;
  /** Its endpoint that lets the call through. */
  readonly model: ConfiguredModel;
  /** The longest the call can take. */
  readonly lifeMs: number;
  /** Tells guard and budgets what became of it, and waits until they have heard. */
  readonly settle: (id: string, facts: CallFacts, failed: StageFailure | undefined) => Promise<void>;
}

/** Nothing was sent and nothing spent. */
export type Refusal =
  | { readonly kind: "failed"; readonly failure: StageFailure }
  | {
      readonly kind: "denied";
      readonly reason: DenialReason | "budget";
      readonly retryAtMs: number;
    };

export function problemOfRefusal(refusal: Refusal, nowMs: number): Problem {
  if (refusal.kind === "failed") return problemOfFailure(refusal.failure);
  return problemOfDenial(refusal.reason, refusal.retryAtMs, nowMs);
}

type Admitted = Result<AdmittedCall, Refusal>;

export async function admitCall(deps: CallDeps, request: StreamRequest): Promise<Admitted> {
  const paid = await modelWithinBudget(deps, request);
  if (!paid.ok) return paid;
  const model = paid.value;
  const { priority = "high", region = "" } = request;
  const central = deps.models.get(model);
  // A pipeline's call names the endpoint that is asked: its own caller goes on to the next.
  const endpoints = central.ok
    ? endpointsInOrder(model, central.value.definition, { priority, region })
    : [model];
  const admitted = await askInTurn(
    endpoints,
    (endpoint) => admitAt(deps, { ...request, priority }, endpoint),
    notHere,
  );
  return admitted ?? err({ kind: "failed", failure: UNKNOWN_MODEL });
}

const UNKNOWN_MODEL = failure("infer", "permanent", "model_unknown", "the model has no endpoint");

function notHere(admitted: Admitted): NotHere | null {
  if (admitted.ok) return null;
  const { error } = admitted;
  return error.kind === "denied" ? deniedHere(error.reason, error.retryAtMs) : failedHere(error.failure);
}

/** The model that is asked, or the one its budget goes down to; that one must be within its own. */
async function modelWithinBudget(
  { budgets, log }: CallDeps,
  { model, caller, isWithinBudget }: StreamRequest,
): Promise<Result<string, Refusal>> {
  if (budgets === undefined || isWithinBudget === true) return ok(model);
  let asked = model;
  for (let isDowngraded = false; ; isDowngraded = true) {
    const verdict = await budgets.check(asked, caller);
    if (verdict.kind === "within") return ok(asked);
    const { scope, untilMs, downgradeTo } = verdict;
    log.warn("model_over_budget", { model: asked, scope, downgrade_to: downgradeTo });
    if (downgradeTo === undefined || isDowngraded) {
      return err({ kind: "denied", reason: "budget", retryAtMs: untilMs });
    }
    asked = downgradeTo;
  }
}

async function admitAt(
  deps: CallDeps,
  request: StreamRequest & Required<Pick<StreamRequest, "priority">>,
  endpoint: string,
): Promise<Admitted> {
  const found = deps.models.get(endpoint);
  if (!found.ok) return err({ kind: "failed", failure: found.error });
  const { name: guarded, definition } = found.value;
  const { connectMs, totalMs } = definition.timeouts;
  const lifeMs = Math.min(connectMs + totalMs + LIMITS.streams.deadlineMarginMs, LIMITS.streams.maxLifeMs);
  const admission = await deps.guard.admit({
    guard: `model:${guarded}`,
    limits: definition.limits,
    priority: request.priority,
    estimatedTokens: estimateCallTokens(request.texts, request.options.maxOutputTokens),
    leaseMs: Math.max(lifeMs, LIMITS.guard.slotLeaseMs),
    ...(request.turnAtMs === undefined ? {} : { turnAtMs: request.turnAtMs }),
  });
  if (admission.kind === "denied") {
    return err({ kind: "denied", reason: admission.reason, retryAtMs: admission.retryAtMs });
  }
  const name = modelOfEndpoint(endpoint);
  return ok({
    name,
    model: found.value,
    lifeMs,
    settle: settlement(deps, { ...request, model: name }, found.value, admission.permit),
  });
}

function settlement(
  { guard, budgets, log, nowMs, observe }: CallDeps,
  request: StreamRequest,
  model: ConfiguredModel,
  permit: Permit,
): AdmittedCall["settle"] {
  const startedAtMs = nowMs();
  const { caller } = request;
  return async (id, facts, failed) => {
    const { usage } = facts;
    const micros = usage === undefined ? null : costMicros(usage, model.definition.price);
    permit.settle(callReport(facts, failed));
    if (micros !== null)
      budgets?.charge(request.model, caller, { micros, isEstimated: usage?.estimated ?? true });
    if (request.isObserved !== true) {
      observe?.({ model, request, startedAtMs, facts, failed, costMicros: micros });
    }
    log.info(failed === undefined ? "stream_done" : "stream_failed", {
      id,
      model: model.name,
      code: failed?.code,
      input_tokens: usage?.inputTokens,
      output_tokens: usage?.outputTokens,
      estimated_usage: usage?.estimated,
      cost_micros: micros ?? undefined,
    });
    await Promise.all([guard.flush(), budgets?.flush()]);
  };
}
