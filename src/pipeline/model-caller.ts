/**
 * A model call behind its guard: estimate, admit, wait in place if the turn is near, call, settle. The permit
 * is settled exactly once on every path. Knows nothing of prompts or schemas.
 */
import { failure, type StageFailure } from "../core/failure.ts";
import { unreachable, type Result } from "../core/result.ts";
import type { CallReport, GuardClient, Permit } from "../guard/port.ts";
import { reportOf, textsOfRequest, type ModelCallResult, type ModelRequest } from "../models/call.ts";
import { estimateCallTokens } from "../models/estimate.ts";
import type { ConfiguredModel } from "../models/port.ts";
import { askInTurn, deniedHere, failedHere, type NotHere } from "../models/endpoints-in-turn.ts";
import { endpointsInOrder } from "../models/regional.ts";
import { costMicros } from "../models/price.ts";
import type { RunStreams } from "../streaming/port.ts";
import type { Logger } from "../telemetry/log.ts";
import { admitInPlace, turnOf } from "./admission.ts";
import type { BudgetKeeper, BudgetVerdict } from "../guard/budgets.ts";
import { callStreamed } from "./streamed-call.ts";
import { isTimeout } from "./bounded.ts";
import { observationOf, type ModelCallObservation } from "./model-observation.ts";
import { callTraced } from "./traced-call.ts";
import type {
  CallModel,
  ModelCaller,
  ModelCallOutcome,
  ModelCallRequest,
  Sleep,
  StageSpans,
} from "./ports.ts";

export interface ModelCallerDeps {
  readonly models: { get(name: string): Result<ConfiguredModel, StageFailure> };
  readonly call: CallModel;
  readonly guard: GuardClient;
  readonly nowMs: () => number;
  readonly sleep: Sleep;
  readonly logger: Logger;
  /** For stages that stream. Absent: they are called like any other, and nobody sees them write. */
  readonly streams?: RunStreams;
  /** Told of every call that was made, for metrics and cost. Must not throw. */
  readonly observe?: (call: ModelCallObservation) => void;
  /** Told of every call that was not made because a budget is spent. Must not throw. */
  readonly observeOverBudget?: (denial: { readonly model: string; readonly scope: string }) => void;
  /** Default: nothing is budgeted. */
  readonly budgets?: BudgetKeeper;
  readonly spans?: StageSpans;
}

export function createModelCaller(deps: ModelCallerDeps): ModelCaller {
  return {
    modelIdOf: (name) => {
      const model = deps.models.get(name);
      return model.ok ? model.value.definition.modelId : null;
    },
    call: (request) => callGuarded(deps, request),
  };
}

async function callGuarded(deps: ModelCallerDeps, request: ModelCallRequest): Promise<ModelCallOutcome> {
  const central = deps.models.get(request.model);
  const { priority, region = "" } = request;
  const endpoints = central.ok
    ? endpointsInOrder(request.model, central.value.definition, { priority, region })
    : [request.model];
  const budget = await deps.budgets?.check(request.model, request.caller);
  if (budget?.kind === "spent") return overBudget(deps, request, budget);
  const outcome = await askInTurn(endpoints, (endpoint) => callEndpoint(deps, request, endpoint), notHere);
  return (
    outcome ??
    notSent(failure("infer", "permanent", "model_unknown", `no model is called "${request.model}"`))
  );
}

/** Said by the guard or the set-up before anything was sent; a call that failed is the partition's to try again. */
function notHere(outcome: ModelCallOutcome): NotHere | null {
  if (outcome.kind === "denied") return deniedHere(outcome.reason, outcome.untilMs);
  return outcome.kind === "failed" ? failedHere(outcome.failure) : null;
}

async function callEndpoint(
  deps: ModelCallerDeps,
  request: ModelCallRequest,
  endpoint: string,
): Promise<ModelCallOutcome> {
  const found = deps.models.get(endpoint);
  if (!found.ok) return notSent(found.error);
  const { name, definition } = found.value;
  const modelRequest = modelRequestOf(request);
  const { streams } = deps;
  if (request.stream !== undefined && streams !== undefined) {
    const outcome = await callStreamed(
      { ...deps, streams },
      request.stream,
      found.value,
      modelRequest,
      request,
    );
    observeStreamed(deps, found.value, outcome);
    return outcome;
  }
  const texts = textsOfRequest(modelRequest, definition.structuredOutput);
  const estimatedTokens = estimateCallTokens(texts, request.maxOutputTokens);
  const admitted = await admitInPlace(
    deps,
    {
      guard: `model:${name}`,
      limits: definition.limits,
      priority: request.priority,
      estimatedTokens,
      leaseMs: definition.timeouts.connectMs + definition.timeouts.totalMs,
      ...turnOf(request),
    },
    request.signal,
  );
  switch (admitted.kind) {
    case "aborted":
      return notSent(failure("infer", "transient", "cancelled", "stopped before the model was called"));
    case "denied":
      deps.logger.debug("model_denied", { model: name, reason: admitted.reason });
      return admitted;
    case "granted":
      return callAdmitted(deps, found.value, request, modelRequest, admitted.permit);
    default:
      return unreachable(admitted);
  }
}

