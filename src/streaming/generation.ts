/**
 * One model call, read to its end whoever watches. It ends its log exactly once and then tells the guard what was used. Never
 * asks the model twice.
 */
import { failure, type StageFailure } from "../core/failure.ts";
import { messageOf } from "../core/result.ts";
import type { Ending } from "../core/stream/model.ts";
import { openModelStream } from "../models/model-stream.ts";
import type { ModelStep, ModelStream, TokenUsage } from "../models/port.ts";
import type { AdmittedCall, CallDeps } from "./admit-call.ts";
import { endingOf } from "./relay.ts";
import type { StreamRequest } from "./port.ts";

/** Where the answer goes. */
export interface GenerationLog {
  /** Pieces that came together: shown together, a frame each. */
  append(texts: readonly string[]): void;
  /** Only the first ending counts. */
  finish(ending: Ending): Promise<void>;
}

export interface GenerationParts {
  readonly id: string;
  readonly deps: CallDeps;
  readonly call: AdmittedCall;
  readonly request: StreamRequest;
  readonly log: GenerationLog;
}

/** What became of the call, for whoever needs its answer. */
export interface GenerationResult {
  readonly failure: StageFailure | undefined;
  readonly usage: TokenUsage | null;
  readonly modelId: string | null;
  readonly latencyMs: number;
  readonly firstTokenMs: number | null;
}

export class Generation {
  readonly #parts: GenerationParts;
  readonly #abort = new AbortController();
  readonly #spoken = Promise.withResolvers<StageFailure | undefined>();
  readonly #result = Promise.withResolvers<GenerationResult>();
  #upstream: ModelStream | null = null;

  constructor(parts: GenerationParts) {
    this.#parts = parts;
  }

  /** Settles with the first words or the end; with the failure, when there were no words. */
  get spoken(): Promise<StageFailure | undefined> {
    return this.#spoken.promise;
  }

  /** So far; null before the model has answered at all. */
  get usage(): TokenUsage | null {
    return this.#upstream?.usage ?? null;
  }

  /** Ends the upstream call. */
  stop(): void {
    this.#abort.abort();
  }

  /** Settles when the log has its end. */
  get result(): Promise<GenerationResult> {
    return this.#result.promise;
  }

  /** Until the guard has heard of it. Never rejects. */
  async run(): Promise<void> {
    const { id, deps, call, request } = this.#parts;
    try {
      const { nowMs, log } = deps;
      const opened = await openModelStream(call.model, request.options, {
        signal: this.#abort.signal,
        nowMs,
        log,
      });
      if (!opened.ok) {
        const { failure: failed, usage = null, latencyMs } = opened.error;
        await this.#fail(failed, usage, latencyMs);
        await call.settle(id, opened.error, failed);
        return;
      }
      const failed = await this.#read(opened.value);
      await call.settle(id, opened.value, failed);
    } catch (thrown) {
      deps.log.error("stream_broke", { id, error: messageOf(thrown) });
      const { usage } = this;
      this.stop();
      await this.#fail(failure("infer", "transient", "internal", "the stream's object failed"), usage, 0);
    }
  }

  async #read(upstream: ModelStream): Promise<StageFailure | undefined> {
    this.#upstream = upstream;
    for (;;) {
      let step: ModelStep | undefined = await upstream.next();
      const texts: string[] = [];
      for (; step?.kind === "text"; step = upstream.pending()) texts.push(step.text);
      if (texts.length > 0) {
        this.#parts.log.append(texts);
        this.#spoken.resolve(undefined);
      }
      if (step === undefined) continue;
      await this.#parts.log.finish(endingOf(upstream, step));
      const failed = step.kind === "failed" ? step.failure : undefined;
      this.#spoken.resolve(failed);
      const { usage, modelId, latencyMs, firstTokenMs = null } = upstream;
      this.#result.resolve({ failure: failed, usage, modelId, latencyMs, firstTokenMs });
      return failed;
    }
  }

  async #fail(failed: StageFailure, usage: TokenUsage | null, latencyMs: number): Promise<void> {
    this.#spoken.resolve(failed);
    const { class: failureClass, code } = failed;
    await this.#parts.log.finish({ kind: "error", class: failureClass, code, usage });
    this.#result.resolve({ failure: failed, usage, modelId: null, latencyMs, firstTokenMs: null });
  }
}
