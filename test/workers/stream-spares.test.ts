/** Starts that find their object made ready, over the real objects' preparation; the streams themselves only say that they have begun. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { err } from "../../src/core/result.ts";
import { createStreamRoutes, type StreamDeps } from "../../src/streaming/routes.ts";
import { createSpareStreams } from "../../src/streaming/spare-streams.ts";
import { newStreamId, streamStub } from "../../src/streaming/stub.ts";
import { createStreamTokens } from "../../src/streaming/tokens.ts";
import { completion, fakeModel } from "./models-fake-upstream.ts";
import { recordingLogger, type LogLine } from "./pipeline-fixtures.ts";
import { streaming } from "./streaming-fake-gateway.ts";

const { spareUseMs, maxLifeMs, retentionMs } = LIMITS.streams;
const START = { model: "fast", input: "Hi" };

interface Links {
  readonly id: string;
  readonly url: string;
  readonly token: string;
  readonly stopToken: string;
}

function gateway(prepare = (id: string) => streamStub(env.STREAM, id).prepare()) {
  const clock = { nowMs: Date.now() };
  const prepared: string[] = [];
  const logged: LogLine[] = [];
  const log = recordingLogger(logged);
  const tokens = createStreamTokens({ values: () => ["a secret"] });
  const shared = { newId: newStreamId, nowMs: () => clock.nowMs, tokens, log };
  const answers = { start: async (id: string) => Response.json({ id }), isRefused: false };
  const deps: StreamDeps = {
    originOf: (request) => new URL(request.url).origin,
    ...shared,
    models: fakeModel(streaming(completion(["a"]))).registry,
    guard: {
      admit: async () => ({ kind: "granted", permit: { settle: () => undefined } }),
      flush: async () => undefined,
    },
    stub: (id) => Object.assign(streamStub(env.STREAM, id), { fetch: () => answers.start(id) }),
    spares: createSpareStreams({
      ...shared,
      sleep: async () => undefined,
      prepare: async (id) => {
        prepared.push(id);
        await prepare(id);
      },
    }),
    starts: {
      open: async () => (answers.isRefused ? { status: 429, code: "too-many-starts", title: "No" } : []),
      list: async () => [],
    },
    ended: async () => undefined,
    promptOf: async () => err({ status: 404, code: "unknown-pipeline", title: "None here" }),
  };
  const routes = createStreamRoutes(deps);
  /** What the answer leaves to be done is done when it settles. */
  const start = async (body: object = START) => {
    const context = createExecutionContext();
    const request = new Request("https://sluice.test/v1/streams", {
      method: "POST",
      body: JSON.stringify(body),
    });
    const response = await routes.fetch(request, {}, context);
    const text = await response.text();
    await waitOnExecutionContext(context);
    return { status: response.status, text };
  };
  const started = async (): Promise<Links> => JSON.parse((await start()).text);
  return { clock, prepared, logged, tokens, answers, start, started };
}

describe("a start", () => {
  it("takes an object that was made ready after the ones before it, and no other start gets the same", async () => {
    const { prepared, started } = gateway();
    const [first, second] = [await started(), await started()];
    expect(prepared).not.toHaveLength(0);
    const third = await started();
    expect(third.id).toBe(prepared[0]);
    expect(third.url).toBe(`https://sluice.test/v1/streams/${third.id}`);
    const together = await Promise.all(Array.from({ length: 6 }, () => started()));
    const ids = [first, second, third, ...together].map(({ id }) => id);
    expect(new Set(ids).size).toBe(9);
    expect(together.filter(({ id }) => prepared.includes(id)).length).toBeGreaterThan(0);
  });

  it("has tokens that open its stream until the promised end, and no other", async () => {
    const { clock, prepared, tokens, started } = gateway();
    await started();
    await started();
    clock.nowMs += spareUseMs - 1;
    const { id, token, stopToken } = await started();
    expect(id).toBe(prepared[0]);
    const lastMs = clock.nowMs + maxLifeMs + retentionMs - 1;
    expect(await tokens.verify(token, id, lastMs)).toBe("read");
    expect(await tokens.verify(stopToken, id, lastMs)).toBe("stop");
    expect(await tokens.verify(token, id, lastMs + spareUseMs + 1)).toBeNull();
    expect(await tokens.verify(token, prepared[1] ?? newStreamId(), clock.nowMs)).toBeNull();
  });

  it("that comes too late for a spare has a new object", async () => {
    const { clock, prepared, started } = gateway();
    await started();
    await started();
    clock.nowMs += spareUseMs;
    expect(prepared).not.toContain((await started()).id);
  });

  it("once an hour has none prepared, neither before nor after it", async () => {
    const { clock, prepared, started } = gateway();
    for (let hour = 0; hour < 3; hour++) {
      await started();
      clock.nowMs += 3_600_000;
    }
    expect(prepared).toEqual([]);
  });

  it("that is refused, or is relayed, leaves the spare to the next one", async () => {
    const { answers, prepared, start, started } = gateway();
    await started();
    await started();
    answers.isRefused = true;
    expect((await start()).status).toBe(429);
    expect((await start({ pipeline: "triage", input: {} })).status).toBe(404);
    answers.isRefused = false;
    await start({ ...START, resumable: false });
    expect(prepared).toHaveLength(2);
    expect((await started()).id).toBe(prepared[0]);
  });

  it("that its object refuses says nothing about the next one: no spare is prepared for it", async () => {
    const { answers, prepared, start } = gateway();
    answers.start = async () => new Response(null, { status: 429 });
    for (let turn = 0; turn < 3; turn++) expect((await start()).status).toBe(429);
    expect(prepared).toEqual([]);
  });
});

describe("a preparation that fails", () => {
  it("harms no start, is told of once, and is not tried again for a while", async () => {
    const fails = async () => {
      throw new Error("overloaded");
    };
    const { clock, prepared, logged, started } = gateway(fails);
    for (let turn = 0; turn < 5; turn++) expect(prepared).not.toContain((await started()).id);
    expect(prepared).toHaveLength(2);
    const told = { level: "warn", event: "stream_spare_failed", fields: { error: "overloaded" } };
    expect(logged).toEqual([expect.objectContaining(told)]);
    clock.nowMs += spareUseMs;
    await started();
    await started();
    expect(prepared.length).toBeGreaterThan(2);
    expect(logged).toHaveLength(2);
  });
});
