/** The adapters of Anthropic and Google inside workerd; what they do in full is tested over HTTP in `test/core`. */
import { describe, expect, it } from "vitest";
import { anthropic } from "../../src/models/anthropic.ts";
import { callModel } from "../../src/models/call.ts";
import { google } from "../../src/models/google.ts";
import type { ModelDefinition } from "../../src/models/port.ts";
import { createModelRegistry } from "../../src/models/registry.ts";
import { eventStream, fakeUpstream, pieces, type BodyOptions } from "./models-fake-upstream.ts";

const event = (data: { readonly type: string; readonly [field: string]: unknown }) =>
  `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const plain = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;

const usage = { input_tokens: 11, output_tokens: 1 };
const CASES: readonly (readonly [string, ModelDefinition, string, string])[] = [
  [
    "Anthropic",
    anthropic({ model: "claude-haiku-4-5", apiKey: "KEY" }),
    event({
      type: "message_start",
      message: {
        id: "m",
        type: "message",
        role: "assistant",
        model: "claude-haiku-4-5",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage,
      },
    }) +
      event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }) +
      event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Grüße" } }),
    event({ type: "content_block_stop", index: 0 }) +
      event({
        type: "message_delta",
        delta: { stop_reason: "end_turn", stop_sequence: null },
        usage: { output_tokens: 7 },
      }) +
      event({ type: "message_stop" }),
  ],
  [
    "Google",
    google({ model: "gemini-2.5-flash", apiKey: "KEY" }),
    plain({ candidates: [{ content: { role: "model", parts: [{ text: "Grüße" }] }, index: 0 }] }),
    plain({
      candidates: [{ content: { role: "model", parts: [{ text: "" }] }, finishReason: "STOP", index: 0 }],
      usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 7, totalTokenCount: 18 },
    }),
  ],
];

function start(definition: ModelDefinition, text: string, options: BodyOptions, signal: AbortSignal) {
  const upstream = fakeUpstream((call) =>
    eventStream(pieces(text, { ...options, signal: call.signal }).body),
  );
  const found = createModelRegistry(new Map([["fast", definition]]), {
    binding: () => "sk-test",
    fetch: upstream.fetch,
  }).get("fast");
  if (!found.ok) throw new Error(found.error.message);
  const request = { instruction: "Greet.", data: "Dana" };
  return { upstream, result: callModel(found.value, request, { signal, nowMs: Date.now }) };
}

const live = () => new AbortController().signal;

describe.each(CASES)("%s's adapter in workerd", (_, definition, beginning, ending) => {
  it("reads an answer whatever byte boundaries it is cut at", async () => {
    for (const splitBytes of [1, 7, 4_096]) {
      const { result } = start(definition, beginning + ending, { splitBytes }, live());
      expect(await result).toMatchObject({
        ok: true,
        value: { text: "Grüße", usage: { inputTokens: 11, outputTokens: 7, estimated: false } },
      });
    }
  });

  it("takes an answer that stops short for cut, however it stops", async () => {
    for (const ending of ["close", "break"] as const) {
      const { result } = start(definition, beginning, { ending }, live());
      expect(await result).toMatchObject({
        ok: false,
        error: { failure: { class: "transient", code: "cut" } },
      });
    }
  });

  it("ends the call upstream when its caller goes", async () => {
    const caller = new AbortController();
    const { upstream, result } = start(definition, beginning, { ending: "hang" }, caller.signal);
    await upstream.called;
    caller.abort();
    expect(await result).toMatchObject({ ok: false, error: { failure: { code: "cancelled" } } });
    await upstream.aborted;
  });
});
