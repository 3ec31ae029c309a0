/**
 * Every row of the table of error classes (docs/models.md), for the three APIs: as an error status, and as an error
 * inside a stream that began with 200. Through the real adapters, over the bodies the providers send.
 */
import { describe, expect, it } from "vitest";
import type { FailureClass } from "../../src/core/failure.ts";
import { call, configure, define, failureOf, type ProviderName } from "./models-support.ts";

interface Row {
  readonly status: number;
  /** The provider's own word: `code` for OpenAI, `type` for Anthropic, `status` for Gemini. */
  readonly word: string | null;
  readonly class: FailureClass;
  readonly code: string;
}

const row = (status: number, word: string | null, failureClass: FailureClass, code: string): Row => ({
  status,
  word,
  class: failureClass,
  code,
});

const ROWS: Readonly<Record<ProviderName, readonly Row[]>> = {
  openai: [
    row(408, null, "transient", "http_408"),
    row(409, null, "transient", "http_409"),
    row(429, "rate_limit_exceeded", "transient", "rate_limited"),
    row(429, "slow_down", "transient", "rate_limited"),
    row(429, null, "transient", "rate_limited"),
    row(500, null, "transient", "http_500"),
    row(500, "server_error", "transient", "server_error"),
    row(502, null, "transient", "http_502"),
    row(503, null, "transient", "http_503"),
    row(504, null, "transient", "http_504"),
    row(400, null, "permanent", "http_400"),
    row(400, "context_length_exceeded", "permanent", "input_too_long"),
    row(401, "invalid_api_key", "permanent", "unauthorized"),
    row(401, null, "permanent", "unauthorized"),
    row(403, null, "permanent", "unauthorized"),
    row(404, "model_not_found", "permanent", "model_not_found"),
    row(404, null, "permanent", "http_404"),
    row(429, "insufficient_quota", "permanent", "quota"),
    row(429, "billing_hard_limit_reached", "permanent", "quota"),
    row(429, "project_spend_limit_exceeded", "permanent", "quota"),
    row(400, "content_filter", "degraded", "content_policy"),
    row(400, "refusal", "degraded", "content_policy"),
    row(400, "invalid_prompt", "degraded", "content_policy"),
  ],
  anthropic: [
    row(429, "rate_limit_error", "transient", "rate_limited"),
    row(500, "api_error", "transient", "server_error"),
    row(504, "timeout_error", "transient", "upstream_timeout"),
    row(529, "overloaded_error", "transient", "overloaded"),
    row(400, "invalid_request_error", "permanent", "http_400"),
    row(401, "authentication_error", "permanent", "unauthorized"),
    row(402, "billing_error", "permanent", "quota"),
    row(403, "permission_error", "permanent", "unauthorized"),
    row(404, "not_found_error", "permanent", "model_not_found"),
    row(413, "request_too_large", "permanent", "input_too_long"),
  ],
  gemini: [
    row(429, "RESOURCE_EXHAUSTED", "transient", "rate_limited"),
    row(500, "INTERNAL", "transient", "server_error"),
    row(503, "UNAVAILABLE", "transient", "overloaded"),
    row(504, "DEADLINE_EXCEEDED", "transient", "upstream_timeout"),
    row(400, "INVALID_ARGUMENT", "permanent", "http_400"),
    row(403, "PERMISSION_DENIED", "permanent", "unauthorized"),
    row(404, "NOT_FOUND", "permanent", "model_not_found"),
  ],
};

const SECRET = "dear customer, your key sk-12345";

function errorBody(provider: ProviderName, { status, word }: Row): Readonly<Record<string, unknown>> {
  switch (provider) {
    case "openai":
      return { error: { message: SECRET, type: null, param: null, code: word ?? status } };
    case "anthropic":
      return { type: "error", error: { type: word, message: SECRET } };
    case "gemini":
      return { error: { code: status, message: SECRET, status: word } };
    default:
      return provider satisfies never;
  }
}

