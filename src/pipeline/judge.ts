/** Whether a model's answer can be used: how it ended, its schema, the deployer's checks. Never calls a model. */
import type * as z from "zod";
import type { InferStage } from "../config/define-pipeline.ts";
import type { JsonValue } from "../core/json.ts";
import type { FinishReason } from "../models/model-stream.ts";
import { readAnswer } from "./answer.ts";
import { describeIssues, describeThrown } from "./describe.ts";

/** Why an answer is degraded. The message holds no payload. */
export interface Degradation {
  readonly code: string;
  readonly message: string;
}

export type Judgement<Output> =
  | { readonly kind: "good"; readonly value: JsonValue; readonly output: Output }
  | {
      readonly kind: "degraded";
      readonly why: Degradation;
      /** What the model said, for whoever reviews it. */
      readonly value: JsonValue;
      /** Present when the answer fits its schema and failed a check: a person may let it pass. */
      readonly fitting?: { readonly output: Output };
    };

const UNFINISHED: Readonly<Partial<Record<FinishReason, Degradation>>> = {
  length: { code: "truncated", message: "the answer reached its token limit" },
  "content-filter": { code: "content_filter", message: "the provider's policy stopped the answer" },
  "tool-calls": { code: "tool_call", message: "the model called a tool and gave no answer" },
  error: { code: "finish_error", message: "the model stopped because of an error" },
  interrupted: { code: "interrupted", message: "the answer ended before it was finished" },
};

export async function judgeText<Input, Schema extends z.ZodType>(
  stage: InferStage<Input, Schema>,
  input: Input,
  answer: { readonly text: string; readonly finishReason: FinishReason; readonly wrapped: boolean },
): Promise<Judgement<z.output<Schema>>> {
  const unfinished = UNFINISHED[answer.finishReason];
  if (unfinished !== undefined) return { kind: "degraded", why: unfinished, value: answer.text };
  const read = readAnswer(answer.text, answer.wrapped);
  if (read.ok) return judgeValue(stage, input, read.value);
  const message = read.error === "empty" ? "the answer is empty" : "the answer is not JSON";
  return { kind: "degraded", why: { code: read.error, message }, value: answer.text };
}

/** Also for values from the cache: the checks may have changed since, and they see this event's input. */
export async function judgeValue<Input, Schema extends z.ZodType>(
  stage: InferStage<Input, Schema>,
  input: Input,
  value: JsonValue,
): Promise<Judgement<z.output<Schema>>> {
  const parsed = await parseOutput(stage.output, value);
  if (parsed.kind === "refused") return { kind: "degraded", why: parsed.why, value };
  const { output } = parsed;
  for (const [index, check] of (stage.checks ?? []).entries()) {
    const problem = runCheck(() => check(output, input));
    if (problem === null) continue;
    const message = `check ${index + 1}: ${problem}`;
    return { kind: "degraded", why: { code: "check", message }, value, fitting: { output } };
  }
  return { kind: "good", value, output };
}

type ParsedOutput<Output> =
  | { readonly kind: "fits"; readonly output: Output }
  | { readonly kind: "refused"; readonly why: Degradation };

/** A schema's own transformation may throw; then the answer was not what it expected. */
async function parseOutput<Schema extends z.ZodType>(
  schema: Schema,
  value: JsonValue,
): Promise<ParsedOutput<z.output<Schema>>> {
  try {
    const parsed = await schema.safeParseAsync(value);
    if (parsed.success) return { kind: "fits", output: parsed.data };
    return { kind: "refused", why: { code: "schema", message: describeIssues(parsed.error) } };
  } catch (thrown) {
    return { kind: "refused", why: { code: "schema", message: describeThrown(thrown) } };
  }
}

/** A check that throws could not vouch for the output: that is a refusal. */
function runCheck(check: () => string | null): string | null {
  try {
    return check();
  } catch (thrown) {
    return describeThrown(thrown);
  }
}
