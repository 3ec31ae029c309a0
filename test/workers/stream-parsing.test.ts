/** Event streams as providers really send them, read off the bytes: whatever the format allows, wherever the bytes are cut. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readOpenAIEvents } from "../../src/models/answer-events.ts";
import { answersOnly } from "../../src/models/answer-stream.ts";
import { openModelStream } from "../../src/models/model-stream.ts";
import { PlainTextFirst } from "../../src/models/plain-text.ts";
import type { ConfiguredModel, ModelStep } from "../../src/models/port.ts";
import {
  completion,
  delta,
  eventStream,
  fakeModel,
  fakeUpstream,
  finish,
  pieces,
} from "./models-fake-upstream.ts";
import { answerText } from "./stream-arbitraries.ts";
import { allEvents, gateway, HELLO, streaming } from "./streaming-fake-gateway.ts";

const PLAIN = delta("Grüße") + delta(" 👋") + finish("stop", { prompt_tokens: 11, completion_tokens: 7 });

describe("an upstream's events", () => {
  it.each<[string, string]>([
    ["with CRLF", PLAIN.replaceAll("\n", "\r\n")],
    ["with CR alone", PLAIN.replaceAll("\n", "\r")],
    ["with line ends of all kinds", PLAIN.replace("\n\n", "\r\n\n").replace(/\n\n$/, "\r\r")],
    ["after a byte order mark", `\uFEFF${PLAIN}`],
    ["between comments", `: hello\n\n${PLAIN.replaceAll("\n\n", "\n: ping\n\n: pong\n\n")}`],
    ["under ids with NUL, and empty ones", PLAIN.replaceAll("data:", "id: a\0b\nid\ndata:")],
    ["with a retry that is no number", `retry: soon\n\n${PLAIN.replaceAll("data:", "retry: -1\ndata:")}`],
    ["without the space after the colon", PLAIN.replaceAll("data: ", "data:")],
    ["with fields nobody knows", PLAIN.replaceAll("data:", "event: message\nweight: 3\ndata:")],
    ["whose data takes several lines", PLAIN.replaceAll('data: {"id"', 'data: {\ndata: "id"')],
  ])("%s are read alike, cut at any byte", async (_, text) => {
    for (const splitBytes of [1, 3, 1_000]) {
      const { post } = gateway(streaming(text, { splitBytes }));
      const events = await allEvents(await post(HELLO));
      expect(events.map(({ event, data }) => [event, data])).toMatchObject([
        ["start", {}],
        ["delta", { text: "Grüße" }],
        ["delta", { text: " 👋" }],
        ["done", { finishReason: "stop", usage: { inputTokens: 11, outputTokens: 7, estimated: false } }],
      ]);
    }
  });

  it("that are not closed by an empty line do not count", async () => {
    const { post } = gateway(streaming(delta("half") + delta("lost").trimEnd()));
    const events = await allEvents(await post(HELLO));
    expect(events.map(({ event, data }) => [event, data])).toMatchObject([
      ["start", {}],
      ["delta", { text: "half" }],
      ["error", { code: "cut" }],
    ]);
  });

  it("of a line without an end are given up at the cap, whatever is still to come", async () => {
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(`data: ${"x".repeat(1_000)}`)),
    });
    const text = new PlainTextFirst(endless, 10_000);
    expect(await text.next()).toBeNull();
    await expect(new Response(text.rest()).text()).rejects.toThrow("larger than 10000 B");
  });
});

it.each([
  { prompt_tokens: 1e300, completion_tokens: 1e300 },
  { prompt_tokens: -5, completion_tokens: -1_000_000 },
  { prompt_tokens: 1.5, completion_tokens: 0.5 },
])("a provider's count that cannot be true is not believed: %o", async (usage) => {
  const { post, settled } = gateway(streaming(completion(["hello"], usage)));
  const events = await allEvents(await post(HELLO));
  expect(events.at(-1)).toMatchObject({
    event: "done",
    data: { usage: { inputTokens: 7, outputTokens: 2, estimated: true } },
  });
  expect((await settled()).reports).toMatchObject([{ usedTokens: 9 }]);
});

async function read(model: ConfiguredModel) {
  const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "Hi" }] }];
  const { signal } = new AbortController();
  const opened = await openModelStream(model, { prompt }, { signal, nowMs: () => 0 });
  if (!opened.ok) return { steps: [], usage: null, failed: opened.error.failure };
  const steps: ModelStep[] = [];
  let step: ModelStep;
  do {
    step = await opened.value.next();
    steps.push(step);
  } while (step.kind === "text");
  return { steps, usage: opened.value.usage, failed: null };
}

it("whatever comes, in whatever order, is read the short way as the provider's package reads it", async () => {
  let sent = { text: "", splitBytes: 1 };
  const upstream = fakeUpstream(({ signal }) =>
    eventStream(pieces(sent.text, { splitBytes: sent.splitBytes, signal }).body),
  );
  const short = fakeModel(upstream).registry.get("fast");
  if (!short.ok) throw new Error("no model");
  const packageAlone = createOpenAICompatible({
    name: "openai-compatible",
    baseURL: "https://model.test/v1",
    includeUsage: true,
    fetch: answersOnly(upstream.fetch, readOpenAIEvents),
  }).chatModel("test-model");
  const long = { ...short.value, model: packageAlone };
  await fc.assert(
    fc.asyncProperty(answerText, fc.integer({ min: 30, max: 400 }), async (text, splitBytes) => {
      sent = { text, splitBytes };
      expect(await read(short.value)).toEqual(await read(long));
    }),
    { numRuns: 100 },
  );
}, 30_000);
