/** What a call cost. Millionths of a US dollar, whole: sums of many calls stay exact. */
import type { ModelPrice, TokenUsage } from "./port.ts";

/** Anthropic's surcharge for what is kept five minutes; other providers write for nothing and report no writes. */
const CACHE_WRITE_FACTOR = 1.25;

/** Dollars per million tokens times tokens is millionths of a dollar. null: the model has no price. */
export function costMicros(usage: TokenUsage, price: ModelPrice | undefined): number | null {
  if (price === undefined) return null;
  const { inputTokens, outputTokens, cachedInputTokens: cached = 0, cacheWriteTokens: written = 0 } = usage;
  const { inputPerMillion, outputPerMillion } = price;
  const { cachedInputPerMillion = inputPerMillion } = price;
  const { cacheWritePerMillion = inputPerMillion * CACHE_WRITE_FACTOR } = price;
  return Math.round(
    (inputTokens - cached - written) * inputPerMillion +
      cached * cachedInputPerMillion +
      written * cacheWritePerMillion +
      outputTokens * outputPerMillion,
  );
}
