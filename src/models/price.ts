/** What a call cost. Millionths of a US dollar, whole: sums of many calls stay exact. */
import type { ModelPrice, TokenUsage } from "./port.ts";

/** Dollars per million tokens times tokens is millionths of a dollar. null: the model has no price. */
export function costMicros(usage: TokenUsage, price: ModelPrice | undefined): number | null {
  if (price === undefined) return null;
  return Math.round(usage.inputTokens * price.inputPerMillion + usage.outputTokens * price.outputPerMillion);
}
