/** From a parsed request to the text of its answer. Deterministic: the same request has the same answer. */
import type { JsonObject } from "../../src/core/json.ts";
import { err, ok, type Result } from "../../src/core/result.ts";
import { badRequest, type ApiError } from "./api-error.ts";
import type { ChatRequest } from "./chat-request.ts";
import { GARBAGE_TEXT, REFUSAL_TEXT, type ModelFault } from "./faults.ts";
import { countTokens } from "./nlp.ts";
import { readPrompt, type ReadPrompt } from "./prompt.ts";
import { writeProse } from "./prose.ts";
import { fillSchema } from "./schema/fill.ts";
import { cutText } from "./text.ts";

export const STAND_IN_MODEL = "sluice-standin-1";
/** Reads only the beginning: a second, cheaper opinion that is sometimes another one. */
export const STAND_IN_MINI_MODEL = "sluice-standin-1-mini";

const MINI_CHARACTERS = 400;

/** What `json_object` is answered with when nobody says which object. */
const DEFAULT_SCHEMA: JsonObject = {
  type: "object",
  properties: {
    summary: { type: "string" },
    sentiment: { type: "number", minimum: -1, maximum: 1 },
    entities: {
      type: "array",
      items: {
        type: "object",
        properties: { text: { type: "string" }, type: { type: "string" } },
        required: ["text", "type"],
      },
    },
  },
  required: ["summary", "sentiment", "entities"],
};

/** A piece about a word long. */
export interface AnswerChunk {
  readonly text: string;
  readonly tokens: number;
}

export interface Answer {
  /** Joined they are the text. */
  readonly chunks: readonly AnswerChunk[];
  readonly isRefusal: boolean;
  readonly finishReason: "stop" | "length" | "content_filter";
  readonly completionTokens: number;
}

export function answerChat(request: ChatRequest, fault: ModelFault | null): Result<Answer, ApiError> {
  if (fault?.refusal === true) return ok(toAnswer(REFUSAL_TEXT, request, fault));
  if (fault?.garbage === true) return ok(toAnswer(GARBAGE_TEXT, request, fault));
  const read = readPrompt(request.messages);
  const prompt =
    request.model === STAND_IN_MINI_MODEL ? { ...read, text: cutText(read.text, MINI_CHARACTERS) } : read;
  const text = writeText(request, prompt);
  return text.ok ? ok(toAnswer(text.value, request, fault)) : text;
}

function writeText(request: ChatRequest, prompt: ReadPrompt): Result<string, ApiError> {
  const { format } = request;
  const schema = format.kind === "schema" ? format.schema : prompt.schema;
  if (schema === null && format.kind === "text") return ok(writeProse(prompt));
  const name = format.kind === "schema" ? format.name : "answer";
  const filled = fillSchema({ name, schema: schema ?? DEFAULT_SCHEMA }, prompt);
  if (filled.ok) return ok(JSON.stringify(filled.value));
  return err(
    badRequest(`Invalid schema for response_format '${name}': ${filled.error}.`, "response_format", null),
  );
}

export function textOfAnswer(answer: Answer): string {
  return answer.chunks.map((chunk) => chunk.text).join("");
}

function toAnswer(fullText: string, request: ChatRequest, fault: ModelFault | null): Answer {
  const stopped = request.stop.reduce(
    (rest, stop) => (stop === "" ? rest : (rest.split(stop)[0] ?? "")),
    fullText,
  );
  const limit = request.maxOutputTokens ?? Number.POSITIVE_INFINITY;
  const chunks: AnswerChunk[] = [];
  let completionTokens = 0;
  for (const text of splitChunks(stopped)) {
    const tokens = countTokens(text.trim());
    if (completionTokens + tokens > limit) {
      return { chunks, isRefusal: fault?.refusal === true, finishReason: "length", completionTokens };
    }
    chunks.push({ text, tokens });
    completionTokens += tokens;
  }
  return {
    chunks,
    isRefusal: fault?.refusal === true,
    finishReason: fault?.finishReason ?? "stop",
    completionTokens,
  };
}

/** A word with the space before it, as providers stream; long words in pieces. */
function splitChunks(text: string): readonly string[] {
  return text.match(/\s*\S{1,24}|\s+$/gu) ?? [];
}
