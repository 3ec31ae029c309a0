import { afterEach, describe, expect, it } from "vitest";
import { costMicros } from "../../src/models/price.ts";
import { listPrice, PRICES_AS_OF } from "../../src/models/prices.ts";
import { call, configure, define } from "./models-support.ts";
import { arm, closeAll, modelServer } from "./dev-model-support.ts";

afterEach(closeAll);

describe("the list price", () => {
  it("is found under a model's name, its snapshots and a gateway's prefix", () => {
    const haiku = { inputPerMillion: 1, outputPerMillion: 5, cachedInputPerMillion: 0.1 };
    for (const name of [
      "claude-haiku-4-5",
      "claude-haiku-4-5-20251001",
      "anthropic/claude-haiku-4-5",
      "Claude-Haiku-4-5-latest",
    ]) {
      expect(listPrice(name)).toEqual(haiku);
    }
    expect(listPrice("gpt-4o-mini-2024-07-18")).toEqual({
      inputPerMillion: 0.15,
      outputPerMillion: 0.6,
      cachedInputPerMillion: 0.075,
    });
    expect(listPrice("google-ai-studio/gemini-2.5-flash")).toEqual(listPrice("gemini-2.5-flash"));
    expect(PRICES_AS_OF).toMatch(/^20\d\d-\d\d$/);
  });

  it("is never guessed: an unknown model, one of many hosts, a near miss and a property name have none", () => {
    for (const name of ["llama-3.3-70b", "@cf/meta/llama-4", "gpt-4o-maxi", "gpt-9", "constructor", ""]) {
      expect(listPrice(name)).toBeUndefined();
    }
  });

  it("gives way to the price in the config, and is absent where neither knows", () => {
    const origin = "https://model.test";
    const own = { inputPerMillion: 7, outputPerMillion: 9 };
    expect(define("anthropic", origin, { model: "claude-opus-5" }).price?.outputPerMillion).toBe(25);
    expect(define("anthropic", origin, { model: "claude-opus-5", price: own }).price).toEqual(own);
    expect(define("openai", origin, { model: "llama-3.3-70b" }).price).toBeUndefined();
  });
});

describe("what a call cost", () => {
  const price = { inputPerMillion: 2, outputPerMillion: 8 };

  it("is its usage at the model's price, in whole millionths of a dollar", async () => {
    const server = await modelServer();
    const result = await call(configure(define("openai", server.url)));
    if (!result.ok) throw new Error(result.error.failure.message);
    const [seen] = server.calls.entries();
    const expected = (seen?.promptTokens ?? 0) * 2 + (seen?.completionTokens ?? 0) * 8;
    expect(costMicros(result.value.usage, price)).toBe(expected);
    expect(costMicros(result.value.usage, undefined)).toBeNull();
  });

  it("is not lost with an interrupted stream: what came is estimated, and marked", async () => {
    const server = await modelServer();
    await arm(server, { cutAfterChunks: 20 });
    const result = await call(configure(define("openai", server.url)));
    if (result.ok || result.error.usage === undefined) throw new Error("no usage");
    const { usage } = result.error;
    expect(usage.estimated).toBe(true);
    expect(usage.outputTokens).toBeGreaterThan(10);
    expect(costMicros(usage, price)).toBeGreaterThan(0);
  });
});
