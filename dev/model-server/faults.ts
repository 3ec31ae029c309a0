/** Failures on demand, so that tests and the demo meet each way a provider is known to fail. */
import * as z from "zod";
import type { ApiError } from "./api-error.ts";
import type { ChatRequest } from "./chat-request.ts";

const delay = z.int().min(0).max(600_000);

export const modelFaultSchema = z.strictObject({
  /** Only calls with this text in any message. */
  match: z.string().min(1).optional(),
  model: z.string().min(1).optional(),
  /** Absent = for ever. */
  times: z.int().min(1).optional(),
  /** Before anything is answered. */
  delayMs: delay.optional(),
  /** After the headers, before the first token; without a stream it adds to `delayMs`. */
  firstTokenDelayMs: delay.optional(),
  /** Answer an error instead. */
  status: z.int().min(400).max(599).optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  retryAfterSeconds: z.number().min(0).optional(),
  /** End the stream after this many content chunks without its terminal event; without a stream, half a body. */
  cutAfterChunks: z.int().min(0).optional(),
  /** How it ends: the connection breaks, or the stream closes as if it were complete. */
  cutMode: z.enum(["reset", "end"]).default("reset"),
  /** An error event inside a stream that began with 200; `code` and `message` say which. */
  errorAfterChunks: z.int().min(0).optional(),
  /** A finish reason that makes the answer useless. */
  finishReason: z.enum(["length", "content_filter"]).optional(),
  /** Text that is not the JSON asked for. */
  garbage: z.literal(true).optional(),
  refusal: z.literal(true).optional(),
});

export type ModelFault = z.output<typeof modelFaultSchema>;

export const GARBAGE_TEXT = "Sure! Here is what I found: {score: high, summary = see above";
export const REFUSAL_TEXT = "I'm sorry, I can't assist with that request.";

export function faultMatches(fault: ModelFault, request: ChatRequest): boolean {
  const { match, model } = fault;
  if (model !== undefined && model !== request.model) return false;
  return match === undefined || request.messages.some((message) => message.text.includes(match));
}

/** The error a fault answers instead of a completion, or null when it does something else. */
export function errorOfFault(fault: ModelFault, isStream: boolean): ApiError | null {
  if (fault.errorAfterChunks !== undefined) return isStream ? null : streamErrorOfFault(fault);
  return fault.status === undefined ? null : toError(fault, fault.status);
}

/** The error inside a stream: its HTTP status was sent long ago. */
export function streamErrorOfFault(fault: ModelFault): ApiError {
  return toError(fault, fault.status ?? 500);
}

function toError(fault: ModelFault, status: number): ApiError {
  const code = fault.code ?? defaultCode(status);
  return {
    status,
    code,
    type: typeOf(status, code),
    message: fault.message ?? `The stand-in was told to fail with ${code ?? status}.`,
    param: null,
    ...(fault.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: fault.retryAfterSeconds }),
  };
}

function defaultCode(status: number): string | null {
  if (status === 429) return "rate_limit_exceeded";
  return status === 401 ? "invalid_api_key" : null;
}

function typeOf(status: number, code: string | null): string {
  if (code === "insufficient_quota") return "insufficient_quota";
  if (status === 429) return "requests";
  return status >= 500 ? "server_error" : "invalid_request_error";
}
