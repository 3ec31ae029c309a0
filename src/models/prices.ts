/**
 * List prices of well-known models, for whoever configures none. Only models whose name tells the price: those
 * that one vendor sells. Standard tier, first context tier, no discounts for batches, so what is computed from it is an
 * upper bound. A `price` in the config always wins.
 */
import type { ModelPrice } from "./port.ts";

/** When the table was last looked over. Vendors change prices at any time: what must be exact belongs in the config. */
export const PRICES_AS_OF = "2026-10";

/** US dollars per million tokens: input, output. */
const PRICE_BY_MODEL: Readonly<Record<string, readonly [number, number]>> = {
  "gpt-4.1": [2, 8],
  "gpt-4.1-mini": [0.4, 1.6],
  "gpt-4.1-nano": [0.1, 0.4],
  "gpt-4o": [2.5, 10],
  "gpt-4o-mini": [0.15, 0.6],
  "gpt-5": [1.25, 10],
  "gpt-5-mini": [0.25, 2],
  "gpt-5-nano": [0.05, 0.4],
  "gpt-5.1": [1.25, 10],
  "gpt-5.4": [2.5, 15],
  o3: [2, 8],
  "o4-mini": [1.1, 4.4],
  "claude-fable-5-1": [10, 50],
  "claude-haiku-4-5": [1, 5],
  "claude-haiku-5-5": [0.1, 0.5],
  "claude-opus-4-1": [15, 75],
  "claude-opus-4-5": [5, 25],
  "claude-opus-4-6": [5, 25],
  "claude-opus-4-7": [5, 25],
  "claude-opus-4-8": [5, 25],
  "claude-opus-5": [5, 25],
  "claude-opus-5-5": [4, 20],
  "claude-sonnet-4-5": [3, 15],
  "claude-sonnet-4-6": [3, 15],
  "claude-sonnet-5": [2, 10],
  "claude-sonnet-5-5": [2, 10],
  "gemini-2.5-flash": [0.3, 2.5],
  "gemini-2.5-flash-lite": [0.1, 0.4],
  "gemini-2.5-pro": [1.25, 10],
  "gemini-3-flash": [0.5, 3],
  "gemini-3.1-flash-lite": [0.25, 1.5],
  "gemini-3.1-pro": [2, 12],
  "gemini-3.5-flash": [1.5, 9],
};

/** `anthropic/claude-haiku-4-5` as AI Gateway writes it, `claude-haiku-4-5-20251001`, `gemini-3.1-pro-preview`. */
const VENDOR = /^(openai|anthropic|google|google-ai-studio|models)\//;
const SNAPSHOT = /-(\d{8}|\d{4}-\d{2}-\d{2}|latest|preview|preview-\d{2}-\d{2,4})$/;

/** undefined: not known, and not guessed. */
export function listPrice(modelId: string): ModelPrice | undefined {
  const name = modelId.toLowerCase().replace(VENDOR, "").replace(SNAPSHOT, "");
  if (!Object.hasOwn(PRICE_BY_MODEL, name)) return undefined;
  const [inputPerMillion, outputPerMillion] = PRICE_BY_MODEL[name] ?? [0, 0];
  const cachedInputPerMillion = round(inputPerMillion * cachedShareOf(name));
  return { inputPerMillion, outputPerMillion, cachedInputPerMillion };
}

/** Cached input, as a share of other input. */
const CACHED_SHARE: readonly (readonly [name: RegExp, share: number])[] = [
  [/^gpt-4o/, 0.5],
  [/^(gpt-4\.1|o3|o4)/, 0.25],
  [/^(gpt-5|claude-|gemini-)/, 0.1],
];

function cachedShareOf(name: string): number {
  return CACHED_SHARE.find(([family]) => family.test(name))?.[1] ?? 1;
}

/** To a millionth: 0.1 times 0.3 is 0.03. */
function round(dollars: number): number {
  return Math.round(dollars * 1_000_000) / 1_000_000;
}
