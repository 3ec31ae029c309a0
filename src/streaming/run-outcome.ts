/** What a run is told of its generation: the log's end, and what only the object that heard it knows. Pure. */
import { failure } from "../core/failure.ts";
import { unreachable } from "../core/result.ts";
import type { Ending } from "../core/stream/model.ts";
import type { FinishReason } from "../models/port.ts";
import type { Refusal } from "./admit-call.ts";
import type { GenerationResult } from "./generation.ts";
import type { RunOutcome } from "./port.ts";

/** Written by ourselves, from the same list; what is not on it is read as the provider's own word. */
const FINISH_REASONS: readonly FinishReason[] = ["stop", "length", "content-filter", "tool-calls"];

/** @param heard null: the object came back after the generation had ended */
export function outcomeOf(ending: Ending, text: string, heard: GenerationResult | null): RunOutcome {
  switch (ending.kind) {
    case "done":
      return {
        kind: "answer",
        text,
        finishReason: FINISH_REASONS.find((known) => known === ending.finishReason) ?? "other",
        usage: ending.usage,
        modelId: heard?.modelId ?? null,
        latencyMs: heard?.latencyMs ?? 0,
        firstTokenMs: heard?.firstTokenMs ?? null,
      };
    case "error": {
      const { class: failureClass, code, usage } = ending;
      const failed =
        heard?.failure ?? failure("infer", failureClass, code, "the generation ended without an answer");
      return { kind: "failed", failure: failed, usage, latencyMs: heard?.latencyMs ?? 0 };
    }
    case "stopped": {
      // Asking again would undo what somebody did on purpose.
      const failed = failure("infer", "permanent", "stopped", "somebody stopped the generation");
      return { kind: "failed", failure: failed, usage: ending.usage, latencyMs: heard?.latencyMs ?? 0 };
    }
    default:
      return unreachable(ending);
  }
}

/** Nothing left this house, so nothing was spent. */
export function outcomeOfRefusal(refusal: Refusal): RunOutcome {
  if (refusal.kind === "denied") return refusal;
  const usage = { inputTokens: 0, outputTokens: 0, estimated: false };
  return { kind: "failed", failure: refusal.failure, usage, latencyMs: 0 };
}
