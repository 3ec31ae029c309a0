/**
 * Relays a model's answer to one viewer as server-sent events. The upstream is read only when the viewer takes
 * the next event, and ended as soon as the viewer is gone. Ends with exactly one `done` or `error`.
 * Stores nothing, so it cannot be resumed.
 */
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import { FIRST_ID, type Ending, type FrameBody } from "../core/stream/model.ts";
import { abortFailure } from "../models/abort-failure.ts";
import type { ModelStep, ModelStream } from "../models/port.ts";
import type { FrameEncoder } from "./formats/format.ts";
import { encodeComment } from "./sse-encoder.ts";

export interface RelayOptions {
  readonly encoder: FrameEncoder;
  /** Aborts when the viewer's request does. */
  readonly signal: AbortSignal;
  readonly heartbeatMs: number;
}

export interface Relay {
  readonly body: ReadableStream<Uint8Array>;
  /** Settles once, when the answer has ended or the viewer is gone. Never rejects. */
  readonly ended: Promise<StageFailure | undefined>;
}

/** @param first the step that showed that the model answers */
export function relay(stream: ModelStream, first: ModelStep, options: RelayOptions): Relay {
  const bytes = new TextEncoder();
  const ended = Promise.withResolvers<StageFailure | undefined>();
  let nextId = FIRST_ID;
  let pending: Promise<ModelStep> | undefined = Promise.resolve(first);

  const frame = (body: FrameBody) => {
    const text = options.encoder.encode({ id: nextId, body });
    nextId += 1;
    return text;
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
        const hint = `retry: ${LIMITS.streams.reconnectMs}\n`;
        controller.enqueue(bytes.encode(hint + frame({ kind: "start" })));
      },
      async pull(controller) {
        pending ??= stream.next();
        const step = await quietAfter(pending, options.heartbeatMs);
        if (step === "quiet") return controller.enqueue(bytes.encode(encodeComment("keep-alive")));
        pending = undefined;
        controller.enqueue(bytes.encode(frame(bodyOf(stream, step))));
        if (step.kind === "text") return undefined;
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

/** What a step of the model's is in the log. Pieces of text are frames as they come. */
export function bodyOf(stream: ModelStream, step: ModelStep): FrameBody {
  if (step.kind === "text") return { kind: "text", text: step.text };
  return endingOf(stream, step);
}

export function endingOf(
  { usage }: Pick<ModelStream, "usage">,
  step: Exclude<ModelStep, { kind: "text" }>,
): Ending {
  if (step.kind === "end") return { kind: "done", finishReason: step.finishReason, usage };
  const { class: failureClass, code } = step.failure;
  return { kind: "error", class: failureClass, code, usage };
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
