/** The model server is what it says it is: the providers' own clients work against it. */
import Anthropic from "@anthropic-ai/sdk";
import { ApiError, GoogleGenAI } from "@google/genai";
import OpenAI from "openai";
import { afterEach, describe, expect, it } from "vitest";
import { arm, closeAll, modelServer, TEXT } from "./dev-model-support.ts";
import type { ModelServer } from "../../dev/model-server/server.ts";

afterEach(closeAll);

const MODEL = "sluice-standin-1";
const schema = {
  type: "object",
  properties: { urgent: { type: "boolean" }, summary: { type: "string" } },
  required: ["urgent", "summary"],
  additionalProperties: false,
} as const;

const openai = (server: ModelServer) =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "sk-test", maxRetries: 0 });
const anthropic = (server: ModelServer) =>
  new Anthropic({ baseURL: server.url, apiKey: "sk-test", maxRetries: 0 });
const gemini = (server: ModelServer) =>
  new GoogleGenAI({ apiKey: "sk-test", httpOptions: { baseUrl: server.url } });

describe("OpenAI's client", () => {
  const ask = { model: MODEL, messages: [{ role: "user", content: TEXT }] } satisfies Pick<
    OpenAI.ChatCompletionCreateParams,
    "model" | "messages"
  >;

  it("gets an answer, whole and streamed, with the same text and usage", async () => {
    const client = openai(await modelServer());
    const whole = await client.chat.completions.create(ask);
    const text = whole.choices[0]?.message.content;
    expect(text).toContain("Acme Corp");
    const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe(text);
    expect(final.usage).toEqual(whole.usage);
  });

  it("gets its schema filled, a refusal as a refusal, and the models listed", async () => {
    const server = await modelServer();
    const client = openai(server);
    const response_format = {
      type: "json_schema",
      json_schema: { name: "a", schema, strict: true },
    } as const;
    const filled = await client.chat.completions.create({ ...ask, response_format });
    expect(JSON.parse(filled.choices[0]?.message.content ?? "")).toEqual({
      urgent: expect.any(Boolean),
      summary: expect.any(String),
    });
    await arm(server, { refusal: true, times: 1 });
    const refused = await client.chat.completions.create(ask);
    expect(refused.choices[0]?.message).toMatchObject({ content: null, refusal: expect.any(String) });
    expect((await client.models.list()).data.map((model) => model.id)).toContain(MODEL);
  });

  it("understands its errors: limit, key, model, and one inside a stream", async () => {
    const server = await modelServer({ apiKey: "sk-test", requestsPerMinute: 2 });
    const client = openai(server);
    await expect(client.chat.completions.create({ ...ask, model: "gone" })).rejects.toThrow(
      OpenAI.NotFoundError,
    );
    await client.chat.completions.create(ask);
    await arm(server, { errorAfterChunks: 2, times: 1 });
    const broken = client.chat.completions.stream(ask);
    await expect(broken.finalChatCompletion()).rejects.toThrow(OpenAI.APIError);
    await expect(client.chat.completions.create(ask)).rejects.toThrow(OpenAI.RateLimitError);
    const stranger = client.withOptions({ apiKey: "sk-wrong" });
    await expect(stranger.chat.completions.create(ask)).rejects.toThrow(OpenAI.AuthenticationError);
  });
});

