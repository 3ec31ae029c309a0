/** Models that answer what no model should: each answer is one clear outcome, and neither guard nor budget is told nonsense. */
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { reportOf } from "../../src/models/call.ts";
import {
  data,
  delta,
  errorResponse,
  eventStream,
  fakeUpstream,
  finish,
  pieces,
} from "../workers/models-fake-upstream.ts";
import { call, configure, define, PROVIDERS, type ProviderName } from "./models-support.ts";

const ESTIMATED = { inputTokens: 21, outputTokens: 2, estimated: true };

async function ask(provider: ProviderName, respond: () => Response) {
  const upstream = fakeUpstream(respond);
  const model = configure(define(provider, "https://model.test"), { KEY: "sk-test" }, upstream.fetch);
  const result = await call(model);
  const said = result.ok ? "ok" : `${result.error.failure.class} ${result.error.failure.code}`;
  const { usage } = result.ok ? result.value : result.error;
  return { said, result, usage, report: reportOf(result), calls: upstream.calls };
}

interface Counts {
  readonly input: unknown;
  readonly output: unknown;
  readonly text?: string;
}

/** A whole answer in a provider's own format, with the counts it claims. */
function answerOf(provider: ProviderName, { input, output, text = "hello" }: Counts): Response {
  switch (provider) {
    case "openai": {
      const counts = data({
        id: "c1",
        choices: [],
        usage: { prompt_tokens: input, completion_tokens: output },
      });
      return eventStream(delta(text) + finish().replace("data: [DONE]", `${counts}data: [DONE]`));
    }
    case "anthropic": {
      const message = {
        id: "m1",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        stop_reason: null,
      };
      const events = [
        { type: "message_start", message: { ...message, usage: { input_tokens: input, output_tokens: 1 } } },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: output } },
        { type: "message_stop" },
      ];
      return eventStream(events.map((event) => `event: ${event.type}\n${data(event)}`).join(""));
    }
    case "gemini": {
      const usageMetadata = { promptTokenCount: input, candidatesTokenCount: output };
      const content = { role: "model", parts: [{ text }] };
      return eventStream(data({ candidates: [{ content, finishReason: "STOP", index: 0 }], usageMetadata }));
    }
    default:
      return provider satisfies never;
  }
}

const as = (contentType: string, body: string) =>
  new Response(body, { headers: { "content-type": contentType } });

describe.each(PROVIDERS)("a 200 of %s", (provider) => {
  it.each<[string, () => Response, string]>([
    ["a page of some proxy", () => as("text/html", "\n <html>Gateway</html>"), "transient bad_response"],
    ["a page that calls itself a stream", () => eventStream("<html></html>"), "transient cut"],
    ["an array", () => as("application/json", "[1,2,3]"), "transient bad_response"],
    ["a whole completion at once", () => as("application/json", '{"choices":[]}'), "transient bad_response"],
    ["an error about money", () => errorResponse(200, { code: "insufficient_quota" }), "permanent quota"],
    ["an error about load", () => errorResponse(200, { type: "overloaded_error" }), "transient overloaded"],
    ["nothing", () => as("application/json", ""), "transient cut"],
    ["nothing at all", () => new Response(null), "transient bad_response"],
    ["an empty stream", () => eventStream(""), "transient cut"],
    ["half an event", () => eventStream('data: {"choices":[{"ind'), "transient cut"],
    ["ten megabytes without a line", () => eventStream(`data: ${"x".repeat(10_000_000)}`), "transient cut"],
  ])("that is %s is no answer", async (_, respond, said) => {
    expect((await ask(provider, respond)).said).toBe(said);
  });

  it("whose stream calls itself JSON is read all the same", async () => {
    const respond = () =>
      new Response(answerOf(provider, { input: 11, output: 7 }).body, {
        headers: { "content-type": "application/json" },
      });
    const { said, usage } = await ask(provider, respond);
    expect([said, usage]).toEqual(["ok", { inputTokens: 11, outputTokens: 7, estimated: false }]);
  });

  it.each([
    ["negative", -11, -7_000_000],
    ["beyond all models", 1e300, 1e15],
    ["one more than is believed", LIMITS.models.maxReportedTokens + 1, LIMITS.models.maxReportedTokens + 1],
    ["fractions", 1.5, 2.25],
  ])("with counts that are %s is estimated, and marked", async (_, input, output) => {
    const { said, usage, report } = await ask(provider, () => answerOf(provider, { input, output }));
    expect([said, usage]).toEqual(["ok", ESTIMATED]);
    expect(report.usedTokens).toBe(23);
  });

  it("is believed up to the largest count", async () => {
    const most = LIMITS.models.maxReportedTokens;
    const { usage } = await ask(provider, () => answerOf(provider, { input: most, output: most }));
    expect(usage).toEqual({ inputTokens: most, outputTokens: most, estimated: false });
  });

  it("without a word has a cost that is not negative", async () => {
    const { usage } = await ask(provider, () => answerOf(provider, { input: 11, output: -7, text: "" }));
    expect(usage).toEqual({ inputTokens: 11, outputTokens: 0, estimated: true });
    const none = await ask(provider, () => answerOf(provider, { input: 1, output: 0, text: "" }));
    expect(none.usage).toEqual({ inputTokens: 1, outputTokens: 0, estimated: false });
  });

  it("that counts in words fails, and what it cost is estimated", async () => {
    const { said, report } = await ask(provider, () => answerOf(provider, { input: "11", output: "7" }));
    expect(said).toMatch(/^transient /);
    expect(report.usedTokens ?? 21).toBeGreaterThanOrEqual(21);
  });

  it("of ten megabytes of text is ended upstream and degraded", async () => {
    const text = "x".repeat(10_000_000);
    const { said, calls } = await ask(provider, () => answerOf(provider, { input: 1, output: 1, text }));
    expect(said).toBe("degraded output_too_long");
    expect(calls[0]?.signal.aborted).toBe(true);
  });

  it("that is reset in the middle is a cut, and its usage is what came", async () => {
    const whole = await answerOf(provider, { input: 11, output: 7 }).text();
    const half = whole.slice(0, Math.floor(whole.length / 2));
    const { said, usage } = await ask(provider, () => eventStream(pieces(half, { ending: "break" }).body));
    expect([said, usage?.estimated]).toEqual(["transient cut", true]);
  });
});

