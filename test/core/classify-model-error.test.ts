import { describe, expect, it } from "vitest";
import { classifyProviderError, isPolicyWord } from "../../src/core/classify/model-error.ts";

const classify = (status: number | undefined, ...words: string[]) => classifyProviderError({ status, words });

describe("a provider's error", () => {
  it("is classified by its code before its status: a 429 about money is never retried", () => {
    for (const code of [
      "insufficient_quota",
      "credit_balance_exhausted",
      "organization_spend_limit_exceeded",
      "project_spend_limit_exceeded",
      "organization_usage_limit_exceeded",
      "billing_hard_limit_reached",
      "some_new_billing_code",
    ]) {
      expect(classify(429, code)).toEqual({ class: "permanent", code: "quota" });
    }
    expect(classify(429, "project_spend_limit_exceeded", "insufficient_quota").code).toBe("quota");
  });

  it("is transient when the provider only wants it slower", () => {
    for (const code of [
      "rate_limit_exceeded",
      "slow_down",
      "rate_limit_error",
      "RESOURCE_EXHAUSTED",
      "RateLimitReached",
    ]) {
      expect(classify(429, code)).toEqual({ class: "transient", code: "rate_limited" });
      expect(classify(undefined, code)).toEqual({ class: "transient", code: "rate_limited" });
    }
    expect(classify(429)).toEqual({ class: "transient", code: "rate_limited" });
  });

  it("is degraded when policy stopped it, whatever the status", () => {
    for (const code of [
      "content_filter",
      "refusal",
      "invalid_prompt",
      "ResponsibleAIPolicyViolation",
      "SAFETY",
    ]) {
      expect(classify(400, code)).toEqual({ class: "degraded", code: "content_policy" });
    }
  });

  it.each([
    [408, "transient", "http_408"],
    [409, "transient", "http_409"],
    [500, "transient", "http_500"],
    [503, "transient", "http_503"],
    [504, "transient", "http_504"],
    [529, "transient", "overloaded"],
    [400, "permanent", "http_400"],
    [401, "permanent", "unauthorized"],
    [402, "permanent", "quota"],
    [403, "permanent", "unauthorized"],
    [404, "permanent", "http_404"],
    [413, "permanent", "input_too_long"],
    [307, "permanent", "http_307"],
  ] as const)("without a code goes by its status: %i is %s", (status, failureClass, code) => {
    expect(classify(status)).toEqual({ class: failureClass, code });
  });

  it("inside a 200 stream is classified by the words and numbers in it", () => {
    expect(classify(undefined, "overloaded_error")).toEqual({ class: "transient", code: "overloaded" });
    expect(classify(undefined, "503")).toEqual({ class: "transient", code: "http_503" });
    expect(classify(undefined, "402")).toEqual({ class: "permanent", code: "quota" });
    expect(classify(undefined, "invalid_request_error")).toEqual({
      class: "permanent",
      code: "invalid_request",
    });
    expect(classify(undefined)).toEqual({ class: "transient", code: "stream_error" });
  });

  it("a vague type never outweighs the status it came with", () => {
    expect(classify(429, "invalid_request_error").class).toBe("transient");
    expect(classify(401, "invalid_request_error").code).toBe("unauthorized");
  });

  it("follows the provider's own x-should-retry against a status, not against a code", () => {
    const asked = (status: number, shouldRetry: boolean, ...words: string[]) =>
      classifyProviderError({ status, words, shouldRetry }).class;
    expect(asked(400, true)).toBe("transient");
    expect(asked(500, false)).toBe("permanent");
    expect(asked(429, true, "insufficient_quota")).toBe("permanent");
    expect(asked(429, false, "rate_limit_exceeded")).toBe("transient");
  });
});

it("a refusal is recognised under its many names, an ordinary finish is not", () => {
  expect(
    ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "refusal", "content-filter"].every(isPolicyWord),
  ).toBe(true);
  expect(["stop", "length", "tool_calls", "MAX_TOKENS", ""].some(isPolicyWord)).toBe(false);
});
