/** What is made of a provider's stream, part by part: its facts, its clocks, its end. */
import { JSONParseError, type LanguageModelV4StreamPart, type LanguageModelV4Usage } from "@ai-sdk/provider";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { openModelStream } from "../../src/models/model-stream.ts";
import type { ConfiguredModel, ModelStream } from "../../src/models/port.ts";
import {
  data,
  delta,
  eventStream,
  fakeModel,
  fakeUpstream,
  finish,
} from "../workers/models-fake-upstream.ts";

const START_MS = 1_800_000_000_000;
const CONNECT_MS = 30;
/** Of the prompt below: four, and four for the message. */
const INPUT_TOKENS = 8;
const TIMEOUTS = { connectMs: 1_000, firstTokenMs: 1_000, idleMs: 500, totalMs: 60_000 };

const clock = { nowMs: START_MS };
beforeEach(() => {
  vi.useFakeTimers();
  clock.nowMs = START_MS;
});
afterEach(() => void vi.useRealTimers());

function modelOf(respond: () => Response = () => eventStream("")): ConfiguredModel {
  const found = fakeModel(fakeUpstream(respond), { timeouts: TIMEOUTS }).registry.get("fast");
  if (!found.ok) throw new Error(found.error.message);
  return found.value;
}

async function open(model: ConfiguredModel, verbatim = false): Promise<ModelStream> {
  const opened = await openModelStream(
    model,
    { prompt: [{ role: "user", content: [{ type: "text", text: "sixteen letters." }] }] },
    { signal: new AbortController().signal, nowMs: () => clock.nowMs, verbatim },
  );
  if (!opened.ok) throw new Error(opened.error.failure.message);
  return opened.value;
}

interface Upstream {
  readonly headers?: Readonly<Record<string, string>>;
  /** Before each part. */
  readonly partMs?: number;
  readonly breaksWith?: unknown;
}

/** A stream of a provider's package. */
function streamOf(
  parts: readonly LanguageModelV4StreamPart[],
  upstream: Upstream = {},
): Promise<ModelStream> {
  const { headers = {}, partMs = 0, breaksWith } = upstream;
  const left = [...parts];
  const stream = new ReadableStream<LanguageModelV4StreamPart>(
    {
      pull(controller) {
        clock.nowMs += partMs;
        const part = left.shift();
        if (part !== undefined) controller.enqueue(part);
        else if (breaksWith === undefined) controller.close();
        else controller.error(breaksWith);
      },
    },
    { highWaterMark: 0 },
  );
  const configured = modelOf();
  const doStream = async () => {
    clock.nowMs += CONNECT_MS;
    return { stream, response: { headers: { ...headers } } };
  };
  return open({ ...configured, model: { ...configured.model, doStream } });
}

/** A stream that is read off its bytes. */
const plain = (text: string) => open(modelOf(() => eventStream(text)));

const text = (said: string): LanguageModelV4StreamPart => ({ type: "text-delta", id: "0", delta: said });
const thought = (said: string): LanguageModelV4StreamPart => ({
  type: "reasoning-delta",
  id: "0",
  delta: said,
});
const usageOf = (input: number | undefined, output: number | undefined): LanguageModelV4Usage => ({
  inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text: undefined, reasoning: undefined },
});
const end = (input?: number, output?: number): LanguageModelV4StreamPart => ({
  type: "finish",
  finishReason: { unified: "stop", raw: "stop" },
  usage: usageOf(input, output),
});
const END = { kind: "end", finishReason: "stop" };

async function lastStep(stream: ModelStream) {
  for (;;) {
    const step = await stream.next();
    if (step.kind !== "text") return step;
  }
}
const failedWith = (code: string) => ({ kind: "failed", failure: { code } });

