import type { LanguageModelV4, LanguageModelV4StreamResult } from "@ai-sdk/provider";
import { describe, expect, it } from "vitest";
import { callModel, reportOf, type ModelCallResult, type ModelRequest } from "../../src/models/call.ts";
import type { OpenAICompatibleOptions } from "../../src/models/openai-compatible.ts";
import type { ConfiguredModel } from "../../src/models/port.ts";
import {
  completion,
  data,
  delta,
  errorResponse,
  eventStream,
  fakeModel,
  fakeUpstream,
  finish,
  pieces,
} from "./models-fake-upstream.ts";
import type { BodyOptions, FakeUpstream } from "./models-fake-upstream.ts";

const REQUEST: ModelRequest = { instruction: "Summarise.", data: "Some text." };

async function call(
  upstream: FakeUpstream,
  options: Partial<OpenAICompatibleOptions> = {},
  request: ModelRequest = REQUEST,
  signal: AbortSignal = new AbortController().signal,
): Promise<ModelCallResult> {
  const model = fakeModel(upstream, options).registry.get("fast");
  if (!model.ok) throw new Error(model.error.message);
  return callModel(model.value, request, { signal, nowMs: Date.now });
}

function streaming(text: string, options: BodyOptions = {}): FakeUpstream {
  return fakeUpstream(({ signal }) => eventStream(pieces(text, { signal, ...options }).body));
}

function failureOf(result: ModelCallResult) {
  if (result.ok) throw new Error("the call succeeded");
  return result.error.failure;
}

