/** OpenAI's own client against the gateway: whole, streamed, aborted, refused. */
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOCAL_API_TOKEN } from "../../dev/lib/local-secrets.ts";
import type { ModelCall } from "../../dev/model-server/server.ts";
import { startDirectGateway, type DirectGateway } from "../support/e2e-direct-gateway.ts";
import { arm } from "../support/e2e-gateway.ts";
import { until } from "../support/e2e-until.ts";

const LETTER =
  "Thank you for the quick help with our order. The parcel from Harbourline Logistics arrived on 4 March, two days early. One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day. We will gladly order again.";

let gateway: DirectGateway;
let client: OpenAI;

beforeAll(async () => {
  gateway = await startDirectGateway();
  client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: LOCAL_API_TOKEN, maxRetries: 0 });
});

afterAll(async () => {
  await gateway.close();
});

const messages = (mark: string): OpenAI.ChatCompletionMessageParam[] => [
  { role: "user", content: `${mark}. ${LETTER}` },
];

function callAbout(mark: string): ModelCall | undefined {
  return gateway.model.calls.entries().find((call) => call.textStart.includes(mark));
}

describe.concurrent("OpenAI's client", () => {
  it("gets a whole answer with its usage, the model's own numbers", async () => {
    const answer = await client.chat.completions.create({ model: "fast", messages: messages("Whole") });
    expect(answer).toMatchObject({
      object: "chat.completion",
      model: "fast",
      choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant" } }],
      usage: {
        prompt_tokens: callAbout("Whole")?.promptTokens,
        completion_tokens: callAbout("Whole")?.completionTokens,
      },
    });
    expect(answer.choices[0]?.message.content).toContain("Harbourline Logistics");
  });

  it("gets a streamed answer, and its usage in the last chunk", async () => {
    const stream = await client.chat.completions.create({
      model: "fast",
      messages: messages("Streamed"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toContain(
      "Harbourline Logistics",
    );
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)?.usage).toMatchObject({
      completion_tokens: callAbout("Streamed")?.completionTokens,
    });
  });

  it("that aborts ends the call at the model", async () => {
    const stream = await client.chat.completions.create({
      model: "fast",
      messages: messages("Aborted"),
      stream: true,
    });
    for await (const chunk of stream) {
      expect(chunk.object).toBe("chat.completion.chunk");
      stream.controller.abort();
    }
    const call = await until("the model sees it leave", () => {
      const seen = callAbout("Aborted");
      return seen?.abortedAtMs === null ? undefined : seen;
    });
    expect(call.finishedAtMs).toBeNull();
  });

  it("throws when the upstream is cut, after what came before", async () => {
    await arm(gateway.model, { match: "Severed", times: 1, cutAfterChunks: 5, cutMode: "end" });
    const stream = await client.chat.completions.create({
      model: "fast",
      messages: messages("Severed"),
      stream: true,
    });
    let chunks = 0;
    const reading = (async () => {
      for await (const chunk of stream) chunks += chunk.choices.length;
    })();
    await expect(reading).rejects.toBeInstanceOf(OpenAI.APIError);
    expect(chunks).toBe(6);
  });

  it("gets a verbatim answer as the endpoint gave it", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: messages("Verbatim"),
      stream: true,
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const seen = callAbout("Verbatim");
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toContain(
      "Harbourline Logistics",
    );
    expect(chunks[0]?.model).toBe("sluice-standin-1");
    expect(chunks.at(-1)?.usage).toMatchObject({ completion_tokens: seen?.completionTokens });
  });

  it("that aborts a verbatim answer ends the call at the model as well", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: messages("Left"),
      stream: true,
    });
    for await (const chunk of stream) {
      expect(chunk.object).toBe("chat.completion.chunk");
      stream.controller.abort();
    }
    const call = await until("the model sees it leave", () => {
      const seen = callAbout("Left");
      return seen?.abortedAtMs === null ? undefined : seen;
    });
    expect(call.finishedAtMs).toBeNull();
  });

  it.each(["end", "reset"] as const)("throws when a verbatim answer is cut (%s)", async (cutMode) => {
    const mark = `Torn ${cutMode}`;
    await arm(gateway.model, { match: mark, times: 1, cutAfterChunks: 5, cutMode });
    const stream = await client.chat.completions.create({
      model: "chat",
      messages: messages(mark),
      stream: true,
    });
    let chunks = 0;
    const reading = (async () => {
      for await (const chunk of stream) chunks += chunk.choices.length;
    })();
    await expect(reading).rejects.toBeInstanceOf(OpenAI.APIError);
    expect(chunks).toBeGreaterThan(0);
  });

  it("understands what is refused", async () => {
    const ask = (more: object, using = client) =>
      using.chat.completions.create({ model: "fast", messages: messages("Refused"), ...more });
    const stranger = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "wrong", maxRetries: 0 });
    await expect(ask({}, stranger)).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(ask({ model: "gpt-nowhere" })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(ask({ n: 2 })).rejects.toMatchObject({
      status: 400,
      type: "invalid_request_error",
      code: "invalid_request",
      message: expect.stringContaining("n"),
    });
    expect(callAbout("Refused")).toBeUndefined();
  });
});
