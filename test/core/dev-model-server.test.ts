import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startModelServer } from "../../dev/model-server/server.ts";
import { ask, closeAll, modelServer, post, readCompletion, readStream, TEXT } from "./dev-model-support.ts";

afterEach(closeAll);

describe("the embedded model server", () => {
  it("answers a completion with usage that adds up, the same every time", async () => {
    const server = await modelServer();
    const first = await readCompletion(await ask(server));
    const second = await readCompletion(await ask(server));
    const [choice] = first.choices;
    expect(choice.finish_reason).toBe("stop");
    expect(choice.message.content).toContain("Acme Corp");
    expect(first.usage.total_tokens).toBe(first.usage.prompt_tokens + first.usage.completion_tokens);
    expect(first.usage.prompt_tokens).toBeGreaterThan(30);
    expect(second.choices).toEqual(first.choices);
    expect(second.usage).toEqual(first.usage);
  });

  it("computes its answer from the text: another text, another answer", async () => {
    const server = await modelServer();
    const sad = await readCompletion(await ask(server));
    const glad = await readCompletion(
      await ask(server, { text: "Lovely work, Maria! Everything arrived in Lisbon." }),
    );
    expect(sad.choices[0].message.content).toContain("negative");
    expect(glad.choices[0].message.content).toContain("positive");
    expect(glad.choices[0].message.content).toContain("Lisbon");
  });

  it("streams the same text in chunks: a role first, a finish reason, usage, [DONE]", async () => {
    const server = await modelServer();
    const whole = await readCompletion(await ask(server));
    const response = await ask(server, { stream: true, stream_options: { include_usage: true } });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const { chunks, events, text } = await readStream(response);
    expect(text).toBe(whole.choices[0].message.content);
    expect(chunks.length).toBeGreaterThan(40);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: "assistant", content: "" });
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(events.at(-1)).toBe("[DONE]");
  });

  it("streams no usage that nobody asked for", async () => {
    const server = await modelServer();
    const { chunks } = await readStream(await ask(server, { stream: true }));
    expect(chunks.some((chunk) => "usage" in chunk)).toBe(false);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
  });

  it("stops at max_tokens and says so, counted in its own tokens", async () => {
    const server = await modelServer();
    for (const field of ["max_tokens", "max_completion_tokens"]) {
      const { choices, usage } = await readCompletion(await ask(server, { [field]: 12 }));
      expect(choices[0].finish_reason).toBe("length");
      expect(usage.completion_tokens).toBeLessThanOrEqual(12);
      expect(usage.completion_tokens).toBeGreaterThan(8);
    }
  });

  it("reads only the beginning as its mini model", async () => {
    const server = await modelServer();
    const text = `${"The harbour is calm today. ".repeat(20)} Contact maria@example.com.`;
    const full = await readCompletion(await ask(server, { text }));
    const mini = await readCompletion(await ask(server, { text, model: "sluice-standin-1-mini" }));
    expect(full.choices[0].message.content).toContain("maria@example.com");
    expect(mini.choices[0].message.content).not.toContain("maria@example.com");
  });

  it("lists its models, and those it was told to answer for", async () => {
    const server = await modelServer({ models: ["gpt-5-mini"] });
    expect(await (await fetch(`${server.url}/v1/models`)).json()).toMatchObject({
      object: "list",
      data: [{ id: "sluice-standin-1" }, { id: "sluice-standin-1-mini" }, { id: "gpt-5-mini" }],
    });
    expect((await ask(server, { model: "gpt-5-mini" })).status).toBe(200);
    expect(await (await fetch(`${server.url}/healthz`)).json()).toMatchObject({ ok: true, standIn: true });
  });
});

