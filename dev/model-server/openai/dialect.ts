/** OpenAI's chat completions: https://platform.openai.com/docs/api-reference/chat */
import { err, ok } from "../../../src/core/result.ts";
import { bearerOf } from "../../lib/http-server.ts";
import { textOfAnswer, type Answer } from "../answer.ts";
import { errorBody, type ApiError } from "../api-error.ts";
import type { ChatRequest } from "../chat-request.ts";
import { toEvent, type AnswerWriter, type CallHead, type Dialect } from "../dialect.ts";
import { formatDuration, type LimitLevel } from "../rate-limit.ts";
import { parseChatRequest } from "./request.ts";

const DONE_EVENT = "data: [DONE]\n\n";

export const openaiDialect: Dialect = {
  keyOf: bearerOf,
  parse(body) {
    const parsed = parseChatRequest(body);
    if (!parsed.ok) return err(parsed.error);
    const request = parsed.value;
    return ok({ request, write: (head) => createWriter(request, head) });
  },
  errorBody,
  headers: ({ id, tookMs }, limits) => ({
    "x-request-id": `req_${id}`,
    "openai-processing-ms": String(tookMs),
    ...limitHeaders("requests", limits.requests),
    ...limitHeaders("tokens", limits.tokens),
  }),
};

function limitHeaders(name: string, level: LimitLevel): Record<string, string> {
  return {
    [`x-ratelimit-limit-${name}`]: String(level.limit),
    [`x-ratelimit-remaining-${name}`]: String(level.remaining),
    [`x-ratelimit-reset-${name}`]: formatDuration(level.untilFullMs),
  };
}

interface ChunkDelta {
  readonly role?: "assistant";
  readonly content?: string;
  readonly refusal?: string;
}

function createWriter(request: ChatRequest, head: CallHead): AnswerWriter {
  const { includeUsage } = request;
  const about = {
    id: `chatcmpl-${head.id}`,
    created: Math.floor(head.atMs / 1_000),
    model: request.model,
  };
  const chunkHead = { ...about, object: "chat.completion.chunk" };
  /** With `include_usage` every chunk has the field; only the last one fills it. */
  const deltaEvent = (delta: ChunkDelta, finishReason: string | null): string => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
    return toEvent({ ...chunkHead, choices, ...(includeUsage ? { usage: null } : {}) });
  };
  return {
    whole: (answer) => ({
      ...about,
      object: "chat.completion",
      choices: [wholeChoice(answer)],
      usage: usageOf(head, answer),
    }),
    opening: () => deltaEvent({ role: "assistant", content: "" }, null),
    piece: (chunk, answer) =>
      deltaEvent(answer.isRefusal ? { refusal: chunk.text } : { content: chunk.text }, null),
    closing(answer) {
      const usage = includeUsage ? toEvent({ ...chunkHead, choices: [], usage: usageOf(head, answer) }) : "";
      return deltaEvent({}, answer.finishReason) + usage + DONE_EVENT;
    },
    failure: (error: ApiError) => toEvent(errorBody(error)),
  };
}

function wholeChoice(answer: Answer): Record<string, unknown> {
  const text = textOfAnswer(answer);
  return {
    index: 0,
    message: {
      role: "assistant",
      content: answer.isRefusal ? null : text,
      refusal: answer.isRefusal ? text : null,
    },
    logprobs: null,
    finish_reason: answer.finishReason,
  };
}

function usageOf(head: CallHead, answer: Answer): Record<string, number> {
  return {
    prompt_tokens: head.promptTokens,
    completion_tokens: answer.completionTokens,
    total_tokens: head.promptTokens + answer.completionTokens,
  };
}
