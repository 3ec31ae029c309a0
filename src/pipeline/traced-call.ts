/** One model call as its traces see it. It throws nothing, and a span holds no prompt and no answer. */
import { failure } from "../core/failure.ts";
import { err } from "../core/result.ts";
import type { ModelCallResult, ModelRequest } from "../models/call.ts";
import { chatAttributes, chatSpan } from "../models/chat-span.ts";
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

/** One span per call, by OpenTelemetry's names for generative AI. It holds no prompt and no answer. */
export function callTraced(
  deps: TracedCallDeps,
  model: ConfiguredModel,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelCallResult> {
  const { spans } = deps;
  if (spans === undefined) return callSafely(deps, model, request, signal);
  return spans.within(chatSpan(model), async (span) => {
    const { temperature, maxOutputTokens } = request;
    span.set(chatAttributes({ temperature, maxOutputTokens }));
    const result = await callSafely(deps, model, request, signal);
    if (!result.ok) span.fail(result.error.failure.code);
    span.set(chatAttributes(result.ok ? result.value : { usage: result.error.usage }));
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
    deps.logger.error("model_threw", { model: model.name, message });
    const latencyMs = Math.max(0, deps.nowMs() - startedAtMs);
    return err({ failure: failure("infer", "transient", "model_threw", message), latencyMs });
  }
}
