/** What a model call's errors are taken for, word by word, and when its clocks run. */
import {
  APICallError,
  EmptyResponseBodyError,
  InvalidArgumentError,
  InvalidPromptError,
  InvalidResponseDataError,
  JSONParseError,
  LoadAPIKeyError,
  LoadSettingError,
  NoContentGeneratedError,
  NoSuchModelError,
  TypeValidationError,
  UnsupportedFunctionalityError,
} from "@ai-sdk/provider";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { classifyProviderError, isPolicyWord } from "../../src/core/classify/model-error.ts";
import { classifyModelError, type CallPhase } from "../../src/models/classify.ts";
import { CallDeadlines } from "../../src/models/deadlines.ts";

const NOW_MS = 1_800_000_000_000;
const classify = (thrown: unknown, phase: CallPhase = "stream") =>
  classifyModelError(thrown, phase, NOW_MS, []);
const said = (thrown: unknown, phase: CallPhase = "stream") => {
  const { failure } = classify(thrown, phase);
  return `${failure.class} ${failure.code}`;
};

interface Answer {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly data?: unknown;
  readonly cause?: unknown;
}

const answered = (statusCode: number, { headers = {}, body, data, cause }: Answer = {}) =>
  new APICallError({
    message: "quotes the prompt",
    url: "https://model.test",
    requestBodyValues: {},
    statusCode,
    responseHeaders: { ...headers },
    responseBody: body === undefined ? "" : JSON.stringify(body),
    data,
    cause,
  });
const money = { error: { code: "insufficient_quota" } };

describe("an answer with a status", () => {
  it("of 300 and more is an error, below it an answer that cannot be read, or one that was cut", () => {
    expect(classify(answered(300))).toMatchObject({ failure: { code: "http_300" }, refused: true });
    expect(said(answered(299), "connect")).toBe("transient bad_response");
    expect(said(answered(200))).toBe("transient cut");
    expect(said(answered(200, { cause: new JSONParseError({ text: "x", cause: null }) }))).toBe(
      "transient bad_response",
    );
  });

  it("counts by its body's words, and where that has none by what the package read", () => {
    expect(said(answered(429, { body: money }))).toBe("permanent quota");
    expect(said(answered(429, { body: money, data: { error: { code: "slow_down" } } }))).toBe(
      "permanent quota",
    );
    expect(said(answered(429, { body: {}, data: money }))).toBe("permanent quota");
    expect(said(answered(200, { body: money }), "connect")).toBe("permanent quota");
  });

  it("is told with its codes and one id of the request, cut to their alphabet, and nothing else", () => {
    const told = (answer: Answer) => classify(answered(500, answer)).failure.message;
    expect(told({})).toBe("the provider answered 500");
    const ids = { "x-request-id": "r1", "request-id": "r2", "cf-ray": "c3" };
    expect(told({ headers: ids })).toBe("the provider answered 500: request r1");
    expect(told({ headers: { "request-id": "r2", "cf-ray": "c3" } })).toBe(
      "the provider answered 500: request r2",
    );
    expect(told({ headers: { "cf-ray": "c3" } })).toBe("the provider answered 500: request c3");
    const long = `a${"b".repeat(78)}cd`;
    expect(told({ headers: ids, body: { error: { code: "api_error" } } })).toBe(
      "the provider answered 500: api_error, request r1",
    );
    expect(told({ headers: { "x-request-id": long } })).toBe(
      `the provider answered 500: request a${"b".repeat(78)}c`,
    );
  });

  it("waits for whichever quantity is used up, and for none that is not", () => {
    const waits = (remaining: Record<string, string>) =>
      classify(
        answered(429, {
          headers: { ...remaining, "x-ratelimit-reset-requests": "6s", "x-ratelimit-reset-tokens": "9s" },
        }),
      ).failure.retryAfterMs;
    const left = (requests: number, tokens: number) => ({
      "x-ratelimit-remaining-requests": String(requests),
      "x-ratelimit-remaining-tokens": String(tokens),
    });
    expect(waits(left(0, 5))).toBe(6_000);
    expect(waits(left(5, 0))).toBe(9_000);
    expect(waits(left(0, 0))).toBe(6_000);
    expect(waits(left(1, 1))).toBeUndefined();
    expect(waits(left(5, 5))).toBeUndefined();
  });

  it.each([
    [400, "true", "transient"],
    [400, " TRUE ", "transient"],
    [500, "false", "permanent"],
    [500, "no", "transient"],
    [400, "no", "permanent"],
    [500, undefined, "transient"],
  ])("%i with x-should-retry %s is %s", (status, flag, failureClass) => {
    const headers = flag === undefined ? {} : { "x-should-retry": flag };
    expect(classify(answered(status, { headers })).failure.class).toBe(failureClass);
  });
});