describe("the model of a stream", () => {
  const named = (modelId?: string): LanguageModelV4StreamPart =>
    modelId === undefined ? { type: "response-metadata" } : { type: "response-metadata", modelId };

  it("is the one that says so, or else the one that was asked", async () => {
    const silent = await streamOf([text("a"), end()]);
    expect(silent.modelId).toBe("test-model");
    const telling = await streamOf([named("real-model"), text("a"), named(), end()]);
    expect([await lastStep(telling), telling.modelId]).toEqual([END, "real-model"]);
    const unnamed = { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
    const short = await plain(delta("a") + data(unnamed));
    expect([await lastStep(short), short.modelId]).toEqual([END, "test-model"]);
  });
});

describe("the times of a stream", () => {
  it("are what the provider took: up to its headers, and while it was waited for", async () => {
    const stream = await streamOf([text("a"), text("b"), end()], { partMs: 50 });
    expect([stream.latencyMs, stream.firstTokenMs]).toEqual([CONNECT_MS, undefined]);
    await stream.next();
    expect([stream.latencyMs, stream.firstTokenMs]).toEqual([CONNECT_MS + 50, CONNECT_MS + 50]);
    clock.nowMs += 10_000; // of whoever reads
    await lastStep(stream);
    expect([stream.latencyMs, stream.firstTokenMs]).toEqual([CONNECT_MS + 150, CONNECT_MS + 50]);
  });

  it("run to the first thing that was thought, not to one that is empty", async () => {
    const stream = await streamOf([thought(""), thought("hm"), text("a"), end()], { partMs: 50 });
    expect(await stream.next()).toEqual({ kind: "text", text: "a" });
    expect(stream.firstTokenMs).toBe(CONNECT_MS + 100);
  });

  it("stand still while nobody waits, and are over at its end", async () => {
    const stream = await streamOf([text("a"), text("b"), end()]);
    await stream.next();
    await vi.advanceTimersByTimeAsync(10 * TIMEOUTS.firstTokenMs);
    expect(await stream.next()).toEqual({ kind: "text", text: "b" });
    expect(await stream.next()).toEqual(END);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("the usage of a stream", () => {
  it.each([
    ["what the provider counted", 11, 7, { inputTokens: 11, outputTokens: 7, estimated: false }],
    [
      "estimated where it counted no input",
      0,
      7,
      { inputTokens: INPUT_TOKENS, outputTokens: 7, estimated: true },
    ],
    ["estimated where it counted no output", 11, 0, { inputTokens: 11, outputTokens: 3, estimated: true }],
  ])("is %s", async (_, input, output, usage) => {
    const stream = await streamOf([text("12345678"), thought("1234"), end(input, output)]);
    await lastStep(stream);
    expect(stream.usage).toEqual(usage);
  });

  it("has no output where nothing was said and none was counted", async () => {
    const stream = await streamOf([end(11, 0)]);
    await lastStep(stream);
    expect(stream.usage).toEqual({ inputTokens: 11, outputTokens: 0, estimated: false });
  });
});

describe("what came together", () => {
  it("can be had without waiting, until it is taken or the stream is stopped", async () => {
    const stream = await plain(delta("a") + delta("b") + delta("c") + finish());
    expect(await stream.next()).toEqual({ kind: "text", text: "a" });
    expect(stream.pending()).toEqual({ kind: "text", text: "b" });
    expect(stream.pending()).toEqual({ kind: "text", text: "c" });
    expect(stream.pending()).toBeUndefined();
    expect(await stream.next()).toEqual(END);
    expect(stream.pending()).toBeUndefined();
  });

  it("is gone when the stream is stopped, and so is the connection", async () => {
    const cancelled = Promise.withResolvers<void>();
    const bytes = new TextEncoder().encode(delta("a") + delta("b"));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(bytes),
      cancel: () => cancelled.resolve(),
    });
    const stream = await open(modelOf(() => eventStream(body)));
    await stream.next();
    stream.cancel();
    expect(stream.pending()).toBeUndefined();
    expect(await stream.next()).toMatchObject(failedWith("cancelled"));
    await cancelled.promise;
  });
});

it("a stream's bytes are there beside its steps where they were asked for, and only then", async () => {
  const said = delta("a") + finish();
  const model = modelOf(() => eventStream(said));
  const asked = await open(model, true);
  expect(await lastStep(asked)).toEqual(END);
  expect(await new Response(asked.verbatim).text()).toBe(said);
  expect((await open(model)).verbatim).toBeUndefined();
});

describe("a stream's failure", () => {
  it("is that of the error it breaks with, where it is one", async () => {
    const unreadable = new JSONParseError({ text: "{", cause: new Error("x") });
    for (const [breaksWith, code] of [
      [unreadable, "bad_response"],
      [{ error: { code: "insufficient_quota" } }, "cut"],
    ] as const) {
      const stream = await streamOf([text("a")], { breaksWith });
      expect(await lastStep(stream)).toMatchObject(failedWith(code));
    }
  });

  it("leaves what the headers have said of limits, unless it says more", async () => {
    const headers = { "x-ratelimit-remaining-requests": "3" };
    for (const [code, hint] of [
      ["overloaded", { limited: false, remainingRequests: 3 }],
      ["slow_down", { limited: true }],
    ] as const) {
      const stream = await streamOf([{ type: "error", error: { error: { code } } }], { headers });
      await lastStep(stream);
      expect(stream.hint).toEqual(hint);
    }
  });

  it("is its length when it is longer than is read, whatever it consists of", async () => {
    const most = "x".repeat(LIMITS.models.maxOutputCharacters);
    expect(await lastStep(await streamOf([text(most), end()]))).toEqual(END);
    for (const more of [text("x"), thought("x")]) {
      const stream = await streamOf([text(most), more, end()]);
      expect(await lastStep(stream)).toMatchObject(failedWith("output_too_long"));
    }
  });
});
