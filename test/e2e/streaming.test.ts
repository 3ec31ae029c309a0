/** `POST /v1/streams` over real HTTP: every token in order, one explicit end, and nothing upstream for nobody. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EventSourceParserStream } from "eventsource-parser/stream";
import type { EventSourceMessage } from "eventsource-parser";
import type { ModelCall } from "../../dev/model-server/server.ts";
import { startDirectGateway, type DirectGateway } from "../support/e2e-direct-gateway.ts";
import { arm, BEARER } from "../support/e2e-gateway.ts";
import { until } from "../support/e2e-until.ts";

/** Enough to talk about for a second or two at the stand-in's pace. */
const LETTER =
  "Thank you for the quick help with our order. The parcel from Harbourline Logistics arrived on 4 March, two days early. One jar was cracked, which is a pity, but the support team refunded 12.50 EUR the same day. We will gladly order again. Could you also send us the price list for next year, and tell Dana Whitfield in Berlin that the samples from 12 February were well received?";

let gateway: DirectGateway;

/** Successes the model's breaker has seen before anything fails: a few faults must not open it. */
const WARM_UP_ANSWERS = 8;

beforeAll(async () => {
  gateway = await startDirectGateway();
  const warmUp = Array.from({ length: WARM_UP_ANSWERS }, () =>
    ask({ ...about("Warm-up"), maxOutputTokens: 5 }),
  );
  for (const response of await Promise.all(warmUp)) await response.text();
});

afterAll(async () => {
  await gateway.close();
});

