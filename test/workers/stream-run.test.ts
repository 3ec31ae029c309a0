import { abortAllDurableObjects } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { StreamRequest } from "../../src/streaming/port.ts";
import { createRunStreams, streamIdOf } from "../../src/streaming/run-streams.ts";
import { parseEventId } from "../../src/core/ids.ts";
import {
  completion,
  delta,
  errorResponse,
  eventStream,
  fakeUpstream,
  pieces,
} from "./models-fake-upstream.ts";
import { allEvents, streaming } from "./streaming-fake-gateway.ts";
import { fedUpstream, testStream, type TestStream } from "./stream-support.ts";
import { eventually } from "../support/eventually.ts";

const parsed = parseEventId(`evt_d1o_${"0".repeat(26)}_${"1".repeat(26)}`);
if (!parsed.ok) throw new Error("no event id");
const eventId = parsed.value;
let runs = 0;
/** Each test's own run, so that none meets another's object. */
const nextRun = () => ({ eventId, run: ++runs });

const question = (text = "Sum it up."): StreamRequest => ({
  model: "fast",
  texts: [text],
  options: { prompt: [{ role: "user", content: [{ type: "text", text }] }] },
  priority: "low",
});

async function runStream(upstream: Parameters<typeof testStream>[0]) {
  const key = nextRun();
  const stream = await testStream(upstream, {}, await streamIdOf(key));
  const streams = createRunStreams(() => stream.stub());
  return { stream, generate: (asked = question()) => streams.generate(key, asked) };
}

const names = async (stream: TestStream, after: number | null = null) =>
  (await allEvents(await stream.attach(after))).map(({ event }) => event);

describe("a run's generation", () => {
  it("is watched while it is written, and its driver gets the whole answer with usage and model", async () => {
    const { stream, generate } = await runStream(streaming(completion(["one ", "two"])));
    const outcome = await generate();
    expect(outcome).toMatchObject({
      kind: "answer",
      text: "one two",
      finishReason: "stop",
      usage: { inputTokens: 11, outputTokens: 7, estimated: false },
      modelId: expect.any(String),
    });
    expect(await names(stream)).toEqual(["start", "delta", "delta", "done"]);
  });

  it("is joined by a retry while it runs, and given to it when it has ended: one call, one bill", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const { stream, generate } = await runStream(upstream);
    const first = generate();
    await called();
    const second = generate();
    say(delta("once"));
    finish();
    expect(await first).toEqual(await second);
    expect(await generate()).toMatchObject({ kind: "answer", text: "once" });
    await stream.settled();
    expect(stream.reports).toHaveLength(1);
    expect(upstream.calls).toHaveLength(1);
  });

  it("that failed is asked for again by a retry, after an explicit rewind", async () => {
    let turn = 0;
    const answers = [delta("half"), completion(["whole"])];
    const upstream = fakeUpstream(({ signal }) =>
      eventStream(pieces(answers[turn++] ?? "", { signal, ending: "close" }).body),
    );
    const { stream, generate } = await runStream(upstream);
    expect(await generate()).toMatchObject({ kind: "failed", failure: { class: "transient", code: "cut" } });
    const seen = await allEvents(await stream.attach());
    expect(seen.map(({ event }) => event)).toEqual(["start", "delta", "error"]);
    expect(await generate()).toMatchObject({ kind: "answer", text: "whole" });
    // Who has seen the failed one, its end included, is told that it no longer counts.
    const again = await allEvents(await stream.attach(Number(seen.at(-1)?.id)));
    expect(again).toMatchObject([
      { event: "rewind", data: { toId: 1 } },
      { event: "delta", data: { text: "whole" } },
      { event: "done" },
    ]);
    expect(await names(stream)).toEqual(["start", "rewind", "delta", "done"]);
  });

  it("that answers another question than the one before takes its place", async () => {
    const { stream, generate } = await runStream(streaming(completion(["answer"])));
    await generate();
    await generate(question("Once more, without that fault."));
    expect(stream.upstream.calls).toHaveLength(2);
    expect(await names(stream)).toEqual(["start", "rewind", "delta", "done"]);
  });

  it("that somebody stopped is not asked for again", async () => {
    const { upstream, say, called } = fedUpstream();
    const { stream, generate } = await runStream(upstream);
    const waiting = generate();
    await called();
    say(delta("a"));
    expect(await stream.stub().stop()).toMatchObject({ state: "stopped" });
    const stopped = { kind: "failed", failure: { class: "permanent", code: "stopped" } };
    expect(await waiting).toMatchObject(stopped);
    expect(await generate()).toMatchObject(stopped);
    expect(upstream.calls).toHaveLength(1);
  });

  it("that the guard does not let through costs nothing and leaves nothing", async () => {
    const { stream, generate } = await runStream(streaming(completion(["a"])));
    const retryAtMs = Date.now() + 5_000;
    await stream.refuse({ kind: "denied", reason: "tokens", retryAtMs });
    expect(await generate()).toEqual({ kind: "denied", reason: "tokens", retryAtMs });
    expect((await stream.attach()).status).toBe(404);
    expect(stream.upstream.calls).toHaveLength(0);
  });

  it("keeps a failure's own words for the driver, Retry-After included", async () => {
    const busy = fakeUpstream(() => errorResponse(429, { message: "x" }, { "retry-after": "7" }));
    const { generate } = await runStream(busy);
    expect(await generate()).toMatchObject({
      kind: "failed",
      failure: { class: "transient", code: "rate_limited", retryAfterMs: 7_000 },
    });
  });
});