describe("what a provider package throws", () => {
  const arguments_ = { message: "m", argument: "a" };
  it.each([
    ["a request it does not take", new UnsupportedFunctionalityError({ functionality: "f" })],
    ["a model it does not know", new NoSuchModelError({ modelId: "m", modelType: "languageModel" })],
    ["a prompt it does not take", new InvalidPromptError({ prompt: "p", message: "m" })],
    ["an argument it does not take", new InvalidArgumentError(arguments_)],
  ])("for %s is permanent", (_, thrown) => {
    expect([said(thrown, "connect"), said(thrown)]).toEqual([
      "permanent unsupported",
      "permanent unsupported",
    ]);
    expect(classify(thrown).refused).toBe(false);
  });

  it.each([
    ["data it cannot use", new InvalidResponseDataError({ data: {} })],
    ["an empty body", new EmptyResponseBodyError()],
    ["no content", new NoContentGeneratedError()],
  ])("for %s is a cut in a stream, and a bad answer before it", (_, thrown) => {
    expect([said(thrown, "connect"), said(thrown)]).toEqual(["transient bad_response", "transient cut"]);
  });

  it.each([new LoadAPIKeyError({ message: "m" }), new LoadSettingError({ message: "m" })])(
    "for want of a key or setting was never sent",
    (thrown) => {
      expect(classify(thrown, "connect")).toMatchObject({ failure: { class: "transient" }, refused: true });
    },
  );

  it("for a part of no known form counts by the words in it, if there are any", () => {
    const part = (value: unknown) => new TypeValidationError({ value, cause: new Error("x") });
    expect(said(part(money))).toBe("permanent quota");
    expect(said(part({ choices: 7 }))).toBe("transient bad_response");
    expect(said(new JSONParseError({ text: "{", cause: new Error("x") }))).toBe("transient bad_response");
  });
});

describe("an error inside a stream", () => {
  it("is told by its codes, or as one without any", () => {
    expect(classify(money).failure.message).toBe(
      "the provider reported an error in its stream: insufficient_quota",
    );
    expect(classify({}).failure.message).toBe("the provider reported an error in its stream");
  });

  it("halves the rate when it speaks of that, and else says nothing of limits", () => {
    expect(classify({ error: { code: "slow_down" } })).toEqual({
      failure: expect.objectContaining({ code: "rate_limited" }),
      hint: { limited: true },
      refused: false,
      clampedHeaders: [],
    });
    expect(classify({ error: { code: "overloaded" } })).not.toHaveProperty("hint");
  });

  it("is waited for as long as it says, up to what is sane", () => {
    const delayed = (retryDelay: string) =>
      classify({ error: { status: "UNAVAILABLE", details: [{ retryDelay }] } }).failure;
    expect(delayed("2s").retryAfterMs).toBe(2_000);
    expect(delayed("90000s").retryAfterMs).toBe(LIMITS.headers.maxRetryAfterMs);
  });

  it("counts by a status where it has one, and by nothing where it is nothing", () => {
    expect(said({ statusCode: 503 })).toBe("transient http_503");
    expect(said({ statusCode: "503" })).toBe("transient stream_error");
    for (const nothing of [null, undefined, 7, "text", {}])
      expect(said(nothing)).toBe("transient stream_error");
  });
});

describe("a provider's word", () => {
  it("of 300 is a status like another, and none below it is an error", () => {
    expect(classifyProviderError({ status: 300, words: [] }).code).toBe("http_300");
    expect(classifyProviderError({ status: 299, words: [] }).code).toBe("stream_error");
    expect(classifyProviderError({ status: 425, words: [] })).toEqual({
      class: "transient",
      code: "http_425",
    });
  });

  it("is read up to its eightieth letter", () => {
    const padded = (spaces: number) => `content${"-".repeat(spaces)}filter`;
    expect(isPolicyWord(padded(67))).toBe(true);
    expect(isPolicyWord(padded(68))).toBe(false);
    expect(isPolicyWord(`content_filter${" ".repeat(70)}x`)).toBe(false);
    expect(isPolicyWord(`content_filter${"\u00a0".repeat(70)}`)).toBe(true);
  });
});

describe("the clocks of a call", () => {
  const timeouts = { connectMs: 10, firstTokenMs: 20, idleMs: 30, totalMs: 1_000 };
  const start = (caller = new AbortController()) => ({
    caller,
    deadlines: new CallDeadlines(timeouts, caller.signal),
  });
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ["connect", "connect_timeout", 10],
    ["firstToken", "first_token_timeout", 20],
    ["idle", "idle_timeout", 30],
  ] as const)("of %s end it with their own name", (phase, cause, afterMs) => {
    const { deadlines } = start();
    deadlines.expect(phase);
    vi.advanceTimersByTime(afterMs - 1);
    expect(deadlines.cause).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect([deadlines.cause, deadlines.signal.aborted]).toEqual([cause, true]);
  });

  it("stand still while nothing is waited for, but for the whole", () => {
    const { deadlines } = start();
    deadlines.expect("idle");
    deadlines.relax();
    vi.advanceTimersByTime(999);
    expect(deadlines.cause).toBeUndefined();
    vi.advanceTimersByTime(1);
    expect(deadlines.cause).toBe("total_timeout");
  });

  it("are all stopped when it is closed, and the caller is let go", () => {
    const { caller, deadlines } = start();
    deadlines.expect("idle");
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
    caller.abort();
    expect(deadlines.cause).toBeUndefined();
  });

  it("are stopped by the first cause, which stands, and begin no more", () => {
    const { caller, deadlines } = start();
    let released = 0;
    deadlines.onAbort(() => (released += 1));
    deadlines.expect("idle");
    deadlines.abort("failed");
    expect([vi.getTimerCount(), released]).toEqual([0, 1]);
    deadlines.abort("cancelled");
    caller.abort();
    deadlines.expect("connect");
    expect([vi.getTimerCount(), released, deadlines.cause]).toEqual([0, 1, "failed"]);
  });

  it("release what comes after the end at once", () => {
    const gone = new AbortController();
    gone.abort();
    const { deadlines } = start(gone);
    let released = 0;
    deadlines.onAbort(() => (released += 1));
    expect([released, deadlines.cause]).toEqual([1, "cancelled"]);
  });
});
