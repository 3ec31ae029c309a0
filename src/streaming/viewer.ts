/**
 * One viewer of a log, as a stream of bytes. It holds a cursor and nothing else: what it is sent next is read when it
 * takes it, so that replay and live are one step, and a slow viewer costs no memory. Leaving ends nothing.
 */
import { LIMITS } from "../config/limits.ts";
import { isEnding, type Frame } from "../core/stream/model.ts";
import type { FrameEncoder } from "./formats/format.ts";
import { encodeComment } from "./sse-encoder.ts";

export interface WatchedLog {
  /** The next frames after a cursor; none: at the end of what there is. */
  framesAfter(cursor: number): readonly Frame[];
  /** Resolves when there may be more. */
  changed(signal: AbortSignal): Promise<void>;
}

export interface ViewerOptions {
  readonly cursor: number;
  readonly encoder: FrameEncoder;
  readonly heartbeatMs: number;
  readonly left: () => void;
}

export function openViewer(log: WatchedLog, options: ViewerOptions): ReadableStream<Uint8Array> {
  const { encoder, heartbeatMs } = options;
  const bytes = new TextEncoder();
  const gone = new AbortController();
  let { cursor } = options;
  let hint = `retry: ${LIMITS.streams.reconnectMs}\n`;
  const leave = () => {
    if (gone.signal.aborted) return;
    gone.abort();
    options.left();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (log.framesAfter(cursor).length === 0) await quietUntil(log, heartbeatMs, gone.signal);
        if (gone.signal.aborted) return;
        const frames = log.framesAfter(cursor);
        const last = frames.at(-1);
        const text =
          last === undefined
            ? encodeComment("keep-alive")
            : frames.map((frame) => encoder.encode(frame)).join("");
        controller.enqueue(bytes.encode(hint + text));
        hint = "";
        if (last === undefined) return;
        cursor = last.id;
        if (!isEnding(last.body)) return;
        leave();
        controller.close();
      },
      cancel: leave,
    },
    // Nothing is read ahead of the viewer.
    { highWaterMark: 0 },
  );
}

/** Until there is more, or a heartbeat is due, or the viewer is gone. */
async function quietUntil(log: WatchedLog, heartbeatMs: number, gone: AbortSignal): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), heartbeatMs);
  try {
    await log.changed(AbortSignal.any([gone, over.signal]));
  } finally {
    clearTimeout(timer);
  }
}
