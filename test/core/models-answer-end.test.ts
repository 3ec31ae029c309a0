/** Where an answer ends and what is no part of it, over a real socket that the endpoint keeps open. */
import { afterEach, describe, expect, it } from "vitest";
import { reportOf } from "../../src/models/call.ts";
import { startOpenUpstream, type Behaviour, type OpenUpstream } from "../support/open-upstream.ts";
import { ANSWERS } from "../support/provider-answers.ts";
import { data, delta, eventStream, fakeUpstream, finish } from "../workers/models-fake-upstream.ts";
import { call, configure, define, PROVIDERS, type ProviderName } from "./models-support.ts";

const open: OpenUpstream[] = [];
afterEach(async () => void (await Promise.all(open.splice(0).map((upstream) => upstream.close()))));

/** Until the connection is closed, too. Neither the endpoint nor any clock of the call would do that before the test has given up. */
async function ask(provider: ProviderName, behaviour: Behaviour) {
  const upstream = await startOpenUpstream(() => behaviour);
  open.push(upstream);
  const result = await call(configure(define(provider, upstream.url)));
  const { closed } = await upstream.call(0);
  await closed;
  return result;
}

const ANSWER = {
  ok: true,
  value: {
    text: "hello",
    finishReason: "stop",
    usage: { inputTokens: 11, outputTokens: 7, estimated: false },
  },
};

describe.each(PROVIDERS)("an answer of %s", (provider) => {
  const { start, end } = ANSWERS[provider];

  it("ends with its last event while the connection stays open, and the connection is closed", async () => {
    const result = await ask(provider, { text: start + end });
    expect(result).toMatchObject(ANSWER);
    expect(reportOf(result)).toMatchObject({ outcome: "success", usedTokens: 18 });
  });

  it("is not added to by what comes after its end", async () => {
    const result = await ask(provider, {
      text: start + end + start.replaceAll("hello", " and more"),
      drip: provider === "gemini" ? ": still here\n\n" : start,
    });
    expect(result).toMatchObject(ANSWER);
  });

  it.each([
    ["of a kind of its own", 'event: vertex_event\ndata: {"type":"vertex_event","trace":"t1"}\n\n'],
    ["without JSON", "event: keepalive\ndata: now\n\n"],
    ["with a name alone", "event: usage_preview\ndata: {}\n\n"],
    ["with a kind but no name", data({ type: "gateway.heartbeat" })],
  ])("is read around an event %s", async (_, unknown) => {
    const upstream = fakeUpstream(() => eventStream(unknown + start + unknown + end + unknown));
    const model = configure(define(provider, "https://model.test"), { KEY: "k" }, upstream.fetch);
    expect(await call(model)).toMatchObject(ANSWER);
  });
});

async function textOf(provider: ProviderName, sent: string) {
  const upstream = fakeUpstream(() => eventStream(sent));
  return call(configure(define(provider, "https://model.test"), { KEY: "k" }, upstream.fetch));
}

describe("an OpenAI-like answer", () => {
  it("ends a moment after its finish reason, where no [DONE] comes", async () => {
    const text = delta("hello") + finish("stop").replace("data: [DONE]\n\n", "");
    const result = await ask("openai", { text });
    expect(result).toMatchObject({ ok: true, value: { text: "hello", finishReason: "stop" } });
  });

  it("is its first choice alone", async () => {
    const choice = (index: number, content: string, finish_reason: string | null = null) => ({
      index,
      delta: { content },
      finish_reason,
    });
    const chunk = (...choices: unknown[]) => data({ id: "c1", model: "m", choices });
    const sent = [
      chunk(choice(1, "other")),
      chunk(choice(0, "hel")),
      chunk(choice(0, "l"), choice(1, " answer")),
      chunk(choice(1, "", "length")),
      chunk(choice(0, "o")),
      chunk(choice(1, " still"), choice(0, "", "stop")),
      "data: [DONE]\n\n",
    ];
    const result = await textOf("openai", sent.join(""));
    expect(result).toMatchObject({ ok: true, value: { text: "hello", finishReason: "stop" } });
  });
});

describe("an Anthropic answer", () => {
  it("is read around blocks and deltas of an unknown kind", async () => {
    const { start, end } = ANSWERS.anthropic;
    const unknown = [
      { type: "content_block_start", index: 5, content_block: { type: "hologram", frames: 3 } },
      { type: "content_block_delta", index: 5, delta: { type: "text_delta", text: "not this" } },
      { type: "content_block_stop", index: 5 },
      { type: "content_block_delta", index: 0, delta: { type: "hologram_delta", frame: 1 } },
    ];
    const result = await textOf("anthropic", start + unknown.map(data).join("") + end);
    expect(result).toMatchObject(ANSWER);
  });

  it("fails by a known event that is broken: its text would have a hole", async () => {
    const { start, end } = ANSWERS.anthropic;
    const broken = data({ type: "content_block_delta", index: 0, delta: { type: "text_delta" } });
    expect(await textOf("anthropic", start + broken + end)).toMatchObject({ ok: false });
  });
});

describe("a Gemini answer", () => {
  const piece = (text: string, index = 0, finishReason?: string) =>
    data({ candidates: [{ content: { role: "model", parts: [{ text }] }, index, finishReason }] });

  it("goes on after a finish reason that every piece has", async () => {
    const result = await textOf("gemini", piece("hel", 0, "STOP") + piece("lo", 0, "STOP"));
    expect(result).toMatchObject({ ok: true, value: { text: "hello" } });
  });

  it("is its first candidate alone", async () => {
    const result = await textOf("gemini", piece("other", 1) + piece("hello", 0, "STOP"));
    expect(result).toMatchObject({ ok: true, value: { text: "hello" } });
  });
});
