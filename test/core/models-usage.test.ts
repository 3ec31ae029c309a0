/** Tokens and cost of a call as its provider bills it, from what the providers really send. */
import { describe, expect, it } from "vitest";
import { reportOf } from "../../src/models/call.ts";
import type { ModelPrice } from "../../src/models/port.ts";
import { costMicros } from "../../src/models/price.ts";
import { data, delta, eventStream, fakeUpstream, finish } from "../workers/models-fake-upstream.ts";
import { ANSWERS } from "../support/provider-answers.ts";
import { call, configure, define, type ProviderName } from "./models-support.ts";

const PRICE = { inputPerMillion: 10, outputPerMillion: 100, cachedInputPerMillion: 1 };

async function ask(provider: ProviderName, sent: string, price: ModelPrice = PRICE) {
  const upstream = fakeUpstream(() => eventStream(sent));
  const definition = define(provider, "https://model.test", { price });
  const result = await call(configure(definition, { KEY: "k" }, upstream.fetch));
  if (!result.ok) throw new Error(result.error.failure.message);
  const { usage } = result.value;
  return { usage, cost: costMicros(usage, definition.price), report: reportOf(result) };
}

/** By the short way, and, with a piece of reasoning, by the provider's package. */
const WAYS = {
  "of plain text": delta("hello"),
  "with reasoning":
    data({ id: "c1", choices: [{ index: 0, delta: { reasoning_content: "hm" } }] }) + delta("hello"),
};

describe.each(Object.entries(WAYS))("an OpenAI-like answer %s", (_, start) => {
  const answer = (usage: object) =>
    start + finish().replace("data: [DONE]", `${data({ id: "c1", choices: [], usage })}data: [DONE]`);

  it.each<[string, object, number]>([
    [
      "beside the completion, and in the total",
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 135,
        completion_tokens_details: { reasoning_tokens: 94 },
      },
      103,
    ],
    ["in the total alone", { prompt_tokens: 32, completion_tokens: 9, total_tokens: 135 }, 103],
    [
      "beside the completion, without a total",
      { prompt_tokens: 32, completion_tokens: 9, completion_tokens_details: { reasoning_tokens: 94 } },
      103,
    ],
    [
      "in the completion",
      {
        prompt_tokens: 32,
        completion_tokens: 103,
        total_tokens: 135,
        completion_tokens_details: { reasoning_tokens: 94 },
      },
      103,
    ],
    ["nowhere", { prompt_tokens: 32, completion_tokens: 9, total_tokens: 41 }, 9],
    [
      "nowhere, with a total that is too small",
      { prompt_tokens: 32, completion_tokens: 9, total_tokens: 9 },
      9,
    ],
    [
      "beside the completion, with a total that is more than all",
      {
        prompt_tokens: 32,
        completion_tokens: 9,
        total_tokens: 9_000,
        completion_tokens_details: { reasoning_tokens: 94 },
      },
      103,
    ],
  ])("whose reasoning is counted %s costs all its output", async (__, usage, outputTokens) => {
    const { usage: counted, cost, report } = await ask("openai", answer(usage));
    expect(counted).toEqual({ inputTokens: 32, outputTokens, estimated: false });
    expect(cost).toBe(320 + outputTokens * 100);
    expect(report).toMatchObject({ usedTokens: 32 + outputTokens });
  });

  it.each([
    ["OpenAI", { prompt_tokens_details: { cached_tokens: 30 } }],
    ["DeepSeek", { prompt_cache_hit_tokens: 30, prompt_cache_miss_tokens: 2 }],
  ])("has cached input at its own price, as %s counts it", async (__, details) => {
    const usage = { prompt_tokens: 32, completion_tokens: 9, total_tokens: 41, ...details };
    const { usage: counted, cost } = await ask("openai", answer(usage));
    expect(counted).toMatchObject({ inputTokens: 32, cachedInputTokens: 30 });
    expect(cost).toBe(20 + 30 + 900);
  });

  it("with more cached input than input has none", async () => {
    const details = { prompt_tokens_details: { cached_tokens: 33 } };
    const { usage, cost } = await ask(
      "openai",
      answer({ prompt_tokens: 32, completion_tokens: 9, ...details }),
    );
    expect(usage).toEqual({ inputTokens: 32, outputTokens: 9, estimated: false });
    expect(cost).toBe(320 + 900);
  });
});

describe("an Anthropic answer", () => {
  const counts = { input_tokens: 11, cache_read_input_tokens: 100, cache_creation_input_tokens: 40 };
  const sent = (ANSWERS.anthropic.start + ANSWERS.anthropic.end).replace(
    '"input_tokens":11',
    JSON.stringify(counts).slice(1, -1),
  );

  it("has what it read from the cache and wrote to it, each at its own price", async () => {
    const { usage, cost } = await ask("anthropic", sent, { ...PRICE, cacheWritePerMillion: 20 });
    expect(usage).toMatchObject({ inputTokens: 151, cachedInputTokens: 100, cacheWriteTokens: 40 });
    expect(cost).toBe(110 + 100 + 800 + 700);
  });

  it("costs a quarter more for what it wrote, and no less for what it read, where no price is set", async () => {
    const { cost } = await ask("anthropic", sent, { inputPerMillion: 10, outputPerMillion: 100 });
    expect(cost).toBe(110 + 1_000 + 500 + 700);
  });
});

describe("a Gemini answer", () => {
  it("has its thoughts as output, and cached input at its own price", async () => {
    const sent = (ANSWERS.gemini.start + ANSWERS.gemini.end).replace(
      '"promptTokenCount":11',
      '"promptTokenCount":111,"cachedContentTokenCount":100,"thoughtsTokenCount":50,"totalTokenCount":168',
    );
    const { usage, cost } = await ask("gemini", sent);
    expect(usage).toMatchObject({ inputTokens: 111, outputTokens: 57, cachedInputTokens: 100 });
    expect(cost).toBe(110 + 100 + 5_700);
  });
});
