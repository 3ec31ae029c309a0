/** An empty account, as providers really tell it: by a code, by a status, or by a sentence alone. */
import { describe, expect, it } from "vitest";
import { errorResponse, fakeUpstream } from "../workers/models-fake-upstream.ts";
import { reportOf } from "../../src/models/call.ts";
import { call, configure, define, failureOf, type ProviderName } from "./models-support.ts";

async function ask(provider: ProviderName, respond: () => Response) {
  const upstream = fakeUpstream(respond);
  return call(configure(define(provider, "https://model.test"), { KEY: "k" }, upstream.fetch));
}

const bad = (message: string) => () => errorResponse(400, { type: "invalid_request_error", message });
const top = (status: number, body: unknown) => () => Response.json(body, { status });

describe("an account without credit is told as `quota`, permanent for this model,", () => {
  it.each<[string, ProviderName, () => Response]>([
    [
      "Anthropic's balance",
      "anthropic",
      bad(
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
      ),
    ],
    [
      "Anthropic's own limit of the customer",
      "anthropic",
      bad(
        "You have reached your specified API usage limits. You will regain access on 2026-04-01 at 00:00 UTC.",
      ),
    ],
    [
      "Anthropic's limit of a workspace",
      "anthropic",
      bad(
        "You have reached your specified workspace API usage limits. You will regain access on 2026-04-01.",
      ),
    ],
    [
      "Gemini's prepaid credits",
      "gemini",
      () =>
        errorResponse(429, {
          code: 429,
          status: "RESOURCE_EXHAUSTED",
          message:
            "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.",
        }),
    ],
    [
      "OpenAI's quota",
      "openai",
      () => errorResponse(429, { code: "insufficient_quota", message: "You exceeded your current quota" }),
    ],
    [
      "OpenAI's quota, through a proxy that drops the code",
      "openai",
      () =>
        errorResponse(429, {
          message: "You exceeded your current quota, please check your plan and billing details.",
        }),
    ],
    [
      "DeepSeek's balance",
      "openai",
      () =>
        errorResponse(402, {
          message: "Insufficient Balance",
          type: "unknown_error",
          code: "invalid_request_error",
        }),
    ],
    [
      "OpenRouter's credits",
      "openai",
      () => errorResponse(402, { message: "Insufficient credits. Add more.", code: 402 }),
    ],
    [
      "OpenRouter's limit of a key",
      "openai",
      () => errorResponse(403, { message: "Key limit exceeded (total limit).", code: 403 }),
    ],
    [
      "xAI's credits",
      "openai",
      top(429, {
        code: "Some resource has been exhausted",
        error: "Your team t1 has either used all available credits or reached its monthly spending limit.",
      }),
    ],
    [
      "Groq's spend limit",
      "openai",
      () =>
        errorResponse(400, {
          message: "Organization has reached its spend limit.",
          type: "invalid_request_error",
        }),
    ],
    [
      "Together's limit",
      "openai",
      () =>
        errorResponse(402, {
          message: "Credit limit exceeded, please navigate to your billing settings.",
          type: "credit_limit",
        }),
    ],
  ])("as %s", async (_, provider, respond) => {
    const result = await ask(provider, respond);
    expect(failureOf(result)).toMatchObject({ class: "permanent", code: "quota" });
    expect(failureOf(result).message).not.toMatch(/balance is|credits|regain/i);
    // The endpoint is well: its breaker hears of no fault.
    expect(reportOf(result)).toMatchObject({ outcome: "permanent" });
  });

  it.each<[string, ProviderName, () => Response, string]>([
    [
      "a limit per minute of Gemini, which speaks of billing too",
      "gemini",
      () =>
        errorResponse(429, {
          code: 429,
          status: "RESOURCE_EXHAUSTED",
          message: "You exceeded your current quota, please check your plan and billing details.",
        }),
      "transient rate_limited",
    ],
    [
      "a bad request of Anthropic",
      "anthropic",
      bad("messages: at least one message is required"),
      "permanent http_400",
    ],
    [
      "a limit of Anthropic",
      "anthropic",
      () =>
        errorResponse(429, {
          type: "rate_limit_error",
          message: "This request would exceed your account's rate limit.",
        }),
      "transient rate_limited",
    ],
    [
      "Mistral's busy tier",
      "openai",
      () =>
        top(429, {
          object: "error",
          message: "Service tier capacity exceeded for this model.",
          type: "invalid_request_error",
          code: null,
        })(),
      "transient rate_limited",
    ],
    [
      "a context that is too long, whose text speaks of money",
      "openai",
      () =>
        errorResponse(400, {
          code: "context_length_exceeded",
          message: "too long: 'my credit balance is too low'",
        }),
      "permanent input_too_long",
    ],
  ])("and %s is not", async (_, provider, respond, said) => {
    const { class: failureClass, code } = failureOf(await ask(provider, respond));
    expect(`${failureClass} ${code}`).toBe(said);
  });
});
