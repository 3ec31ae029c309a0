/** What asking a model came to, and the question it was asked. */
import type * as z from "zod";
import type { DegradedCause, InferStage, OnDegraded } from "../config/define-pipeline.ts";
import type { StageFailure } from "../core/failure.ts";
import type { InjectionScore } from "../core/injection.ts";
import type { JsonValue } from "../core/json.ts";
import type { ModelRecord } from "../core/partition/model.ts";
import type { FencedPrompt } from "../core/prompt-safety.ts";
import type { ResultCache } from "../cache/results.ts";
import type { AnswerSchema } from "./answer.ts";
import type { Degradation } from "./judge.ts";
import type { ModelCaller, ModelDenialReason } from "./ports.ts";
import type { EventRun } from "./stage.ts";

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
      /** The data looked like an instruction, and the pipeline asked to be told. */
      readonly injection?: InjectionScore;
    }
  | {
      readonly kind: "degraded";
      readonly why: Degradation;
      readonly value: JsonValue;
      readonly fitting?: { readonly output: Output };
      readonly model: ModelRecord | null;
    }
  | {
      readonly kind: "deferred";
      readonly untilMs: number;
      readonly reason: string;
      readonly denial: ModelDenialReason;
      /** The model that a spent budget goes down to. */
      readonly downgradeTo?: string;
    }
  | {
      readonly kind: "failed";
      readonly failure: StageFailure;
      /** What was spent all the same. */
      readonly model: ModelRecord | null;
    };

/** One event's question to one model. */
export interface Question<Input, Schema extends z.ZodType> {
  readonly run: EventRun;
  readonly deps: InferDeps;
  readonly stage: InferStage<Input, Schema>;
  /** Which of the stage's models is asked. */
  readonly model: string;
  readonly input: Input;
  readonly prompt: FencedPrompt;
  readonly schema: AnswerSchema;
  readonly signal: AbortSignal;
}

/** What answers of this attempt, by this and by other models, have cost so far; null: nothing was asked. */
export type Spent = ModelRecord | null;

const CAUSE_BY_CODE: ReadonlyMap<string, DegradedCause> = new Map([
  ["schema", "schema"],
  ["check", "check"],
  ["truncated", "truncated"],
  ["output_too_long", "truncated"],
  ["content_filter", "refused"],
  ["content_policy", "refused"],
]);

export function choiceFor<Input, Schema extends z.ZodType>(
  stage: InferStage<Input, Schema>,
  why: Degradation,
): OnDegraded<Input, z.output<Schema>> {
  const cause = CAUSE_BY_CODE.get(why.code) ?? "unreadable";
  return stage.onDegradedBy?.[cause] ?? stage.onDegraded ?? "retry";
}
