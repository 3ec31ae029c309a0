/**
 * The data of an OpenAI-compatible event, as far as it is of the ordinary kind: a piece of plain text, or one of those that an
 * ordinary answer ends with. Pure. Whatever is not exactly that is nobody's here: the provider's package reads it.
 */
import { readOpenAIUsage, type CountedTokens } from "./openai-usage.ts";

/** An answer's own end. */
export interface PlainEnd {
  readonly finishReason: { readonly unified: "stop" | "length" | "content-filter"; readonly raw: string };
  /** undefined: the provider did not count. */
  readonly usage: PlainUsage | undefined;
  /** The model that really answered. */
  readonly modelId: string | undefined;
}

export type PlainUsage = CountedTokens;

/** What one of the events after the text adds to the end. */
export interface EndPiece extends Partial<PlainEnd> {
  readonly isChunk: boolean;
}

interface Chunk {
  readonly id?: unknown;
  readonly created?: unknown;
  readonly model?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
  readonly choices?: readonly (Choice | null)[];
}

interface Choice {
  readonly index?: unknown;
  readonly delta?: Readonly<Record<string, unknown>> | null;
  readonly finish_reason?: unknown;
}

/** null: not an event that is nothing but a piece of the answer's text. Empty: nothing but its beginning, or a sign of life. */
export function plainTextOf(data: string): string | null {
  const chunk = chunkOf(data);
  const choice = chunk?.choices?.[0];
  if (chunk == null || chunk.usage != null || choice?.delta == null || choice.finish_reason != null)
    return null;
  if (choice.index != null && choice.index !== 0) return null;
  const content = choice.delta["content"] ?? "";
  return typeof content === "string" && hasNoMore(choice.delta) ? content : null;
}

const DONE = "[DONE]";

const FINISH_REASONS: ReadonlyMap<string, PlainEnd["finishReason"]["unified"]> = new Map([
  ["stop", "stop"],
  ["length", "length"],
  ["content_filter", "content-filter"],
]);

/** null: not an event that an ordinary answer ends with. */
export function endPieceOf(data: string): EndPiece | null {
  if (data === DONE) return { isChunk: false };
  const chunk = chunkOf(data);
  if (chunk === null || !isNamed(chunk)) return null;
  const usage = usageOf(chunk.usage);
  if (usage === null) return null;
  const modelId = typeof chunk.model === "string" && chunk.model !== "" ? chunk.model : undefined;
  const [choice] = chunk.choices ?? [];
  if (choice === undefined) return { isChunk: true, usage, modelId };
  const finishReason = finishReasonOf(choice);
  return finishReason === null ? null : { isChunk: true, finishReason, usage, modelId };
}

/** null: the answer stopped without saying why. */
export function plainEndOf(pieces: readonly EndPiece[]): PlainEnd | null {
  const finishReason = pieces.findLast((piece) => piece.finishReason !== undefined)?.finishReason;
  if (finishReason === undefined) return null;
  const usage = pieces.findLast((piece) => piece.usage !== undefined)?.usage;
  return { finishReason, usage, modelId: pieces.find(({ isChunk }) => isChunk)?.modelId };
}

/** A chunk of at most one choice, and no error. */
function chunkOf(data: string): Chunk | null {
  if (!data.startsWith("{")) return null;
  try {
    const chunk = JSON.parse(data) as Chunk; // every member that is used is looked at first
    if (chunk.error !== undefined || !Array.isArray(chunk.choices) || chunk.choices.length > 1) return null;
    return chunk;
  } catch {
    return null;
  }
}

function finishReasonOf(choice: Choice | null): PlainEnd["finishReason"] | null {
  const { delta, finish_reason: raw } = choice ?? {};
  if (typeof raw !== "string") return null;
  const unified = FINISH_REASONS.get(raw);
  const isSilent =
    delta == null || (typeof delta === "object" && (delta["content"] ?? "") === "" && hasNoMore(delta));
  return unified === undefined || !isSilent ? null : { unified, raw };
}

/** Beside its content. */
function hasNoMore(delta: Readonly<Record<string, unknown>>): boolean {
  for (const name in delta) {
    if (name === "content" || delta[name] === null) continue;
    if (name !== "role" || (delta[name] !== "assistant" && delta[name] !== "")) return false;
  }
  return true;
}

function isNamed({ id, created, model }: Chunk): boolean {
  return (
    (id == null || typeof id === "string") &&
    (created == null || typeof created === "number") &&
    (model == null || typeof model === "string")
  );
}

/** null: not a count as it should be. */
function usageOf(value: unknown): PlainUsage | undefined | null {
  if (value == null) return undefined;
  if (typeof value !== "object") return null;
  const {
    prompt_tokens = null,
    completion_tokens = null,
    total_tokens = null,
    ...rest
  } = value as Readonly<Record<string, unknown>>; // an object: its members are looked at
  if (![prompt_tokens, completion_tokens, total_tokens].every(isCount)) return null;
  const details = [rest["prompt_tokens_details"], rest["completion_tokens_details"]];
  if (!details.every((one) => one == null || (typeof one === "object" && Object.values(one).every(isCount))))
    return null;
  return readOpenAIUsage(value);
}

function isCount(value: unknown): boolean {
  return value === null || typeof value === "number";
}
