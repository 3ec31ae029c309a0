/** What the gateway counts and traces of calls that are streamed. */
import { describe, expect, it } from "vitest";
import { observeStreamedCalls } from "../../src/services/stream-observer.ts";
import { createCollector } from "../../src/telemetry/metrics.ts";
import { createTracer, type RequestSpan } from "../../src/telemetry/tracer.ts";
import { completion, delta } from "./models-fake-upstream.ts";
import { gateway, HELLO, streaming } from "./streaming-fake-gateway.ts";
import { testStream } from "./stream-support.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

async function relayed(text = completion(["a", "b"]), headers: Record<string, string> = {}) {
  const { post, settled } = gateway(streaming(text));
  await (await post({ ...HELLO, temperature: 0.5 }, undefined, headers)).text();
  const { observed } = await settled();
  const [call] = observed;
  if (call === undefined || observed.length > 1) throw new Error("not observed once");
  return call;
}

describe("a streamed call is told of once, when it is over,", () => {
  it("by a relay", async () => {
    expect(await relayed()).toMatchObject({
      model: { name: "fast" },
      failed: undefined,
      facts: { usage: { inputTokens: 11, outputTokens: 7 }, firstTokenMs: expect.any(Number) },
    });
    expect(await relayed(delta("half"))).toMatchObject({ failed: { code: "cut" } });
  });

  it("by a stream's object, whoever watches", async () => {
    const stream = await testStream(streaming(completion(["a", "b"])));
    await stream.start();
    await stream.settled();
    expect(stream.observed).toMatchObject([
      { failed: undefined, facts: { usage: { outputTokens: 7 }, firstTokenMs: expect.any(Number) } },
    ]);
  });

  it("and not by the object when a driver waits for it, which tells of it itself", async () => {
    const stream = await testStream(streaming(completion(["a"])));
    const options = { prompt: [] };
    const request = { model: "fast", texts: [], options, isObserved: true };
    expect(await stream.stub().run({ v: 1, id: stream.id, fingerprint: "f", request })).toMatchObject({
      kind: "answer",
    });
    await stream.settled();
    expect(stream.observed).toEqual([]);
  });
});

describe("what is told of a streamed call", () => {
  const spans: RequestSpan[] = [];
  const tracer = createTracer({
    add: () => undefined,
    nowMs: Date.now,
    randomBytes: (count) => new Uint8Array(count).fill(7),
  });
  const traces = (isSampled: boolean) => ({
    tracer: { ...tracer, request: (span: RequestSpan) => spans.push(span) },
    requests: { isSampled: () => isSampled, request: () => undefined },
  });

  it("is counted as any model call is, the time to its first token too", async () => {
    const metrics = createCollector({ maxSeries: 100, maxLabelValues: 10 });
    const observe = observeStreamedCalls(metrics, null);
    observe(await relayed());
    observe(await relayed(delta("half")));
    const counted = JSON.stringify(metrics.drain());
    expect(counted).toContain("sluice_model_first_token_seconds");
    expect(counted).toContain("sluice_model_tokens_total");
    expect(counted).toContain("sluice_model_errors_total");
  });

  it("is a span in the caller's trace, by OpenTelemetry's names, without a word of what was said", async () => {
    const metrics = createCollector({ maxSeries: 100, maxLabelValues: 10 });
    observeStreamedCalls(metrics, traces(true))(await relayed(undefined, { traceparent: TRACEPARENT }));
    const span = spans.at(-1);
    expect(span).toMatchObject({
      name: "chat test-model",
      kind: "client",
      trace: { traceId: TRACE_ID, sampled: true },
      parentSpanId: "00f067aa0ba902b7",
      error: null,
      attributes: {
        "sluice.model": "fast",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.response.model": "real-model",
        "gen_ai.response.time_to_first_chunk": expect.any(Number),
      },
    });
    expect(JSON.stringify(span)).not.toContain("Say hello");
  });

  it("begins a trace of its own when its caller is in none, and is left out where traces are not sampled", async () => {
    const metrics = createCollector({ maxSeries: 100, maxLabelValues: 10 });
    observeStreamedCalls(metrics, traces(false))(await relayed(delta("half"), { traceparent: "nonsense" }));
    expect(spans.at(-1)).toMatchObject({ parentSpanId: null, trace: { sampled: false }, error: "cut" });
  });
});