describe("an OpenAI-like answer", () => {
  it("of a tool call that nobody asked for is an answer without text, for the pipeline to refuse", async () => {
    const tool = {
      index: 0,
      id: "t1",
      type: "function",
      function: { name: "rm", arguments: '{"path":"/"}' },
    };
    const called = data({
      id: "c1",
      choices: [{ index: 0, delta: { tool_calls: [tool] }, finish_reason: null }],
    });
    const { result } = await ask("openai", () => eventStream(called + finish("tool_calls")));
    expect(result).toMatchObject({ ok: true, value: { text: "", finishReason: "tool-calls" } });
  });

  it("with a finish reason that nobody knows is an answer", async () => {
    const { result } = await ask("openai", () => eventStream(delta("hello") + finish("because")));
    expect(result).toMatchObject({ ok: true, value: { text: "hello", finishReason: "other" } });
  });

  it("that counts twice is believed the last time", async () => {
    const early = data({ id: "c1", choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    const late = finish("stop", { prompt_tokens: 30, completion_tokens: 20 });
    const { usage } = await ask("openai", () => eventStream(delta("hello") + early + late));
    expect(usage).toEqual({ inputTokens: 30, outputTokens: 20, estimated: false });
  });
});

describe.each(PROVIDERS)("an error status of %s", (provider) => {
  const limited = (retryAfter?: string) => () =>
    new Response("slow", {
      status: 429,
      headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
    });

  it.each<[string, () => Response, string, number | undefined]>([
    ["429 without a wait", limited(), "transient rate_limited", undefined],
    ["429 with a wait in the past", limited("Thu, 01 Jan 1970 00:00:00 GMT"), "transient rate_limited", 0],
    ["429 with a negative wait", limited("-5"), "transient rate_limited", undefined],
    ["429 with a wait that is no time", limited("tomorrow"), "transient rate_limited", undefined],
    ["429 with 1e9", limited("1e9"), "transient rate_limited", undefined],
    [
      "429 with thirty years",
      limited("1000000000"),
      "transient rate_limited",
      LIMITS.headers.maxRetryAfterMs,
    ],
    ["402", () => new Response("", { status: 402 }), "permanent quota", undefined],
    ["413", () => new Response("", { status: 413 }), "permanent input_too_long", undefined],
    ["529", () => new Response("", { status: 529 }), "transient overloaded", undefined],
  ])("%s waits no longer than is sane, and nothing is charged", async (_, respond, said, retryAfterMs) => {
    const asked = await ask(provider, respond);
    expect(asked.said).toBe(said);
    expect(asked.result.ok ? null : asked.result.error.failure.retryAfterMs).toBe(retryAfterMs);
    expect(asked.report.usedTokens).toBe(0);
    expect(asked.report.hint?.limited).toBe(said.endsWith("rate_limited") ? true : undefined);
  });

  it.each([301, 302, 307, 308])("%i leads nowhere: no key and no prompt go along", async (status) => {
    const respond = () =>
      new Response(null, { status, headers: { location: "http://169.254.169.254/latest" } });
    const { said, calls } = await ask(provider, respond);
    expect(said).toBe(`permanent http_${status}`);
    expect(calls.map(({ url, redirect }) => [new URL(url).host, redirect])).toEqual([
      ["model.test", "manual"],
    ]);
  });
});
