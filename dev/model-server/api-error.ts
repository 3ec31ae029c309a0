/** Failures, in OpenAI's words; the other APIs write them in theirs. */
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { sendJson } from "../lib/http-server.ts";

export interface ApiError {
  readonly status: number;
  readonly message: string;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly retryAfterSeconds?: number;
}

export function badRequest(message: string, param: string | null, code: string | null): ApiError {
  return { status: 400, message, type: "invalid_request_error", code, param };
}

export function modelNotFound(model: string): ApiError {
  const message = `The model \`${model}\` does not exist or you do not have access to it.`;
  return { status: 404, message, type: "invalid_request_error", code: "model_not_found", param: null };
}

export function wrongKey(): ApiError {
  const message = "Incorrect API key provided.";
  return { status: 401, message, type: "invalid_request_error", code: "invalid_api_key", param: null };
}

export function unknownUrl(method: string, path: string): ApiError {
  const message = `Unknown request URL: ${method} ${path}.`;
  return { status: 404, message, type: "invalid_request_error", code: "unknown_url", param: null };
}

export function bodyTooLarge(): ApiError {
  const message = "The request body is too large.";
  return { status: 413, message, type: "invalid_request_error", code: null, param: null };
}

export function errorBody(error: ApiError): Record<string, unknown> {
  return { error: { message: error.message, type: error.type, param: error.param, code: error.code } };
}

/** How an API writes its errors, and with which status. */
export interface ErrorFormat {
  errorBody(error: ApiError): unknown;
  statusOfError?(error: ApiError): number;
}

export function sendError(
  response: ServerResponse,
  format: ErrorFormat,
  error: ApiError,
  headers: OutgoingHttpHeaders = {},
): void {
  const retry =
    error.retryAfterSeconds === undefined ? {} : { "retry-after": String(error.retryAfterSeconds) };
  const status = format.statusOfError?.(error) ?? error.status;
  sendJson(response, status, format.errorBody(error), { ...headers, ...retry });
}
