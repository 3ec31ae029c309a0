/**
 * Streams as other rooms see them: what is asked of a model as a stream, and the generation that belongs to a run of an event.
 * Interfaces only.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import type { StageFailure } from "../core/failure.ts";
import type { EventId } from "../core/ids.ts";
import type { Priority } from "../core/policy.ts";
import type { Result } from "../core/result.ts";
import type { Attribution } from "../guard/budgets.ts";
import type { DenialReason } from "../guard/port.ts";
import type { FinishReason, TokenUsage } from "../models/port.ts";
import type { Problem } from "../platform/problem.ts";

/** What is asked of a model. Plain data: it travels to a stream's object as it is. */
export interface StreamRequest {
  /** A name from the gateway's `models`. */
  readonly model: string;
  readonly options: LanguageModelV4CallOptions;
  /** For the reservation. */
  readonly texts: readonly string[];
  /** At the guard. Absent: `high`, because somebody is watching. */
  readonly priority?: Priority;
  /** The caller's trace. Absent: the call begins one of its own. */
  readonly traceparent?: string;
  /** Whoever asks counts and traces the call itself. */
  readonly isObserved?: boolean;
  /** The turn it was given when the guard last said not yet. */
  readonly turnAtMs?: number;
  /** Where it was asked: a continent as Cloudflare names it. The nearest of the model's endpoints is asked first. */
  readonly region?: string;
  /** Whom it is asked for: budgets are kept by it. */
  readonly caller?: Attribution;
  /** Whoever asks has looked at the budgets, and made their choice of another model. */
  readonly isWithinBudget?: boolean;
}

/** One run of an event: its generation is one stream, however often it is retried. */
export interface RunKey {
  readonly eventId: EventId;
  readonly run: number;
}

export type RunOutcome =
  | {
      readonly kind: "answer";
      readonly text: string;
      readonly finishReason: FinishReason;
      readonly usage: TokenUsage;
      /** null: the object that heard it is gone. */
      readonly modelId: string | null;
      readonly latencyMs: number;
      readonly firstTokenMs: number | null;
    }
  | { readonly kind: "denied"; readonly retryAtMs: number; readonly reason: DenialReason | "budget" }
  | {
      readonly kind: "failed";
      readonly failure: StageFailure;
      /** null: nobody can say whether the provider did any work. */
      readonly usage: TokenUsage | null;
      readonly latencyMs: number;
    };

export interface RunStreams {
  /**
   * The run's answer. Attaches to its generation while that runs and when it has succeeded; asks the model (again, after an
   * explicit rewind) otherwise. Rejects when the stream's object cannot be reached.
   */
  generate(key: RunKey, request: StreamRequest): Promise<RunOutcome>;
}

/** A pipeline's prompt for an input that is no event. */
export type PromptOf = (
  pipeline: string,
  input: unknown,
  id: string,
) => Promise<Result<StreamRequest, Problem>>;
