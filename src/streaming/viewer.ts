/**
 * One viewer of a log, as a stream of bytes. It holds a cursor and nothing else: what it is sent next is read when it
 * takes it, so that replay and live are one step, and a slow viewer costs no memory. Leaving ends nothing.
 */
import { LIMITS } from "../config/limits.ts";
import { isEnding, type Frame } from "../core/stream/model.ts";
import { LazyTimer } from "../platform/lazy-timer.ts";
import { encodeComment } from "./sse-encoder.ts";

export interface WatchedLog {
  /** The next frames after a cursor; none: at the end of what there is. */
  framesAfter(cursor: number): readonly Frame[];
  /** Calls back whenever there may be more, until it is told to stop. */
  subscribe(wake: () => void): () => void;
  encode(frames: readonly Frame[]): Uint8Array;
}

export interface ViewerOptions {
  readonly cursor: number;
  readonly heartbeatMs: number;
  readonly left: () => void;
}

const HINT = new TextEncoder().encode(`retry: ${LIMITS.streams.reconnectMs}\n`);
const KEEP_ALIVE = new TextEncoder().encode(encodeComment("keep-alive"));

export function openViewer(log: WatchedLog, options: ViewerOptions): ReadableStream<Uint8Array> {
  const { heartbeatMs } = options;
  let { cursor } = options;
  let hint: Uint8Array | null = HINT;
  let hasLeft = false;
  let wake: (() => void) | null = null;
  const stir = () => {
    const waiting = wake;
    wake = null;
    waiting?.();
  };
  const unsubscribe = log.subscribe(stir);
  const quiet = new LazyTimer(stir);
  const leave = () => {
    if (hasLeft) return;
    hasLeft = true;
    unsubscribe();
    quiet.close();
    stir();
    options.left();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let frames = log.framesAfter(cursor);
        if (frames.length === 0) {
          quiet.expect(heartbeatMs);
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          quiet.relax();
          if (hasLeft) return;
          frames = log.framesAfter(cursor);
        }
        // First on every connection, in one piece with what follows: nobody waits for half an event.
        const bytes = frames.length === 0 ? KEEP_ALIVE : log.encode(frames);
        controller.enqueue(hint === null ? bytes : joined(hint, bytes));
        hint = null;
        const last = frames.at(-1);
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

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
