import { describe, expect, it } from "vitest";
import { completion, data, delta, eventStream, fakeUpstream, pieces } from "./models-fake-upstream.ts";
import { allEvents, eventsOf, gateway, HELLO, streaming } from "./streaming-fake-gateway.ts";

describe("POST /v1/streams", () => {
  it("relays the answer as it comes, whatever the upstream's byte boundaries", async () => {
    for (const splitBytes of [1, 5, 1_000]) {
      const { post, settled } = gateway(
        streaming(completion(["Grüße", " 👋", "\n\ndata: x"]), { splitBytes }),
      );
      const response = await post(HELLO);
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-accel-buffering": "no",
      });
      expect(await allEvents(response)).toEqual([
        { event: "start", id: "1", data: { id: "strm_1", model: "fast" } },
        { event: "delta", id: "2", data: { text: "Grüße" } },
        { event: "delta", id: "3", data: { text: " 👋" } },
        { event: "delta", id: "4", data: { text: "\n\ndata: x" } },
        {
          event: "done",
          id: "5",
          data: { finishReason: "stop", usage: { inputTokens: 11, outputTokens: 7, estimated: false } },
        },
      ]);
      expect(await settled()).toMatchObject({
        reports: [{ outcome: "success", usedTokens: 18 }],
        asked: [{ guard: "model:fast", priority: "high" }],
        flushes: 1,
      });
    }
  });

  it("asks the endpoint nearest to its client, and calls the model by its own name", async () => {
    const upstream = streaming(completion(["ok"]));
    const endpoints = [
      { region: "NA", baseUrl: "https://na.test/v1" },
      { region: "EU", baseUrl: "https://eu.test/v1" },
    ] as const;
    const { post, settled } = gateway(upstream, { model: { endpoints } });
    const [start] = await allEvents(await post(HELLO, undefined, {}, { continent: "AF" }));
    expect(start).toMatchObject({ event: "start", data: { model: "fast" } });
    expect(await settled()).toMatchObject({ asked: [{ guard: "model:fast@EU" }] });
    expect(upstream.calls.map(({ url }) => new URL(url).host)).toEqual(["eu.test"]);
  });

  it("hands the messages on in their roles", async () => {
    const upstream = streaming(completion(["ok"]));
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "Bye" },
    ];
    const { post } = gateway(upstream);
    await allEvents(await post({ model: "fast", messages, temperature: 0.5, maxOutputTokens: 10 }));
    expect(upstream.calls[0]?.body).toMatchObject({ messages, temperature: 0.5, max_tokens: 10 });
  });

  it("tells the client when to reconnect, and stays audible while the model thinks", async () => {
    const upstream = streaming(delta("a"), { ending: "hang" });
    const { post } = gateway(upstream, { heartbeatMs: 5, model: { timeouts: { idleMs: 60 } } });
    const text = await (await post(HELLO)).text();
    expect(text).toMatch(/^retry: 2000\nid: 1\nevent: start\n/);
    expect(text.match(/^: keep-alive$/gm)?.length).toBeGreaterThan(1);
    expect(text).toContain('"code":"idle_timeout"');
  });
});

describe("a stream that breaks", () => {
  it.each([
    ["cut", "transient", delta("half"), { ending: "close" }],
    [
      "overloaded",
      "transient",
      delta("half") + data({ error: { message: "secret", type: "overloaded_error" } }),
      {},
    ],
    ["idle_timeout", "transient", delta("half"), { ending: "hang" }],
  ] as const)("ends with an explicit error `%s`, never quietly", async (code, failureClass, text, body) => {
    const upstream = streaming(text, body);
    const { post, settled } = gateway(upstream, { model: { timeouts: { idleMs: 30 } } });
    const events = await allEvents(await post(HELLO));
    expect(events.map(({ event }) => event)).toEqual(["start", "delta", "error"]);
    expect(events.at(-1)?.data).toMatchObject({ class: failureClass, code });
    expect(JSON.stringify(events)).not.toContain("secret");
    expect((await settled()).reports).toMatchObject([{ outcome: "transient" }]);
    await upstream.aborted;
  });
});

it("a connection that breaks after a token is an explicit error as well", async () => {
  const shown = Promise.withResolvers<void>();
  const { post } = gateway(streaming(delta("half"), { ending: "break", until: shown.promise }));
  const reader = eventsOf(await post(HELLO)).getReader();
  await reader.read();
  expect((await reader.read()).value?.event).toBe("delta");
  shown.resolve();
  expect((await reader.read()).value).toMatchObject({
    event: "error",
    data: expect.stringContaining('"cut"'),
  });
  expect((await reader.read()).done).toBe(true);
});

describe("a viewer that leaves", () => {
  it("ends the upstream with the next sign of life at the latest, and the guard still learns what was used", async () => {
    const upstream = streaming(delta("12345678"), { ending: "hang" });
    const { post, settled } = gateway(upstream, { heartbeatMs: 5 });
    const reader = eventsOf(await post(HELLO)).getReader();
    await reader.read();
    await reader.read();
    await reader.cancel();
    await upstream.aborted;
    const { reports, flushes } = await settled();
    expect(reports).toMatchObject([{ outcome: "cancelled" }]);
    expect(reports[0]?.usedTokens).toBeGreaterThan(2);
    expect(flushes).toBe(1);
  });

  it("is noticed at once by the request's signal, before and after the first token", async () => {
    for (const text of ["", delta("a")]) {
      const upstream = streaming(text, { ending: "hang" });
      const { post, settled } = gateway(upstream);
      const viewer = new AbortController();
      const answering = post(HELLO, viewer.signal);
      await upstream.called;
      if (text !== "") await answering;
      viewer.abort();
      await upstream.aborted;
      await answering;
      expect((await settled()).reports).toMatchObject([{ outcome: "cancelled" }]);
    }
  });

  it("before there is an answer is told to the guard all the same: the call's end outlives its request", async () => {
    const upstream = streaming("", { ending: "hang" });
    const { post, settled } = gateway(upstream);
    const viewer = new AbortController();
    const answering = post(HELLO, viewer.signal);
    await upstream.called;
    const told = settled();
    viewer.abort();
    expect((await told).reports).toMatchObject([{ outcome: "cancelled" }]);
    await answering;
  });

  it("or only pauses is not read ahead for", async () => {
    const endless = pieces(Array.from({ length: 500 }, (_, index) => delta(`${index}`)).join(""), {
      splitBytes: delta("100").length,
      ending: "hang",
    });
    const { post } = gateway(fakeUpstream(() => eventStream(endless.body)));
    const reader = eventsOf(await post(HELLO)).getReader();
    await reader.read();
    // Time enough to read all of it, for a relay that does not wait for its viewer.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    expect(endless.pulls()).toBeLessThan(40);
    await reader.cancel();
  });
});
