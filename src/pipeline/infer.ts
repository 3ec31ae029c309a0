/**
 * The infer stage: prompt, cache, model, judgement, and what becomes of an answer that cannot be used.
 * Never delivers and never stores; spends at most two model calls per attempt.
 */
import type * as z from "zod";
import type { InferStage, StageContext } from "../config/define-pipeline.ts";
import type { StageFailure } from "../core/failure.ts";
import { jurisdictionOf } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import { toJsonValue } from "../core/json-value.ts";
import type { ModelRecord } from "../core/partition/model.ts";
import type { FencedPrompt } from "../core/prompt-safety.ts";
import { unreachable } from "../core/result.ts";
import type { ResultCache, ShareRequest } from "../cache/results.ts";
import { answerSchemaOf, type AnswerSchema } from "./answer.ts";
import { judgeText, judgeValue, type Degradation } from "./judge.ts";
import { addSpending, cachedRecord } from "./model-record.ts";
import type { ModelCaller } from "./ports.ts";
import { makePrompt, withReproof } from "./prompt.ts";
import { thrownFailure, type EventRun } from "./stage.ts";

export interface InferDeps {
  readonly models: ModelCaller;
  readonly cache: ResultCache;
}

export type Inference<Output> =
  | {
      readonly kind: "answered";
      readonly output: Output;
      readonly value: JsonValue;
      readonly model: ModelRecord | null;
    }
  | {
      readonly kind: "degraded";
      readonly why: Degradation;
      readonly value: JsonValue;
      readonly fitting?: { readonly output: Output };
      readonly model: ModelRecord | null;
    }
  | { readonly kind: "deferred"; readonly untilMs: number; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: StageFailure };

/** One event's question to a model. */
interface Question<Input, Schema extends z.ZodType> {
  readonly run: EventRun;
  readonly deps: InferDeps;
  readonly stage: InferStage<Input, Schema>;
  readonly input: Input;
  readonly prompt: FencedPrompt;
  readonly schema: AnswerSchema;
  readonly signal: AbortSignal;
}

export async function infer<Input, Schema extends z.ZodType>(
  run: EventRun,
  deps: InferDeps,
  stage: InferStage<Input, Schema>,
  input: Input,
  context: StageContext,
): Promise<Inference<z.output<Schema>>> {
  const prompt = await makePrompt(stage, input, context);
  if (!prompt.ok) return { kind: "failed", failure: prompt.error };
  const { cutCharacters } = prompt.value;
  if (cutCharacters > 0) run.logger.warn("prompt_cut", { cut_characters: cutCharacters });
  const schema = answerSchemaOf(stage.output);
  const question = { run, deps, stage, input, prompt: prompt.value, schema, signal: context.signal };
  const inference = await askCached(question);
  return inference.kind === "degraded" ? fallBack(question, inference) : inference;
}

/** Only what passed its schema and checks is shared; a shared value is judged anew for this event. */
async function askCached<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
): Promise<Inference<z.output<Schema>>> {
  const request = shareRequestOf(question);
  if (request === null) return ask(question);
  const startedAtMs = question.run.deps.nowMs();
  const shared = await question.deps.cache.share(request, async () => {
    const produced = await ask(question);
    if (produced.kind !== "answered" || produced.model === null) return { answer: null, produced };
    return { answer: { value: produced.value, modelId: produced.model.modelId }, produced };
  });
  if (shared.kind === "produced") return shared.produced;
  const judged = await judgeValue(question.stage, question.input, shared.answer.value);
  if (judged.kind === "degraded") return ask(question);
  const durationMs = question.run.deps.nowMs() - startedAtMs;
  const { value, output } = judged;
  const model = cachedRecord(question.stage.model, shared.answer.modelId, durationMs);
  return { kind: "answered", output, value, model };
}

function shareRequestOf<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
): ShareRequest | null {
  const { stage, prompt, schema, signal } = question;
  const modelId = question.deps.models.modelIdOf(stage.model);
  if (stage.cacheTtlSeconds === undefined || modelId === null) return null;
  const { partition, partitionKey } = question.run.event.envelope;
  const space = `${jurisdictionOf(partition)}/${partitionKey.split(":", 1)[0] ?? ""}`;
  return {
    signal,
    ttlSeconds: stage.cacheTtlSeconds,
    identity: {
      space,
      model: stage.model,
      modelId,
      promptVersion: stage.promptVersion,
      outputSchema: schema.jsonSchema,
      parameters: {
        temperature: stage.temperature ?? null,
        maxOutputTokens: stage.maxOutputTokens ?? null,
      },
      ...prompt.normalised,
    },
  };
}

/** A degraded answer is asked for once more, with a word on what was wrong, unless the pipeline says otherwise. */
async function ask<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
): Promise<Inference<z.output<Schema>>> {
  const { onDegraded = "retry" } = question.stage;
  const first = await askOnce(question, null);
  if (first.kind !== "degraded" || onDegraded !== "retry") return first;
  question.run.logger.info("infer_degraded", { code: first.why.code, message: first.why.message });
  return askOnce(question, first);
}

async function askOnce<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  before: { readonly why: Degradation; readonly model: ModelRecord | null } | null,
): Promise<Inference<z.output<Schema>>> {
  const { stage, prompt, schema, signal, input } = question;
  const outcome = await question.deps.models.call({
    model: stage.model,
    instruction: before === null ? prompt.instruction : withReproof(prompt.instruction, before.why),
    input: prompt.input,
    jsonSchema: schema.jsonSchema,
    priority: question.run.event.envelope.priority,
    signal,
    ...(stage.temperature === undefined ? {} : { temperature: stage.temperature }),
    ...(stage.maxOutputTokens === undefined ? {} : { maxOutputTokens: stage.maxOutputTokens }),
  });
  if (outcome.kind === "denied") {
    return { kind: "deferred", untilMs: outcome.untilMs, reason: `model ${stage.model}: ${outcome.reason}` };
  }
  const model = addSpending(before?.model ?? null, stage.model, outcome);
  switch (outcome.kind) {
    case "failed": {
      if (outcome.failure.class !== "degraded") return { kind: "failed", failure: outcome.failure };
      const { code, message } = outcome.failure;
      return { kind: "degraded", why: { code, message }, value: null, model };
    }
    case "answer": {
      const { text, finishReason } = outcome;
      const judged = await judgeText(stage, input, { text, finishReason, wrapped: schema.wrapped });
      if (judged.kind === "degraded") return { ...judged, model };
      return { kind: "answered", output: judged.output, value: judged.value, model };
    }
    default:
      return unreachable(outcome);
  }
}

function fallBack<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  degraded: Extract<Inference<z.output<Schema>>, { kind: "degraded" }>,
): Inference<z.output<Schema>> {
  const { onDegraded } = question.stage;
  const { logger } = question.run;
  logger.warn("infer_degraded", { code: degraded.why.code, message: degraded.why.message });
  if (typeof onDegraded !== "object") return degraded;
  try {
    const output = onDegraded.fallback(question.input);
    const value = toJsonValue(output);
    const model = degraded.model === null ? null : { ...degraded.model, degraded: degraded.why.code };
    if (value.ok) return { kind: "answered", output, value: value.value, model };
    logger.warn("fallback_failed", { code: value.error });
  } catch (thrown) {
    logger.warn("fallback_failed", { code: thrownFailure("infer", FALLBACK_THREW, thrown).message });
  }
  // A fallback that has no answer leaves the event to a person.
  return degraded;
}

const FALLBACK_THREW = { class: "degraded", code: "fallback_threw" } as const;
