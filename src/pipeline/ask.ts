/**
 * Asks one model: the cache first, then the model, once more where the answer is degraded and the pipeline says
 * so. Never asks another model (`fallback-models.ts` does) and never decides what becomes of a degraded answer.
 */
import type * as z from "zod";
import type { CachedAnswer, ShareRequest } from "../cache/results.ts";
import { jurisdictionOf } from "../core/ids.ts";
import { unreachable } from "../core/result.ts";
import type { RunKey } from "../streaming/port.ts";
import { turnOf } from "./admission.ts";
import { choiceFor, type Inference, type Question, type Spent } from "./inference.ts";
import { judgeText, judgeValue, type Degradation } from "./judge.ts";
import { addSpending, cachedRecord } from "./model-record.ts";
import { withReproof } from "./prompt.ts";

export interface Asked<Output> {
  readonly inference: Inference<Output>;
  /** An older answer of this model, for when no model can be asked. */
  readonly stale: CachedAnswer | null;
}

/** Only what passed its schema and checks is shared; a shared value is judged anew for this event. */
export async function askCached<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  spent: Spent,
): Promise<Asked<z.output<Schema>>> {
  const request = shareRequestOf(question);
  if (request === null) return { inference: await ask(question, spent), stale: null };
  const startedAtMs = question.run.deps.nowMs();
  const shared = await question.deps.cache.share(request, async () => {
    const produced = await ask(question, spent);
    if (produced.kind !== "answered" || produced.model === null) return { answer: null, produced };
    return { answer: { value: produced.value, modelId: produced.model.modelId }, produced };
  });
  if (shared.kind === "produced") return { inference: shared.produced, stale: shared.stale ?? null };
  const durationMs = question.run.deps.nowMs() - startedAtMs;
  const reused = await reuse(question, shared.answer, durationMs, spent);
  return { inference: reused ?? (await ask(question, spent)), stale: null };
}

/** A cached answer for this event; null when its checks refuse it. */
export async function reuse<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  answer: CachedAnswer,
  durationMs: number,
  spent: Spent,
): Promise<Inference<z.output<Schema>> | null> {
  const judged = await judgeValue(question.stage, question.input, answer.value);
  if (judged.kind === "degraded") return null;
  const { value, output } = judged;
  const model = cachedRecord(spent, question.model, answer.modelId, durationMs);
  return { kind: "answered", output, value, model };
}

function shareRequestOf<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
): ShareRequest | null {
  const { stage, prompt, schema, signal, model } = question;
  const modelId = question.deps.models.modelIdOf(model);
  if (stage.cacheTtlSeconds === undefined || modelId === null) return null;
  const { partition, partitionKey } = question.run.event.envelope;
  const space = `${jurisdictionOf(partition)}/${partitionKey.split(":", 1)[0] ?? ""}`;
  return {
    signal,
    ttlSeconds: stage.cacheTtlSeconds,
    ...(stage.shareAcrossLocations === true ? { acrossLocations: true } : {}),
    ...(stage.staleOnErrorSeconds === undefined ? {} : { staleSeconds: stage.staleOnErrorSeconds }),
    identity: {
      space,
      model,
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

/** A degraded answer is asked for once more, with a word on what was wrong, where the pipeline says so. */
async function ask<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  spent: Spent,
): Promise<Inference<z.output<Schema>>> {
  const first = await askOnce(question, null, spent);
  if (first.kind !== "degraded" || choiceFor(question.stage, first.why) !== "retry") return first;
  question.run.logger.info("infer_degraded", { code: first.why.code, message: first.why.message });
  return askOnce(question, first.why, first.model);
}

function runKeyOf<Input, Schema extends z.ZodType>({ run }: Question<Input, Schema>): RunKey {
  return { eventId: run.event.envelope.id, run: run.event.run };
}

async function askOnce<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  reproof: Degradation | null,
  spent: Spent,
): Promise<Inference<z.output<Schema>>> {
  const { stage, prompt, schema, signal, input, model: name } = question;
  const outcome = await question.deps.models.call({
    model: name,
    instruction: reproof === null ? prompt.instruction : withReproof(prompt.instruction, reproof),
    input: prompt.input,
    jsonSchema: schema.jsonSchema,
    priority: question.run.event.envelope.priority,
    region: question.run.event.envelope.origin.continent,
    caller: {
      pipeline: question.run.event.envelope.pipeline,
      partitionKey: question.run.event.envelope.partitionKey,
    },
    signal,
    ...turnOf(question.run.event),
    ...(stage.stream === true ? { stream: runKeyOf(question) } : {}),
    ...(stage.temperature === undefined ? {} : { temperature: stage.temperature }),
    ...(stage.maxOutputTokens === undefined ? {} : { maxOutputTokens: stage.maxOutputTokens }),
  });
  if (outcome.kind === "denied") {
    const { untilMs, reason, downgradeTo } = outcome;
    const deferred = {
      kind: "deferred",
      untilMs,
      reason: `model ${name}: ${reason}`,
      denial: reason,
    } as const;
    return downgradeTo === undefined ? deferred : { ...deferred, downgradeTo };
  }
  const model = addSpending(spent, name, outcome);
  switch (outcome.kind) {
    case "failed": {
      if (outcome.failure.class !== "degraded") return { kind: "failed", failure: outcome.failure, model };
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