describe("a bad request", () => {
  const messages = [{ role: "user", content: "Hello" }];
  const cases = [
    { name: "no JSON", body: '{"model":', status: 400, code: null, param: null },
    { name: "no object", body: "[]", status: 400, code: "invalid_type", param: null },
    {
      name: "no messages",
      body: { model: "sluice-standin-1" },
      status: 400,
      code: "missing_required_parameter",
      param: "messages",
    },
    { name: "no model", body: { messages }, status: 400, code: "missing_required_parameter", param: "model" },
    {
      name: "an unknown role",
      body: { model: "sluice-standin-1", messages: [{ role: "boss", content: "" }] },
      status: 400,
      code: "invalid_value",
      param: "messages.0.role",
    },
    {
      name: "a temperature out of range",
      body: { model: "sluice-standin-1", messages, temperature: 3 },
      status: 400,
      code: "invalid_value",
      param: "temperature",
    },
    {
      name: "a wrong type",
      body: { model: "sluice-standin-1", messages, stream: "yes" },
      status: 400,
      code: "invalid_type",
      param: "stream",
    },
    {
      name: "tools",
      body: { model: "sluice-standin-1", messages, tools: [{ type: "function" }] },
      status: 400,
      code: "unsupported_parameter",
      param: "tools",
    },
    {
      name: "an unknown model",
      body: { model: "gpt-99", messages },
      status: 404,
      code: "model_not_found",
      param: null,
    },
  ] as const;

  it.each(cases)(
    "with $name is answered $status as OpenAI shapes it",
    async ({ body, status, code, param }) => {
      const server = await modelServer();
      const response = await post(server, body);
      expect(response.status).toBe(status);
      expect(await response.json()).toEqual({
        error: { message: expect.any(String), type: "invalid_request_error", code, param },
      });
    },
  );

  it("to another address is answered 404, in the same shape", async () => {
    const server = await modelServer();
    const response = await fetch(`${server.url}/v1/embeddings`, { method: "POST", body: "{}" });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "unknown_url" } });
  });

  it("without the configured key is answered 401, and any key will do where none is configured", async () => {
    const closed = await modelServer({ apiKey: "sk-right" });
    const denied = await ask(closed, { headers: { authorization: "Bearer sk-wrong" } });
    expect(denied.status).toBe(401);
    expect(await denied.json()).toMatchObject({ error: { code: "invalid_api_key" } });
    expect((await ask(closed)).status).toBe(401);
    expect((await ask(closed, { headers: { authorization: "Bearer sk-right" } })).status).toBe(200);
    const anyone = await modelServer();
    expect((await ask(anyone, { headers: { authorization: "Bearer whatever" } })).status).toBe(200);
  });
});