describe("a model call", () => {
  it("returns the whole text whatever byte boundaries the stream is cut at", async () => {
    const texts = ["Grüße, ", "日本", " and 👩‍🚀", "\r\nend"];
    for (const splitBytes of [1, 3, 7, 64]) {
      const result = await call(streaming(completion(texts), { splitBytes }));
      expect(result).toMatchObject({
        ok: true,
        value: { text: texts.join(""), finishReason: "stop", modelId: "real-model" },
      });
    }
  });

  it("sends the key, asks for usage, and follows no redirect", async () => {
    const upstream = streaming(completion(["ok"]));
    await call(upstream, {}, { ...REQUEST, temperature: 0.1, maxOutputTokens: 50 });
    const [sent] = upstream.calls;
    expect(sent?.url).toBe("https://model.test/v1/chat/completions");
    expect(sent?.headers.get("authorization")).toBe("Bearer sk-secret");
    expect(sent?.redirect).toBe("manual");
    expect(sent?.body).toMatchObject({
      model: "test-model",
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.1,
      max_tokens: 50,
      messages: [
        { role: "system", content: "Summarise." },
        { role: "user", content: "Some text." },
      ],
    });
  });

  it("takes the provider's usage, and estimates and marks it when there is none", async () => {
    const counted = await call(streaming(completion(["four"], { prompt_tokens: 100, completion_tokens: 9 })));
    expect(counted).toMatchObject({
      value: { usage: { inputTokens: 100, outputTokens: 9, estimated: false } },
    });
    const uncounted = await call(streaming(delta("12345678") + finish()));
    expect(uncounted).toMatchObject({ value: { usage: { outputTokens: 2, estimated: true } } });
    expect(uncounted.ok && uncounted.value.usage.inputTokens).toBeGreaterThan(4);
  });

  it("passes on what the headers say about limits", async () => {
    const headers = { "x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "2s" };
    const result = await call(fakeUpstream(() => eventStream(completion(["ok"]), headers)));
    expect(result).toMatchObject({
      value: { hint: { remainingRequests: 3, requestsResetMs: 2_000, limited: false } },
    });
  });
});

describe("a stream that does not end as it should", () => {
  it("is a transient failure `cut` when it stops without its finish part, and the usage is not lost", async () => {
    for (const ending of ["close", "break"] as const) {
      const result = await call(streaming(delta("half of an ans"), { ending }));
      expect(failureOf(result)).toMatchObject({ stage: "infer", class: "transient", code: "cut" });
      expect(result).toMatchObject({ error: { usage: { estimated: true } } });
      if (ending === "close") expect(result).toMatchObject({ error: { usage: { outputTokens: 4 } } });
    }
  });

  it("is transient when the answer is not a stream at all", async () => {
    const page = await call(fakeUpstream(() => new Response("<html>maintenance</html>")));
    expect(failureOf(page)).toMatchObject({ class: "transient", code: "cut" });
    const garbled = await call(streaming("data: {not json}\n\n"));
    expect(failureOf(garbled)).toMatchObject({ class: "transient", code: "bad_response" });
  });

  it("is classified by an error inside it, though it began with 200", async () => {
    const busy = await call(
      streaming(delta("a") + data({ error: { message: "x", type: "overloaded_error" } }), { ending: "hang" }),
    );
    expect(failureOf(busy)).toMatchObject({ class: "transient", code: "overloaded" });
    const unpaid = await call(
      streaming(
        data({ error: { message: "x", type: "insufficient_quota", code: "credit_balance_exhausted" } }),
      ),
    );
    expect(failureOf(unpaid)).toMatchObject({ class: "permanent", code: "quota" });
  });

  it("ends upstream when the answer is longer than is read", async () => {
    const upstream = streaming(delta("x".repeat(400_001)), { ending: "hang" });
    expect(failureOf(await call(upstream))).toMatchObject({ class: "degraded", code: "output_too_long" });
    await upstream.aborted;
  });

  it("is degraded when the model stopped for length or policy", async () => {
    const truncated = await call(
      streaming(delta("a") + finish("length", { prompt_tokens: 5, completion_tokens: 1 })),
    );
    expect(failureOf(truncated)).toMatchObject({ class: "degraded", code: "truncated" });
    expect(truncated).toMatchObject({
      error: { usage: { inputTokens: 5, outputTokens: 1, estimated: false } },
    });
    for (const reason of ["content_filter", "SAFETY"]) {
      const refused = await call(streaming(delta("a") + finish(reason)));
      expect(failureOf(refused)).toMatchObject({ class: "degraded", code: "content_policy" });
    }
  });
});

describe("time-outs", () => {
  const silent = () => new Promise<Response>(() => undefined);
  const cases = [
    ["connect_timeout", { connectMs: 20 }, fakeUpstream(silent)],
    ["first_token_timeout", { firstTokenMs: 20 }, streaming(": ping\n\n", { ending: "hang" })],
    ["idle_timeout", { idleMs: 20 }, streaming(delta("a"), { ending: "hang" })],
    ["total_timeout", { totalMs: 20 }, streaming(delta("a"), { ending: "hang" })],
  ] as const;

  it.each(cases)("%s is transient and ends the call upstream", async (code, timeouts, upstream) => {
    const result = await call(upstream, { timeouts });
    expect(failureOf(result)).toMatchObject({ class: "transient", code });
    await upstream.aborted;
    expect(upstream.calls[0]?.signal.aborted).toBe(true);
  });

  it("hold against an error body that never ends", async () => {
    const upstream = fakeUpstream(
      ({ signal }) => new Response(pieces("{", { ending: "hang", signal }).body, { status: 500 }),
    );
    expect(failureOf(await call(upstream, { timeouts: { connectMs: 20 } }))).toMatchObject({
      code: "connect_timeout",
    });
    await upstream.aborted;
  });
});

describe("cancelling", () => {
  it("reaches the upstream while it connects and while it streams", async () => {
    for (const upstream of [
      fakeUpstream(() => new Promise<Response>(() => undefined)),
      streaming(delta("a"), { ending: "hang" }),
    ]) {
      const caller = new AbortController();
      const running = call(upstream, {}, REQUEST, caller.signal);
      await upstream.called;
      caller.abort();
      const result = await running;
      expect(failureOf(result)).toMatchObject({ class: "transient", code: "cancelled" });
      expect(reportOf(result).outcome).toBe("cancelled");
      await upstream.aborted;
    }
  });

  it("before the call leaves the upstream alone", async () => {
    const upstream = streaming(completion(["a"]));
    expect(failureOf(await call(upstream, {}, REQUEST, AbortSignal.abort()))).toMatchObject({
      code: "cancelled",
    });
    expect(upstream.calls).toHaveLength(0);
  });
});

describe("a provider package that does not watch its signal", () => {
  const stubborn = (doStream: LanguageModelV4["doStream"]): ConfiguredModel => {
    const model = fakeModel(streaming(""), { timeouts: { connectMs: 20, firstTokenMs: 20 } }).registry.get(
      "fast",
    );
    if (!model.ok) throw new Error(model.error.message);
    return { ...model.value, model: { ...model.value.model, doStream } };
  };
  const context = { signal: new AbortController().signal, nowMs: Date.now };

  it("cannot hold up a time-out, and a stream that comes too late is ended", async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const late = Promise.withResolvers<LanguageModelV4StreamResult>();
    const result = await callModel(
      stubborn(() => late.promise),
      REQUEST,
      context,
    );
    expect(failureOf(result)).toMatchObject({ code: "connect_timeout" });
    late.resolve({ stream: new ReadableStream({ cancel: (reason) => cancelled.resolve(reason) }) });
    await cancelled.promise;
  });

  it("is cancelled in the middle of a read", async () => {
    const cancelled = Promise.withResolvers<unknown>();
    const silent = new ReadableStream<never>({ cancel: (reason) => cancelled.resolve(reason) });
    const result = await callModel(
      stubborn(async () => ({ stream: silent })),
      REQUEST,
      context,
    );
    expect(failureOf(result)).toMatchObject({ code: "first_token_timeout" });
    await cancelled.promise;
  });
});

