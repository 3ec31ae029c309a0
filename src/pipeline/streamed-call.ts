/**
 * A model call whose answer is shown while it is written: the stream's object of the run owns it, its guard included, and this
 * waits for the end. A retry joins what runs or has succeeded. When this side gives up, the generation goes on for the retry.
 */
import { LIMITS } from "../config/limits.ts";
import { failure } from "../core/failure.ts";
import { unreachable } from "../core/result.ts";
import { finishFailure } from "../models/abort-failure.ts";
import { callOptionsOf, textsOfRequest, type ModelRequest } from "../models/call.ts";
import { chatAttributes, chatSpan } from "../models/chat-span.ts";
import type { ConfiguredModel, ModelPrice } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import type { RunKey, RunOutcome, RunStreams, StreamRequest } from "../streaming/port.ts";
import { turnOf } from "./admission.ts";
import { describeThrown } from "./describe.ts";
import type { ModelCallOutcome, ModelCallRequest, Sleep, StageSpans } from "./ports.ts";

export interface StreamedCallDeps {
  readonly streams: RunStreams;
  readonly nowMs: () => number;
  readonly sleep: Sleep;
  readonly spans?: StageSpans;
}

/** The shortest wait between two requests to a guard whose word is "now". */
const MIN_WAIT_MS = 20;

export async function callStreamed(
  deps: StreamedCallDeps,
  key: RunKey,
  model: ConfiguredModel,
  asked: ModelRequest,
  { signal, ...by }: Pick<ModelCallRequest, "priority" | "turnAtMs" | "caller" | "signal">,
): Promise<ModelCallOutcome> {
  const { name, definition } = model;
  const { structuredOutput, price } = definition;
  const request: StreamRequest = {
    model: name,
    options: callOptionsOf(asked, structuredOutput),
    texts: textsOfRequest(asked, structuredOutput),
    priority: by.priority,
    ...turnOf(by),
    ...(by.caller === undefined ? {} : { caller: by.caller }),
    isWithinBudget: true,
  };
  const startedAtMs = deps.nowMs();
  const outcome = await generateTraced(deps, model, key, request, signal);
  switch (outcome.kind) {
    case "denied":
      return { kind: "denied", untilMs: outcome.retryAtMs, reason: outcome.reason };
    case "failed":
      return failed(outcome, price);
    case "answer": {
      const { text, finishReason, usage, latencyMs } = outcome;
      const refused = finishFailure(finishReason);
      if (refused !== undefined) return failed({ failure: refused, usage, latencyMs }, price);
      return {
        kind: "answer",
        text,
        finishReason,
        usage,
        modelId: outcome.modelId ?? definition.modelId,
        durationMs: Math.max(latencyMs, deps.nowMs() - startedAtMs),
        costMicros: costMicros(usage, price),
        ...(outcome.firstTokenMs === null ? {} : { firstTokenMs: outcome.firstTokenMs }),
      };
    }
    default:
      return unreachable(outcome);
  }
}

/** The span of any call, as the one who waits for it sees it: a retry that joins has its own. */
function generateTraced(
  deps: StreamedCallDeps,
  model: ConfiguredModel,
  key: RunKey,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const { spans } = deps;
  if (spans === undefined) return generate(deps, key, request, signal);
  return spans.within(chatSpan(model), async (span) => {
    const { temperature, maxOutputTokens } = request.options;
    span.set(chatAttributes({ temperature, maxOutputTokens }));
    const outcome = await generate(deps, key, request, signal);
    if (outcome.kind === "denied") span.fail(outcome.reason);
    else if (outcome.kind === "failed") {
      span.fail(outcome.failure.code);
      span.set(chatAttributes({ usage: outcome.usage ?? undefined }));
    } else {
      const { usage, finishReason, modelId, firstTokenMs } = outcome;
      span.set(
        chatAttributes({
          usage,
          finishReason,
          modelId: modelId ?? undefined,
          firstTokenMs: firstTokenMs ?? undefined,
        }),
      );
    }
    return outcome;
  });
}

/** Waits in place when the guard's turn is near, as any call does. */
async function generate(
  deps: StreamedCallDeps,
  key: RunKey,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const giveUpAtMs = deps.nowMs() + LIMITS.guard.waitInPlaceMs;
  let asked = request;
  for (let waitedMs = 0; ;) {
    const outcome = await generateOnce(deps, key, asked, signal);
    if (outcome.kind !== "denied" || signal.aborted) return outcome;
    const delayMs = Math.max(MIN_WAIT_MS, outcome.retryAtMs - deps.nowMs());
    waitedMs += delayMs;
    if (waitedMs > LIMITS.guard.waitInPlaceMs || deps.nowMs() + delayMs > giveUpAtMs) return outcome;
    await deps.sleep(delayMs, signal);
    asked = { ...request, turnAtMs: outcome.retryAtMs };
  }
}

async function generateOnce(
  { streams }: StreamedCallDeps,
  key: RunKey,
  request: StreamRequest,
  signal: AbortSignal,
): Promise<RunOutcome> {
  if (signal.aborted) return lost("cancelled", "stopped before the model was called");
  const gaveUp = Promise.withResolvers<RunOutcome>();
  const giveUp = () => gaveUp.resolve(lost("cancelled", "the generation goes on without its driver"));
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([streams.generate(key, request), gaveUp.promise]);
  } catch (thrown) {
    return lost("stream_lost", describeThrown(thrown));
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

function lost(code: string, message: string): RunOutcome {
  return { kind: "failed", failure: failure("infer", "transient", code, message), usage: null, latencyMs: 0 };
}

function failed(
  { failure: reason, usage, latencyMs: durationMs }: Omit<Extract<RunOutcome, { kind: "failed" }>, "kind">,
  price: ModelPrice | undefined,
): ModelCallOutcome {
  if (usage === null) return { kind: "failed", failure: reason, durationMs, costMicros: null };
  return { kind: "failed", failure: reason, usage, durationMs, costMicros: costMicros(usage, price) };
}
