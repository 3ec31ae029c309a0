/** What `POST /v1/chat/completions` takes and refuses. */
import { describe, expect, it } from "vitest";
import { parseChatRequest } from "../../src/streaming/chat-request.ts";

const USER = { role: "user", content: "Hi" };

function parse(members: object) {
  const body = { model: "fast", messages: [USER], ...members };
  return parseChatRequest(new TextEncoder().encode(JSON.stringify(body)));
}

describe("a chat request", () => {
  it.each<[string, object]>([
    ["what clients send by default", { store: false, metadata: { page: "home" }, service_tier: "auto" }],
    ["no tools", { tools: [], tool_choice: "auto", parallel_tool_calls: true, functions: [] }],
    ["no log probabilities", { logprobs: false, top_logprobs: 0, logit_bias: {} }],
    ["plain text", { modalities: ["text"], response_format: { type: "text" }, verbosity: "medium", n: 1 }],
    [
      "whom and what it is for",
      { safety_identifier: "u1", prompt_cache_key: "k", prompt_cache_retention: "24h" },
    ],
    ["nothing by null", { reasoning_effort: null, audio: null, prediction: null, tools: null, store: null }],
    ["how to stream", { stream: true, stream_options: { include_usage: null, include_obfuscation: false } }],
  ])("may say %s", (_, members) => {
    expect(parse(members)).toMatchObject({ ok: true, value: { request: { texts: ["Hi"] } } });
  });

  it.each<[string, object]>([
    ["tools", { tools: [{ type: "function", function: { name: "f" } }] }],
    ["tool_choice", { tool_choice: "required" }],
    ["store", { store: true }],
    ["logprobs", { logprobs: true }],
    ["logit_bias", { logit_bias: { "50256": -100 } }],
    ["n", { n: 2 }],
    ["response_format", { response_format: { type: "json_object" } }],
    ["reasoning_effort", { reasoning_effort: "high" }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["web_search_options", { web_search_options: {} }],
    ["top_k", { top_k: 40 }],
    [
      "messages.1.tool_calls",
      { messages: [USER, { role: "assistant", content: null, tool_calls: [{ id: "c" }] }] },
    ],
    ["messages.1.role", { messages: [USER, { role: "tool", content: "4", tool_call_id: "c" }] }],
  ])("is refused for `%s` that is not done, by its name", (name, members) => {
    const parsed = parse(members);
    if (parsed.ok) throw new Error("it was taken");
    expect(parsed.error).toMatchObject({ status: 400, code: "invalid-request" });
    expect(parsed.error.detail).toContain(name);
  });

  it("takes answers as history, a refusal as what was said, and leaves thoughts out", () => {
    const answered = { role: "assistant", content: "Hello", refusal: null, annotations: [], audio: null };
    const refused = { role: "assistant", content: null, refusal: "I cannot.", tool_calls: null };
    const thought = { role: "assistant", content: "4", reasoning_content: "2 and 2" };
    expect(parse({ messages: [USER, answered, USER, refused, USER, thought, USER] })).toMatchObject({
      ok: true,
      value: { request: { texts: ["Hi", "Hello", "Hi", "I cannot.", "Hi", "4", "Hi"] } },
    });
  });
});
