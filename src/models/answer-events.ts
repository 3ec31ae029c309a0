/**
 * What an event of a provider's stream is to Sluice: part of the answer, its end, or nothing. A provider may add
 * kinds of events at any time and says so, so an unknown kind is skipped; a known kind that is broken is handed on, and
 * fails the call. Only the answer's first choice is read. Pure.
 *   https://docs.anthropic.com/en/docs/build-with-claude/streaming
 *   https://platform.openai.com/docs/api-reference/chat-streaming
 *   https://ai.google.dev/api/generate-content
 */
import { LIMITS } from "../config/limits.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";

export interface AnswerEvent {
  /** The name on the event's `event:` line. */
  readonly event?: string | undefined;
  readonly data: string;
}

export interface AnswerPart {
  readonly data: string;
  /** The answer is complete when nothing follows for so long; 0: it is complete now. Absent: it goes on. */
  readonly endsAfterMs?: number;
}

/** One answer's events, in their order. null: not part of the answer. */
export type ReadEvent = (event: AnswerEvent) => AnswerPart | null;

const { endGraceMs, unsureEndGraceMs } = LIMITS.models;

const DONE = "[DONE]";
/** Members of an error, however a provider writes it. */
const ERROR_MEMBERS = ["error", "code", "status", "message", "detail"];

export function readOpenAIEvents(): ReadEvent {
  return ({ event, data }) => {
    if (data === DONE) return { data, endsAfterMs: 0 };
    const chunk = objectOf(data);
    if (chunk === null) return isUnknownName(event) && !isErrorName(event) ? null : { data };
    const { choices } = chunk;
    if (!Array.isArray(choices)) return isErrorLike(chunk, event) ? { data } : null;
    const first = choices.filter(isFirst);
    const isWhole = first.length === choices.length;
    if (!isWhole && first.length === 0 && chunk["usage"] == null && chunk["error"] == null) return null;
    return {
      data: isWhole ? data : JSON.stringify({ ...chunk, choices: first }),
      ...(hasEnd(first, "finish_reason") ? { endsAfterMs: endGraceMs } : {}),
    };
  };
}

const ANTHROPIC_EVENTS: ReadonlySet<unknown> = new Set([
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
  "ping",
  "error",
]);

/** Those that the provider's package reads. */
const ANTHROPIC_BLOCKS = /^(text|thinking|redacted_thinking|compaction|(\w+_)?tool_use|\w+_tool_result)$/;
const ANTHROPIC_DELTAS = /^(text|input_json|thinking|signature|compaction|citations)_delta$/;

export function readAnthropicEvents(): ReadEvent {
  const unknownBlocks = new Set<unknown>();
  return ({ event, data }) => {
    if (isUnknownName(event) && !ANTHROPIC_EVENTS.has(event)) return null;
    const message = objectOf(data);
    const type = message?.["type"];
    if (message === null || typeof type !== "string") return { data };
    if (!ANTHROPIC_EVENTS.has(type)) return null;
    const { index } = message;
    if (type === "content_block_start") {
      if (isTyped(message["content_block"], ANTHROPIC_BLOCKS)) unknownBlocks.delete(index);
      else unknownBlocks.add(index);
    }
    if (type.startsWith("content_block") && unknownBlocks.has(index)) return null;
    if (type === "content_block_delta" && !isTyped(message["delta"], ANTHROPIC_DELTAS)) return null;
    return type === "message_stop" ? { data, endsAfterMs: 0 } : { data };
  };
}

/** Google marks no event as the last one; some models have given every piece a finish reason. */
export function readGoogleEvents(): ReadEvent {
  let hasGoneOn = false;
  let isOver = false;
  return ({ event, data }) => {
    const chunk = objectOf(data);
    if (chunk === null) return isUnknownName(event) && !isErrorName(event) ? null : { data };
    const { candidates = [], promptFeedback, usageMetadata } = chunk;
    if (!("candidates" in chunk) && promptFeedback === undefined && usageMetadata === undefined) {
      return isErrorLike(chunk, event) ? { data } : null;
    }
    if (!Array.isArray(candidates)) return { data };
    const first = candidates.filter(isFirst);
    const rest = first.length === candidates.length ? data : JSON.stringify({ ...chunk, candidates: first });
    const isBlocked = isJsonObject(promptFeedback) && typeof promptFeedback["blockReason"] === "string";
    if (isOver) return usageMetadata === undefined ? null : { data: JSON.stringify({ usageMetadata }) };
    if (hasEnd(first, "finishReason") || isBlocked) {
      isOver = hasGoneOn;
      return { data: rest, endsAfterMs: hasGoneOn ? endGraceMs : unsureEndGraceMs };
    }
    hasGoneOn ||= first.length > 0;
    return { data: rest };
  };
}

function objectOf(data: string): JsonObject | null {
  if (!data.trimStart().startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(data);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** A choice without an index is the only one. */
function isFirst(choice: unknown): boolean {
  return !isJsonObject(choice) || choice["index"] == null || choice["index"] === 0;
}

function hasEnd(choices: readonly unknown[], member: string): boolean {
  return choices.some((choice) => isJsonObject(choice) && typeof choice[member] === "string");
}

/** An event without a name is a `message`. */
function isUnknownName(event: string | undefined): boolean {
  return event !== undefined && event !== "" && event !== "message";
}

function isErrorName(event: string | undefined): boolean {
  return event === "error";
}

function isErrorLike(value: JsonObject, event: string | undefined): boolean {
  if (isErrorName(event) || value["error"] !== undefined) return true;
  if (isUnknownName(event)) return false;
  const { type } = value;
  if (value["object"] === "error" || (typeof type === "string" && /error/i.test(type))) return true;
  // A kind of event has a name; what has none, and none of an error's members, says nothing that is known.
  return type === undefined && ERROR_MEMBERS.some((name) => name in value);
}

function isTyped(value: unknown, types: RegExp): boolean {
  // Broken, not unknown: it fails the call.
  if (!isJsonObject(value) || typeof value["type"] !== "string") return true;
  return types.test(value["type"]);
}
