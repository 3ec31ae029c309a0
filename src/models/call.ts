/**
 * One model call for a pipeline: the whole answer as text, or a classified failure. Streams underneath, so
 * that first-token and idle time-outs mean something. Never retries, and never reads an answer's meaning:
 * schema and checks are the pipeline's.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4Prompt } from "@ai-sdk/provider";
import type { JsonObject } from "../core/json.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { CallReport, LimitHint } from "../guard/port.ts";
import { finishFailure } from "./abort-failure.ts";
import { callReport } from "./call-report.ts";
import { openModelStream } from "./model-stream.ts";
import type {
  CallContext,
  ConfiguredModel,
  FinishReason,
  ModelCallFailure,
  ModelStream,
  TokenUsage,
} from "./port.ts";

export interface ModelRequest {
  readonly instruction: string;
  /** Untrusted data, already stripped, bounded and fenced. */
  readonly data: string;
  /** What the answer must be. Goes to the endpoint, or into the prompt where the endpoint takes no schema. */
  readonly jsonSchema?: JsonObject;
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
}

export interface ModelAnswer {
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly usage: TokenUsage;
  /** What the provider says answered; it may be more exact than the configured name. */
  readonly modelId: string;
  readonly latencyMs: number;
  readonly firstTokenMs?: number;
  readonly hint?: LimitHint;
}

export type ModelCallResult = Result<ModelAnswer, ModelCallFailure>;

export async function callModel(
  model: ConfiguredModel,
  request: ModelRequest,
  context: CallContext,
): Promise<ModelCallResult> {
  const options = callOptionsOf(request, model.definition.structuredOutput);
  const opened = await openModelStream(model, options, context);
  if (!opened.ok) return opened;
  const stream = opened.value;
  const texts: string[] = [];
  for (;;) {
    const step = await stream.next();
    if (step.kind === "text") {
      texts.push(step.text);
      continue;
    }
    const failed = step.kind === "failed" ? step.failure : finishFailure(step.finishReason);
    if (failed !== undefined) return err({ failure: failed, ...factsOf(stream) });
    if (step.kind === "end") {
      return ok({
        text: texts.join(""),
        finishReason: step.finishReason,
        modelId: stream.modelId,
        ...factsOf(stream),
        ...(stream.firstTokenMs === undefined ? {} : { firstTokenMs: stream.firstTokenMs }),
      });
    }
  }
}

/** What the guard that admitted the call is to be told. */
export function reportOf(result: ModelCallResult): CallReport {
  return result.ok ? callReport(result.value, undefined) : callReport(result.error, result.error.failure);
}

/** The texts a provider is sent, for a reservation (`estimateCallTokens`). */
export function textsOfRequest(request: ModelRequest, structuredOutput: boolean): readonly string[] {
  return [instructionOf(request, structuredOutput), request.data];
}

/** As the provider port takes it. */
export function callOptionsOf(request: ModelRequest, structuredOutput: boolean): LanguageModelV4CallOptions {
  const prompt: LanguageModelV4Prompt = [
    { role: "system", content: instructionOf(request, structuredOutput) },
    { role: "user", content: [{ type: "text", text: request.data }] },
  ];
  const { jsonSchema, temperature, maxOutputTokens } = request;
  return {
    prompt,
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(jsonSchema === undefined || !structuredOutput
      ? {}
      : { responseFormat: { type: "json", schema: { ...jsonSchema }, name: "answer" } }),
  };
}

/** The schema in words: every model understands it, also behind servers that refuse `response_format`. */
function instructionOf(request: ModelRequest, structuredOutput: boolean): string {
  if (request.jsonSchema === undefined || structuredOutput) return request.instruction;
  const schema = JSON.stringify(request.jsonSchema);
  return `${request.instruction}\n\nAnswer with one JSON value and nothing else. It must fit this JSON schema:\n${schema}`;
}

function factsOf(stream: ModelStream) {
  const { usage, latencyMs, hint } = stream;
  return hint === undefined ? { usage, latencyMs } : { usage, latencyMs, hint };
}
