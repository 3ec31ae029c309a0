/**
 * Reads a provider's stream parts as text with exactly one ending, under the call's clocks. Counts what
 * was generated, so that an interrupted call still has a usage.
 */
import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { LIMITS } from "../config/limits.ts";
import { isPolicyWord } from "../core/classify/model-error.ts";
import type { LimitHint } from "../guard/port.ts";
import { abortFailure } from "./abort-failure.ts";
import { classifyModelError } from "./classify.ts";
import type { CallDeadlines } from "./deadlines.ts";
import { weighTokens } from "./estimate.ts";
import { readOpenAIUsage, type CountedTokens } from "./openai-usage.ts";
import type { PlainEnd } from "./plain-events.ts";
import { plainStreamOf, type PlainStream } from "./plain-text-model.ts";
import type { ModelStep, ModelStream, TokenUsage } from "./port.ts";

export interface ReaderParts {
  readonly deadlines: CallDeadlines;
  readonly hint: LimitHint | undefined;
  readonly modelId: string;
  /** Of the call: none of them gets into a failure. */
  readonly secrets: readonly string[];
  /** Estimated, for a provider that does not count. */
  readonly inputTokens: number;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
}

export class UpstreamReader implements ModelStream {
  #reader: ReadableStreamDefaultReader<LanguageModelV4StreamPart> | undefined;
  /** Until something comes that is not plain. */
  #plain: PlainStream | undefined;
  readonly verbatim: ReadableStream<Uint8Array> | undefined;
  readonly #parts: ReaderParts;
  #ended: ModelStep | undefined;
  #modelId: string;
  #hint: LimitHint | undefined;
  /** By the provider. */
  #counted: CountedTokens = {};
  #firstTokenMs: number | undefined;
  #latencyMs: number;
  #characters = 0;
  #outputWeight = 0;

