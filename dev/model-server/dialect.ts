/**
 * What differs between the APIs this server speaks: how a request is read, how an answer, a failure and the
 * limits are written. What is the same (limits, faults, pace, records) is in `exchange.ts`.
 */
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Result } from "../../src/core/result.ts";
import type { Answer, AnswerChunk } from "./answer.ts";
import type { ApiError, ErrorFormat } from "./api-error.ts";
import type { ChatRequest } from "./chat-request.ts";
import type { LimitLevels } from "./rate-limit.ts";

/** One call, before it is answered. */
export interface CallHead {
  readonly id: string;
  readonly atMs: number;
  readonly promptTokens: number;
}

/** Writes one answer: whole, or piece by piece. The pieces are server-sent events, ready to be sent. */
export interface AnswerWriter {
  whole(answer: Answer): unknown;
  /** Sent before the first token. */
  opening(answer: Answer): string;
  piece(chunk: AnswerChunk, answer: Answer): string;
  /** What makes the stream complete: without it, it was cut. */
  closing(answer: Answer): string;
  /** An error inside a stream that began with 200. */
  failure(error: ApiError): string;
}

export interface ParsedCall {
  readonly request: ChatRequest;
  readonly write: (head: CallHead) => AnswerWriter;
}

export interface Dialect extends ErrorFormat {
  /** Which key the request carries, if any. */
  keyOf(request: IncomingMessage): string | undefined;
  parse(body: string, url: URL): Result<ParsedCall, ApiError>;
  headers(call: { readonly id: string; readonly tookMs: number }, limits: LimitLevels): OutgoingHttpHeaders;
}

/** One server-sent event. */
export function toEvent(data: unknown, name?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${text}\n\n`;
}