afterEach(() => vi.restoreAllMocks());

describe("a stream that may be asked again", () => {
  it("is asked again when its object died: a rewind, then the new answer, and no error", async () => {
    let turn = 0;
    const fed = fedUpstream();
    const upstream = fakeUpstream((call) =>
      turn++ === 0 ? fed.respond(call) : streamOf(completion(["anew"])),
    );
    const stream = await testStream(upstream);
    const answering = stream.start("sluice", "reask");
    fed.say(delta("lost"));
    const reader = (await answering).body?.getReader();
    await reader?.read();
    const stored = () =>
      stream.inside((_, { storage }) => new TextDecoder().decode(storage.kv.get<Uint8Array>("stream")));
    const first = await stored();
    // Once: twice the longest prompt would not fit a row.
    expect(first.split("Say hello.")).toHaveLength(2);
    await stream.serveEveryInstance();
    const cut = reader?.read().catch(() => undefined);
    await abortAllDurableObjects();
    await cut;
    const events = await allEvents(await stream.attach(2));
    expect(events).toMatchObject([
      { event: "rewind", data: { toId: 1 } },
      { event: "delta", data: { text: "anew" } },
      { event: "done" },
    ]);
    const inputTokens = (text: string) => /"inputTokens":(\d+)/.exec(text)?.[1];
    expect(inputTokens(first)).toMatch(/^\d+$/);
    expect(inputTokens(await stored())).toBe(inputTokens(first));
    const codes = () => stream.observed.map(({ failed }) => failed?.code ?? "ok").toSorted();
    await eventually(() => expect(codes()).toEqual(["interrupted", "ok"]));
    expect(upstream.calls).toHaveLength(2);
  });

  it("gives up after a few deaths, explicitly", async () => {
    const fed = fedUpstream();
    const upstream = fakeUpstream((call) => fed.respond(call));
    const stream = await testStream(upstream);
    await stream.start(null, "reask");
    await stream.serveEveryInstance();
    for (let asks = 1; asks <= 3; asks++) {
      await eventually(() => expect(upstream.calls).toHaveLength(asks));
      await abortAllDurableObjects();
      await stream.attach(0).then(({ body }) => body?.cancel());
    }
    expect((await allEvents(await stream.attach())).at(-1)).toMatchObject({
      event: "error",
      data: { code: "interrupted" },
    });
    expect(upstream.calls).toHaveLength(3);
  });
});

const streamOf = (text: string) => eventStream(pieces(text).body);