const event = (data: unknown, name?: string) =>
  `${name === undefined ? "" : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;

/** What each API sends before its first word, and that word. */
const BEGINNING: Readonly<Record<ProviderName, string>> = {
  openai: event({
    id: "c",
    model: "m",
    choices: [{ index: 0, delta: { content: "The" }, finish_reason: null }],
  }),
  anthropic:
    event(
      {
        type: "message_start",
        message: {
          id: "msg",
          type: "message",
          role: "assistant",
          model: "m",
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 3, output_tokens: 1 },
        },
      },
      "message_start",
    ) +
    event(
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      "content_block_start",
    ) +
    event(
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "The" } },
      "content_block_delta",
    ),
  gemini: event({ candidates: [{ content: { role: "model", parts: [{ text: "The" }] }, index: 0 }] }),
};

/** The endings by which an answer says that policy stopped it. */
const REFUSALS: readonly (readonly [ProviderName, string, string])[] = [
  [
    "openai",
    "content_filter",
    event({ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "content_filter" }] }) +
      "data: [DONE]\n\n",
  ],
  [
    "openai",
    "a refusal in words",
    event({ id: "c", choices: [{ index: 0, delta: { refusal: "No." }, finish_reason: null }] }) +
      event({ id: "c", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }) +
      "data: [DONE]\n\n",
  ],
  [
    "anthropic",
    "refusal",
    event({ type: "content_block_stop", index: 0 }, "content_block_stop") +
      event(
        {
          type: "message_delta",
          delta: { stop_reason: "refusal", stop_sequence: null },
          usage: { output_tokens: 4 },
        },
        "message_delta",
      ) +
      event({ type: "message_stop" }, "message_stop"),
  ],
  ...["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII"].map(
    (finishReason) =>
      [
        "gemini",
        finishReason,
        event({ candidates: [{ content: { role: "model", parts: [] }, finishReason, index: 0 }] }),
      ] as const,
  ),
  ["gemini", "promptFeedback.blockReason", event({ promptFeedback: { blockReason: "SAFETY" } })],
];

function failing(provider: ProviderName, response: () => Response) {
  const fetcher: typeof fetch = () => Promise.resolve(response());
  const definition = define(provider, "https://model.test");
  return call(configure(definition, { KEY: "sk-12345" }, fetcher)).then(failureOf);
}

const stream = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });

describe.each(["openai", "anthropic", "gemini"] as const)("an error of the %s API", (provider) => {
  it.each(ROWS[provider])("$status $word is $class, as a status", async (one) => {
    const failed = await failing(provider, () =>
      Response.json(errorBody(provider, one), { status: one.status }),
    );
    expect(failed).toMatchObject({ stage: "infer", class: one.class, code: one.code });
    expect(failed.message).not.toMatch(/customer|sk-/);
  });

  it.each(ROWS[provider])("$status $word is $class, inside a stream that began well", async (one) => {
    const name = provider === "anthropic" ? "error" : undefined;
    const failed = await failing(provider, () =>
      stream(BEGINNING[provider] + event(errorBody(provider, one), name)),
    );
    expect(failed).toMatchObject({ class: one.class });
    expect(failed.message).not.toMatch(/customer|sk-/);
  });

  it.each(ROWS[provider])("$status $word is $class, as the stream's first word", async (one) => {
    const name = provider === "anthropic" ? "error" : undefined;
    const failed = await failing(provider, () => stream(event(errorBody(provider, one), name)));
    expect(failed).toMatchObject({ class: one.class });
  });
});

describe("an answer that policy stopped", () => {
  it.each(REFUSALS)("by %s, with %s, is degraded: the pipeline decides", async (provider, _, ending) => {
    for (const before of [BEGINNING[provider], ""]) {
      if (provider === "anthropic" && before === "") continue;
      const failed = await failing(provider, () => stream(before + ending));
      expect(failed).toMatchObject({ class: "degraded", code: "content_policy" });
    }
  });
});

describe("a daily cap of Gemini", () => {
  const details = [
    {
      "@type": "type.googleapis.com/google.rpc.QuotaFailure",
      violations: [{ quotaId: "GenerateRequestsPerDayPerProject" }],
    },
    { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34s" },
  ];
  const body = { error: { code: 429, message: SECRET, status: "RESOURCE_EXHAUSTED", details } };

  it("is not hurried, whether it comes as a status or in a stream", async () => {
    const asStatus = await failing("gemini", () => Response.json(body, { status: 429 }));
    expect(asStatus).toMatchObject({ class: "transient", code: "rate_limited", retryAfterMs: 3_600_000 });
    const inStream = await failing("gemini", () => stream(BEGINNING.gemini + event(body)));
    expect(inStream).toMatchObject({ class: "transient", code: "rate_limited", retryAfterMs: 3_600_000 });
  });
});

describe("whatever the provider", () => {
  it.each(["openai", "anthropic", "gemini"] as const)(
    "%s: a network error, a stream cut before its end and silence are transient",
    async (provider) => {
      const unreachable: typeof fetch = () => Promise.reject(new TypeError("Network connection lost."));
      const lost = await call(configure(define(provider, "https://model.test"), undefined, unreachable));
      expect(failureOf(lost)).toMatchObject({ class: "transient", code: "network" });
      const cut = await failing(provider, () => stream(BEGINNING[provider]));
      expect(cut).toMatchObject({ class: "transient", code: "cut" });
      const silent: typeof fetch = () => new Promise(() => undefined);
      const timeouts = { connectMs: 10 };
      const late = await call(
        configure(define(provider, "https://model.test", { timeouts }), undefined, silent),
      );
      expect(failureOf(late)).toMatchObject({ class: "transient", code: "connect_timeout" });
    },
  );
});
