/** Streams an answer as server-sent events, at a model's pace. Ends early only by a fault or when the client is gone. */
import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "./answer.ts";
import type { AnswerWriter } from "./dialect.ts";
import { streamErrorOfFault, type ModelFault } from "./faults.ts";

export interface StreamOptions {
  readonly writer: AnswerWriter;
  readonly answer: Answer;
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

export async function streamAnswer(response: ServerResponse, options: StreamOptions): Promise<void> {
  const { writer, answer, fault, signal } = options;
  response.writeHead(200, {
    ...options.headers,
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  response.flushHeaders();
  const send = async (event: string): Promise<void> => {
    if (event !== "" && !response.write(event)) await once(response, "drain", { signal });
  };

  if (fault?.firstTokenDelayMs !== undefined) await sleep(fault.firstTokenDelayMs, undefined, { signal });
  // An error instead of a first chunk comes before anything else.
  if (fault?.errorAfterChunks !== 0) await send(writer.opening(answer));
  for (const [index, chunk] of answer.chunks.entries()) {
    if (fault?.cutAfterChunks === index) return cut(response, fault, options);
    if (fault?.errorAfterChunks === index) return failInStream(response, fault, options, send);
    if (options.tokenDelayMs > 0) await sleep(options.tokenDelayMs, undefined, { signal });
    options.onChunk(chunk.tokens);
    await send(writer.piece(chunk, answer));
  }
  // A fault that names more chunks than there are still strikes before the terminal event.
  if (fault?.cutAfterChunks !== undefined) return cut(response, fault, options);
  if (fault?.errorAfterChunks !== undefined) return failInStream(response, fault, options, send);
  const closing = writer.closing(answer);
  options.onEnd();
  response.end(closing);
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
  await send(options.writer.failure(streamErrorOfFault(fault)));
  options.onEnd();
  response.end();
}
