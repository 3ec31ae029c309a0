/**
 * Tokens as an OpenAI-compatible endpoint counts them, read as it bills them. Pure. Some count reasoning in
 * `completion_tokens` (OpenAI), some beside it (xAI), and some in the total alone (Gemini's OpenAI endpoint).
 */
import { isJsonObject } from "../core/json.ts";

export interface CountedTokens {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  /** Of the input: read from the provider's cache. */
  readonly cachedInputTokens?: number | undefined;
  /** Of the input: written to the provider's cache. */
  readonly cacheWriteTokens?: number | undefined;
}

/** undefined: not a usage of OpenAI's form. */
export function readOpenAIUsage(usage: unknown): CountedTokens | undefined {
  if (!isJsonObject(usage)) return undefined;
  const input = numberOf(usage["prompt_tokens"]);
  const completion = numberOf(usage["completion_tokens"]);
  if (input === undefined && completion === undefined) return undefined;
  const reasoning = detailOf(usage["completion_tokens_details"], "reasoning_tokens");
  // DeepSeek has a name of its own.
  const cached =
    detailOf(usage["prompt_tokens_details"], "cached_tokens") ?? numberOf(usage["prompt_cache_hit_tokens"]);
  const written = detailOf(usage["prompt_tokens_details"], "cache_write_tokens");
  return {
    inputTokens: input,
    outputTokens:
      completion === undefined
        ? undefined
        : billedOutput(completion, reasoning, numberOf(usage["total_tokens"]), input),
    ...(cached === undefined ? {} : { cachedInputTokens: cached }),
    ...(written === undefined ? {} : { cacheWriteTokens: written }),
  };
}

/** The most that the counts agree on: a total that is larger than its parts by more than the reasoning is not believed. */
function billedOutput(
  completion: number,
  reasoning: number | undefined,
  total: number | undefined,
  input: number | undefined,
): number {
  const withReasoning = completion + (reasoning ?? 0);
  if (total !== undefined && input !== undefined && input > 0) {
    const rest = total - input;
    return Math.max(completion, reasoning === undefined ? rest : Math.min(rest, withReasoning));
  }
  // More reasoning than completion cannot be a part of it.
  return reasoning !== undefined && reasoning > completion ? withReasoning : completion;
}

function detailOf(details: unknown, name: string): number | undefined {
  return isJsonObject(details) ? numberOf(details[name]) : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
