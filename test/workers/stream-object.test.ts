import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { completion, delta } from "./models-fake-upstream.ts";
import { allEvents, eventsOf, problemOf, streaming } from "./streaming-fake-gateway.ts";
import { fedUpstream, testStream, type TestStream } from "./stream-support.ts";
import { eventually } from "../support/eventually.ts";

const names = (events: readonly { readonly event: string | undefined }[]) => events.map(({ event }) => event);

async function readEvents(response: Response, count: number) {
  const reader = eventsOf(response).getReader();
  const events = [];
  for (let read = 0; read < count; read++) events.push((await reader.read()).value);
  return { events, reader };
}

const alarmOf = (stream: TestStream) => stream.inside((_, { storage }) => storage.getAlarm());
const rowsOf = (stream: TestStream) =>
  stream.inside((_, { storage }) => [...storage.kv.list({ prefix: "chunk:" })].length);

describe("a generation", () => {
  it("is its object's: every viewer, early or late, reads the same events", async () => {
    const stream = await testStream(streaming(completion(["Grüße", " 👋", "\n\ndata: x"])));
    const first = await allEvents(await stream.start("sluice"));
    expect(first.map(({ event, id }) => [event, id])).toEqual([
      ["start", "1"],
      ["delta", "2"],
      ["delta", "3"],
      ["delta", "4"],
      ["done", "5"],
    ]);
    expect(first[0]?.data).toEqual({ id: stream.id, model: "fast", url: "u", token: "t", stopToken: "s" });
    const late = await allEvents(await stream.attach());
    expect(late.slice(1)).toEqual(first.slice(1));
    expect(late[0]?.data).toEqual({ id: stream.id, model: "fast" });
    expect((await allEvents(await stream.attach(3))).map(({ id }) => id)).toEqual(["4", "5"]);
  });

  it("that has been read to its end is 204 to whoever comes back", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await allEvents(await stream.start("sluice"));
    for (const after of [3, 99]) expect((await stream.attach(after)).status).toBe(204);
  });

  it("goes on when every viewer has left, and its usage and cost are recorded all the same", async () => {
    const { upstream, say, finish } = fedUpstream();
    const stream = await testStream(upstream, { price: { inputPerMillion: 2, outputPerMillion: 10 } });
    const answering = stream.start("sluice");
    say(delta("one "));
    const { reader } = await readEvents(await answering, 2);
    await reader.cancel();
    say(delta("two"));
    finish({ prompt_tokens: 11, completion_tokens: 7 });
    await stream.settled();
    expect(stream.reports).toMatchObject([{ outcome: "success", usedTokens: 18 }]);
    expect(stream.logged).toContainEqual(
      expect.objectContaining({
        event: "stream_done",
        fields: expect.objectContaining({
          id: stream.id,
          input_tokens: 11,
          output_tokens: 7,
          cost_micros: 92,
        }),
      }),
    );
    expect((await allEvents(await stream.attach(2))).map(({ data }) => data)).toEqual([
      { text: "two" },
      { finishReason: "stop", usage: { inputTokens: 11, outputTokens: 7, estimated: false } },
    ]);
  });

  it("goes on when the one that started it leaves before the first token, and its usage is recorded", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    const leaving = new AbortController();
    const left = stream.start("sluice", "end", [], leaving.signal).catch(() => "left");
    await called();
    leaving.abort();
    say(delta("unseen"));
    finish({ prompt_tokens: 5, completion_tokens: 2 });
    await stream.settled();
    await left;
    expect(stream.reports).toMatchObject([{ outcome: "success", usedTokens: 7 }]);
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "delta", "done"]);
  });

  it("is shown to a hundred viewers alike, wherever they came in, for one call", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    await stream.start();
    await called();
    const viewers: Promise<Awaited<ReturnType<typeof allEvents>>>[] = [];
    for (let turn = 0; turn < 20; turn++) {
      for (let viewer = 0; viewer < 5; viewer++) viewers.push(stream.attach(1).then(allEvents));
      say(delta(`${turn},`));
    }
    finish();
    const [first = [], ...others] = await Promise.all(viewers);
    expect(first.map(({ id }) => Number(id))).toEqual(Array.from({ length: 21 }, (_, index) => index + 2));
    for (const other of others) expect(other).toEqual(first);
    expect(upstream.calls).toHaveLength(1);
  });

  it("replays and goes on live as one: nothing is overtaken, missed or doubled", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    await stream.start();
    await called();
    const viewers = [];
    for (let turn = 0; turn < 30; turn++) {
      say(delta(`${turn},`));
      if (turn % 3 === 0) viewers.push(stream.attach(turn % 2).then(allEvents));
    }
    finish();
    for (const [index, events] of (await Promise.all(viewers)).entries()) {
      const turn = index * 3;
      const from = (turn % 2) + 1;
      expect(events.map(({ id }) => Number(id))).toEqual(
        Array.from({ length: 32 - from + 1 }, (_, offset) => from + offset),
      );
    }
  });

  it("is asked of the model once, however often it is started", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await Promise.all([stream.start(), stream.start(), stream.start("sluice").then(allEvents)]);
    await stream.start("sluice").then(allEvents);
    expect(stream.upstream.calls).toHaveLength(1);
  });

  it("stores far fewer rows than frames, and all of them by the end", async () => {
    const words = Array.from({ length: 600 }, (_, index) => `word${index} `);
    const stream = await testStream(streaming(completion(words)));
    const events = await allEvents(await stream.start("sluice"));
    expect(events).toHaveLength(602);
    expect(await rowsOf(stream)).toBeLessThanOrEqual(602 / 20);
    expect(await stream.inside((object) => Reflect.get(object, "store").rowsWritten)).toBeLessThanOrEqual(
      602 / 20 + 2,
    );
    await evictDurableObject(stream.stub());
    expect((await allEvents(await stream.attach(1))).slice(0, -1).map(({ data }) => data)).toEqual(
      words.map((text) => ({ text })),
    );
  });

  it("keeps little in memory, however far behind a viewer is", async () => {
    const words = Array.from({ length: 2_000 }, (_, index) => `word${index} `);
    const stream = await testStream(streaming(completion(words)));
    const slow = await stream.start("sluice");
    await stream.settled();
    const kept = await stream.inside((object) => Reflect.get(object, "log").current.tail.length);
    expect(kept).toBeLessThanOrEqual(LIMITS.streams.tailFrames);
    expect((await allEvents(slow)).map(({ id }) => Number(id))).toEqual(
      Array.from({ length: 2_002 }, (_, index) => index + 1),
    );
  });
});

