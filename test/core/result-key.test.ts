/** From a pipeline's prompt to a cache key: what counts as the same question, and what doesn't. */
import { describe, expect, it } from "vitest";
import { resultKey } from "../../src/cache/result-key.ts";
import { fencePrompt, type UntrustedPrompt } from "../../src/core/prompt-safety.ts";

const MAX_CHARACTERS = 1_000;
const QUESTION: UntrustedPrompt = {
  instruction: "Judge the caf\u00E9's mail.",
  data: { mail: "Two lines:\nwhere is my parcel?", order: "1" },
};

async function keyOf(prompt: UntrustedPrompt, temperature: number | null = 0): Promise<string> {
  const { normalised } = await fencePrompt(prompt, MAX_CHARACTERS);
  return resultKey({
    space: "none/shop",
    model: "fast",
    modelId: "test-model",
    promptVersion: "1",
    outputSchema: { type: "object", required: ["a", "b"], maxLength: 1_000 },
    parameters: { temperature, maxOutputTokens: null },
    ...normalised,
  });
}

const withMail = (mail: string): UntrustedPrompt => ({ ...QUESTION, data: { ...QUESTION.data, mail } });

describe("the same question", () => {
  it.each<[string, UntrustedPrompt]>([
    ["with letters composed differently (NFC)", { ...QUESTION, instruction: "Judge the cafe\u0301's mail." }],
    ["with line breaks of another system", withMail("Two lines:\r\nwhere is my parcel?")],
    ["with line breaks of Unicode's own", withMail("Two lines:\u2028where is my parcel?")],
    ["with characters that nobody sees", withMail("Two\u200B lines:\nwhere is\u2060 my parcel?\u0000")],
  ])("%s has the same key", async (_, prompt) => {
    expect(await keyOf(prompt)).toBe(await keyOf(QUESTION));
  });

  it("has the same key however its numbers were written, minus zero among them", async () => {
    const written = (text: string) => keyOf(QUESTION, JSON.parse(text));
    const keys = await Promise.all(["0", "-0", "0.0", "0e3"].map(written));
    expect(new Set(keys).size).toBe(1);
    const thousand = await Promise.all(["1000", "1e3", "1000.0", "10.0E+2"].map(written));
    expect(new Set(thousand).size).toBe(1);
    expect(thousand[0]).not.toBe(keys[0]);
  });
});

describe("another question", () => {
  it.each<[string, UntrustedPrompt]>([
    [
      "with a space more: white space is kept, because in code and tables it means something",
      withMail("Two  lines:\nwhere is my parcel?"),
    ],
    ["with a space at the end", withMail("Two lines:\nwhere is my parcel? ")],
    ["with a tab for a space", withMail("Two\tlines:\nwhere is my parcel?")],
    ["with an empty line more", withMail("Two lines:\n\nwhere is my parcel?")],
    ["in other case", withMail("two lines:\nwhere is my parcel?")],
    ["without an accent", { ...QUESTION, instruction: "Judge the cafe's mail." }],
    ["with letters that only look alike", withMail("Two lines:\nwhere is my p\u0430rcel?")],
    [
      "with compatibility forms (NFKC would make them equal)",
      withMail("Two lines:\nwhere is my parcel\uFF1F"),
    ],
    ["with another number in its text", { ...QUESTION, data: { ...QUESTION.data, order: "1.0" } }],
    [
      "with its data under other labels",
      { ...QUESTION, data: { mail: "1", order: "Two lines:\nwhere is my parcel?" } },
    ],
    [
      "with its data in another order: the model reads it in that order",
      { ...QUESTION, data: { order: "1", mail: "Two lines:\nwhere is my parcel?" } },
    ],
    [
      "with data moved into the instruction",
      { instruction: `${QUESTION.instruction}\n1`, data: { mail: "Two lines:\nwhere is my parcel?" } },
    ],
  ])("%s has another key", async (_, prompt) => {
    expect(await keyOf(prompt)).not.toBe(await keyOf(QUESTION));
  });
});