describe("what the guard is told", () => {
  it("is the real usage of a success", async () => {
    const result = await call(streaming(completion(["a"], { prompt_tokens: 30, completion_tokens: 12 })));
    expect(reportOf(result)).toMatchObject({ outcome: "success", usedTokens: 42 });
  });

  it("is 0 tokens for a refused request, unknown for one that got no answer", async () => {
    const limited = await call(
      fakeUpstream(() =>
        errorResponse(429, { message: "x", code: "rate_limit_exceeded" }, { "retry-after": "3" }),
      ),
    );
    expect(reportOf(limited)).toMatchObject({
      outcome: "transient",
      usedTokens: 0,
      hint: { limited: true, retryAfterMs: 3_000 },
    });
    const lost = await call(fakeUpstream(() => Promise.reject(new Error("Network connection lost."))));
    expect(failureOf(lost)).toMatchObject({ class: "transient", code: "network" });
    expect(reportOf(lost)).toMatchObject({ outcome: "transient", usedTokens: null });
  });

  it("does not hold a useless answer against the endpoint", async () => {
    const truncated = await call(streaming(delta("a") + finish("length")));
    expect(reportOf(truncated).outcome).toBe("success");
  });
});

describe("a JSON schema", () => {
  const strict = {
    type: "object",
    properties: { a: { type: "string" } },
    required: ["a"],
    additionalProperties: false,
  } as const;

  it("goes into the prompt where the endpoint takes none", async () => {
    const upstream = streaming(completion(["{}"]));
    await call(upstream, {}, { ...REQUEST, jsonSchema: strict });
    expect(upstream.calls[0]?.body).not.toHaveProperty("response_format");
    expect(JSON.stringify(upstream.calls[0]?.body["messages"])).toContain(
      JSON.stringify(JSON.stringify(strict)).slice(1, -1),
    );
  });

  it("goes to the endpoint that takes one, strictly only when it can be decoded strictly", async () => {
    const loose = { ...strict, required: [] };
    for (const [jsonSchema, expected] of [
      [strict, true],
      [loose, false],
    ] as const) {
      const upstream = streaming(completion(["{}"]));
      await call(upstream, { structuredOutput: true }, { ...REQUEST, jsonSchema });
      expect(upstream.calls[0]?.body["response_format"]).toMatchObject({
        type: "json_schema",
        json_schema: { schema: jsonSchema, strict: expected },
      });
      expect(JSON.stringify(upstream.calls[0]?.body["messages"])).not.toContain("JSON schema");
    }
  });
});
