import { createParser, type EventSourceMessage } from "eventsource-parser";
import { describe, expect, it } from "vitest";
import type { Ending, Frame } from "../../src/core/stream/model.ts";
import { createEncoder, parseFormat } from "../../src/streaming/formats/format.ts";
import type { StreamFacts } from "../../src/streaming/formats/stream-facts.ts";

const FACTS: StreamFacts = { id: "strm_1", model: "fast", startedAtMs: 1_700_000_000_500 };
const USAGE = { inputTokens: 3, outputTokens: 5, estimated: false };
const DONE: Ending = { kind: "done", finishReason: "content-filter", usage: USAGE };
const INTERRUPTED: Ending = { kind: "error", class: "transient", code: "interrupted", usage: USAGE };

const framesTo = (ending: Ending): Frame[] => [
  { id: 1, body: { kind: "start" } },
  { id: 2, body: { kind: "text", text: "a\nb" } },
  ...(ending === INTERRUPTED ? [{ id: 9, body: { kind: "rewind", toId: 1 } } as const] : []),
  { id: 10, body: ending },
];

function read(format: "sluice" | "ui" | "openai", ending: Ending, facts: StreamFacts = FACTS) {
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const encoder = createEncoder(format, facts);
  for (const frame of framesTo(ending)) parser.feed(encoder.encode(frame));
  return events.map(({ event, id, data }) => ({
    event,
    id,
    data: data === "[DONE]" ? data : (JSON.parse(data) as unknown),
  }));
}

const datas = (events: readonly { readonly data: unknown }[]) => events.map(({ data }) => data);

describe("Sluice's own events", () => {
  it("are one per frame, under its id", () => {
    expect(read("sluice", INTERRUPTED)).toEqual([
      { event: "start", id: "1", data: { id: "strm_1", model: "fast" } },
      { event: "delta", id: "2", data: { text: "a\nb" } },
      { event: "rewind", id: "9", data: { toId: 1 } },
      {
        event: "error",
        id: "10",
        data: {
          class: "transient",
          code: "interrupted",
          message: expect.stringContaining("interrupted"),
          usage: USAGE,
        },
      },
    ]);
    expect(read("sluice", { kind: "stopped", usage: null }).at(-1)).toMatchObject({ event: "stopped" });
  });
});

describe("the AI SDK's message stream", () => {
  const head = [
    { type: "start", messageId: "strm_1" },
    { type: "start-step" },
    { type: "text-start", id: "text" },
    { type: "text-delta", id: "text", delta: "a\nb" },
  ];

  it.each<[string, Ending, readonly unknown[]]>([
    [
      "done",
      DONE,
      [
        { type: "text-end", id: "text" },
        { type: "finish-step" },
        { type: "finish", finishReason: "content-filter", messageMetadata: { usage: USAGE } },
        "[DONE]",
      ],
    ],
    [
      "an interruption",
      INTERRUPTED,
      [
        { type: "data-rewind", data: { toId: 1 }, transient: true },
        { type: "error", errorText: expect.stringContaining("interrupted") },
        "[DONE]",
      ],
    ],
    ["a stop", { kind: "stopped", usage: null }, [{ type: "abort" }, "[DONE]"]],
  ])("tells %s in its own way", (_, ending, tail) => {
    expect(createEncoder("ui", FACTS).headers).toMatchObject({ "x-vercel-ai-ui-message-stream": "v1" });
    expect(datas(read("ui", ending))).toEqual([...head, ...tail]);
  });
});

describe("OpenAI's chunks", () => {
  const head = {
    id: "chatcmpl-strm_1",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "fast",
  };
  const choice = (delta: object, finish_reason: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  const said = [choice({ role: "assistant", content: "" }), choice({ content: "a\nb" })];

  it("end with the reason and [DONE], and with the usage when it is asked for", () => {
    expect(datas(read("openai", DONE))).toEqual([...said, choice({}, "content_filter"), "[DONE]"]);
    const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
    expect(datas(read("openai", DONE, { ...FACTS, includeUsage: true })).slice(-2)).toEqual([
      { ...head, choices: [], usage },
      "[DONE]",
    ]);
  });

  it.each<[string, Ending]>([
    ["interrupted", INTERRUPTED],
    ["stopped", { kind: "stopped", usage: null }],
  ])("that end otherwise (%s) end in an error, never in [DONE]", (code, ending) => {
    expect(datas(read("openai", ending))).toEqual([
      ...said,
      { error: { code, message: expect.any(String), type: expect.any(String), param: null } },
    ]);
  });
});

it("a format is one of three, Sluice's own by default", () => {
  expect(["sluice", "ui", "openai", "xml", undefined].map(parseFormat)).toEqual([
    "sluice",
    "ui",
    "openai",
    undefined,
    "sluice",
  ]);
});
