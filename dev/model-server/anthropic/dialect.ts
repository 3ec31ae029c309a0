/** Anthropic's Messages: https://docs.anthropic.com/en/api/messages */
import { isJsonObject, type JsonObject } from "../../../src/core/json.ts";
import { err, ok } from "../../../src/core/result.ts";
import { bearerOf, headerOf } from "../../lib/http-server.ts";
import { textOfAnswer, type Answer } from "../answer.ts";
import type { ApiError } from "../api-error.ts";
import { toEvent, type AnswerWriter, type CallHead, type Dialect } from "../dialect.ts";
import type { LimitLevel } from "../rate-limit.ts";
import { parseMessagesRequest, type MessagesRequest } from "./request.ts";

export const anthropicDialect: Dialect = {
  keyOf: (request) => headerOf(request, "x-api-key") ?? bearerOf(request),
  parse(body) {
    const parsed = parseMessagesRequest(body);
    if (!parsed.ok) return err(parsed.error);
    const asked = parsed.value;
    return ok({ request: asked.request, write: (head) => createWriter(asked, head) });
  },
  errorBody: (error) => ({ type: "error", error: errorOf(error), request_id: null }),
  headers: ({ id }, limits) => ({
    "request-id": `req_${id}`,
    ...limitHeaders("requests", limits.requests),
    ...limitHeaders("tokens", limits.tokens),
    ...limitHeaders("input-tokens", limits.tokens),
    ...limitHeaders("output-tokens", limits.tokens),
  }),
};

function limitHeaders(name: string, level: LimitLevel): Record<string, string> {
  return {
    [`anthropic-ratelimit-${name}-limit`]: String(level.limit),
    [`anthropic-ratelimit-${name}-remaining`]: String(level.remaining),
    [`anthropic-ratelimit-${name}-reset`]: new Date(level.fullAtMs).toISOString(),
  };
}

const TYPE_BY_STATUS: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};
const TYPES: ReadonlySet<string> = new Set([...Object.values(TYPE_BY_STATUS), "api_error"]);

/** A fault's code that is one of Anthropic's types is used as it is; otherwise the status says which. */
function errorOf({ code, status, message }: ApiError): { readonly type: string; readonly message: string } {
  const byStatus = TYPE_BY_STATUS[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
  return { type: code !== null && TYPES.has(code) ? code : byStatus, message };
}

function createWriter({ request, toolName }: MessagesRequest, head: CallHead): AnswerWriter {
  const about = { id: `msg_${head.id}`, type: "message", role: "assistant", model: request.model };
  const isToolCall = (answer: Answer): boolean => toolName !== null && !answer.isRefusal;
  const named = (data: { readonly type: string; readonly [field: string]: unknown }): string =>
    toEvent(data, data.type);
  const stopReason = (answer: Answer): string => stopReasonOf(answer, isToolCall(answer));
  return {
    whole: (answer) => ({
      ...about,
      content: [
        isToolCall(answer)
          ? { type: "tool_use", id: `toolu_${head.id}`, name: toolName, input: parseInput(answer) }
          : { type: "text", text: textOfAnswer(answer) },
      ],
      stop_reason: stopReason(answer),
      stop_sequence: null,
      usage: usageOf(head, answer.completionTokens),
    }),
    opening: (answer) =>
      named({
        type: "message_start",
        message: { ...about, content: [], stop_reason: null, stop_sequence: null, usage: usageOf(head, 1) },
      }) +
      named({
        type: "content_block_start",
        index: 0,
        content_block: isToolCall(answer)
          ? { type: "tool_use", id: `toolu_${head.id}`, name: toolName, input: {} }
          : { type: "text", text: "" },
      }) +
      named({ type: "ping" }),
    piece: ({ text }, answer) =>
      named({
        type: "content_block_delta",
        index: 0,
        delta: isToolCall(answer)
          ? { type: "input_json_delta", partial_json: text }
          : { type: "text_delta", text },
      }),
    closing: (answer) =>
      named({ type: "content_block_stop", index: 0 }) +
      named({
        type: "message_delta",
        delta: { stop_reason: stopReason(answer), stop_sequence: null },
        usage: { output_tokens: answer.completionTokens },
      }) +
      named({ type: "message_stop" }),
    failure: (error) => named({ type: "error", error: errorOf(error) }),
  };
}

function stopReasonOf({ isRefusal, finishReason }: Answer, isToolCall: boolean): string {
  if (isRefusal || finishReason === "content_filter") return "refusal";
  if (finishReason === "length") return "max_tokens";
  return isToolCall ? "tool_use" : "end_turn";
}

function usageOf(head: CallHead, outputTokens: number): Record<string, unknown> {
  return {
    input_tokens: head.promptTokens,
    output_tokens: outputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    service_tier: "standard",
  };
}

/** An answer that was cut short is no object; Anthropic then sends what it has, here nothing. */
function parseInput(answer: Answer): JsonObject {
  try {
    const value: unknown = JSON.parse(textOfAnswer(answer));
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}
