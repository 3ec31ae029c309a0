/**
 * Reads a provider's stream parts as text with exactly one ending, under the call's clocks. Counts what
 * was generated, so that an interrupted call still has a usage.
 */
import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import { LIMITS } from "../config/limits.ts";
import { isPolicyWord } from "../core/classify/model-error.ts";
import type { LimitHint } from "../guard/port.ts";
import { abortFailure } from "./abort-failure.ts";
import { classifyModelError } from "./classify.ts";
import type { CallDeadlines } from "./deadlines.ts";
import { weighTokens } from "./estimate.ts";
import { plainTextBefore, type PlainTextFirst } from "./plain-text.ts";
import type { ModelStep, ModelStream, TokenUsage } from "./port.ts";

export interface ReaderParts {
  readonly deadlines: CallDeadlines;
  readonly hint: LimitHint | undefined;
  readonly modelId: string;
  /** Estimated, for a provider that does not count. */
  readonly inputTokens: number;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
}

const PLAIN = "plain";

export class UpstreamReader implements ModelStream {
  readonly #reader: ReadableStreamDefaultReader<LanguageModelV4StreamPart>;
  readonly #plainText: PlainTextFirst | undefined;
  readonly #parts: ReaderParts;
  #ended: ModelStep | undefined;
  #modelId: string;
  #hint: LimitHint | undefined;
  #reported: LanguageModelV4Usage | undefined;
  #firstTokenMs: number | undefined;
  #latencyMs: number;
  #characters = 0;
  #outputWeight = 0;

  constructor(stream: ReadableStream<LanguageModelV4StreamPart>, parts: ReaderParts) {
    this.#plainText = plainTextBefore(stream);
    this.#reader = stream.getReader();
    this.#parts = parts;
    this.#modelId = parts.modelId;
    this.#hint = parts.hint;
    this.#latencyMs = parts.nowMs() - parts.startedAtMs;
    parts.deadlines.onAbort(() => {
      this.#plainText?.cancel();
      this.#reader.cancel().catch(() => undefined);
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
    const input = this.#reported?.inputTokens.total;
    const output = this.#reported?.outputTokens.total;
    // A prompt is never empty, so 0 input tokens means that the provider did not count.
    const knowsInput = input !== undefined && input > 0;
    const knowsOutput = output !== undefined && (output > 0 || this.#characters === 0);
    return {
      inputTokens: knowsInput ? input : this.#parts.inputTokens,
      outputTokens: knowsOutput ? output : Math.ceil(this.#outputWeight),
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
    const step = await this.#nextStep();
    deadlines.relax();
    this.#latencyMs += nowMs() - waitingSinceMs;
    if (step.kind === "text") return step;
    this.#ended = step;
    if (step.kind === "failed") deadlines.abort("failed");
    else deadlines.close();
    return step;
  }

  async #nextStep(): Promise<ModelStep> {
    const { deadlines } = this.#parts;
    for (;;) {
      // The clock for the first token runs since the headers came; this one starts anew with every part.
      if (this.#firstTokenMs !== undefined) deadlines.expect("idle");
      const part = await this.#read();
      if (deadlines.cause !== undefined) {
        return { kind: "failed", failure: abortFailure(deadlines.cause) };
      }
      const step = this.#accept(part);
      if (step !== undefined) return step;
    }
  }

  /** A stream that breaks or just ends reads as an error part. */
  async #read(): Promise<LanguageModelV4StreamPart> {
    try {
      const text = await this.#plainText?.next();
      if (typeof text === "string") return { type: "text-delta", id: PLAIN, delta: text };
      const { done, value } = await this.#reader.read();
      return done ? { type: "error", error: new Error("no finish part") } : value;
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error("broken stream");
      return { type: "error", error };
    }
  }

  #accept(part: LanguageModelV4StreamPart): ModelStep | undefined {
    if (part.type === "text-delta") {
      if (!this.#count(part.delta)) return { kind: "failed", failure: abortFailure("output_too_long") };
      return part.delta === "" ? undefined : { kind: "text", text: part.delta };
    }
    if (part.type === "reasoning-delta" || part.type === "tool-input-delta") {
      // Not shown, but paid for, and a sign of life.
      if (this.#count(part.delta)) return undefined;
      return { kind: "failed", failure: abortFailure("output_too_long") };
    }
    if (part.type === "response-metadata") this.#modelId = part.modelId ?? this.#modelId;
    if (part.type === "error") return this.#fault(part.error);
    if (part.type !== "finish") return undefined;
    this.#reported = part.usage;
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
    const fault = classifyModelError(thrown, "stream", this.#parts.nowMs());
    this.#hint = fault.hint ?? this.#hint;
    return { kind: "failed", failure: fault.failure };
  }
}
