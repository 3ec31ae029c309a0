/**
 * What the pipeline runner needs from outside, as interfaces: models behind their guard, destinations,
 * stored bodies, spans. The composition root provides them; tests script them.
 */
import type { EnvelopeBody, EventEnvelope } from "../core/envelope.ts";
import type { StageFailure } from "../core/failure.ts";
import type { JsonObject } from "../core/json.ts";
import type { Priority } from "../core/policy.ts";
import type { Result } from "../core/result.ts";
import type { Destination } from "../destinations/port.ts";
import type { DenialReason } from "../guard/port.ts";
import type { ModelCallResult, ModelRequest } from "../models/call.ts";
import type { Attribution } from "../guard/budgets.ts";
import type { CallContext, FinishReason } from "../models/model-stream.ts";
import type { ConfiguredModel, TokenUsage } from "../models/port.ts";
import type { Tracer } from "../telemetry/tracer.ts";
import type { RunKey } from "../streaming/port.ts";

export interface ModelCallRequest {
  /** A name from the gateway's `models`. */
  readonly model: string;
  readonly instruction: string;
  readonly input: string;
  /** The answer's schema; null for plain text. */
  readonly jsonSchema: JsonObject | null;
  readonly temperature?: number;
  readonly maxOutputTokens?: number;
  readonly priority: Priority;
  /** The turn its event was deferred to. */
  readonly turnAtMs?: number;
  /** Where the event came from: a continent as Cloudflare names it. The nearest of a model's endpoints is asked first. */
  readonly region?: string;
  /** Whom it is made for: budgets and cost are kept by it. */
  readonly caller?: Attribution;
  readonly signal: AbortSignal;
  /** The run whose viewers are shown the answer while it is written; absent: nobody is. */
  readonly stream?: RunKey;
}

export type ModelCallOutcome =
  | {
      readonly kind: "answer";
      readonly text: string;
      readonly finishReason: FinishReason;
      readonly usage: TokenUsage;
      readonly modelId: string;
      readonly durationMs: number;
      /** Millionths of a US dollar; null when the model has no price. */
      readonly costMicros: number | null;
      /** Of an answer that was streamed, where it is known. */
      readonly firstTokenMs?: number;
    }
  /** A guard said not yet, or a budget is spent. */
  | {
      readonly kind: "denied";
      readonly untilMs: number;
      readonly reason: ModelDenialReason;
      /** The budget's own choice of another model. */
      readonly downgradeTo?: string;
    }
  | {
      readonly kind: "failed";
      readonly failure: StageFailure;
      /** What was spent all the same: a useless answer is paid for. */
      readonly usage?: TokenUsage;
      readonly durationMs: number;
      readonly costMicros: number | null;
    };

export type ModelDenialReason = DenialReason | "budget";

/** Calls a model by name, behind its guard. Never throws; stops when the request's signal does. */
export interface ModelCaller {
  call(request: ModelCallRequest): Promise<ModelCallOutcome>;
  /** The provider's name of a model, for cache keys; null when there is no such model. */
  modelIdOf(name: string): string | null;
}

/** `callModel` in `models/call.ts`: makes one call and classifies what comes back. Ends when the signal fires. */
export type CallModel = (
  model: ConfiguredModel,
  request: ModelRequest,
  context: CallContext,
) => Promise<ModelCallResult>;

/** What a source, as the config has it now, makes of a stored payload. */
export type SourceVerdict =
  /** The payload as the source's schema has parsed it. */
  | { readonly kind: "valid"; readonly payload: unknown }
  | { readonly kind: "filtered"; readonly reason: string }
  | { readonly kind: "failed"; readonly failure: StageFailure };

export type CheckSource = (envelope: EventEnvelope, payload: unknown) => SourceVerdict;

export type FindDestination = (name: string) => Result<Destination, StageFailure>;

/** Fetches a body that lies in R2 and proves it by its hash. */
export type LoadBody = (
  body: Extract<EnvelopeBody, { kind: "stored" }>,
) => Promise<Result<string, StageFailure>>;

/** Traces stages, model calls and deliveries. Absent in tests. */
export type StageSpans = Pick<Tracer, "within">;

/** Resolves after the delay, or at once when the signal aborts. Never rejects. */
export type Sleep = (delayMs: number, signal: AbortSignal) => Promise<void>;
