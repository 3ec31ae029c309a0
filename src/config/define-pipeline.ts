/**
 * Pipelines: parse → enrich → infer → format → deliver. Each stage's result types the next one's input.
 *
 * A `Pipeline` hides the types between its stages (`open` hands them to whoever runs it), so that
 * pipelines of all shapes fit in one list without a cast.
 */
import type * as z from "zod";
import type { Budget } from "./budget.ts";
import { checkShape } from "./check-shape.ts";
import { PIPELINE_SHAPE } from "./shapes.ts";
import type { EventId } from "../core/ids.ts";
import type { InjectionScore } from "../core/injection.ts";
import type { JsonValue } from "../core/json.ts";
import type { EventPolicy } from "../core/policy.ts";

/** What a stage may know about the event beside its payload. */
export interface StageContext {
  readonly eventId: EventId;
  readonly source: string;
  /** The sender's own id of this delivery, as it was deduplicated by. */
  readonly deliveryId: string;
  readonly type: string;
  readonly receivedAtMs: number;
  readonly run: number;
  readonly partitionKey: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The event whose signed bytes these are under another id, where the source has repeats flagged. */
  readonly repeatOf?: EventId;
  /** Aborts when the stage's time is up or the lease is lost. */
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
}

/** A prompt keeps instruction and untrusted data apart. Data is stripped, bounded and fenced before it is sent. */
export interface Prompt {
  readonly instruction: string;
  /** By label: what the model is to work on. Never treated as instruction. */
  readonly data: Readonly<Record<string, string>>;
}

/** A check on a model's output. Returns why it failed, or null. */
export type OutputCheck<Input, Output> = (output: Output, input: Input) => string | null;

export interface InferStage<Input, OutputSchema extends z.ZodType> {
  /** A name from the gateway's `models`. */
  readonly model: string;
  /** Part of the cache key and of stored steps: raise it when the prompt changes its meaning. */
  readonly promptVersion: string;
  readonly output: OutputSchema;
  prompt(input: Input, context: StageContext): Prompt;
  readonly checks?: readonly OutputCheck<Input, z.output<OutputSchema>>[];
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
  /** Opt-in: equal inputs share one model call for this long. */
  readonly cacheTtlSeconds?: number;
  /**
   * Equal inputs at the same time share one call: in one isolate always, with this wherever they arrive, for two or more
   * requests to an object per answer that is not in the cache.
   */
  readonly shareAcrossLocations?: boolean;
  /** What becomes of an answer that cannot be used. Default: `retry`. */
  readonly onDegraded?: OnDegraded<Input, z.output<OutputSchema>>;
  /** Where one cause wants another choice: a refusal is rarely mended by asking again. */
  readonly onDegradedBy?: Readonly<Partial<Record<DegradedCause, OnDegraded<Input, z.output<OutputSchema>>>>>;
  /**
   * Names from the gateway's `models`, asked in turn when the one before stands behind an open breaker, has no key
   * or no credit, failed transiently in `fallbackAfterAttempts` attempts, or gave a degraded answer and the choice
   * for that is `next-model`.
   */
  readonly fallbackModels?: readonly string[];
  /** Default: 2, so that a hiccup is retried with the model that was meant. */
  readonly fallbackAfterAttempts?: number;
  /** With `cacheTtlSeconds`: an answer that is older by up to this is used when no model can be asked. */
  readonly staleOnErrorSeconds?: number;
  /**
   * Data that looks like an injected instruction: told to `format` and logged, held for a person after the model has
   * answered, or refused before it is asked. Default: not looked for. A heuristic; docs/models.md has its catch rate.
   */
  readonly onInjection?: "flag" | "review" | "block";
  /**
   * Whoever watches `GET /v1/events/:id/stream` sees the answer while the model writes it, before any check. Costs an object's time
   * per event. A cached answer streams nothing.
   */
  readonly stream?: boolean;
  /** From which score on, 0 to 1. */
  readonly injectionThreshold?: number;
}

/** Why an answer is degraded. `unreadable`: empty, not JSON, a tool call. */
export type DegradedCause = "schema" | "check" | "truncated" | "refused" | "unreadable";

