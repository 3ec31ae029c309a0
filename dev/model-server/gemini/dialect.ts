/** Google's Gemini API: https://ai.google.dev/api/generate-content */
import { err, ok } from "../../../src/core/result.ts";
import { headerOf } from "../../lib/http-server.ts";
import { textOfAnswer, type Answer } from "../answer.ts";
import type { ApiError } from "../api-error.ts";
import type { ChatRequest } from "../chat-request.ts";
import { toEvent, type AnswerWriter, type CallHead, type Dialect } from "../dialect.ts";
import { parseGenerateRequest } from "./request.ts";

export const geminiDialect: Dialect = {
  keyOf: (request) =>
    headerOf(request, "x-goog-api-key") ??
    new URL(request.url ?? "/", "http://dev.invalid").searchParams.get("key") ??
    undefined,
  parse(body, url) {
    const parsed = parseGenerateRequest(body, url);
    if (!parsed.ok) return err(parsed.error);
    const request = parsed.value;
    return ok({ request, write: (head) => createWriter(request, head) });
  },
  errorBody: (error) => ({ error: errorOf(error) }),
  statusOfError,
  // Gemini tells no limits; a 429 has its wait in the body.
  headers: ({ tookMs }) => ({ "server-timing": `gfet4t7; dur=${tookMs}` }),
};

const STATUS_BY_CODE: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};
const TYPE_PREFIX = "type.googleapis.com/google.rpc.";

/** A wrong key is a 400 here, told apart by its reason alone. */
function errorOf({ status, code, message, retryAfterSeconds }: ApiError): Record<string, unknown> {
  const isWrongKey = status === 401 && code === "invalid_api_key";
  const details = [
    ...(isWrongKey
      ? [{ "@type": `${TYPE_PREFIX}ErrorInfo`, reason: "API_KEY_INVALID", domain: "googleapis.com" }]
      : []),
    ...(code === PER_DAY
      ? [
          {
            "@type": `${TYPE_PREFIX}QuotaFailure`,
            violations: [{ quotaId: "GenerateRequestsPerDayPerProject" }],
          },
        ]
      : []),
    ...(retryAfterSeconds === undefined
      ? []
      : [{ "@type": `${TYPE_PREFIX}RetryInfo`, retryDelay: `${retryAfterSeconds}s` }]),
  ];
  return {
    code: statusOfError({ status, code }),
    message,
    status: isWrongKey ? "INVALID_ARGUMENT" : (STATUS_BY_CODE[status] ?? "UNKNOWN"),
    ...(details.length === 0 ? {} : { details }),
  };
}

/** As a fault's code: a limit that is over for today. */
const PER_DAY = "per_day";

function statusOfError({ status, code }: Pick<ApiError, "status" | "code">): number {
  return status === 401 && code === "invalid_api_key" ? 400 : status;
}

function createWriter(request: ChatRequest, head: CallHead): AnswerWriter {
  const about = { modelVersion: request.model, responseId: head.id };
  const chunk = (text: string, finishReason?: string) => ({
    candidates: [
      {
        content: { parts: [{ text }], role: "model" },
        ...(finishReason === undefined ? {} : { finishReason }),
        index: 0,
      },
    ],
    ...about,
  });
  const blocked = { promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, ...about };
  const last = (answer: Answer, text: string) => ({
    ...(answer.isRefusal ? blocked : chunk(text, FINISH_REASON[answer.finishReason])),
    usageMetadata: usageOf(head, answer.isRefusal ? 0 : answer.completionTokens),
  });
  return {
    whole: (answer) => last(answer, textOfAnswer(answer)),
    opening: () => "",
    // A blocked prompt has no candidates: nothing is shown before the last chunk says so.
    piece: ({ text }, answer) => (answer.isRefusal ? "" : toEvent(chunk(text))),
    closing: (answer) => toEvent(last(answer, "")),
    failure: (error) => toEvent({ error: errorOf(error) }),
  };
}

const FINISH_REASON: Readonly<Record<Answer["finishReason"], string>> = {
  stop: "STOP",
  length: "MAX_TOKENS",
  content_filter: "SAFETY",
};

function usageOf(head: CallHead, outputTokens: number): Record<string, number> {
  return {
    promptTokenCount: head.promptTokens,
    candidatesTokenCount: outputTokens,
    totalTokenCount: head.promptTokens + outputTokens,
  };
}
