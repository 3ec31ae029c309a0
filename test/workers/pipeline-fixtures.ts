/** Scripted stand-ins for everything around the pipeline runner. Each records what it was asked. */
import * as z from "zod";
import { createResultCache, type ResultCache } from "../../src/cache/results.ts";
import { definePipeline, type Pipeline } from "../../src/config/define-pipeline.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure, type StageFailure } from "../../src/core/failure.ts";
import type { DeliveryRecord, StoredOutput } from "../../src/core/partition/model.ts";
import { err, ok, type Result } from "../../src/core/result.ts";
import type { DeliveryReceipt, Destination, OutboundMessage } from "../../src/destinations/port.ts";
import type {
  Admission,
  AdmissionRequest,
  CallReport,
  GuardClient,
  GuardLimits,
} from "../../src/guard/port.ts";
import type { ModelCaller, ModelCallOutcome, ModelCallRequest } from "../../src/pipeline/ports.ts";
import type { LeasedEvent } from "../../src/pipeline/processor.ts";
import { createProcessor, type ProcessorDeps } from "../../src/pipeline/runner.ts";
import type { LogFields, Logger, LogLevel } from "../../src/telemetry/log.ts";
import { envelopeOf } from "../support/envelopes.ts";

export const NOW_MS = 1_700_000_000_000;

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

export function recordingLogger(lines: LogLine[], bound: LogFields = {}): Logger {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      lines.push({ level, event, fields: { ...bound, ...fields } });
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: (fields) => recordingLogger(lines, { ...bound, ...fields }),
  };
}

export function answer(value: unknown, finishReason: "stop" | "length" = "stop"): ModelCallOutcome {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return {
    kind: "answer",
    text,
    finishReason,
    usage: { inputTokens: 10, outputTokens: 5, estimated: false },
    modelId: "test-model-1",
    durationMs: 7,
    costMicros: 3,
  };
}

export function modelFailure(failed: StageFailure): ModelCallOutcome {
  return { kind: "failed", failure: failed, durationMs: 1, costMicros: null };
}

export type ModelScript = (
  request: ModelCallRequest,
  call: number,
) => ModelCallOutcome | Promise<ModelCallOutcome>;

export interface ScriptedModels extends ModelCaller {
  readonly requests: ModelCallRequest[];
}

export function scriptedModels(script: ModelScript): ScriptedModels {
  const requests: ModelCallRequest[] = [];
  return {
    requests,
    modelIdOf: () => "test-model",
    call: async (request) => {
      requests.push(request);
      return script(request, requests.length);
    },
  };
}

export interface ScriptedGuard extends GuardClient {
  readonly asked: AdmissionRequest[];
  readonly settled: CallReport[];
  granted: number;
}

/** Null grants. After the script's end everything is granted. */
export function scriptedGuard(
  script: readonly (Extract<Admission, { kind: "denied" }> | null)[] = [],
): ScriptedGuard {
  const guard: ScriptedGuard = {
    asked: [],
    settled: [],
    granted: 0,
    admit: async (request) => {
      const denial = script[guard.asked.length] ?? null;
      guard.asked.push(request);
      if (denial !== null) return denial;
      guard.granted++;
      return { kind: "granted", permit: { settle: (report) => void guard.settled.push(report) } };
    },
    flush: async () => {},
  };
  return guard;
}

export type SendScript = (
  message: OutboundMessage,
  signal: AbortSignal,
) => Result<DeliveryReceipt, StageFailure> | Promise<Result<DeliveryReceipt, StageFailure>>;

export interface ScriptedDestinations {
  readonly sent: (OutboundMessage & { readonly destination: string })[];
  readonly find: (name: string) => Result<Destination, StageFailure>;
}

export function scriptedDestinations(
  scripts: Readonly<Record<string, SendScript>>,
  limits: GuardLimits = {},
): ScriptedDestinations {
  const sent: (OutboundMessage & { readonly destination: string })[] = [];
  return {
    sent,
    find: (name) => {
      const script = scripts[name];
      if (script === undefined) return err(failure("deliver", "transient", "destination_missing", name));
      const send: Destination["send"] = async (message, signal) => {
        sent.push({ ...message, destination: name });
        return script(message, signal);
      };
      return ok({ name, limits, send });
    },
  };
}

export const accepted: SendScript = () => ok({ status: 200, durationMs: 4 });

export interface TriageOptions {
  readonly deliver?: readonly string[];
  readonly cacheTtlSeconds?: number;
}

/** What `leasedEvent` is for: one label of one model, where the pipeline itself is not what is looked at. */
export function triagePipeline({ deliver = [], cacheTtlSeconds }: TriageOptions = {}) {
  return definePipeline({
    name: "triage",
    input: z.object({ text: z.string() }),
    infer: {
      model: "fast",
      promptVersion: "1",
      output: z.object({ label: z.string() }),
      prompt: ({ text }) => ({ instruction: "Sort.", data: { text } }),
      ...(cacheTtlSeconds === undefined ? {} : { cacheTtlSeconds }),
    },
    format: ({ output }) => ({ body: output }),
    deliver,
  });
}

export interface EventOptions {
  readonly pipeline?: string;
  readonly body?: string;
  readonly envelope?: Partial<EventEnvelope>;
  readonly output?: StoredOutput | null;
  readonly deliveries?: readonly DeliveryRecord[];
  readonly run?: number;
}

export async function leasedEvent(options: EventOptions = {}): Promise<LeasedEvent> {
  const envelope = await envelopeOf({
    key: "event-1",
    receivedAtMs: NOW_MS,
    pipeline: options.pipeline ?? "triage",
    body: options.body ?? JSON.stringify({ text: "My parcel never came." }),
  });
  return {
    envelope: { ...envelope, ...options.envelope },
    run: options.run ?? 1,
    token: 7,
    sequence: 3,
    late: false,
    effectsBegun: (options.deliveries ?? []).length > 0,
    attempt: 1,
    output: options.output ?? null,
    deliveries: options.deliveries ?? [],
  };
}

export interface Bench {
  readonly processor: ReturnType<typeof createProcessor>;
  readonly lines: LogLine[];
}

/** A cache that knows nothing, for tests that are not about it. */
export function emptyCache(): ResultCache {
  const kv = { get: async () => null, put: async () => {} };
  // Only the two overloads the cache uses are there.
  return createResultCache({ kv: kv as never, nowMs: () => NOW_MS, logger: recordingLogger([]) });
}

export function bench(pipelines: readonly Pipeline<never>[], deps: Partial<ProcessorDeps> = {}): Bench {
  const lines: LogLine[] = [];
  const processor = createProcessor({
    pipelines: new Map(pipelines.map((pipeline) => [pipeline.name, pipeline])),
    models: scriptedModels(() => modelFailure(failure("infer", "permanent", "unexpected_call", "no script"))),
    cache: emptyCache(),
    destinations: scriptedDestinations({}).find,
    guard: scriptedGuard(),
    loadBody: async () => err(failure("parse", "transient", "body_missing", "no body")),
    fetch: () => Promise.reject(new Error("no network in tests")),
    nowMs: () => NOW_MS,
    sleep: async () => {},
    logger: recordingLogger(lines),
    ...deps,
  });
  return { processor, lines };
}
