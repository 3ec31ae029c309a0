/**
 * Relays a model's answer as the endpoint's own bytes. The runtime passes them on by itself; what they say (usage, end, error) is read
 * beside that, a little later, because a piece that JavaScript has in its hand costs more than all the rest of its way. Never holds a
 * byte back, and adds none but the error that an answer without its own end needs.
 */
import { LIMITS } from "../config/limits.ts";
import { abortFailure } from "../models/abort-failure.ts";
import type { ModelStep, ModelStream } from "../models/port.ts";
import { endingOf, type Relay, type RelayOptions } from "./relay.ts";

const { hangUpMs } = LIMITS.models;
const { listenEveryMs, listenMaxSteps } = LIMITS.streams;

/** Ends whatever event the answer broke off in. */
const EVENT_END = "\n\n";

/** What has been read already comes sooner than anything over a network. */
const JUST_COME_MS = 2;

export interface VerbatimOptions extends Pick<RelayOptions, "encoder" | "signal"> {
  readonly nowMs: () => number;
}

type End = Exclude<ModelStep, { kind: "text" }>;

/** Runs until the answer has ended, so that it has to be kept alive by `ended`. */
export function relayVerbatim(
  stream: ModelStream,
  answer: ReadableStream<Uint8Array>,
  { encoder, signal, nowMs }: VerbatimOptions,
): Relay {
  const bytes = new TextEncoder();
  const ended = Promise.withResolvers<Awaited<Relay["ended"]>>();
  const { readable, writable } = new IdentityTransformStream();

  const leave = () => {
    signal.removeEventListener("abort", leave);
    stream.cancel();
    ended.resolve(abortFailure("cancelled"));
  };
  const pump = async (): Promise<void> => {
    const hasEnd = { yes: false };
    // Until the last byte has been taken, or the connection on either side is gone.
    const passed = answer.pipeTo(writable, { preventClose: true, preventAbort: true }).then(
      () => true,
      () => false,
    );
    // Whose connection it was, the next word tells: one that is gone takes none.
    const viewer = passed.then(async (isWhole) => {
      const writer = writable.getWriter();
      if (!isWhole && !hasEnd.yes) await writer.write(bytes.encode(EVENT_END));
      return { writer, isWhole };
    });
    viewer.catch(leave);
    const end = await listen(stream, passed, nowMs);
    if (end.kind === "end") {
      // The other side may keep its connection open: it is closed, and that is no break.
      await until(passed, hangUpMs);
      hasEnd.yes = true;
      stream.cancel();
    }
    const { writer, isWhole } = await viewer;
    if (end.kind === "failed") {
      const error = encoder.encode({ id: 1, body: endingOf(stream, end) });
      await writer.write(bytes.encode(isWhole ? EVENT_END + error : error));
    }
    await writer.close();
    signal.removeEventListener("abort", leave);
    ended.resolve(end.kind === "failed" ? end.failure : undefined);
  };
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  pump().catch(leave);
  return { body: readable, ended: ended.promise };
}

/**
 * Reads what has been passed on, now and then and much at once, and so keeps the call's clocks. It runs ahead of a viewer that takes
 * nothing by what it reads at one time.
 */
async function listen(stream: ModelStream, passed: Promise<unknown>, nowMs: () => number): Promise<End> {
  const passing = { isOver: false };
  const over = passed.then(() => {
    passing.isOver = true;
  });
  for (;;) {
    for (let heard = 0; heard < listenMaxSteps; heard++) {
      const { step, waitedMs } = await nextOf(stream, nowMs);
      if (step.kind !== "text") return step;
      // It has just come: the one after it would have to be waited for.
      if (waitedMs >= JUST_COME_MS) break;
    }
    if (!passing.isOver) await until(over, listenEveryMs);
  }
}

async function nextOf(stream: ModelStream, nowMs: () => number) {
  const pending = stream.pending();
  if (pending !== undefined) return { step: pending, waitedMs: 0 };
  const sinceMs = nowMs();
  const step = await stream.next();
  return { step, waitedMs: nowMs() - sinceMs };
}

async function until(over: Promise<unknown>, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  await Promise.race([over, promise]);
  clearTimeout(timer);
}
