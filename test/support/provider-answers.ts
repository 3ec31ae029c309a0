/** One short answer, "hello", as each provider streams it. */
import type { ProviderName } from "../core/models-support.ts";
import { data, delta, finish } from "../workers/models-fake-upstream.ts";

export interface AnswerPieces {
  readonly start: string;
  readonly end: string;
}

const named = (event: { readonly type: string }) => `event: ${event.type}\n${data(event)}`;

const message = { id: "m1", type: "message", role: "assistant", model: "m", content: [], stop_reason: null };

const ANTHROPIC_START = [
  { type: "message_start", message: { ...message, usage: { input_tokens: 11, output_tokens: 1 } } },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hello" } },
];
const ANTHROPIC_END = [
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 7 } },
  { type: "message_stop" },
];

const candidate = (text: string) => ({ content: { role: "model", parts: [{ text }] }, index: 0 });

export const ANSWERS: Readonly<Record<ProviderName, AnswerPieces>> = {
  openai: { start: delta("hello"), end: finish("stop", { prompt_tokens: 11, completion_tokens: 7 }) },
  anthropic: { start: ANTHROPIC_START.map(named).join(""), end: ANTHROPIC_END.map(named).join("") },
  gemini: {
    start: data({ candidates: [candidate("hello")] }),
    end: data({
      candidates: [{ ...candidate(""), finishReason: "STOP" }],
      usageMetadata: { promptTokenCount: 11, candidatesTokenCount: 7 },
    }),
  },
};