describe("limits", () => {
  it("are told in OpenAI's headers, and refill with time", async () => {
    let nowMs = 1_790_000_000_000;
    const server = await modelServer({ requestsPerMinute: 60, tokensPerMinute: 6_000, nowMs: () => nowMs });
    const first = await ask(server);
    expect(first.headers.get("x-ratelimit-limit-requests")).toBe("60");
    expect(first.headers.get("x-ratelimit-remaining-requests")).toBe("59");
    expect(first.headers.get("x-ratelimit-reset-requests")).toBe("1s");
    expect(first.headers.get("x-ratelimit-limit-tokens")).toBe("6000");
    expect(Number(first.headers.get("x-ratelimit-remaining-tokens"))).toBeLessThan(6_000);
    nowMs += 60_000;
    const later = await ask(server);
    expect(later.headers.get("x-ratelimit-remaining-requests")).toBe("59");
  });

  it("answer 429 with a wait that is true: before it is over no, after it yes", async () => {
    let nowMs = 1_790_000_000_000;
    const server = await modelServer({ requestsPerMinute: 2, nowMs: () => nowMs });
    expect([(await ask(server)).status, (await ask(server)).status]).toEqual([200, 200]);
    const denied = await ask(server);
    expect(denied.status).toBe(429);
    expect(denied.headers.get("retry-after")).toBe("30");
    expect(denied.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(await denied.json()).toMatchObject({
      error: { code: "rate_limit_exceeded", type: "requests", param: null },
    });
    nowMs += 29_000;
    expect((await ask(server)).status).toBe(429);
    nowMs += 1_000;
    expect((await ask(server)).status).toBe(200);
  });

  it("count tokens too: reserved before the answer, settled after it", async () => {
    const nowMs = 1_790_000_000_000;
    const server = await modelServer({ tokensPerMinute: 400, nowMs: () => nowMs });
    const { usage } = await readCompletion(await ask(server, { max_tokens: 200 }));
    expect(usage.total_tokens).toBeLessThan(200);
    const second = await ask(server, { max_tokens: 20 });
    expect(second.status).toBe(200);
    const left = 400 - usage.total_tokens - (await readCompletion(second)).usage.total_tokens;
    const denied = await ask(server, { max_tokens: 300 });
    expect(denied.status).toBe(429);
    expect(await denied.json()).toMatchObject({ error: { type: "tokens" } });
    expect(denied.headers.get("x-ratelimit-remaining-tokens")).toBe(String(left));
  });
});

describe("the record of calls", () => {
  it("has every call with its outcome, also those that were refused", async () => {
    const server = await modelServer();
    await ask(server);
    await post(server, "{");
    const answer: unknown = await (await fetch(`${server.url}/__control/calls`)).json();
    expect(answer).toMatchObject({
      calls: [
        {
          model: "sluice-standin-1",
          status: 200,
          stream: false,
          textStart: TEXT.slice(0, 80),
          abortedAtMs: null,
        },
        { model: "", status: 400, promptTokens: 0 },
      ],
      dropped: 0,
    });
    await fetch(`${server.url}/__control/calls`, { method: "DELETE" });
    expect(server.calls.entries()).toEqual([]);
  });

  it("gives equal prompts equal hashes and others another", async () => {
    const server = await modelServer();
    await ask(server);
    await ask(server);
    await ask(server, { text: `${TEXT} ` });
    const [first, second, third] = server.calls.entries().map((call) => call.textHash);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
  });

  it("shows when a client went away in the middle of a stream, and that the stream stopped there", async () => {
    const server = await modelServer({ tokenDelayMs: 20 });
    const client = new AbortController();
    const response = await ask(server, { stream: true, signal: client.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    const abortedAtMs = Date.now();
    client.abort();
    const [call] = await server.calls.waitUntil((calls) => calls.some((one) => one.abortedAtMs !== null));
    expect(call?.abortedAtMs).toBeGreaterThanOrEqual(abortedAtMs - 1);
    expect(call?.finishedAtMs).toBeNull();
    const whole = await readCompletion(await ask(server));
    expect(call?.completionTokens).toBeLessThan(whole.usage.completion_tokens);
  });

  it("shows when a client went away before there was an answer", async () => {
    const server = await modelServer({ latencyMs: 60_000 });
    const client = new AbortController();
    const answer = ask(server, { signal: client.signal });
    await server.calls.waitUntil((calls) => calls.some((call) => call.promptTokens > 0));
    client.abort();
    await expect(answer).rejects.toThrow("aborted");
    const [call] = await server.calls.waitUntil((calls) => calls.some((one) => one.abortedAtMs !== null));
    expect(call?.status).toBeNull();
  });

  it("with a file survives a restart, and skips a line that was cut off", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-model-"));
    try {
      const recordFile = join(folder, "calls.jsonl");
      const first = await startModelServer({ port: 0, tokenDelayMs: 0, recordFile });
      await ask(first);
      await first.close();
      const { appendFileSync } = await import("node:fs");
      appendFileSync(recordFile, '{"id":"call_half","atMs":17');
      const second = await modelServer({ recordFile });
      expect(second.calls.entries()).toMatchObject([{ status: 200, textStart: TEXT.slice(0, 80) }]);
      expect(second.calls.entries()).toEqual(first.calls.entries());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
