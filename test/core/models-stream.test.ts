import { afterEach, describe, expect, it } from "vitest";
import { openModelStream } from "../../src/models/model-stream.ts";
import type { ConfiguredModel, ModelStream } from "../../src/models/port.ts";
import { arm, closeAll, modelServer } from "./dev-model-support.ts";
import { call, configure, define, failureOf, PROVIDERS } from "./models-support.ts";

afterEach(closeAll);

async function open(model: ConfiguredModel): Promise<ModelStream> {
  const opened = await openModelStream(
    model,
    { prompt: [{ role: "user", content: [{ type: "text", text: "Dana of Acme Corp writes." }] }] },
    { signal: new AbortController().signal, nowMs: Date.now },
  );
  if (!opened.ok) throw new Error(opened.error.failure.message);
  return opened.value;
}

async function readToEnd(stream: ModelStream) {
  for (;;) {
    const step = await stream.next();
    if (step.kind !== "text") return step;
  }
}

describe.each(PROVIDERS)("a stream of %s", (provider) => {
  it("that has ended is not changed by a late stop, and the next one runs on", async () => {
    const server = await modelServer();
    const model = configure(define(provider, server.url));
    const first = await open(model);
    expect(await readToEnd(first)).toEqual({ kind: "end", finishReason: "stop" });
    const second = await open(model);
    await second.next();
    first.cancel();
    expect(await first.next()).toEqual({ kind: "end", finishReason: "stop" });
    expect(await readToEnd(second)).toEqual({ kind: "end", finishReason: "stop" });
    expect(server.calls.entries().map((one) => one.abortedAtMs)).toEqual([null, null]);
  });

  it("that timed out is ended upstream: no retry runs beside it", async () => {
    const server = await modelServer({ tokenDelayMs: 1 });
    const timeouts = { connectMs: 5_000, firstTokenMs: 100 };
    const model = configure(define(provider, server.url, { timeouts: { ...timeouts, idleMs: 5_000 } }));
    await arm(server, { firstTokenDelayMs: 600_000, times: 1 });
    // Anthropic's adapter waits for the first event before it gives the stream out, so there it is the connection's time.
    const impatient = provider === "anthropic" ? { ...timeouts, connectMs: 100 } : timeouts;
    const timedOut = await call(configure(define(provider, server.url, { timeouts: impatient })));
    expect(failureOf(timedOut).code).toMatch(/^(first_token|connect)_timeout$/);
    const [first] = await server.calls.waitUntil(([one]) => one !== undefined && one.abortedAtMs !== null);
    expect(first).toMatchObject({ completionTokens: 0, finishedAtMs: null });
    expect((await call(model)).ok).toBe(true);
  });
});