describe("an upstream that is cut", () => {
  it.each([
    ["cut", "cut", {}],
    ["cut", "close", {}],
    ["idle_timeout", null, { timeouts: { idleMs: 30 } }],
    ["total_timeout", null, { timeouts: { totalMs: 60 } }],
  ] as const)("ends in an explicit error (%s), now and on every replay", async (code, end, model) => {
    const fed = fedUpstream();
    const stream = await testStream(fed.upstream, model);
    const answering = stream.start("sluice");
    fed.say(delta("half"));
    const watched = allEvents(await answering);
    if (end !== null) fed.end(end);
    const events = await watched;
    expect(names(events)).toEqual(["start", "delta", "error"]);
    expect(events.at(-1)?.data).toMatchObject({ class: "transient", code, usage: { estimated: true } });
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "delta", "error"]);
    await stream.settled();
    expect(stream.reports).toMatchObject([{ outcome: "transient" }]);
  });

  it("before its first token is a problem document to the one who waits, and an error in the log", async () => {
    const fed = fedUpstream();
    const stream = await testStream(fed.upstream, { timeouts: { firstTokenMs: 30 } });
    expect(await problemOf(await stream.start("sluice"))).toMatchObject({ status: 503 });
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "error"]);
  });
});

describe("a stop", () => {
  it("ends the upstream at once, explicitly, with what was used", async () => {
    const { upstream, say, aborted } = fedUpstream();
    const stream = await testStream(upstream);
    const answering = stream.start("sluice");
    say(delta("12345678"));
    const { reader } = await readEvents(await answering, 2);
    expect(await stream.stub().stop()).toEqual({ id: stream.id, state: "stopped" });
    await aborted();
    const last = (await reader.read()).value;
    expect(last).toMatchObject({ event: "stopped", id: "3" });
    expect(JSON.parse(last?.data ?? "")).toMatchObject({ usage: { outputTokens: 2, estimated: true } });
    expect((await reader.read()).done).toBe(true);
    await stream.settled();
    expect(stream.reports).toMatchObject([{ outcome: "cancelled" }]);
    expect(stream.reports[0]?.usedTokens).toBeGreaterThan(2);
  });

  it("that names a finished stream changes nothing, of it or of the next", async () => {
    const old = await testStream(streaming(completion(["a"])));
    await allEvents(await old.start("sluice"));
    const { upstream, say, finish } = fedUpstream();
    const next = await testStream(upstream);
    const answering = next.start("sluice");
    say(delta("b"));
    const { reader } = await readEvents(await answering, 2);
    expect(await old.stub().stop()).toEqual({ id: old.id, state: "done" });
    say(delta("c"));
    finish();
    expect((await reader.read()).value).toMatchObject({ event: "delta", id: "3" });
    expect((await reader.read()).value).toMatchObject({ event: "done" });
    expect(names(await allEvents(await old.attach()))).toEqual(["start", "delta", "done"]);
  });

  it("or a look at a stream that does not exist leaves nothing behind", async () => {
    const stream = await testStream(streaming(""));
    expect(await stream.stub().stop()).toBeNull();
    expect((await stream.attach()).status).toBe(404);
    expect(
      await stream.inside((_, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master").toArray()),
    ).toEqual([]);
  });
});

describe("an object that dies", () => {
  it("ends its generation where it was stored: rewind, then an explicit error, and no second call", async () => {
    const { upstream, say } = fedUpstream();
    const stream = await testStream(upstream);
    const answering = stream.start("sluice");
    say(delta("x".repeat(5_000)));
    say(delta("never stored"));
    const { reader } = await readEvents(await answering, 3);
    const cut = reader.read().then(
      ({ done }) => done,
      () => true,
    );
    await abortAllDurableObjects();
    await cut;
    const events = await allEvents(await stream.attach(3));
    expect(events).toMatchObject([
      { event: "rewind", data: { toId: 2 } },
      { event: "error", data: { class: "transient", code: "interrupted", usage: { estimated: true } } },
    ]);
    expect(Number(events[0]?.id)).toBeGreaterThan(3 + LIMITS.streams.maxUnstoredFrames);
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "delta", "rewind", "error"]);
    expect(upstream.calls).toHaveLength(1);
    expect((await stream.attach(Number(events.at(-1)?.id))).status).toBe(204);
  });

  it("is paid for by what was stored of it, once: the provider bills a call that nobody heard the end of", async () => {
    const { upstream, say } = fedUpstream();
    const stream = await testStream(upstream, { price: { inputPerMillion: 0, outputPerMillion: 1_000_000 } });
    const answering = stream.start("sluice");
    say(delta("x".repeat(5_000)));
    const { reader } = await readEvents(await answering, 2);
    const cut = reader.read().catch(() => undefined);
    await stream.serveEveryInstance();
    for (let deaths = 0; deaths < 2; deaths++) {
      await abortAllDurableObjects();
      await cut;
      await allEvents(await stream.attach());
    }
    const [end] = (await allEvents(await stream.attach())).slice(-1);
    expect(end?.data).toMatchObject({ code: "interrupted", usage: { outputTokens: 1_250 } });
    await eventually(() => expect(stream.charged).toHaveLength(1));
    expect(stream.charged).toMatchObject([{ model: "fast", micros: 1_250 * 1_000_000 }]);
    expect(stream.observed).toMatchObject([
      { failed: { code: "interrupted" }, facts: { usage: { estimated: true } } },
    ]);
    vi.restoreAllMocks();
  });

  it("is found by its watchdog, when nobody comes back to look", async () => {
    const { upstream, say } = fedUpstream();
    const stream = await testStream(upstream);
    say(delta("a"));
    const { reader } = await readEvents(await stream.start("sluice"), 2);
    const cut = reader.read().catch(() => undefined);
    await abortAllDurableObjects();
    await cut;
    expect(await runDurableObjectAlarm(stream.stub())).toBe(true);
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "rewind", "error"]);
  });
});

describe("the alarm", () => {
  it("is set before the model is called, and again while it generates", async () => {
    const { upstream, say, finish, called } = fedUpstream();
    const stream = await testStream(upstream);
    await stream.start();
    await called();
    const armed = (await alarmOf(stream)) ?? 0;
    expect(armed).toBeGreaterThan(Date.now());
    expect(armed).toBeLessThanOrEqual(Date.now() + LIMITS.streams.watchdogMs);
    await runDurableObjectAlarm(stream.stub());
    expect(await alarmOf(stream)).not.toBeNull();
    say(delta("a"));
    finish();
    await stream.settled();
    expect(names(await allEvents(await stream.attach()))).toEqual(["start", "delta", "done"]);
  });

  it("deletes everything once an ended stream is past its retention, and not before", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    await allEvents(await stream.start("sluice"));
    await runDurableObjectAlarm(stream.stub());
    expect((await stream.attach()).status).toBe(200);
    const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() + LIMITS.streams.retentionMs + 1_000);
    try {
      await runDurableObjectAlarm(stream.stub());
    } finally {
      now.mockRestore();
    }
    expect((await stream.attach()).status).toBe(404);
    expect(await alarmOf(stream)).toBeNull();
  });
});
