/**
 * Relays a model's answer to one viewer as server-sent events. The upstream is read only when the viewer takes
 * the next event, and ended as soon as the viewer is gone. Ends with exactly one `done` or `error`.
 *
 *   start {id, model} · delta {text} … · done {finishReason, usage} | error {class, code, message}
 *
 * Stores nothing, so it cannot be resumed.
 */
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import { abortFailure } from "../models/abort-failure.ts";
import type { ModelStep, ModelStream } from "../models/port.ts";
import { encodeComment, encodeEvent } from "./sse-encoder.ts";
import { MESSAGE_BY_CLASS } from "./stream-problems.ts";

export interface RelayOptions {
  readonly id: string;
  readonly model: string;
  /** Aborts when the viewer's request does. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
}

export interface Relay {
  readonly body: ReadableStream<Uint8Array>;
  /** Settles once, when the answer has ended or the viewer is gone. Never rejects. */
  readonly ended: Promise<StageFailure | undefined>;
}

export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // Tells nginx and its like not to hold events back.
  "x-accel-buffering": "no",
};

/** @param first the step that showed that the model answers */
export function relay(stream: ModelStream, first: ModelStep, options: RelayOptions): Relay {
  const encoder = new TextEncoder();
  const ended = Promise.withResolvers<StageFailure | undefined>();
  let lastId = 0;
  let pending: Promise<ModelStep> | undefined = Promise.resolve(first);

  const frame = (event: string, data: unknown, retryMs?: number) => {
    lastId += 1;
    const fields = { event, id: String(lastId), data: JSON.stringify(data) };
    return encoder.encode(encodeEvent(retryMs === undefined ? fields : { ...fields, retryMs }));
  };
  const leave = () => {
    stream.cancel();
    ended.resolve(abortFailure("cancelled"));
  };
  const finish = (failed: StageFailure | undefined) => {
    options.signal.removeEventListener("abort", leave);
    ended.resolve(failed);
  };
  if (options.signal.aborted) leave();
  else options.signal.addEventListener("abort", leave, { once: true });

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const { id, model } = options;
        controller.enqueue(frame("start", { id, model }, LIMITS.streams.reconnectMs));
      },
      async pull(controller) {
        pending ??= stream.next();
        const step = await quietAfter(pending, options.heartbeatMs);
        if (step === "quiet") return controller.enqueue(encoder.encode(encodeComment("keep-alive")));
        pending = undefined;
        if (step.kind === "text") return controller.enqueue(frame("delta", { text: step.text }));
        controller.enqueue(
          step.kind === "end" ? frame("done", doneOf(stream, step)) : frame("error", errorOf(step)),
        );
        controller.close();
        return finish(step.kind === "failed" ? step.failure : undefined);
      },
      cancel() {
        leave();
        options.signal.removeEventListener("abort", leave);
      },
    },
    // Nothing is fetched ahead of the viewer.
    { highWaterMark: 0 },
  );
  return { body, ended: ended.promise };
}

function doneOf(stream: ModelStream, { finishReason }: Extract<ModelStep, { kind: "end" }>) {
  return { finishReason, usage: stream.usage };
}

function errorOf({ failure }: Extract<ModelStep, { kind: "failed" }>) {
  return { class: failure.class, code: failure.code, message: MESSAGE_BY_CLASS[failure.class] };
}

async function quietAfter(step: Promise<ModelStep>, waitMs: number): Promise<ModelStep | "quiet"> {
  const quiet = Promise.withResolvers<"quiet">();
  const timer = setTimeout(() => quiet.resolve("quiet"), waitMs);
  try {
    return await Promise.race([step, quiet.promise]);
  } finally {
    clearTimeout(timer);
  }
}
