/**
 * Models as the pipeline sees them. The port to providers is the AI SDK's `LanguageModelV4`; this file
 * adds what a gateway needs around it: limits, time-outs, prices.
 */
import type { LanguageModelV4, LanguageModelV4FinishReason } from "@ai-sdk/provider";
import type { Budget } from "../config/budget.ts";
import type { StageFailure } from "../core/failure.ts";
import type { Region } from "../core/regions.ts";
import type { GuardLimits, LimitHint } from "../guard/port.ts";
import type { Logger } from "../telemetry/log.ts";

export interface ModelTimeouts {
  readonly connectMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** US dollars per million tokens. */
export interface ModelPrice {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
  /** Input that the provider read from its cache. Default: as other input, so that a cost is never told too low. */
  readonly cachedInputPerMillion?: number;
  /** Input that the provider wrote to its cache (Anthropic reports it). Default: 1.25 times other input. */
  readonly cacheWritePerMillion?: number;
}

/** What `openaiCompatible({...})` and its siblings return: how to build the model once the env is known. */
export interface ModelDefinition {
  readonly provider: string;
  readonly modelId: string;
  /** Where it is called: a URL, or the variable that holds one. Absent: the provider's adapter knows. */
  readonly baseUrl?: string | { readonly variable: string };
  /** The binding that holds the API key; absent for servers that need none. */
  readonly apiKey?: string;
  /** Bindings of further keys, tried in turn when the provider refuses the one before. */
  readonly nextApiKeys?: readonly string[];
  /** Where the key goes; what makes several of them possible. */
  readonly keyHeader?: KeyHeader;
  readonly limits: GuardLimits;
  readonly timeouts: ModelTimeouts;
  readonly price?: ModelPrice;
  readonly budget?: Budget;
  /** Further endpoints of the same model. */
  readonly regional?: readonly { readonly region: Region; readonly definition: ModelDefinition }[];
  /** Whether the endpoint takes a JSON schema for its answer; otherwise the schema goes into the prompt. */
  readonly structuredOutput: boolean;
  /** Chat completions are streamed on as the endpoint's own bytes. */
  readonly verbatim?: boolean;
  /** Variables that `create` reads. One that is not set makes the model `model_not_configured`. */
  readonly variables?: readonly string[];
  /** @throws when a variable's value cannot be used */
  create(access: ModelAccess): LanguageModelV4;
}

export interface KeyHeader {
  readonly name: string;
  readonly prefix: string;
}

export interface ModelAccess {
  readonly apiKey: string | undefined;
  /** A variable's value: base URLs differ between local, staging and production. */
  readonly variable: (name: string) => string | undefined;
  readonly fetch: typeof fetch;
}

/** A model with its access resolved, ready to be called. */
export interface ConfiguredModel {
  readonly name: string;
  readonly definition: ModelDefinition;
  readonly model: LanguageModelV4;
  /** Values that go with each call, or are part of its URL. No answer brings them into an event or a log. */
  readonly secrets: readonly string[];
}

export interface TokenUsage {
  /** All of it, cached or not. */
  readonly inputTokens: number;
  /** Reasoning included. */
  readonly outputTokens: number;
  /** Of the input: read from the provider's cache. Absent: none, as far as it said. */
  readonly cachedInputTokens?: number;
  /** Of the input: written to the provider's cache. */
  readonly cacheWriteTokens?: number;
  /** True when the provider did not say and the numbers are estimates. */
  readonly estimated: boolean;
}

export type FinishReason = LanguageModelV4FinishReason["unified"];

export interface CallContext {
  /** Aborting it ends the call upstream. */
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  readonly log?: Logger;
  /** The answer's bytes are wanted as well, where the model is one that has them. */
  readonly verbatim?: boolean;
}

export interface ModelCallFailure {
  readonly failure: StageFailure;
  readonly hint?: LimitHint;
  /** Absent when nobody can say whether the provider did any work. */
  readonly usage?: TokenUsage;
  readonly latencyMs: number;
}

export type ModelStep =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "end"; readonly finishReason: FinishReason }
  | { readonly kind: "failed"; readonly failure: StageFailure };

/** A call under way. Its facts are those of the moment they are read. */
export interface ModelStream {
  /** Never rejects. After `end` or `failed` it keeps giving that. One call at a time. */
  next(): Promise<ModelStep>;
  /** The next step, where it came together with the last one; undefined: it has to be waited for. */
  pending(): ModelStep | undefined;
  /**
   * The answer's own bytes, from the first on, where the call was made for them: to be shown in the place of the steps. Ends, breaks and is ended as
   * the call is. Whoever shows it still calls `next` to the end, and hears there what it was; what the one has read is kept for the other.
   */
  readonly verbatim?: ReadableStream<Uint8Array> | undefined;
  /** Ends the upstream call at once; the next step is a failure `cancelled`. */
  cancel(): void;
  readonly hint: LimitHint | undefined;
  /** The model that really answered, as far as it said. */
  readonly modelId: string;
  /** So far; the provider's own numbers once it has sent them. */
  readonly usage: TokenUsage;
  /** Time spent waiting for the upstream: a slow reader does not make a model slow. */
  readonly latencyMs: number;
  readonly firstTokenMs: number | undefined;
}
