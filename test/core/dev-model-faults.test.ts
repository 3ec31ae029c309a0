import { afterEach, describe, expect, it } from "vitest";
import {
  arm,
  ask,
  closeAll,
  modelServer,
  readCompletion,
  readStream,
  type Chunk,
} from "./dev-model-support.ts";

afterEach(closeAll);

function contentOf(chunks: readonly Chunk[]): readonly string[] {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").filter((text) => text !== "");
}

describe("a fault of the model server", () => {
  it("answers the error it was given, so many times, and then nothing is wrong any more", async () => {
    const server = await modelServer();
    await arm(server, { status: 429, retryAfterSeconds: 3, times: 2 });
    for (let call = 0; call < 2; call += 1) {
      const response = await ask(server);
      expect([response.status, response.headers.get("retry-after")]).toEqual([429, "3"]);
      expect(await response.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    }
    expect((await ask(server)).status).toBe(200);
    expect(server.calls.entries().map((call) => call.fault)).toEqual(["fault_1", "fault_1", null]);
  });

  it("can be a quota that is used up, which waiting does not cure", async () => {
    const server = await modelServer();
    await arm(server, {
      status: 429,
      code: "insufficient_quota",
      message: "You exceeded your current quota.",
    });
    expect(await (await ask(server)).json()).toEqual({
      error: {
        message: "You exceeded your current quota.",
        type: "insufficient_quota",
        code: "insufficient_quota",
        param: null,
      },
    });
  });

  it("strikes only the model and the text it names", async () => {
    const server = await modelServer();
    await arm(server, { match: "POISON", model: "sluice-standin-1", status: 500 });
    expect((await ask(server)).status).toBe(200);
    expect((await ask(server, { text: "POISON", model: "sluice-standin-1-mini" })).status).toBe(200);
    expect((await ask(server, { text: "a POISON pill" })).status).toBe(500);
  });

  it("is taken back by DELETE, and listed with its use by GET", async () => {
    const server = await modelServer();
    await arm(server, { status: 500, times: 5 });
    await ask(server);
    const listed: unknown = await (await fetch(`${server.url}/__control/faults`)).json();
    expect(listed).toMatchObject({ faults: [{ id: "fault_1", remaining: 4, used: 1 }] });
    await fetch(`${server.url}/__control/faults`, { method: "DELETE" });
    expect((await ask(server)).status).toBe(200);
  });

  it("that is not understood is refused", async () => {
    const server = await modelServer();
    expect((await arm(server, { cutAfterChunk: 3 })).status).toBe(400);
    expect((await arm(server, { status: 200 })).status).toBe(400);
  });

  it("breaks the connection in the middle of a stream, after as many chunks as it says", async () => {
    const server = await modelServer();
    await arm(server, { cutAfterChunks: 5 });
    const { chunks, events, failure } = await readStream(await ask(server, { stream: true }));
    // How many of them a client still sees when the connection breaks is its own affair.
    expect(contentOf(chunks).length).toBeLessThanOrEqual(5);
    expect(events).not.toContain("[DONE]");
    expect(failure).toBeInstanceOf(TypeError);
    expect(server.calls.entries()).toMatchObject([{ status: 200, abortedAtMs: null }]);
  });

  it("ends a stream as if it were complete, without its terminal event", async () => {
    const server = await modelServer();
    await arm(server, { cutAfterChunks: 5, cutMode: "end" });
    const { chunks, events, failure } = await readStream(await ask(server, { stream: true }));
    expect(failure).toBeNull();
    expect(contentOf(chunks)).toHaveLength(5);
    expect(events).not.toContain("[DONE]");
    expect(chunks.every((chunk) => chunk.choices[0]?.finish_reason === null)).toBe(true);
  });

  it("cuts even a stream that is shorter than it says", async () => {
    const server = await modelServer();
    await arm(server, { cutAfterChunks: 100_000, cutMode: "end" });
    const { events } = await readStream(await ask(server, { stream: true }));
    expect(events.length).toBeGreaterThan(40);
    expect(events).not.toContain("[DONE]");
  });

  it("cuts a whole answer in half", async () => {
    const server = await modelServer();
    await arm(server, { cutAfterChunks: 0, cutMode: "end" });
    const text = await (await ask(server)).text();
    expect(() => JSON.parse(text)).toThrow(SyntaxError);
    expect(text).toContain("chat.completion");
  });

  it("is an error event inside a stream that began with 200", async () => {
    const server = await modelServer();
    await arm(server, { errorAfterChunks: 3, status: 429, code: "insufficient_quota" });
    const response = await ask(server, { stream: true });
    expect(response.status).toBe(200);
    const { events } = await readStream(response);
    expect(JSON.parse(events.at(-1) ?? "")).toMatchObject({ error: { code: "insufficient_quota" } });
    expect((await ask(server)).status).toBe(429);
  });

  it("answers text that is not the JSON asked for", async () => {
    const server = await modelServer();
    await arm(server, { garbage: true });
    const schema = { type: "object", properties: { score: { type: "number" } } };
    const response_format = { type: "json_schema", json_schema: { name: "answer", schema } };
    const { choices } = await readCompletion(await ask(server, { response_format }));
    expect(() => JSON.parse(choices[0].message.content ?? "")).toThrow(SyntaxError);
  });

  it("refuses, in a whole answer and in a stream", async () => {
    const server = await modelServer();
    await arm(server, { refusal: true });
    const { choices } = await readCompletion(await ask(server));
    expect(choices[0].message.content).toBeNull();
    expect(choices[0].message.refusal).toContain("can't assist");
    const { chunks, text } = await readStream(await ask(server, { stream: true }));
    expect(text).toBe("");
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.refusal ?? "").join("")).toContain("can't assist");
  });

  it("ends with a finish reason that makes the answer useless", async () => {
    const server = await modelServer();
    await arm(server, { finishReason: "content_filter" });
    expect((await readCompletion(await ask(server))).choices[0].finish_reason).toBe("content_filter");
  });

  it("delays: the client that does not wait is on record as gone, and was never answered", async () => {
    const server = await modelServer();
    await arm(server, { delayMs: 600_000 });
    await expect(ask(server, { signal: AbortSignal.timeout(50) })).rejects.toThrow("timeout");
    const [call] = await server.calls.waitUntil((calls) => calls.some((one) => one.abortedAtMs !== null));
    expect(call?.status).toBeNull();
  });

  it("delays the first token, after the headers", async () => {
    const server = await modelServer();
    await arm(server, { firstTokenDelayMs: 600_000 });
    const client = new AbortController();
    const response = await ask(server, { stream: true, signal: client.signal });
    expect(response.status).toBe(200);
    client.abort();
    const { events, failure } = await readStream(response);
    expect(events).toEqual([]);
    expect(failure).toMatchObject({ name: "AbortError" });
  });
});
