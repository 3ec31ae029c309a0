import { describe, expect, it } from "vitest";
import { estimateCallTokens, estimateTokens } from "../../src/models/estimate.ts";
import { parseDurationMs, readLimits } from "../../src/models/limit-headers.ts";
import { costMicros } from "../../src/models/price.ts";

const NOW_MS = Date.UTC(2026, 0, 1, 12, 0, 0);
const read = (headers: Record<string, string>, status = 200, bodyRetryAfterMs?: number) =>
  readLimits({ header: (name) => headers[name], status, nowMs: NOW_MS, bodyRetryAfterMs });

describe("limit headers", () => {
  it("of OpenAI and Groq become a hint", () => {
    const reading = read({
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-remaining-tokens": "149984",
      "x-ratelimit-reset-tokens": "6m0s",
    });
    expect(reading).toEqual({
      hint: {
        remainingRequests: 59,
        requestsResetMs: 1_000,
        remainingTokens: 149_984,
        tokensResetMs: 360_000,
        limited: false,
      },
      clamped: [],
    });
  });

  it("of Anthropic become a hint: the scarcest tokens, the latest reset, the past as 0", () => {
    const reading = read({
      "anthropic-ratelimit-requests-remaining": "4",
      "anthropic-ratelimit-requests-reset": "2026-01-01T11:59:59Z",
      "anthropic-ratelimit-input-tokens-remaining": "9000",
      "anthropic-ratelimit-output-tokens-remaining": "800",
      "anthropic-ratelimit-input-tokens-reset": "2026-01-01T12:00:20Z",
      "anthropic-ratelimit-output-tokens-reset": "2026-01-01T12:00:30Z",
    });
    expect(reading.hint).toEqual({
      remainingRequests: 4,
      requestsResetMs: 0,
      remainingTokens: 800,
      tokensResetMs: 30_000,
      limited: false,
    });
  });

  it("that are nonsense are ignored, as Azure's -1", () => {
    const reading = read({
      "x-ratelimit-remaining-requests": "-1",
      "x-ratelimit-reset-requests": "-1",
      "x-ratelimit-remaining-tokens": "many",
      "x-ratelimit-reset-tokens": "",
      "retry-after": "later",
    });
    expect(reading).toEqual({ hint: undefined, clamped: [] });
  });

  it("that are absurd are clamped and named", () => {
    const reading = read({ "x-ratelimit-reset-requests": "24h0m0s", "retry-after": "90000" }, 429);
    expect(reading.hint).toEqual({ requestsResetMs: 3_600_000, retryAfterMs: 3_600_000, limited: true });
    expect(reading.clamped).toEqual(["retryAfterMs", "requestsResetMs"]);
  });

  it("go before a wait in the body, and a bare 429 is a hint by itself", () => {
    expect(read({ "retry-after": "2" }, 429, 34_000).hint).toEqual({ limited: true, retryAfterMs: 2_000 });
    expect(read({}, 429, 34_000).hint).toEqual({ limited: true, retryAfterMs: 34_000 });
    expect(read({}, 429).hint).toEqual({ limited: true });
  });
});

it.each([
  ["6s", 6_000],
  ["6m0s", 360_000],
  ["20ms", 20],
  ["7.66s", 7_660],
  ["1h2m3s", 3_723_000],
  ["2m59.56s", 179_560],
  ["30", 30_000],
  ["0", 0],
])("the duration %j is %d ms", (text, durationMs) => {
  expect(parseDurationMs(text)).toBeCloseTo(durationMs, 6);
});

it.each(["", "s", "6 s", "m6", "-6s", "6s6m", "1e3s"])("%j is no duration", (text) => {
  expect(parseDurationMs(text)).toBeUndefined();
});

describe("tokens and money", () => {
  it("are whole millionths of a dollar, and null without a price", () => {
    const usage = { inputTokens: 1_234, outputTokens: 567, estimated: false };
    expect(costMicros(usage, { inputPerMillion: 0.15, outputPerMillion: 0.6 })).toBe(525);
    expect(costMicros(usage, undefined)).toBeNull();
  });

  it("are estimated at four ASCII characters a token, others dearer, never below what was asked for", () => {
    expect(estimateTokens("")).toBe(0);
    expect(estimateTokens("12345678")).toBe(2);
    expect(estimateTokens("日本語")).toBe(2);
    expect(estimateCallTokens(["12345678", ""], 100)).toBe(110);
    expect(estimateCallTokens([], undefined)).toBeGreaterThan(0);
  });
});
