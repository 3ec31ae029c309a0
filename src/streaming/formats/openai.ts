/**
 * OpenAI's chat-completion chunks. An end that is not the model's own is an `error` in the stream, without the
 * closing `[DONE]`: clients take that for a failure, as they should. A rewind is only ever followed by one.
 */
import type { Ending, Frame, FrameBody, StreamUsage } from "../../core/stream/model.ts";
import { unreachable } from "../../core/result.ts";
import { encodeEvent } from "../sse-encoder.ts";
import { messageOfError } from "../stream-problems.ts";
import type { StreamFacts } from "./stream-facts.ts";

const FINISH_REASON: Readonly<Record<string, string>> = {
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
};

export function openaiFinishReason(finishReason: string): string {
  return FINISH_REASON[finishReason] ?? "stop";
}

export function openaiUsage({ inputTokens, outputTokens, cachedInputTokens: cached_tokens }: StreamUsage) {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    ...(cached_tokens === undefined ? {} : { prompt_tokens_details: { cached_tokens } }),
  };
}

export function completionId(streamId: string): string {
  return `chatcmpl-${streamId}`;
}

export function openaiEncoder(facts: StreamFacts): (frame: Frame) => string {
  return ({ id, body }) => {
    const events = eventsOf(body, facts);
    return events
      .map((event, index) => {
        const data = typeof event === "string" ? event : JSON.stringify(event);
        // A frame has been read when its last event has.
        return encodeEvent(index === events.length - 1 ? { id: String(id), data } : { data });
      })
      .join("");
  };
}

function eventsOf(body: FrameBody, facts: StreamFacts): readonly (object | string)[] {
  switch (body.kind) {
    case "start":
      return [chunk(facts, { role: "assistant", content: "" }, null)];
    case "text":
      return [chunk(facts, { content: body.text }, null)];
    case "rewind":
      return [];
    case "done":
      return [
        chunk(facts, {}, openaiFinishReason(body.finishReason)),
        ...(facts.includeUsage === true
          ? [{ ...headOf(facts), choices: [], usage: openaiUsage(body.usage) }]
          : []),
        "[DONE]",
      ];
    case "error":
    case "stopped":
      return [errorEvent(body)];
    default:
      return unreachable(body);
  }
}

function errorEvent(body: Exclude<Ending, { kind: "done" }>) {
  const told =
    body.kind === "stopped"
      ? { message: "The stream was stopped.", type: "stopped", code: "stopped" }
      : { message: messageOfError(body), type: "model_error", code: body.code };
  return { error: { ...told, param: null } };
}

function chunk(facts: StreamFacts, delta: object, finishReason: string | null) {
  return {
    ...headOf(facts),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    // As OpenAI does once usage was asked for.
    ...(facts.includeUsage === true ? { usage: null } : {}),
  };
}

function headOf({ id, model, startedAtMs }: StreamFacts) {
  return {
    id: completionId(id),
    object: "chat.completion.chunk",
    created: Math.floor(startedAtMs / 1_000),
    model,
  };
}