  constructor(stream: ReadableStream<LanguageModelV4StreamPart>, parts: ReaderParts) {
    this.#plain = plainStreamOf(stream);
    this.verbatim = this.#plain?.verbatim;
    if (this.#plain === undefined) this.#reader = stream.getReader();
    this.#parts = parts;
    this.#modelId = parts.modelId;
    this.#hint = parts.hint;
    this.#latencyMs = parts.nowMs() - parts.startedAtMs;
    parts.deadlines.onAbort(() => {
      this.#plain?.text.cancel();
      this.#reader?.cancel().catch(() => undefined);
    });
  }

  get hint(): LimitHint | undefined {
    return this.#hint;
  }

  get modelId(): string {
    return this.#modelId;
  }

  get latencyMs(): number {
    return this.#latencyMs;
  }

  get firstTokenMs(): number | undefined {
    return this.#firstTokenMs;
  }

  get usage(): TokenUsage {
    const { inputTokens: input, outputTokens: output } = this.#counted;
    // A prompt is never empty, so 0 input tokens means that the provider did not count.
    const knowsInput = isCount(input) && input > 0;
    const knowsOutput = isCount(output) && (output > 0 || this.#characters === 0);
    return {
      inputTokens: knowsInput ? input : this.#parts.inputTokens,
      outputTokens: knowsOutput ? output : Math.ceil(this.#outputWeight),
      ...(knowsInput ? cacheOf(input, this.#counted) : {}),
      estimated: !knowsInput || !knowsOutput,
    };
  }

  cancel(): void {
    this.#parts.deadlines.abort("cancelled");
  }

  async next(): Promise<ModelStep> {
    if (this.#ended !== undefined) return this.#ended;
    const { deadlines, nowMs } = this.#parts;
    const waitingSinceMs = nowMs();
    let step: ModelStep | undefined;
    while (step === undefined) {
      // The clock for the first token runs since the headers came; this one starts anew with every part.
      if (this.#firstTokenMs !== undefined) deadlines.expect("idle");
      step = await (this.#plain === undefined ? this.#readPart() : this.#readPlain(this.#plain));
      if (deadlines.cause !== undefined) step = { kind: "failed", failure: abortFailure(deadlines.cause) };
    }
    this.#latencyMs += nowMs() - waitingSinceMs;
    return this.#give(step);
  }

  pending(): ModelStep | undefined {
    if (this.#ended !== undefined || this.#parts.deadlines.cause !== undefined) return undefined;
    const text = this.#plain?.text.take();
    return text === undefined ? undefined : this.#give(this.#say(text));
  }

  #give(step: ModelStep): ModelStep {
    const { deadlines } = this.#parts;
    deadlines.relax();
    if (step.kind === "text") return step;
    this.#ended = step;
    if (step.kind === "failed") deadlines.abort("failed");
    else deadlines.close();
    return step;
  }

  async #readPlain(stream: PlainStream): Promise<ModelStep | undefined> {
    const plain = await stream.text.next();
    if (typeof plain === "string") return this.#say(plain);
    if (plain !== null) return this.#endPlainly(plain);
    if (this.#parts.deadlines.cause !== undefined) return undefined;
    this.#plain = undefined;
    try {
      this.#reader = (await stream.parts()).getReader();
    } catch (thrown) {
      return this.#fault(thrown);
    }
    return undefined;
  }

  #endPlainly({ finishReason, usage, modelId }: PlainEnd): ModelStep {
    this.#counted = usage ?? {};
    this.#modelId = modelId ?? this.#modelId;
    return this.#finish(finishReason);
  }

  /** A stream that breaks or just ends reads as an error part. */
  async #readPart(): Promise<ModelStep | undefined> {
    let part: LanguageModelV4StreamPart;
    try {
      const { done = true, value } = (await this.#reader?.read()) ?? {};
      part = done || value === undefined ? { type: "error", error: new Error("no finish part") } : value;
    } catch (thrown) {
      part = { type: "error", error: thrown instanceof Error ? thrown : new Error("broken stream") };
    }
    return this.#accept(part);
  }

  #say(text: string): ModelStep {
    if (this.#count(text)) return { kind: "text", text };
    return { kind: "failed", failure: abortFailure("output_too_long") };
  }

  #accept(part: LanguageModelV4StreamPart): ModelStep | undefined {
    if (part.type === "text-delta") return part.delta === "" ? undefined : this.#say(part.delta);
    if (part.type === "reasoning-delta" || part.type === "tool-input-delta") {
      // Not shown, but paid for, and a sign of life.
      if (this.#count(part.delta)) return undefined;
      return { kind: "failed", failure: abortFailure("output_too_long") };
    }
    if (part.type === "response-metadata") this.#modelId = part.modelId ?? this.#modelId;
    if (part.type === "error") return this.#fault(part.error);
    if (part.type !== "finish") return undefined;
    const { inputTokens, outputTokens } = part.usage;
    this.#counted = readOpenAIUsage(part.usage.raw) ?? {
      inputTokens: inputTokens.total,
      outputTokens: outputTokens.total,
      cachedInputTokens: inputTokens.cacheRead,
      cacheWriteTokens: inputTokens.cacheWrite,
    };
    return this.#finish(part.finishReason);
  }

  /** false once the answer is longer than it may be. */
  #count(delta: string): boolean {
    if (delta === "") return true;
    this.#firstTokenMs ??= this.#parts.nowMs() - this.#parts.startedAtMs;
    this.#characters += delta.length;
    this.#outputWeight += weighTokens(delta);
    return this.#characters <= LIMITS.models.maxOutputCharacters;
  }

  #finish({ unified, raw }: LanguageModelV4FinishReason): ModelStep {
    if (unified === "error" || unified === "interrupted" || raw === "error") {
      return this.#fault(new Error("finished with an error"));
    }
    const refused = unified === "other" && raw !== undefined && isPolicyWord(raw);
    return { kind: "end", finishReason: refused ? "content-filter" : unified };
  }

  #fault(thrown: unknown): ModelStep {
    const fault = classifyModelError(thrown, "stream", this.#parts.nowMs(), this.#parts.secrets);
    this.#hint = fault.hint ?? this.#hint;
    return { kind: "failed", failure: fault.failure };
  }
}

/** Parts of the input: more than all of it is not believed. */
function cacheOf(
  inputTokens: number,
  { cachedInputTokens: read = 0, cacheWriteTokens: written = 0 }: CountedTokens,
): Pick<TokenUsage, "cachedInputTokens" | "cacheWriteTokens"> {
  if (!isCount(read) || !isCount(written) || read + written > inputTokens) return {};
  return {
    ...(read === 0 ? {} : { cachedInputTokens: read }),
    ...(written === 0 ? {} : { cacheWriteTokens: written }),
  };
}

/** What no model can have used is taken for not counted: a guard and a budget would believe it. */
function isCount(tokens: number | undefined): tokens is number {
  return (
    tokens !== undefined &&
    Number.isInteger(tokens) &&
    tokens >= 0 &&
    tokens <= LIMITS.models.maxReportedTokens
  );
}
