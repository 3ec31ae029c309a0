import { APICallError, LoadAPIKeyError, UnsupportedFunctionalityError } from "@ai-sdk/provider";
import { describe, expect, it } from "vitest";
import { callModel } from "../../src/models/call.ts";
import { classifyModelError } from "../../src/models/classify.ts";
import type { ModelCallFailure } from "../../src/models/port.ts";
import { errorResponse, fakeModel, fakeUpstream } from "./models-fake-upstream.ts";

const NOW_MS = 0;

async function failing(response: () => Response): Promise<ModelCallFailure> {
  const model = fakeModel(fakeUpstream(response)).registry.get("fast");
  if (!model.ok) throw new Error(model.error.message);
  const request = { instruction: "a", data: "b" };
  const result = await callModel(model.value, request, {
    signal: new AbortController().signal,
    nowMs: Date.now,
  });
  if (result.ok) throw new Error("the call succeeded");
  return result.error;
}

describe("an error answer", () => {
  it("of OpenAI keeps its code, its request id, its wait and its words", async () => {
    const { failure, hint } = await failing(() =>
      errorResponse(
        429,
        {
          message: "Limit reached for sk-proj-abc on: dear customer",
          type: "tokens",
          code: "rate_limit_exceeded",
        },
        { "retry-after-ms": "1500", "x-request-id": "req_1", "x-ratelimit-remaining-tokens": "0" },
      ),
    );
    expect(failure).toEqual({
      stage: "infer",
      class: "transient",
      code: "rate_limited",
      message: "the provider answered 429: rate_limit_exceeded, tokens, request req_1",
      answer:
        '{"error":{"message":"Limit reached for sk-proj-abc on: dear customer","type":"tokens","code":"rate_limit_exceeded"}}',
      retryAfterMs: 1_500,
    });
    expect(hint).toEqual({ limited: true, retryAfterMs: 1_500, remainingTokens: 0 });
  });

  it("without Retry-After waits for what is exhausted", async () => {
    const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12s" };
    expect((await failing(() => errorResponse(429, { message: "x" }, headers))).failure.retryAfterMs).toBe(
      12_000,
    );
  });

  it("about money is permanent and carries no wait", async () => {
    const { failure } = await failing(() =>
      errorResponse(429, { message: "x", type: "insufficient_quota", code: null }, { "retry-after": "60" }),
    );
    expect(failure).toMatchObject({ class: "permanent", code: "quota" });
    expect(failure.retryAfterMs).toBeUndefined();
  });

  it("of Gemini is read from its array, with its delay, and a daily cap is not hurried", async () => {
    const body = (quotaId: string) => [
      {
        error: {
          code: 429,
          message: "x",
          status: "RESOURCE_EXHAUSTED",
          details: [
            { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] },
            { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" },
          ],
        },
      },
    ];
    const respond = (quotaId: string) => () => Response.json(body(quotaId), { status: 429 });
    const minute = await failing(respond("GenerateRequestsPerMinutePerProject"));
    expect(minute.failure).toMatchObject({ class: "transient", code: "rate_limited", retryAfterMs: 34_000 });
    const day = await failing(respond("GenerateRequestsPerDayPerProject"));
    expect(day.failure.retryAfterMs).toBe(3_600_000);
  });

  it("of Anthropic, Azure and small servers is understood", async () => {
    const anthropic = await failing(() =>
      Response.json({ type: "error", error: { type: "overloaded_error", message: "x" } }, { status: 529 }),
    );
    expect(anthropic.failure).toMatchObject({ class: "transient", code: "overloaded" });
    const azure = await failing(() =>
      errorResponse(400, {
        message: "x",
        code: "content_filter",
        innererror: { code: "ResponsibleAIPolicyViolation" },
      }),
    );
    expect(azure.failure).toMatchObject({ class: "degraded", code: "content_policy" });
    const vllm = await failing(() =>
      Response.json({ object: "error", message: "x", type: "BadRequestError", code: 400 }, { status: 400 }),
    );
    expect(vllm.failure).toMatchObject({ class: "permanent", code: "http_400" });
    const html = await failing(() => new Response("<html>Bad gateway</html>", { status: 502 }));
    expect(html.failure).toMatchObject({ class: "transient", code: "http_502" });
  });

  it("that redirects is permanent and is not followed", async () => {
    const { failure } = await failing(
      () => new Response(null, { status: 307, headers: { location: "https://evil.test" } }),
    );
    expect(failure).toMatchObject({ class: "permanent", code: "http_307" });
  });

  it("larger than is read still counts by its status", async () => {
    const { failure } = await failing(() => new Response("x".repeat(1_000_000), { status: 503 }));
    expect(failure).toMatchObject({ class: "transient", code: "http_503" });
  });

  it("is kept or given up as x-should-retry says", async () => {
    const { failure } = await failing(() =>
      errorResponse(500, { message: "x" }, { "x-should-retry": "false" }),
    );
    expect(failure.class).toBe("permanent");
  });
});

describe("what a provider package throws", () => {
  const classify = (thrown: unknown, phase: "connect" | "stream" = "connect") =>
    classifyModelError(thrown, phase, NOW_MS, []).failure;

  it("without a status is the network while connecting, and a cut while streaming", () => {
    const lost = new APICallError({ message: "Cannot connect", url: "https://x", requestBodyValues: {} });
    expect(classify(lost)).toMatchObject({ class: "transient", code: "network" });
    expect(classify(lost, "stream")).toMatchObject({ class: "transient", code: "cut" });
    expect(classify(new TypeError("fetch failed"))).toMatchObject({ class: "transient", code: "network" });
  });

  it("for a missing key waits for the operator", () => {
    const thrown = new LoadAPIKeyError({ message: "OPENAI_API_KEY is missing" });
    expect(classify(thrown)).toMatchObject({
      class: "transient",
      code: "model_not_configured",
      retryAfterMs: 60_000,
    });
  });

  it("for a request it cannot make is permanent", () => {
    const thrown = new UnsupportedFunctionalityError({ functionality: "images" });
    expect(classify(thrown)).toMatchObject({ class: "permanent", code: "unsupported" });
  });

  it("quotes what the provider said as its answer only, and a runtime's error nowhere", () => {
    const secret = "the customer's words";
    const thrown = [
      new Error(secret),
      { message: secret, type: "server_error" },
      secret,
      new APICallError({
        message: secret,
        url: secret,
        requestBodyValues: { secret },
        statusCode: 400,
        responseBody: secret,
      }),
    ];
    for (const one of thrown) {
      const { answer, ...rest } = classify(one, "stream");
      expect(JSON.stringify(rest)).not.toContain("customer");
      if (one instanceof Error && !APICallError.isInstance(one)) expect(answer).toBeUndefined();
    }
  });
});
