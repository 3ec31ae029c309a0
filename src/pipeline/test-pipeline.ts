/**
 * Runs one payload through a pipeline, for a deployer's own tests: the real stages, a scripted model, no
 * guard, no cache, no network unless one is given. Delivers nothing.
 */
import { NO_RESULT_CACHE } from "../cache/results.ts";
import type { Pipeline } from "../config/define-pipeline.ts";
import { ENVELOPE_VERSION, type EventEnvelope } from "../core/envelope.ts";
import { failure } from "../core/failure.ts";
import { makeEventId, makePartitionName } from "../core/ids.ts";
import { DEFAULT_EVENT_POLICY } from "../core/policy.ts";
import { err } from "../core/result.ts";
import { unlimitedGuard } from "../guard/unlimited.ts";
import { createLogger } from "../telemetry/log.ts";
import type { ModelCallRequest, ModelCallOutcome } from "./ports.ts";
import type { Prepared } from "./processor.ts";
import { createProcessor } from "./runner.ts";

export interface PipelineTestOptions {
  /** What the model says to this prompt: a text, or a value that is written as JSON. */
  readonly model?: (asked: Pick<ModelCallRequest, "instruction" | "input" | "jsonSchema">) => unknown;
  /** For `enrich`. */
  readonly fetch?: typeof fetch;
  /** Pipelines that this one emits to. */
  readonly emitsTo?: readonly Pipeline<never>[];
  readonly event?: Partial<
    Pick<EventEnvelope, "source" | "type" | "headers" | "partitionKey" | "receivedAtMs">
  >;
}

/** What would be stored and delivered, or why not. */
export async function testPipeline<Accepts>(
  pipeline: Pipeline<Accepts>,
  payload: Accepts,
  options: PipelineTestOptions = {},
): Promise<Prepared> {
  const { model, emitsTo = [], event = {} } = options;
  const known = [pipeline, ...emitsTo].map((one) => [one.name, one] as const);
  const processor = createProcessor({
    pipelines: new Map(known),
    models: {
      modelIdOf: () => null,
      call: async (request) => answerOf(request, model),
    },
    cache: NO_RESULT_CACHE,
    destinations: (name) => err(failure("deliver", "permanent", "not_in_tests", name)),
    guard: unlimitedGuard(),
    loadBody: async () => err(failure("parse", "permanent", "not_in_tests", "the payload is inline")),
    fetch: options.fetch ?? (() => Promise.reject(new Error("testPipeline has no network: pass `fetch`"))),
    nowMs: () => RECEIVED_AT_MS,
    logger: createLogger("error"),
  });
  const envelope = { ...(await envelopeFor(pipeline.name, payload)), ...event };
  const leased = {
    envelope,
    run: 1,
    token: 1,
    sequence: 1,
    attempt: 1,
    late: false,
    effectsBegun: false,
    output: null,
    deliveries: [],
  };
  return processor.prepare(leased, new AbortController().signal);
}

/** Fixed, so that a test says the same every day. */
const RECEIVED_AT_MS = Date.UTC(2026, 0, 1);

async function answerOf(
  request: ModelCallRequest,
  model: PipelineTestOptions["model"],
): Promise<ModelCallOutcome> {
  if (model === undefined) {
    const reason = failure("infer", "permanent", "no_model", "testPipeline was given no `model`");
    return { kind: "failed", failure: reason, durationMs: 0, costMicros: null };
  }
  const said = await model(request);
  return {
    kind: "answer",
    text: typeof said === "string" ? said : JSON.stringify(said),
    finishReason: "stop",
    usage: { inputTokens: 0, outputTokens: 0, estimated: true },
    modelId: request.model,
    durationMs: 0,
    costMicros: null,
  };
}

async function envelopeFor(pipeline: string, payload: unknown): Promise<EventEnvelope> {
  const partition = await makePartitionName({
    jurisdiction: "none",
    epoch: 1,
    mode: "ordered",
    space: "test",
    key: "customer",
  });
  return {
    v: ENVELOPE_VERSION,
    id: await makeEventId(partition, { source: "test", dedupeKey: "event", pipeline }),
    partition,
    partitionKey: "test:customer",
    source: "test",
    dedupeKey: "event",
    type: "test",
    pipeline,
    priority: "normal",
    orderKey: null,
    receivedAtMs: RECEIVED_AT_MS,
    origin: { colo: "TST", continent: "XX" },
    traceparent: "00-00000000000000000000000000000001-0000000000000001-01",
    headers: { "content-type": "application/json" },
    body: { kind: "inline", text: JSON.stringify(payload) },
    policy: DEFAULT_EVENT_POLICY,
    parent: null,
  };
}