async function callAdmitted(
  deps: ModelCallerDeps,
  model: ConfiguredModel,
  { model: modelName, caller, signal }: ModelCallRequest,
  request: ModelRequest,
  permit: Permit,
): Promise<ModelCallOutcome> {
  const result = await callTraced(deps, model, request, signal);
  permit.settle(reportFor(result, signal));
  const { price } = model.definition;
  const observation = observationOf(model, result, caller);
  deps.observe?.(observation);
  const { usage: counted, costMicros: micros } = observation;
  deps.logger.debug("model_called", {
    model: model.name,
    pipeline: caller?.pipeline,
    code: observation.code,
    input_tokens: counted?.inputTokens,
    output_tokens: counted?.outputTokens,
    estimated_usage: counted?.estimated,
    cost_micros: micros,
    duration_ms: observation.latencyMs,
  });
  if (micros !== null) {
    deps.budgets?.charge(modelName, caller, { micros, isEstimated: counted?.estimated ?? true });
  }
  if (!result.ok) {
    const { usage, latencyMs, failure: reason } = result.error;
    deps.logger.warn("model_failed", { model: model.name, code: reason.code, duration_ms: latencyMs });
    if (usage === undefined) return failed(reason, latencyMs);
    return {
      kind: "failed",
      failure: reason,
      usage,
      durationMs: latencyMs,
      costMicros: costMicros(usage, price),
    };
  }
  const { text, finishReason, usage, modelId, latencyMs } = result.value;
  return {
    kind: "answer",
    text,
    finishReason,
    usage,
    modelId,
    durationMs: latencyMs,
    costMicros: costMicros(usage, price),
  };
}

function overBudget(
  deps: ModelCallerDeps,
  request: ModelCallRequest,
  { scope, untilMs, downgradeTo }: Extract<BudgetVerdict, { kind: "spent" }>,
): ModelCallOutcome {
  deps.observeOverBudget?.({ model: request.model, scope });
  deps.logger.warn("model_over_budget", { model: request.model, scope, downgrade_to: downgradeTo });
  const denied = { kind: "denied", untilMs, reason: "budget" } as const;
  return downgradeTo === undefined ? denied : { ...denied, downgradeTo };
}

function observeStreamed(deps: ModelCallerDeps, model: ConfiguredModel, outcome: ModelCallOutcome): void {
  const { name, definition } = model;
  if (outcome.kind === "denied") {
    deps.logger.debug("model_denied", { model: name, reason: outcome.reason });
    return;
  }
  deps.observe?.({
    model: name,
    provider: definition.provider,
    modelId: outcome.kind === "answer" ? outcome.modelId : definition.modelId,
    code: outcome.kind === "answer" ? "ok" : outcome.failure.code,
    class: outcome.kind === "answer" ? "ok" : outcome.failure.class,
    usage: outcome.usage,
    costMicros: outcome.costMicros,
    latencyMs: outcome.durationMs,
    firstTokenMs: outcome.kind === "answer" ? outcome.firstTokenMs : undefined,
  });
}

/** A model that had no answer in the whole stage's time counts as slow; a lost lease says nothing about it. */
function reportFor(result: ModelCallResult, signal: AbortSignal): CallReport {
  const report = reportOf(result);
  return report.outcome === "cancelled" && isTimeout(signal) ? { ...report, outcome: "transient" } : report;
}

function modelRequestOf(request: ModelCallRequest): ModelRequest {
  const { instruction, input, jsonSchema, temperature, maxOutputTokens } = request;
  return {
    instruction,
    data: input,
    ...(jsonSchema === null ? {} : { jsonSchema }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

/** Nobody can say what the provider did, or charges. */
function failed(reason: StageFailure, durationMs: number): ModelCallOutcome {
  return { kind: "failed", failure: reason, durationMs, costMicros: null };
}

/** Nothing left this house, so nothing was spent. */
function notSent(reason: StageFailure): ModelCallOutcome {
  const usage = { inputTokens: 0, outputTokens: 0, estimated: false };
  return { kind: "failed", failure: reason, usage, durationMs: 0, costMicros: 0 };
}
