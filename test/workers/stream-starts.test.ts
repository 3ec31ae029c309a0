import { createExecutionContext, runDurableObjectAlarm, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { defineGateway } from "../../src/config/define-gateway.ts";
import type { StreamLimitsByKey } from "../../src/config/gateway-options.ts";
import { createChatRoutes } from "../../src/streaming/chat-routes.ts";
import { createStreamRoutes, type StreamDeps } from "../../src/streaming/routes.ts";
import { createStartGate, endStart } from "../../src/streaming/start-gate.ts";
import { newStreamId, streamStub } from "../../src/streaming/stub.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { completion, fakeModel } from "./models-fake-upstream.ts";
import { problemOf, streaming } from "./streaming-fake-gateway.ts";
import { testStream } from "./stream-support.ts";
import { SOME_MODELS } from "../support/some-models.ts";

const TWO = { startsPerMinute: 100, maxConcurrent: 2 };

/** The real index; the streams themselves only say that they have begun. */
function gateway(limits: StreamLimitsByKey = { perUser: TWO }, upstream = streaming(completion(["a"]))) {
  const deps: StreamDeps = {
    originOf: (request) => new URL(request.url).origin,
    models: fakeModel(upstream).registry,
    guard: {
      admit: async () => ({ kind: "granted", permit: { settle: () => undefined } }),
      flush: async () => undefined,
    },
    nowMs: Date.now,
    newId: newStreamId,
    log: createLogger("error"),
    stub: (id) => Object.assign(streamStub(env.STREAM, id), { fetch: async () => Response.json({ id }) }),
    tokens: { mint: async () => "sst_", verify: async () => null },
    starts: createStartGate({ indexes: env.STREAM_INDEX, limits, nowMs: Date.now }),
    ended: (keys, id, state) => endStart(env.STREAM_INDEX, keys, id, state),
    promptOf: async () => {
      throw new Error("no pipelines here");
    },
  };
  const routes = createStreamRoutes(deps).route("/", createChatRoutes(deps));
  const context = createExecutionContext();
  return {
    start: (user: string | undefined, more = {}, apiToken = "one") =>
      routes.fetch(
        new Request("https://sluice.test/v1/streams", {
          method: "POST",
          headers: { authorization: `Bearer ${apiToken}` },
          body: JSON.stringify({
            model: "fast",
            input: "Hi",
            ...(user === undefined ? {} : { user }),
            ...more,
          }),
        }),
        {},
        context,
      ),
    chat: (user: string, more = {}) =>
      routes.fetch(
        new Request("https://sluice.test/v1/chat/completions", {
          method: "POST",
          headers: { authorization: "Bearer one" },
          body: JSON.stringify({ model: "fast", user, messages: [{ role: "user", content: "Hi" }], ...more }),
        }),
        {},
        context,
      ),
    list: async (user: string) => {
      const answer = await routes.fetch(
        new Request(`https://sluice.test/v1/streams?user=${user}`),
        {},
        context,
      );
      return (await answer.json<{ streams: { id: string; state: string; url: string }[] }>()).streams;
    },
    settled: () => waitOnExecutionContext(context),
  };
}

const idOf = async (response: Response) => (await response.json<{ id: string }>()).id;
const user = () => `user-${crypto.randomUUID()}`;

describe("a user's streams", () => {
  it("are listed, newest first, to nobody else, and gone when they cannot be read any more", async () => {
    const { start, list } = gateway();
    const [mine, other] = [user(), user()];
    const first = await idOf(await start(mine));
    const second = await idOf(await start(mine));
    expect((await list(mine)).map(({ id }) => id).toSorted()).toEqual([first, second].toSorted());
    expect((await list(mine))[0]).toMatchObject({ state: "open", model: "fast" });
    expect(await list(other)).toEqual([]);
    expect(await list(`${mine}x`)).toEqual([]);
  });

  it("may be so many at once: the next one is refused with 429 and a time, until one ends", async () => {
    const { start, list } = gateway();
    const mine = user();
    const first = await idOf(await start(mine));
    await start(mine);
    expect(await problemOf(await start(mine))).toMatchObject({
      status: 429,
      type: "urn:sluice:problem:too-many-streams",
      retryAfter: "2",
    });
    expect((await start(user())).status).toBe(201);
    await endStart(env.STREAM_INDEX, [await keyOf(mine)], first, "done");
    expect((await start(mine)).status).toBe(201);
    expect((await list(mine)).find(({ id }) => id === first)).toMatchObject({ state: "done" });
  });

  it("count while they are relayed, and no longer when the answer has ended", async () => {
    const { start, list, settled } = gateway();
    const mine = user();
    await (await start(mine, { resumable: false })).text();
    await settled();
    expect(await list(mine)).toMatchObject([{ state: "done" }]);
  });

  it.each([{}, { stream: true }])(
    "count when an OpenAI client asks, and no longer when the answer has ended: %o",
    async (more) => {
      const { chat, start, list, settled } = gateway({ perUser: { startsPerMinute: 2, maxConcurrent: 1 } });
      const mine = user();
      await (await chat(mine, more)).text();
      await settled();
      expect(await list(mine)).toMatchObject([{ state: "done", model: "fast" }]);
      await start(mine);
      expect(await problemOf(await chat(mine, more))).toMatchObject({
        status: 429,
        type: "urn:sluice:problem:too-many-starts",
      });
    },
  );

  it("are bounded per API token as well, where the config says so", async () => {
    const once = { startsPerMinute: 1, maxConcurrent: 10 };
    const { start } = gateway({ perUser: TWO, perToken: once });
    const apiToken = crypto.randomUUID();
    expect((await start(undefined, {}, apiToken)).status).toBe(201);
    const refused = await problemOf(await start(undefined, {}, apiToken));
    expect(refused).toMatchObject({ status: 429, type: "urn:sluice:problem:too-many-starts" });
    expect(Number(refused.retryAfter)).toBeGreaterThan(50);
    expect((await start(undefined, {}, crypto.randomUUID())).status).toBe(201);
  });
});

it("a stream's object tells those who count it that it has ended, once", async () => {
  const stream = await testStream(streaming(completion(["a"])));
  await stream.start(null, "end", ["user:1"]);
  await stream.settled();
  await stream.stub().stop();
  expect(stream.ends).toEqual([`${stream.id} done`]);
});

it("an index leaves nothing behind when the last of its streams is past its retention", async () => {
  const mine = user();
  await gateway().start(mine);
  const stub = env.STREAM_INDEX.get(env.STREAM_INDEX.idFromName(await keyOf(mine)));
  const later = Date.now() + LIMITS.streams.maxLifeMs + LIMITS.streams.retentionMs + 1_000;
  const now = vi.spyOn(Date, "now").mockReturnValue(later);
  try {
    const object: DurableObjectStub = stub;
    expect(await runDurableObjectAlarm(object)).toBe(true);
    expect(await runDurableObjectAlarm(object)).toBe(false);
    expect(await stub.list()).toEqual([]);
  } finally {
    now.mockRestore();
  }
});

it.each([0, 1.5, 1_001])("a config with a limit of %d is refused by name", (startsPerMinute) => {
  const streamLimits = { perUser: { startsPerMinute, maxConcurrent: 1 } };
  const define = () =>
    defineGateway({ sources: {}, models: SOME_MODELS, destinations: {}, api: { streamLimits } });
  expect(define).toThrow(/api\.streamLimits\.perUser\.startsPerMinute/);
});

async function keyOf(name: string): Promise<string> {
  const text = new TextEncoder().encode(`sluice stream index: ${name}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return `user:${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
