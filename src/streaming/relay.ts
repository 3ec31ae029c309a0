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
import { LazyTimer } from "../platform/lazy-timer.ts";
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

/**
 * Runs until the answer has ended, so that it has to be kept alive by `ended`.
 *
 * @param first the step that showed that the model answers */
export function relay(stream: ModelStream, first: ModelStep, options: RelayOptions): Relay {
  const bytes = new TextEncoder();
  const ended = Promise.withResolvers<StageFailure | undefined>();
  let nextId = FIRST_ID;

  // The platform's own pipe: a piece is taken by the viewer before the next one is asked for, and nothing waits in between.
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const keepAlive = bytes.encode(encodeComment("keep-alive"));
  // Only while the model is waited for: a viewer that takes nothing needs no proof of life.
  const quiet = new LazyTimer(() => {
    writer.write(keepAlive).catch(leave);
    quiet.expect(options.heartbeatMs);
  });

  const frame = (body: FrameBody) => {
    const text = options.encoder.encode({ id: nextId, body });
    nextId += 1;
    return text;
  };
  const leave = () => {
    quiet.close();
    options.signal.removeEventListener("abort", leave);
    stream.cancel();
    ended.resolve(abortFailure("cancelled"));
  };
  const pump = async (): Promise<void> => {
    let text = `retry: ${LIMITS.streams.reconnectMs}\n${frame({ kind: "start" })}`;
    let step = first;
    for (;;) {
      text += frame(bodyOf(stream, step));
      // What came together is sent together.
      for (let more = stream.pending(); more !== undefined && step.kind === "text"; more = stream.pending()) {
        step = more;
        text += frame(bodyOf(stream, step));
      }
      await writer.write(bytes.encode(text));
      if (step.kind !== "text") break;
      quiet.expect(options.heartbeatMs);
      step = await stream.next();
      quiet.relax();
      text = "";
    }
    quiet.close();
    await writer.close();
    options.signal.removeEventListener("abort", leave);
    ended.resolve(step.kind === "failed" ? step.failure : undefined);
  };
  if (options.signal.aborted) leave();
  else options.signal.addEventListener("abort", leave, { once: true });
  // Whoever leaves is noticed at once by the request's signal; without one, by the write that follows.
  writer.closed.catch(leave);
  pump().catch(leave);
  return { body: readable, ended: ended.promise };
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
