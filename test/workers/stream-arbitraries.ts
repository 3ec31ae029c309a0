/** Random answers of an OpenAI-compatible endpoint: ordinary and odd events in any order, mostly with an end. */
import fc from "fast-check";
import { data, delta, finish } from "./models-fake-upstream.ts";

const part = (member: object, rest: object = {}) =>
  data({
    id: "c1",
    model: "real-model",
    choices: [{ index: 0, delta: member, finish_reason: null }],
    ...rest,
  });
const call = { index: 0, id: "t1", function: { name: "look_up", arguments: "{}" } };
const event = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "grapheme", maxLength: 6 }).map((text) => delta(text)) },
  fc.constantFrom(
    part({ role: "assistant", content: "" }),
    part({ content: null }),
    part({}),
    part({ content: "with more", reasoning_content: null }),
    part({ reasoning_content: "because" }),
    part({ refusal: "I will not." }),
    part({ tool_calls: [call] }),
    part({ content: [{ type: "text", text: "in parts" }] }),
    part({ content: "counted" }, { usage: { prompt_tokens: 1, completion_tokens: 2 } }),
    data({ id: "c1", choices: [] }),
    data({ error: { message: "x", type: "overloaded_error" } }),
    data({ choices: "none" }),
    "data: not json\n\n",
    "data: [DONE]\n\n",
    ": ping\n\n",
    finish("stop"),
    finish("length", { prompt_tokens: 3, completion_tokens: 4 }),
    finish("content_filter"),
    finish("tool_calls"),
  ),
);
const details = { cached_tokens: 1, audio_tokens: null };
const usages = [
  { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
  { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: details, completion_tokens_details: null },
  { prompt_tokens: 3 },
  { prompt_tokens: "three", completion_tokens: 4 },
  { prompt_tokens: 3, completion_tokens: 4, prompt_tokens_details: { cached_tokens: "all" } },
];
const ended = (finish_reason: string, rest: object = {}, ended_delta: object | null = {}) =>
  data({
    id: "c1",
    model: "real-model",
    choices: [{ index: 0, delta: ended_delta, finish_reason }],
    ...rest,
  });
/** As answers end, nearly always: the way that is read without the package. */
const end = fc
  .tuple(
    fc.constantFrom(
      ended("stop"),
      ended("length", {}, { content: "" }),
      ended("content_filter", { usage: null }, { role: "assistant", content: null }),
      ended("stop", { usage: usages[0] }),
      ended("stop", {}, { content: "last words" }),
      ended("stop", {}, null),
      ended("stop", { model: 5 }),
      "",
    ),
    fc.constantFrom("", ...usages.map((usage) => data({ id: "c1", choices: [], usage }))),
    fc.constantFrom("", "data: [DONE]\n\n", delta("more")),
  )
  .map((pieces) => pieces.join(""));

export const answerText: fc.Arbitrary<string> = fc
  .oneof(
    fc.array(event, { maxLength: 10 }),
    fc.tuple(fc.array(event, { maxLength: 2 }), end).map((all) => all.flat()),
  )
  .map((events) => events.join(""));
