import { afterEach, describe, expect, it } from "vitest";
import { reportOf } from "../../src/models/call.ts";
import { arm, closeAll, modelServer } from "./dev-model-support.ts";
import { call, configure, define, failureOf, PROVIDERS } from "./models-support.ts";

afterEach(closeAll);

const schema = {
  type: "object",
  properties: { summary: { type: "string" }, urgent: { type: "boolean" } },
  required: ["summary", "urgent"],
  additionalProperties: false,
} as const;

describe.each(PROVIDERS)("a model behind the %s API", (provider) => {
  it("answers with its text, its own usage and its finish", async () => {
    const server = await modelServer();
    const result = await call(configure(define(provider, server.url)));
    const [seen] = server.calls.entries();
    expect(result).toMatchObject({
      ok: true,
      value: {
        text: expect.stringContaining("Acme Corp"),
        finishReason: "stop",
        usage: {
          inputTokens: seen?.promptTokens,
          outputTokens: seen?.completionTokens,
          estimated: false,
        },
      },
    });
    expect(seen).toMatchObject({ stream: true, status: 200, abortedAtMs: null });
  });

  it("is held to a JSON schema by the API itself, or by the prompt where the config says so", async () => {
    const server = await modelServer();
    for (const structuredOutput of [true, false]) {
      const result = await call(configure(define(provider, server.url, { structuredOutput })), {
        jsonSchema: schema,
      });
      if (!result.ok) throw new Error(result.error.failure.message);
      expect(JSON.parse(result.value.text)).toEqual({
        summary: expect.any(String),
        urgent: expect.any(Boolean),
      });
    }
  });

  it("that stops for length or by policy is degraded, and its usage is known", async () => {
    const server = await modelServer();
    const model = configure(define(provider, server.url));
    const cut = await call(model, { maxOutputTokens: 3 });
    expect(failureOf(cut)).toMatchObject({ class: "degraded", code: "truncated" });
    expect(cut).toMatchObject({ error: { usage: { estimated: false } } });
    await arm(server, { refusal: true, times: 1 });
    expect(failureOf(await call(model))).toMatchObject({ class: "degraded", code: "content_policy" });
    await arm(server, { finishReason: "content_filter", times: 1 });
    expect(failureOf(await call(model))).toMatchObject({ class: "degraded", code: "content_policy" });
  });

  it("that is cut off before its terminal event fails transiently, broken or closed, early or late", async () => {
    const server = await modelServer();
    const model = configure(define(provider, server.url));
    for (const cutMode of ["reset", "end"]) {
      for (const cutAfterChunks of [1, 4, 10_000]) {
        await arm(server, { cutAfterChunks, cutMode, times: 1 });
        const result = await call(model);
        expect(failureOf(result)).toMatchObject({ class: "transient", code: "cut" });
        expect(result).toMatchObject({ error: { usage: { estimated: true } } });
      }
    }
  });

  it("that is overloaded, before or in the middle of its stream, fails transiently", async () => {
    const server = await modelServer();
    const model = configure(define(provider, server.url));
    for (const fault of [{ status: 503 }, { errorAfterChunks: 0 }, { errorAfterChunks: 3 }]) {
      await arm(server, { ...fault, times: 1 });
      expect(failureOf(await call(model)).class).toBe("transient");
    }
  });

  it("over its limit says when to come back", async () => {
    const server = await modelServer({ requestsPerMinute: 1, nowMs: () => 1_790_000_000_000 });
    const model = configure(define(provider, server.url));
    await call(model);
    const limited = await call(model);
    expect(failureOf(limited)).toMatchObject({
      class: "transient",
      code: "rate_limited",
      retryAfterMs: 60_000,
    });
    expect(reportOf(limited)).toMatchObject({ usedTokens: 0, hint: { limited: true } });
  });

  it("is ended upstream when its caller goes", async () => {
    const server = await modelServer({ tokenDelayMs: 20 });
    const caller = new AbortController();
    const running = call(configure(define(provider, server.url)), {}, caller.signal);
    await server.calls.waitUntil(([first]) => first?.status === 200);
    caller.abort();
    expect(failureOf(await running)).toMatchObject({ class: "transient", code: "cancelled" });
    await server.calls.waitUntil(([first]) => first !== undefined && first.abortedAtMs !== null);
  });

  it("with several keys uses the one that is accepted, and stays with it", async () => {
    const server = await modelServer({ apiKey: "sk-new" });
    const definition = define(provider, server.url, { apiKey: ["OLD_KEY", "NEW_KEY"] });
    const sent: string[] = [];
    const counting: typeof fetch = (input, init) => {
      const headers = new Headers(init?.headers);
      const key = [...headers.values()].find((value) => value.includes("sk-")) ?? "none";
      sent.push(key.replace("Bearer ", ""));
      return fetch(input, init);
    };
    const model = configure(definition, { OLD_KEY: "sk-old", NEW_KEY: "sk-new" }, counting);
    expect((await call(model)).ok).toBe(true);
    expect((await call(model)).ok).toBe(true);
    expect(sent).toEqual(["sk-old", "sk-new", "sk-new"]);
  });

  it("with no accepted key fails for good, each key tried once", async () => {
    const server = await modelServer({ apiKey: "sk-other" });
    const definition = define(provider, server.url, { apiKey: ["OLD_KEY", "NEW_KEY"] });
    const model = configure(definition, { OLD_KEY: "sk-old", NEW_KEY: "sk-new" });
    expect(failureOf(await call(model))).toMatchObject({ class: "permanent", code: "unauthorized" });
  });

  it("runs on one of its keys while the other is not set", async () => {
    const server = await modelServer({ apiKey: "sk-new" });
    const definition = define(provider, server.url, { apiKey: ["OLD_KEY", "NEW_KEY"] });
    expect((await call(configure(definition, { NEW_KEY: "sk-new" }))).ok).toBe(true);
    expect(() => configure(definition, {})).toThrow("OLD_KEY and NEW_KEY");
  });
});

describe("limits in the headers", () => {
  it("of OpenAI and Anthropic reach the guard with every answer; Gemini tells none", async () => {
    const server = await modelServer({ requestsPerMinute: 60 });
    for (const provider of PROVIDERS) {
      const result = await call(configure(define(provider, server.url)));
      const hint = reportOf(result).hint;
      if (provider === "gemini") expect(hint).toBeUndefined();
      else expect(hint).toMatchObject({ limited: false, remainingRequests: expect.any(Number) });
    }
  });
});

describe("an authenticated AI Gateway in front", () => {
  it("gets its own token beside the provider's key", async () => {
    const server = await modelServer();
    const tokens: (string | null)[] = [];
    const spying: typeof fetch = (input, init) => {
      tokens.push(new Headers(init?.headers).get("cf-aig-authorization"));
      return fetch(input, init);
    };
    for (const provider of PROVIDERS) {
      const definition = define(provider, server.url, { gatewayToken: "AIG" });
      const model = configure(definition, { KEY: "sk-test", AIG: "gateway-token" }, spying);
      expect((await call(model)).ok).toBe(true);
      expect(() => configure(definition, { KEY: "sk-test" })).toThrow("AIG");
    }
    expect(tokens).toEqual(PROVIDERS.map(() => "Bearer gateway-token"));
  });
});
