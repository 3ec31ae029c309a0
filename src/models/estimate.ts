/**
 * Tokens without a tokenizer: for reservations, which are settled to the real number, and for usage that a
 * provider did not report. Four characters a token is the providers' own rule of thumb for English; scripts
 * outside ASCII take more tokens per character, here one for two.
 */
import type { LanguageModelV4CallOptions } from "@ai-sdk/provider";
import { LIMITS } from "../config/limits.ts";

const CHARACTERS_PER_TOKEN = 4;
/** Role markers and separators that a provider adds to each message. */
const TOKENS_PER_MESSAGE = 4;

export function estimateTokens(text: string): number {
  return Math.ceil(weighTokens(text));
}

/** The same without rounding, so that the pieces of a stream can be summed up. */
export function weighTokens(text: string): number {
  let outsideAscii = 0;
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) outsideAscii++;
  return (text.length - outsideAscii) / CHARACTERS_PER_TOKEN + outsideAscii / 2;
}

export function estimateInputTokens(messages: readonly string[]): number {
  return messages.reduce((sum, text) => sum + estimateTokens(text) + TOKENS_PER_MESSAGE, 0);
}

/** What a guard reserves for one call: the input, and the answer at its allowed or assumed length. */
export function estimateCallTokens(messages: readonly string[], maxOutputTokens: number | undefined): number {
  return estimateInputTokens(messages) + (maxOutputTokens ?? LIMITS.models.assumedOutputTokens);
}

/** What there is to read in a prompt. */
export function promptTexts(options: Pick<LanguageModelV4CallOptions, "prompt">): string[] {
  return options.prompt.map((message) =>
    typeof message.content === "string"
      ? message.content
      : message.content.map((part) => (part.type === "text" ? part.text : "")).join(""),
  );
}
