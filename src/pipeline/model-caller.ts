/**
 * A model call behind its guard: estimate, admit, wait in place if the turn is near, call, settle. The permit
 * is settled exactly once on every path. Knows nothing of prompts or schemas.
 */
import { failure, type FailureClass, type StageFailure } from "../core/failure.ts";
import { err, unreachable, type Result } from "../core/result.ts";
import type { CallReport, GuardClient, Permit } from "../guard/port.ts";
import { reportOf, textsOfRequest, type ModelCallResult, type ModelRequest } from "../models/call.ts";
import { estimateCallTokens } from "../models/estimate.ts";
import type { ConfiguredModel, TokenUsage } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import type { Logger } from "../telemetry/log.ts";
import { admitInPlace } from "./admission.ts";
import { isTimeout } from "./bounded.ts";
import { describeThrown } from "./describe.ts";
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
  /** Told of every call that was made, for metrics and cost. Must not throw. */
  readonly observe?: (call: ModelCallObservation) => void;
  readonly spans?: StageSpans;
}

export interface ModelCallObservation {
  readonly model: string;
  readonly modelId: string;
  readonly provider: string;
  /** `ok`, or the failure's code. */
  readonly code: string;
  readonly class: "ok" | FailureClass;
  /** undefined: the provider did not say, and nothing came that could be counted. */
  readonly usage: TokenUsage | undefined;
  readonly costMicros: number | null;
  readonly latencyMs: number;
  readonly firstTokenMs: number | undefined;
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
  const found = deps.models.get(request.model);
  if (!found.ok) return notSent(found.error);
  const { name, definition } = found.value;
  const modelRequest = modelRequestOf(request);
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
    },
    request.signal,
  );
  switch (admitted.kind) {
    case "aborted":
      return notSent(failure("infer", "transient", "cancelled", "stopped before the model was called"));
    case "denied":
      deps.logger.debug("model.denied", { model: name, reason: admitted.reason });
      return admitted;
    case "granted":
      return callAdmitted(deps, found.value, modelRequest, request.signal, admitted.permit);
    default:
      return unreachable(admitted);
  }
}

async function callAdmitted(
  deps: ModelCallerDeps,
  model: ConfiguredModel,
  request: ModelRequest,
  signal: AbortSignal,
  permit: Permit,
): Promise<ModelCallOutcome> {
  const result = await callTraced(deps, model, request, signal);
  permit.settle(reportFor(result, signal));
  const { price } = model.definition;
  deps.observe?.(observationOf(model, result));
  if (!result.ok) {
    const { usage, latencyMs, failure: reason } = result.error;
    deps.logger.warn("model.failed", { model: model.name, code: reason.code, durationMs: latencyMs });
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

function observationOf(model: ConfiguredModel, result: ModelCallResult): ModelCallObservation {
  const { name, definition } = model;
  const facts = result.ok ? result.value : result.error;
  const { usage, latencyMs } = facts;
  return {
    model: name,
    modelId: result.ok ? result.value.modelId : definition.modelId,
    provider: definition.provider,
    code: result.ok ? "ok" : result.error.failure.code,
    class: result.ok ? "ok" : result.error.failure.class,
    usage,
    costMicros: usage === undefined ? null : costMicros(usage, definition.price),
    latencyMs,
    firstTokenMs: result.ok ? result.value.firstTokenMs : undefined,
  };
}

/** Where OpenTelemetry has a name of its own. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { google: "gcp.gemini" };

/** One span per call, by OpenTelemetry's names for generative AI. It holds no prompt and no answer. */
function callTraced(
  deps: ModelCallerDeps,
  model: ConfiguredModel,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelCallResult> {
  const { spans } = deps;
  if (spans === undefined) return callSafely(deps, model, request, signal);
  const { modelId, provider } = model.definition;
  const options = {
    name: `chat ${modelId}`,
    kind: "client",
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": PROVIDER_NAMES[provider] ?? provider,
      "gen_ai.request.model": modelId,
      "gen_ai.request.stream": true,
      "sluice.model": model.name,
    },
  } as const;
  return spans.within(options, async (span) => {
    span.set({
      "gen_ai.request.temperature": request.temperature,
      "gen_ai.request.max_tokens": request.maxOutputTokens,
    });
    const result = await callSafely(deps, model, request, signal);
    const { usage } = result.ok ? result.value : result.error;
    span.set({
      "gen_ai.usage.input_tokens": usage?.inputTokens,
      "gen_ai.usage.output_tokens": usage?.outputTokens,
    });
    if (!result.ok) span.fail(result.error.failure.code);
    else {
      const { firstTokenMs, finishReason, modelId: answeredBy } = result.value;
      span.set({
        "gen_ai.response.model": answeredBy,
        "gen_ai.response.finish_reasons": [finishReason],
        "gen_ai.response.time_to_first_chunk": firstTokenMs === undefined ? undefined : firstTokenMs / 1_000,
      });
    }
    return result;
  });
}

/** A throw is a bug in an adapter. It is answered like a passing failure, so that the permit is settled, and logged. */
async function callSafely(
  deps: ModelCallerDeps,
  model: ConfiguredModel,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelCallResult> {
  const startedAtMs = deps.nowMs();
  try {
    return await deps.call(model, request, { signal, nowMs: deps.nowMs, log: deps.logger });
  } catch (thrown) {
    const message = describeThrown(thrown);
    deps.logger.error("model.threw", { model: model.name, message });
    const latencyMs = Math.max(0, deps.nowMs() - startedAtMs);
    return err({ failure: failure("infer", "transient", "model_threw", message), latencyMs });
  }
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