/** One more try, a person, the next of `fallbackModels`, or a function's answer. What still fails goes to a person. */
export type OnDegraded<Input, Output> =
  | "retry"
  | "review"
  | "next-model"
  | { fallback(input: Input): Output };

/** What `format` returns: the delivery's body, and what else should happen. */
export interface Formatted<Body extends JsonValue = JsonValue> {
  /** Also what the sender of a sync route is answered. */
  readonly body: Body;
  /** The outbound message type. Default: `<pipeline>.completed`. */
  readonly type?: string;
  /** A subset of the pipeline's destinations, by name. Default: all of them. */
  readonly to?: readonly string[];
  /** Events for other pipelines; durable together with this event's completion. */
  readonly emit?: readonly Emitted[];
  /** Hold this event for a person's decision before anything is delivered. */
  readonly review?: string;
}

export interface Emitted {
  /** A pipeline's name. */
  readonly pipeline: string;
  readonly type: string;
  readonly payload: JsonValue;
}

export interface PipelineStages<
  InputSchema extends z.ZodType,
  Enriched,
  OutputSchema extends z.ZodType,
  Body extends JsonValue = JsonValue,
> {
  readonly input: InputSchema;
  /** Absent: what `input` parsed goes on as it is. */
  enrich?(input: z.output<InputSchema>, context: StageContext): Promise<Enriched>;
  readonly infer?: InferStage<Enriched, OutputSchema>;
  format(
    result: {
      readonly input: Enriched;
      readonly output: z.output<OutputSchema>;
      /** Set when `onInjection` is and the data looked like an instruction. */
      readonly injection?: InjectionScore;
    },
    context: StageContext,
  ): Formatted<Body>;
}

export interface PipelineOptions<
  InputSchema extends z.ZodType,
  Enriched,
  OutputSchema extends z.ZodType,
  Body extends JsonValue = JsonValue,
> extends PipelineStages<InputSchema, Enriched, OutputSchema, Body> {
  readonly name: string;
  /** Names from the gateway's `destinations`. */
  readonly deliver: readonly string[];
  /**
   * Names of the pipelines that `format` may emit to. They are looked for when the config is loaded, and an event for any other
   * is a dead letter. Absent: any pipeline; one that does not exist is found when `format` returns.
   */
  readonly emits?: readonly string[];
  readonly policy?: Partial<EventPolicy>;
  /** What this pipeline's model calls together may cost a day. */
  readonly budget?: Budget;
}

export type StagesVisitor<Answer> = <InputSchema extends z.ZodType, Enriched, OutputSchema extends z.ZodType>(
  stages: PipelineStages<InputSchema, Enriched, OutputSchema>,
) => Answer;

/** `Accepts` is what a route must provide: the input schema's own input. `Body` is what `format` makes of it. */
export interface Pipeline<in Accepts, out Body extends JsonValue = JsonValue> {
  readonly name: string;
  readonly deliver: readonly string[];
  readonly policy: Partial<EventPolicy>;
  /** The model the infer stage names, for the config check. */
  readonly model: string | undefined;
  readonly fallbackModels?: readonly string[];
  readonly emits?: readonly string[];
  readonly budget?: Budget;
  open<Answer>(visit: StagesVisitor<Answer>): Answer;
  /** Never called: it only makes `Accepts` count for the compiler. */
  readonly accepts?: (payload: Accepts) => void;
  /** Never set, for the same reason. */
  readonly answers?: Body;
}

export function definePipeline<
  InputSchema extends z.ZodType,
  OutputSchema extends z.ZodType,
  Enriched = z.output<InputSchema>,
  Body extends JsonValue = JsonValue,
>(options: PipelineOptions<InputSchema, Enriched, OutputSchema, Body>): Pipeline<z.input<InputSchema>, Body> {
  checkShape("definePipeline", PIPELINE_SHAPE, options);
  return {
    name: options.name,
    deliver: options.deliver,
    policy: options.policy ?? {},
    model: options.infer?.model,
    fallbackModels: options.infer?.fallbackModels ?? [],
    ...(options.emits === undefined ? {} : { emits: options.emits }),
    ...(options.budget === undefined ? {} : { budget: options.budget }),
    open: (visit) => visit<InputSchema, Enriched, OutputSchema>(options),
  };
}
