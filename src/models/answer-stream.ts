/**
 * A provider's stream up to the end of its answer, whatever its connection does then. What follows is never read as part
 * of the answer, and a connection that stays open is closed.
 */
import { createParser } from "eventsource-parser";
import { LIMITS } from "../config/limits.ts";
import type { AnswerEvent, ReadEvent } from "./answer-events.ts";

type BytesReader = ReadableStreamDefaultReader<Uint8Array>;
type Read = Awaited<ReturnType<BytesReader["read"]>>;

const OVER: Read = { done: true, value: undefined };

/** Reads on until that time, where there is one: nothing by then is the end. @throws when the connection breaks */
export async function readUntil(reader: BytesReader, endsAtMs: number | null): Promise<Read> {
  if (endsAtMs === null) return reader.read();
  const { promise, resolve } = Promise.withResolvers<Read>();
  const timer = setTimeout(() => resolve(OVER), Math.max(0, endsAtMs - Date.now()));
  try {
    return await Promise.race([reader.read(), promise]);
  } catch {
    // It has said its reason to end: how the connection ends no longer matters.
    return OVER;
  } finally {
    clearTimeout(timer);
  }
}

/** The answer is over. Gives the other side a moment to end the connection itself, so that it can be used again. Never rejects. */
export async function letGo(reader: BytesReader): Promise<void> {
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), LIMITS.models.hangUpMs);
  try {
    while (!(await reader.read()).done);
  } catch {
    // Gone.
  } finally {
    clearTimeout(timer);
  }
}

/** A `fetch` whose answers end with the answer, and bring what the provider's package knows. */
export function answersOnly(upstream: typeof fetch, events: () => ReadEvent): typeof fetch {
  return async (input, init) => {
    const response = await upstream(input, init);
    if (!response.ok || response.body === null) return response;
    return new Response(answerOf(response.body, events()), response);
  };
}

function answerOf(body: ReadableStream<Uint8Array>, read: ReadEvent): ReadableStream<Uint8Array> {
  const reader: BytesReader = body.getReader();
  const bytes = new TextEncoder();
  const decoder = new TextDecoder();
  const texts: string[] = [];
  let endsAtMs: number | null = null;
  let isOver = false;
  const parser = createParser({
    onEvent(event) {
      if (isOver) return;
      const part = read(event);
      if (part === null) return;
      isOver = part.endsAfterMs === 0;
      if (part.endsAfterMs !== undefined) endsAtMs = Date.now() + part.endsAfterMs;
      texts.push(encodeEvent({ event: event.event, data: part.data }));
    },
  });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (texts.length === 0 && !isOver) {
          const { done, value } = await readUntil(reader, endsAtMs);
          if (done) isOver = true;
          else parser.feed(decoder.decode(value, { stream: true }));
        }
        if (texts.length > 0) controller.enqueue(bytes.encode(texts.splice(0).join("")));
        if (!isOver) return;
        controller.close();
        void letGo(reader);
      },
      cancel: (reason) => (isOver ? undefined : reader.cancel(reason)),
    },
    { highWaterMark: 0 },
  );
}

export function encodeEvent({ event, data }: AnswerEvent): string {
  const lines = data.split("\n").map((line) => `data: ${line}\n`);
  return `${event === undefined ? "" : `event: ${event}\n`}${lines.join("")}\n`;
}