describe("Anthropic's client", () => {
  const ask = {
    model: MODEL,
    max_tokens: 1_000,
    system: "Summarise.",
    messages: [{ role: "user", content: TEXT }],
  } satisfies Anthropic.MessageCreateParams;

  it("gets an answer, whole and streamed, with the same content and usage", async () => {
    const client = anthropic(await modelServer());
    const whole = await client.messages.create(ask);
    expect(whole.content[0]).toMatchObject({ type: "text", text: expect.stringContaining("Acme Corp") });
    expect(whole.stop_reason).toBe("end_turn");
    const streamed = await client.messages.stream(ask).finalMessage();
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.stop_reason).toBe("end_turn");
    expect(streamed.usage.input_tokens).toBe(whole.usage.input_tokens);
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  it("sees every event of the protocol in its order", async () => {
    const client = anthropic(await modelServer());
    const types: string[] = [];
    for await (const event of await client.messages.create({ ...ask, stream: true })) types.push(event.type);
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
  });

  it("gets its schema filled, by output format and by a tool that has to be called, whole and streamed", async () => {
    const client = anthropic(await modelServer());
    const expected = { urgent: expect.any(Boolean), summary: expect.any(String) };
    const formatted = await client.messages.create({
      ...ask,
      output_config: { format: { type: "json_schema", schema } },
    });
    const [block] = formatted.content;
    expect(JSON.parse(block?.type === "text" ? block.text : "")).toEqual(expected);
    const tool = {
      ...ask,
      tools: [{ name: "json", input_schema: { ...schema, required: [...schema.required] } }],
      tool_choice: { type: "tool", name: "json" },
    } satisfies Anthropic.MessageCreateParams;
    for (const answer of [
      await client.messages.create(tool),
      await client.messages.stream(tool).finalMessage(),
    ]) {
      expect(answer.stop_reason).toBe("tool_use");
      expect(answer.content).toMatchObject([{ type: "tool_use", name: "json", input: expected }]);
    }
  });

  it("understands its errors: limit, key, model, overload, and one inside a stream", async () => {
    const server = await modelServer({ apiKey: "sk-test", requestsPerMinute: 3 });
    const client = anthropic(server);
    await expect(client.messages.create({ ...ask, model: "gone" })).rejects.toThrow(Anthropic.NotFoundError);
    await client.messages.create(ask);
    await arm(server, { status: 529, times: 1 });
    await expect(client.messages.create(ask)).rejects.toMatchObject({
      status: 529,
      error: { type: "error", error: { type: "overloaded_error" } },
    });
    await arm(server, { errorAfterChunks: 2, code: "overloaded_error", times: 1 });
    await expect(client.messages.stream(ask).finalMessage()).rejects.toThrow("overloaded_error");
    await expect(client.messages.create(ask)).rejects.toThrow(Anthropic.RateLimitError);
    const stranger = client.withOptions({ apiKey: "sk-wrong" });
    await expect(stranger.messages.create(ask)).rejects.toThrow(Anthropic.AuthenticationError);
  });

  it("is told the limits in Anthropic's headers", async () => {
    const nowMs = Date.parse("2026-11-01T10:00:00Z");
    const client = anthropic(await modelServer({ requestsPerMinute: 60, nowMs: () => nowMs }));
    const { response } = await client.messages.create(ask).withResponse();
    expect(response.headers.get("anthropic-ratelimit-requests-limit")).toBe("60");
    expect(response.headers.get("anthropic-ratelimit-requests-remaining")).toBe("59");
    expect(response.headers.get("anthropic-ratelimit-requests-reset")).toBe("2026-11-01T10:00:01.000Z");
    expect(response.headers.get("anthropic-ratelimit-input-tokens-remaining")).not.toBeNull();
    expect(response.headers.get("x-ratelimit-limit-requests")).toBeNull();
  });

  it("stops at max_tokens, and says when it refuses", async () => {
    const server = await modelServer();
    const client = anthropic(server);
    const short = await client.messages.create({ ...ask, max_tokens: 5 });
    expect(short).toMatchObject({ stop_reason: "max_tokens" });
    await arm(server, { refusal: true, times: 1 });
    expect(await client.messages.stream(ask).finalMessage()).toMatchObject({ stop_reason: "refusal" });
  });
});

describe("Google's client", () => {
  const ask = { model: MODEL, contents: TEXT, config: { systemInstruction: "Summarise." } };

  it("gets an answer, whole and streamed, with the same text and usage", async () => {
    const client = gemini(await modelServer());
    const whole = await client.models.generateContent(ask);
    expect(whole.text).toContain("Acme Corp");
    let text = "";
    let last: (typeof whole)["usageMetadata"];
    for await (const chunk of await client.models.generateContentStream(ask)) {
      text += chunk.text ?? "";
      last = chunk.usageMetadata;
    }
    expect(text).toBe(whole.text);
    expect(last).toEqual(whole.usageMetadata);
  });

  it("gets its schema filled, as JSON schema and in Google's own spelling", async () => {
    const client = gemini(await modelServer());
    const own = {
      type: "OBJECT",
      properties: { urgent: { type: "BOOLEAN" }, summary: { type: "STRING" } },
      required: ["urgent", "summary"],
    };
    for (const config of [{ responseJsonSchema: schema }, { responseSchema: own }]) {
      const answer = await client.models.generateContent({
        ...ask,
        config: { ...config, responseMimeType: "application/json" },
      });
      expect(JSON.parse(answer.text ?? "")).toEqual({
        urgent: expect.any(Boolean),
        summary: expect.any(String),
      });
    }
  });

  it("understands its errors: limit with its delay, key, model, overload", async () => {
    const nowMs = 1_790_000_000_000;
    const server = await modelServer({ apiKey: "sk-test", requestsPerMinute: 2, nowMs: () => nowMs });
    const client = gemini(server);
    const failing = async (asked: typeof ask = ask): Promise<ApiError> => {
      const thrown: unknown = await client.models.generateContent(asked).catch((error: unknown) => error);
      if (thrown instanceof ApiError) return thrown;
      throw new Error("the call succeeded");
    };
    expect((await failing({ ...ask, model: "gone" })).status).toBe(404);
    await client.models.generateContent(ask);
    await arm(server, { status: 503, times: 1 });
    expect((await failing()).status).toBe(503);
    const limited = await failing();
    expect(limited.status).toBe(429);
    expect(limited.message).toContain("RESOURCE_EXHAUSTED");
    expect(limited.message).toContain('"retryDelay":"30s"');
    const stranger = new GoogleGenAI({ apiKey: "sk-wrong", httpOptions: { baseUrl: server.url } });
    await expect(stranger.models.generateContent(ask)).rejects.toThrow("API_KEY_INVALID");
  });

  it("stops at maxOutputTokens, is blocked before it begins, and is stopped for safety", async () => {
    const server = await modelServer();
    const client = gemini(server);
    const short = await client.models.generateContent({ ...ask, config: { maxOutputTokens: 5 } });
    expect(short.candidates?.[0]?.finishReason).toBe("MAX_TOKENS");
    await arm(server, { refusal: true, times: 1 });
    const blocked = await client.models.generateContent(ask);
    expect(blocked.promptFeedback?.blockReason).toBe("PROHIBITED_CONTENT");
    expect(blocked.candidates).toBeUndefined();
    await arm(server, { finishReason: "content_filter", times: 1 });
    expect((await client.models.generateContent(ask)).candidates?.[0]?.finishReason).toBe("SAFETY");
  });
});
