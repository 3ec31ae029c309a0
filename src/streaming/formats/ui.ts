/**
 * The AI SDK's UI message stream, which `useChat` reads (https://ai-sdk.dev/docs/ai-sdk-ui/stream-protocol). Its client
 * resumes without an offset, so it is always replayed from the start. It has no word for a rewind: that is a data part,
 * and the error that follows is the format's own.
 */
import type { Frame, FrameBody } from "../../core/stream/model.ts";
import { unreachable } from "../../core/result.ts";
import { encodeEvent } from "../sse-encoder.ts";
import { messageOfError } from "../stream-problems.ts";
import type { StreamFacts } from "./stream-facts.ts";

const TEXT_ID = "text";
const FINISH_REASONS = new Set(["stop", "length", "content-filter", "tool-calls"]);

export function uiEncoder(facts: StreamFacts): (frame: Frame) => string {
  return ({ body }) =>
    partsOf(body, facts)
      .map((part) => encodeEvent({ data: typeof part === "string" ? part : JSON.stringify(part) }))
      .join("");
}

function partsOf(body: FrameBody, facts: StreamFacts): readonly (object | string)[] {
  switch (body.kind) {
    case "start":
      return [
        { type: "start", messageId: facts.id },
        { type: "start-step" },
        { type: "text-start", id: TEXT_ID },
      ];
    case "text":
      return [{ type: "text-delta", id: TEXT_ID, delta: body.text }];
    case "rewind":
      return [{ type: "data-rewind", data: { toId: body.toId }, transient: true }];
    case "done": {
      const finishReason = FINISH_REASONS.has(body.finishReason) ? body.finishReason : "other";
      return [
        { type: "text-end", id: TEXT_ID },
        { type: "finish-step" },
        { type: "finish", finishReason, messageMetadata: { usage: body.usage } },
        "[DONE]",
      ];
    }
    case "error":
      return [{ type: "error", errorText: messageOfError(body) }, "[DONE]"];
    case "stopped":
      return [{ type: "abort" }, "[DONE]"];
    default:
      return unreachable(body);
  }
}
