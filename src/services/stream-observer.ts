/**
 * What is told of a streamed call that is over: the same counts as of any model call, and its span. One whose caller is in no trace begins
 * its own. A span holds no prompt and no answer.
 */
import { childOf, parseTraceparent } from "../core/trace.ts";
import { chatAttributes, chatSpan } from "../models/chat-span.ts";
import type { StreamedCall } from "../streaming/admit-call.ts";
import { observeModelCalls } from "../telemetry/observers.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "./traces.ts";

/** For a new trace and a new span. */
const RANDOM_BYTES = 24;

export function observeStreamedCalls(
  metrics: Metrics,
  traces: Pick<Traces, "tracer" | "requests"> | null,
): (call: StreamedCall) => void {
  const count = observeModelCalls(metrics);
  return (call) => {
    const { model, facts, failed, costMicros } = call;
    const { usage, latencyMs, firstTokenMs } = facts;
    const outcome = failed?.class ?? "ok";
    count({
      model: model.name,
      code: failed?.code ?? "ok",
      class: outcome,
      usage,
      costMicros,
      latencyMs,
      firstTokenMs,
    });
    if (traces !== null) trace(traces, call);
  };
}

function trace({ tracer, requests }: Pick<Traces, "tracer" | "requests">, call: StreamedCall): void {
  const { model, request, startedAtMs, facts, failed } = call;
  const parent = parseTraceparent(request.traceparent);
  const own = childOf(parent, crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));
  const { temperature, maxOutputTokens } = request.options;
  const { usage, modelId, firstTokenMs } = facts;
  const span = chatSpan(model);
  tracer.request({
    ...span,
    attributes: {
      ...span.attributes,
      ...chatAttributes({ temperature, maxOutputTokens, usage, modelId, firstTokenMs }),
    },
    trace: { ...own, sampled: own.sampled && requests.isSampled(own.traceId) },
    parentSpanId: parent?.spanId ?? null,
    startMs: startedAtMs,
    error: failed?.code ?? null,
  });
}
