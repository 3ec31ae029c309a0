/**
 * Opens one model call as a pull-based stream. Everything that calls a model goes through here: time-outs
 * and cancellation end the call upstream at once, and an upstream that stops without its finish part is a
 * failure, never a quiet end. Never retries: the partition does.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4StreamResult } from "@ai-sdk/provider";
import type { StageFailure } from "../core/failure.ts";
import { err, ok, type Result } from "../core/result.ts";
import { abortFailure } from "./abort-failure.ts";
import { classifyModelError, type ModelFault } from "./classify.ts";
import { CallDeadlines } from "./deadlines.ts";
import { estimateInputTokens, promptTexts } from "./estimate.ts";
import { readLimits } from "./limit-headers.ts";
import type { CallContext, ConfiguredModel, ModelCallFailure, ModelStream, TokenUsage } from "./port.ts";
import { VERBATIM_CALL } from "./plain-text-model.ts";
import { UpstreamReader } from "./upstream-reader.ts";

export type { CallContext, FinishReason } from "./port.ts";

const NO_USAGE: TokenUsage = { inputTokens: 0, outputTokens: 0, estimated: false };

/** Resolves when the provider's headers are there. */
export async function openModelStream(
  model: ConfiguredModel,
  options: LanguageModelV4CallOptions,
  context: CallContext,
): Promise<Result<ModelStream, ModelCallFailure>> {
  const startedAtMs = context.nowMs();
  const deadlines = new CallDeadlines(model.definition.timeouts, context.signal);
  const fail = (failure: StageFailure, fault?: ModelFault) => {
    deadlines.abort("failed");
    return err<ModelCallFailure>({
      failure,
      latencyMs: context.nowMs() - startedAtMs,
      ...(fault?.hint === undefined ? {} : { hint: fault.hint }),
      ...(fault?.refused === true ? { usage: NO_USAGE } : {}),
    });
  };
  deadlines.expect("connect");
  let upstream: LanguageModelV4StreamResult | undefined;
  try {
    const asked = context.verbatim === true ? { ...options, providerOptions: VERBATIM_CALL } : options;
    upstream = await connect(model, asked, deadlines.signal);
  } catch (thrown) {
    if (deadlines.cause !== undefined) return fail(abortFailure(deadlines.cause));
    const fault = classifyModelError(thrown, "connect", context.nowMs(), model.secrets);
    logClamped(context, model, fault.clampedHeaders);
    return fail(fault.failure, fault);
  }
  if (upstream === undefined) return fail(abortFailure(deadlines.cause ?? "cancelled"));
  const headers = upstream.response?.headers;
  const limits = readLimits({
    header: (name) => headers?.[name],
    status: undefined,
    nowMs: context.nowMs(),
  });
  logClamped(context, model, limits.clamped);
  deadlines.expect("firstToken");
  return ok(
    new UpstreamReader(upstream.stream, {
      deadlines,
      hint: limits.hint,
      modelId: model.definition.modelId,
      secrets: model.secrets,
      inputTokens: estimateInputTokens(promptTexts(options)),
      startedAtMs,
      nowMs: context.nowMs,
    }),
  );
}

/** undefined: aborted first. A call that comes through late is ended, not left to run. */
async function connect(
  model: ConfiguredModel,
  options: LanguageModelV4CallOptions,
  signal: AbortSignal,
): Promise<LanguageModelV4StreamResult | undefined> {
  if (signal.aborted) return undefined;
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  const call = Promise.resolve(model.model.doStream({ ...options, abortSignal: signal }));
  const first = await Promise.race([call, aborted]);
  if (first !== undefined && !signal.aborted) return first;
  call.then(({ stream }) => setTimeout(() => endQuietly(stream), 0)).catch(() => undefined);
  return undefined;
}

/** Not in the tick of the abort: workerd reports a pipe that breaks and is cancelled at once as an unhandled rejection. */
function endQuietly(stream: ReadableStream<unknown>): void {
  stream.cancel().catch(() => undefined);
}

function logClamped({ log }: CallContext, model: ConfiguredModel, names: readonly string[]): void {
  if (names.length > 0)
    log?.warn("model_limit_header_clamped", { model: model.name, names: names.join(" ") });
}
