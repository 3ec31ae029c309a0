/**
 * The infer stage: prompt, injection score, models, and what becomes of an answer that cannot be used. Never
 * delivers and never stores; spends at most two calls per model and attempt.
 */
import type * as z from "zod";
import type { InferStage, StageContext } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import { failure } from "../core/failure.ts";
import { scoreInjection, type InjectionScore } from "../core/injection.ts";
import { toJsonValue } from "../core/json-value.ts";
import { answerSchemaOf } from "./answer.ts";
import { askInTurn } from "./fallback-models.ts";
import { choiceFor, type InferDeps, type Inference, type Question } from "./inference.ts";
import { makePrompt } from "./prompt.ts";
import { thrownFailure, type EventRun } from "./stage.ts";

export type { InferDeps, Inference } from "./inference.ts";

export async function infer<Input, Schema extends z.ZodType>(
  run: EventRun,
  deps: InferDeps,
  stage: InferStage<Input, Schema>,
  input: Input,
  context: StageContext,
): Promise<Inference<z.output<Schema>>> {
  const made = await makePrompt(stage, input, context);
  if (!made.ok) return { kind: "failed", failure: made.error, model: null };
  const { prompt, data } = made.value;
  const { cutCharacters } = prompt;
  if (cutCharacters > 0) run.logger.warn("prompt_cut", { cut_characters: cutCharacters });
  const injection = suspicionOf(stage, data);
  if (injection !== null) {
    const { score, rules } = injection;
    run.logger.warn("injection_suspected", { score, rules: rules.join(" ") });
    if (stage.onInjection === "block") {
      const message = `the data looks like an instruction (${score}: ${rules.join(", ")})`;
      return {
        kind: "failed",
        failure: failure("infer", "permanent", "injection_suspected", message),
        model: null,
      };
    }
  }
  const schema = answerSchemaOf(stage.output);
  const question = { run, deps, stage, model: stage.model, input, prompt, schema, signal: context.signal };
  const asked = await askInTurn(question);
  const inference = asked.kind === "degraded" ? fallBack(question, asked) : asked;
  if (injection === null || inference.kind !== "answered") return inference;
  return { ...inference, injection };
}

/** null: not looked for, or nothing found. */
function suspicionOf<Input, Schema extends z.ZodType>(
  stage: InferStage<Input, Schema>,
  data: Readonly<Record<string, string>>,
): InjectionScore | null {
  if (stage.onInjection === undefined) return null;
  const score = scoreInjection(Object.values(data));
  return score.score >= (stage.injectionThreshold ?? LIMITS.models.injectionThreshold) ? score : null;
}

function fallBack<Input, Schema extends z.ZodType>(
  question: Question<Input, Schema>,
  degraded: Extract<Inference<z.output<Schema>>, { kind: "degraded" }>,
): Inference<z.output<Schema>> {
  const choice = choiceFor(question.stage, degraded.why);
  const { logger } = question.run;
  logger.warn("infer_degraded", { code: degraded.why.code, message: degraded.why.message });
  if (typeof choice !== "object") return degraded;
  try {
    const output = choice.fallback(question.input);
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
