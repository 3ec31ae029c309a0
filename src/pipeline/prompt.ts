/** From a pipeline's `prompt()` to what a model is sent. The deployer's text is the instruction; everything else is fenced data. */
import * as z from "zod";
import type { InferStage, StageContext } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import { fencePrompt, stripInvisible, type FencedPrompt } from "../core/prompt-safety.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Degradation } from "./judge.ts";
import { thrownFailure } from "./stage.ts";

const promptSchema = z.object({ instruction: z.string(), data: z.record(z.string(), z.string()) });

export interface MadePrompt {
  readonly prompt: FencedPrompt;
  /** As `prompt()` returned it, before anything was stripped. */
  readonly data: Readonly<Record<string, string>>;
}

export async function makePrompt<Input, Schema extends z.ZodType>(
  stage: InferStage<Input, Schema>,
  input: Input,
  context: StageContext,
): Promise<Result<MadePrompt, StageFailure>> {
  let made: unknown;
  try {
    made = stage.prompt(input, context);
  } catch (thrown) {
    return err(thrownFailure("infer", { class: "permanent", code: "prompt_threw" }, thrown));
  }
  const prompt = promptSchema.safeParse(made);
  if (!prompt.success) {
    const message = "prompt() must return { instruction, data } with texts";
    return err(failure("infer", "permanent", "prompt_invalid", message));
  }
  const maxCharacters = LIMITS.models.maxPromptInputCharacters;
  if (prompt.data.instruction.length > maxCharacters) {
    const message = `the instruction is longer than ${maxCharacters} characters; texts belong into data`;
    return err(failure("infer", "permanent", "prompt_too_large", message));
  }
  return ok({ prompt: await fencePrompt(prompt.data, maxCharacters), data: prompt.data.data });
}

const MAX_REPROOF_CHARACTERS = 300;

/** At temperature 0 the same question gets the same answer, so the second one differs. */
export function withReproof(instruction: string, why: Degradation): string {
  const reason = stripInvisible(`${why.code}, ${why.message}`).replaceAll("\n", " ");
  const bounded = reason.slice(0, MAX_REPROOF_CHARACTERS);
  return `${instruction}\n\nAn earlier answer could not be used (${bounded}). Answer anew, without that fault.`;
}
