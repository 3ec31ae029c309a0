/** What it means for an event that a model call was ended by us. */
import { CONTENT_POLICY } from "../core/classify/model-error.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import type { AbortCause } from "./deadlines.ts";

const MESSAGES = {
  cancelled: "the call was cancelled by its caller",
  connect_timeout: "the provider sent no headers in time",
  first_token_timeout: "the model sent no first token in time",
  idle_timeout: "the model fell silent in the middle of its answer",
  total_timeout: "the answer was not finished in time",
  output_too_long: "the answer is longer than Sluice reads",
  failed: "the answer ended before it was finished",
} as const satisfies Record<AbortCause, string>;

export function abortFailure(cause: AbortCause): StageFailure {
  if (cause === "failed") return failure("infer", "transient", "cut", MESSAGES.failed);
  const failureClass = cause === "output_too_long" ? "degraded" : "transient";
  return failure("infer", failureClass, cause, MESSAGES[cause]);
}

/** The model ended its answer itself, but not in a way that can be used. */
export function finishFailure(finishReason: string): StageFailure | undefined {
  if (finishReason === "length") {
    return failure("infer", "degraded", "truncated", "the answer reached its token limit");
  }
  if (finishReason === "content-filter") {
    return failure("infer", CONTENT_POLICY.class, CONTENT_POLICY.code, "the provider's policy stopped it");
  }
  return undefined;
}
