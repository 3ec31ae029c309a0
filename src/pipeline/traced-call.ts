/** One model call as its traces see it. It throws nothing, and a span holds no prompt and no answer. */
import { failure } from "../core/failure.ts";
import { err } from "../core/result.ts";
import type { ModelCallResult, ModelRequest } from "../models/call.ts";
import type { ConfiguredModel } from "../models/port.ts";
import type { Logger } from "../telemetry/log.ts";
import { describeThrown } from "./describe.ts";
import type { CallModel, StageSpans } from "./ports.ts";

export interface TracedCallDeps {
  readonly call: CallModel;
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly spans?: StageSpans;
}

/** Where OpenTelemetry has a name of its own. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = { google: "gcp.gemini" };

/** One span per call, by OpenTelemetry's names for generative AI. It holds no prompt and no answer. */
export function callTraced(
  deps: TracedCallDeps,
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
  deps: TracedCallDeps,
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
