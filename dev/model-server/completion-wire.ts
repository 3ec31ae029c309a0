/** OpenAI's response objects: the completion and the chunks of its stream. */
import { textOfAnswer, type Answer } from "./answer.ts";
import type { ApiError } from "./api-error.ts";
import { errorBody } from "./api-error.ts";

export interface CompletionHead {
  readonly id: string;
  readonly model: string;
  readonly createdSeconds: number;
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

export function completionBody(head: CompletionHead, answer: Answer, usage: Usage): Record<string, unknown> {
  const text = textOfAnswer(answer);
  return {
    id: head.id,
    object: "chat.completion",
    created: head.createdSeconds,
    model: head.model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: answer.isRefusal ? null : text,
          refusal: answer.isRefusal ? text : null,
        },
        logprobs: null,
        finish_reason: answer.finishReason,
      },
    ],
    usage,
  };
}

export interface ChunkDelta {
  readonly role?: "assistant";
  readonly content?: string;
  readonly refusal?: string;
}

/** With `include_usage` every chunk has the field; only the last one fills it. */
export function chunkEvent(
  head: CompletionHead,
  delta: ChunkDelta,
  finishReason: string | null,
  includeUsage: boolean,
): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason: finishReason }];
  return toEvent({ ...chunkHead(head), choices, ...(includeUsage ? { usage: null } : {}) });
}

export function usageEvent(head: CompletionHead, usage: Usage): string {
  return toEvent({ ...chunkHead(head), choices: [], usage });
}

export function errorEvent(error: ApiError): string {
  return toEvent(errorBody(error));
}

export const DONE_EVENT = "data: [DONE]\n\n";

function chunkHead(head: CompletionHead): Record<string, unknown> {
  return { id: head.id, object: "chat.completion.chunk", created: head.createdSeconds, model: head.model };
}

function toEvent(body: Record<string, unknown>): string {
  return `data: ${JSON.stringify(body)}\n\n`;
}