function ask(body: unknown, init: RequestInit = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/streams`, {
    method: "POST",
    headers: { ...BEARER, "content-type": "application/json", accept: "text/event-stream" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...init,
  });
}

/** The prompt begins with the mark, so that faults and calls can be told by it. */
const about = (mark: string) => ({ model: "fast", input: `${mark}. ${LETTER}` });

/** For this one viewer: nothing is kept for anybody who comes back. */
const relayed = (mark: string) => ({ ...about(mark), resumable: false });

function eventsOf(response: Response): ReadableStream<EventSourceMessage> {
  if (response.body === null) throw new Error("no body");
  return response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
}

async function all(response: Response) {
  const events: {
    readonly event: string | undefined;
    readonly id: string | undefined;
    readonly data: unknown;
  }[] = [];
  for await (const { event, id, data } of eventsOf(response))
    events.push({ event, id, data: JSON.parse(data) });
  return events;
}

function callAbout(mark: string): ModelCall | undefined {
  return gateway.model.calls.entries().find((call) => call.textStart.includes(mark));
}

function untilAborted(mark: string): Promise<ModelCall> {
  return until(`the model sees the viewer of ${mark} leave`, () => {
    const call = callAbout(mark);
    return call?.abortedAtMs === null ? undefined : call;
  });
}

describe.concurrent("a streamed answer", () => {
  it("comes as server-sent events that nothing on the way may hold back", async () => {
    const response = await ask(about("Headers"));
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": expect.stringContaining("no-cache"),
    });
    expect(response.headers.get("content-encoding")).toBeNull();
    await response.body?.cancel();
  });

  it("is start, deltas and done with the usage, under ids without a gap", async () => {
    const events = await all(await ask(about("Whole answer")));
    expect(events[0]).toMatchObject({
      event: "start",
      id: "1",
      data: { id: expect.any(String), model: "fast" },
    });
    expect(new Set(events.slice(1, -1).map(({ event }) => event))).toEqual(new Set(["delta"]));
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => String(index + 1)));
    const call = callAbout("Whole answer");
    expect(events.at(-1)).toMatchObject({
      event: "done",
      data: {
        finishReason: "stop",
        usage: { inputTokens: call?.promptTokens, outputTokens: call?.completionTokens, estimated: false },
      },
    });
    expect(events.length).toBeGreaterThan(20);
    const text = events.slice(1, -1).map(({ data }) => (data as { readonly text: string }).text); // a delta's own form
    expect(text.join("")).toContain("Harbourline Logistics");
  });

  it("is shown while it is written: the first words are there before the model has finished", async () => {
    const response = await ask(about("Shown early"));
    const reader = eventsOf(response).getReader();
    await reader.read();
    expect((await reader.read()).value?.event).toBe("delta");
    expect(callAbout("Shown early")).toMatchObject({ finishedAtMs: null, abortedAtMs: null });
    await reader.cancel();
  });

  it("that is relayed to one viewer ends at the model when the viewer leaves", async () => {
    const viewer = new AbortController();
    const response = await ask(relayed("Leaving early"), { signal: viewer.signal });
    const reader = eventsOf(response).getReader();
    await reader.read();
    await reader.read();
    viewer.abort();
    const call = await untilAborted("Leaving early");
    expect(call.finishedAtMs).toBeNull();
    await expect(reader.read()).rejects.toThrow();
  });

  it("that is relayed and left before its first token ends at the model when that comes", async () => {
    // The runtime hears of a viewer that has gone when it has something to say to it.
    await arm(gateway.model, { match: "Leaving at once", firstTokenDelayMs: 1_000, times: 1 });
    const viewer = new AbortController();
    const answering = ask(relayed("Leaving at once"), { signal: viewer.signal });
    await until("the model is asked", () => callAbout("Leaving at once")?.status === 200);
    viewer.abort();
    await expect(answering).rejects.toThrow();
    const call = await untilAborted("Leaving at once");
    expect(call.finishedAtMs).toBeNull();
  });
});

describe.concurrent("a model that fails", () => {
  it.each([
    ["reset", { cutAfterChunks: 5, cutMode: "reset" }],
    ["end", { cutAfterChunks: 5, cutMode: "end" }],
    ["error event", { errorAfterChunks: 5, status: 500 }],
  ])(
    "in the middle (%s) is an explicit error after what was shown, never a quiet end",
    async (mark, fault) => {
      await arm(gateway.model, { match: `Failing by ${mark}`, times: 1, ...fault });
      const events = await all(await ask(about(`Failing by ${mark}`)));
      const names = events.map(({ event }) => event);
      expect(names).toEqual(["start", ...Array.from({ length: 5 }, () => "delta"), "error"]);
      expect(events.at(-1)).toMatchObject({ data: { class: "transient", code: expect.any(String) } });
    },
  );

  it.each([
    [429, { status: 429, retryAfterSeconds: 2 }, 429, "model-rate-limited", "2"],
    [500, { status: 500 }, 503, "model-unavailable", expect.stringMatching(/^\d+$/)],
    [400, { status: 400, message: "words of the provider's" }, 422, "model-refused", null],
    [401, { status: 401, message: "words of the provider's" }, 502, "model-failed", null],
  ])(
    "before the first token with %d is a problem document",
    async (mark, fault, status, code, retryAfter) => {
      // One after the other: a 429 makes the model's guard pause.
      await arm(gateway.model, { match: `Early ${mark}`, times: 1, ...fault });
      const response = await untilAdmitted(`Early ${mark}`);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(response.headers.get("retry-after")).toEqual(retryAfter);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ status, type: `urn:sluice:problem:${code}` });
      expect(text).not.toContain("provider's");
    },
  );
});

/** The answer to the request that reached the model: its guard may be pausing because of another test's 429. */
function untilAdmitted(mark: string): Promise<Response> {
  return until(`the model is asked about ${mark}`, async () => {
    const response = await ask(about(mark));
    return callAbout(mark) === undefined ? undefined : response;
  });
}

describe.concurrent("a request that is not one", () => {
  it.each([
    ["not JSON", "{", 400, "malformed-body"],
    ["an array", [], 422, "invalid-request"],
    ["without input", { model: "fast" }, 422, "invalid-request"],
    ["with an unknown member", { model: "fast", input: "Hi", stream: false }, 422, "invalid-request"],
    ["of an unknown model", { model: "gpt-nowhere", input: "Hi" }, 404, "unknown-model"],
    ["of an inherited name", { model: "constructor", input: "Hi" }, 404, "unknown-model"],
    ["of 2 MiB", { model: "fast", input: "x".repeat(2_097_152) }, 413, "body-too-large"],
  ])("(%s) is a problem that names what to mend", async (_, body, status, code) => {
    const response = await ask(body);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status, type: `urn:sluice:problem:${code}` });
  });

  it("without a token, or with a wrong one, never reaches a model", async () => {
    for (const headers of [{}, { authorization: "Bearer wrong" }]) {
      const response = await ask(about("Uninvited"), { headers: { ...headers } });
      expect(response.status).toBe(401);
    }
    expect(callAbout("Uninvited")).toBeUndefined();
  });
});
