/** Streams an answer as server-sent events, at a model's pace. Ends early only by a fault or when the client is gone. */
import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import {
  chunkEvent,
  DONE_EVENT,
  errorEvent,
  usageEvent,
  usageOf,
  type ChunkDelta,
  type CompletionHead,
} from "./completion-wire.ts";
import { streamErrorOfFault, type ModelFault } from "./faults.ts";

export interface StreamOptions {
  readonly head: CompletionHead;
  readonly answer: Answer;
  readonly promptTokens: number;
  readonly includeUsage: boolean;
  readonly tokenDelayMs: number;
  readonly fault: ModelFault | null;
  readonly headers: OutgoingHttpHeaders;
  /** Aborts when the client is gone; then this rejects. */
  readonly signal: AbortSignal;
  /** Told with each chunk's tokens: what was produced is paid for, also when nobody reads it to the end. */
  onChunk(tokens: number): void;
  /** Told before the response ends, so that a record never lags behind what a client has seen. */
  onEnd(): void;
}

export async function streamCompletion(response: ServerResponse, options: StreamOptions): Promise<void> {
  const { head, answer, fault, signal, includeUsage } = options;
  response.writeHead(200, {
    ...options.headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  response.flushHeaders();
  const send = async (event: string): Promise<void> => {
    if (!response.write(event)) await once(response, "drain", { signal });
  };
  const sendDelta = (delta: ChunkDelta, finishReason: string | null = null): Promise<void> =>
    send(chunkEvent(head, delta, finishReason, includeUsage));

  if (fault?.firstTokenDelayMs !== undefined) await sleep(fault.firstTokenDelayMs, undefined, { signal });
  await sendDelta({ role: "assistant", content: "" });
  for (const [index, chunk] of answer.chunks.entries()) {
    if (fault?.cutAfterChunks === index) return cut(response, fault, options);
    if (fault?.errorAfterChunks === index) return failInStream(response, fault, options, send);
    if (options.tokenDelayMs > 0) await sleep(options.tokenDelayMs, undefined, { signal });
    options.onChunk(chunk.tokens);
    await sendDelta(answer.isRefusal ? { refusal: chunk.text } : { content: chunk.text });
  }
  // A fault that names more chunks than there are still strikes before the terminal event.
  if (fault?.cutAfterChunks !== undefined) return cut(response, fault, options);
  if (fault?.errorAfterChunks !== undefined) return failInStream(response, fault, options, send);
  await sendDelta({}, answer.finishReason);
  if (includeUsage) await send(usageEvent(head, usageOf(options.promptTokens, answer.completionTokens)));
  options.onEnd();
  response.end(DONE_EVENT);
}

async function cut(response: ServerResponse, fault: ModelFault, options: StreamOptions): Promise<void> {
  // What was sent before has to be out, or the break would take it along; an empty comment is sent to know.
  await new Promise<void>((resolve) => response.write(":\n\n", () => resolve()));
  options.onEnd();
  if (fault.cutMode === "end") response.end();
  else response.destroy();
}

async function failInStream(
  response: ServerResponse,
  fault: ModelFault,
  options: StreamOptions,
  send: (event: string) => Promise<void>,
): Promise<void> {
  await send(errorEvent(streamErrorOfFault(fault)));
  options.onEnd();
  response.end();
}
