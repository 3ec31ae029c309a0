import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import generated from "@opentelemetry/otlp-transformer/build/src/generated/root.js";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { otlpTraces, type SpanRecord } from "../../src/core/otlp.ts";
import { parseTraceparent } from "../../src/core/trace.ts";
import { createSpanExporter } from "../../src/telemetry/export-spans.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { createTracer, isSampled, type Tracer } from "../../src/telemetry/tracer.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE_ID}-${PARENT_ID}-01`;
const SOURCE = { resource: { "service.name": "sluice" }, scope: "sluice" };

const modelSpan: SpanRecord = {
  traceId: TRACE_ID,
  spanId: "00f067aa0ba902b7",
  parentSpanId: PARENT_ID,
  name: "chat gpt-5-mini",
  kind: "client",
  startMs: 1_700_000_000_123,
  endMs: 1_700_000_001_500,
  attributes: {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.stream": true,
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.response.finish_reasons": ["stop"],
  },
  error: null,
};

/** What generated code of protobufjs offers for a message; its own types say nothing of the messages. */
interface MessageType {
  fromObject(value: object): object;
  verify(message: object): string | null;
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): unknown;
}

const isMessageType = (value: unknown): value is MessageType =>
  typeof value === "function" && "fromObject" in value && "decode" in value;

const { ExportTraceServiceRequest } = z
  .object({
    opentelemetry: z.object({
      proto: z.object({
        collector: z.object({
          trace: z.object({
            v1: z.object({ ExportTraceServiceRequest: z.custom<MessageType>(isMessageType) }),
          }),
        }),
      }),
    }),
  })
  .parse(generated).opentelemetry.proto.collector.trace.v1;

const attributeSchema = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) });
const spanSchema = z.looseObject({ attributes: z.array(attributeSchema) });
const decodedSchema = z.object({
  resourceSpans: z.tuple([
    z.object({
      resource: z.object({ attributes: z.array(attributeSchema) }),
      scopeSpans: z.tuple([z.object({ spans: z.array(spanSchema) })]),
    }),
  ]),
});

/** As a collector does: JSON, ids from hex, then OpenTelemetry's own message definitions. */
function decode(text: string) {
  const json: unknown = JSON.parse(text, (key, value: unknown) =>
    /^(trace|parentSpan|span)Id$/.test(key) && typeof value === "string"
      ? Buffer.from(value, "hex").toString("base64")
      : value,
  );
  if (typeof json !== "object" || json === null) throw new Error("no JSON object");
  const message = ExportTraceServiceRequest.fromObject(json);
  expect(ExportTraceServiceRequest.verify(message)).toBeNull();
  // Through the binary form and back: what does not survive this was not of the format.
  const wire = ExportTraceServiceRequest.encode(message).finish();
  const options = { longs: String, bytes: String, enums: String };
  return decodedSchema.parse(
    ExportTraceServiceRequest.toObject(ExportTraceServiceRequest.decode(wire), options),
  );
}

const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");

describe("spans on the wire", () => {
  it("are decoded by OpenTelemetry's own definitions as they were meant", () => {
    const failed: SpanRecord = {
      ...modelSpan,
      spanId: PARENT_ID,
      parentSpanId: null,
      kind: "server",
      error: "http_503",
    };
    const decoded = decode(JSON.stringify(otlpTraces(SOURCE, [modelSpan, failed])));
    const [resourceSpans] = decoded.resourceSpans;
    expect(resourceSpans.resource.attributes).toEqual([
      { key: "service.name", value: { stringValue: "sluice" } },
    ]);
    const [first, second] = resourceSpans.scopeSpans[0].spans;
    expect(first).toMatchObject({
      traceId: base64(TRACE_ID),
      spanId: base64("00f067aa0ba902b7"),
      parentSpanId: base64(PARENT_ID),
      name: "chat gpt-5-mini",
      kind: "SPAN_KIND_CLIENT",
      startTimeUnixNano: "1700000000123000000",
      endTimeUnixNano: "1700000001500000000",
    });
    expect(first?.attributes).toContainEqual({
      key: "gen_ai.usage.input_tokens",
      value: { intValue: "812" },
    });
    expect(first?.attributes).toContainEqual({
      key: "gen_ai.response.finish_reasons",
      value: { arrayValue: { values: [{ stringValue: "stop" }] } },
    });
    expect(second).toMatchObject({
      kind: "SPAN_KIND_SERVER",
      status: { code: "STATUS_CODE_ERROR", message: "http_503" },
    });
    expect(second?.attributes).toContainEqual({ key: "error.type", value: { stringValue: "http_503" } });
  });

  it("are what OpenTelemetry's own serializer makes of the same span", () => {
    const theirs = JsonTraceSerializer.serializeRequest([
      {
        name: modelSpan.name,
        kind: 2, // CLIENT, as the API counts
        spanContext: () => ({ traceId: TRACE_ID, spanId: modelSpan.spanId, traceFlags: 1 }),
        parentSpanContext: { traceId: TRACE_ID, spanId: PARENT_ID, traceFlags: 1 },
        startTime: [1_700_000_000, 123_000_000],
        endTime: [1_700_000_001, 500_000_000],
        duration: [1, 377_000_000],
        ended: true,
        status: { code: 0 },
        attributes: { ...modelSpan.attributes, "gen_ai.response.finish_reasons": ["stop"] },
        links: [],
        events: [],
        resource: {
          attributes: SOURCE.resource,
          merge: () => {
            throw new Error("not asked for");
          },
          getRawAttributes: () => [],
        },
        instrumentationScope: { name: "sluice" },
        droppedAttributesCount: 0,
        droppedEventsCount: 0,
        droppedLinksCount: 0,
      },
    ]);
    const spansOf = (value: unknown) => exportSchema.parse(value).resourceSpans[0]?.scopeSpans[0]?.spans;
    const [their] = spansOf(JSON.parse(new TextDecoder().decode(theirs))) ?? [];
    const [ours] = spansOf(JSON.parse(JSON.stringify(otlpTraces(SOURCE, [modelSpan])))) ?? [];
    // Theirs adds the flags, which the specification leaves optional.
    expect(their).toMatchObject(ours ?? { missing: true });
  });
});

const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({ scopeSpans: z.array(z.object({ spans: z.array(z.record(z.string(), z.unknown())) })) }),
  ),
});

function tracing() {
  const spans: SpanRecord[] = [];
  let next = 1;
  const clock = { nowMs: 1_000 };
  const tracer: Tracer = createTracer({
    add: (span) => void spans.push(span),
    nowMs: () => clock.nowMs,
    randomBytes: (count) => new Uint8Array(count).fill(next++),
  });
  const named = (name: string) => spans.find((span) => span.name === name);
  return { spans, tracer, clock, named };
}

describe("a tracer", () => {
  it("makes what is begun inside a span its child, also when two events are worked on at once", async () => {
    const { tracer, named, spans } = tracing();
    const other = TRACEPARENT.replace(TRACE_ID, "f".repeat(32));
    const work = (traceparent: string, name: string) =>
      tracer.under(traceparent, () =>
        tracer.within({ name }, async () => {
          await Promise.resolve();
          await tracer.within({ name: `${name}.inner` }, async (span) => {
            await Promise.resolve();
            span.set({ "sluice.attempt": 1, "sluice.nothing": undefined });
          });
        }),
      );
    await Promise.all([work(TRACEPARENT, "a"), work(other, "b")]);
    expect(spans).toHaveLength(4);
    expect(named("a")).toMatchObject({ traceId: TRACE_ID, parentSpanId: PARENT_ID });
    expect(named("a.inner")).toMatchObject({ traceId: TRACE_ID, parentSpanId: named("a")?.spanId });
    expect(named("b.inner")).toMatchObject({ traceId: "f".repeat(32), parentSpanId: named("b")?.spanId });
    expect(named("a.inner")?.attributes).toEqual({ "sluice.attempt": 1 });
  });

  it("hands out the traceparent of the span itself, so that the other side's spans are its children", async () => {
    const { tracer, named } = tracing();
    let seen = "";
    await tracer.under(TRACEPARENT, () =>
      tracer.within({ name: "call" }, async (span) => {
        seen = span.traceparent;
      }),
    );
    expect(parseTraceparent(seen)).toMatchObject({
      traceId: TRACE_ID,
      spanId: named("call")?.spanId,
      sampled: true,
    });
  });

  it("records a failure, and lets a throw through", async () => {
    const { tracer, named } = tracing();
    const throwing = tracer.under(TRACEPARENT, () =>
      tracer.within({ name: "bad" }, () => Promise.reject(new Error("as thrown"))),
    );
    await expect(throwing).rejects.toThrow("as thrown");
    expect(named("bad")?.error).toBe("exception");
  });

  it("records nothing of a trace that is not sampled, or outside of any", async () => {
    const { tracer, spans } = tracing();
    const result = await tracer.under(`00-${TRACE_ID}-${PARENT_ID}-00`, () =>
      tracer.within({ name: "a" }, async (span) => span.traceparent),
    );
    await tracer.within({ name: "b" }, async () => undefined);
    tracer.past(`00-${TRACE_ID}-${PARENT_ID}-00`, { name: "c", startMs: 0 });
    expect([result, spans]).toEqual(["", []]);
  });

  it("samples the share that was asked for, and the same traces wherever it is asked", () => {
    const traceId = fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => Buffer.from(bytes).toString("hex"));
    fc.assert(
      fc.property(
        traceId,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (id, left, right) => {
          const [less, more] = [Math.min(left, right), Math.max(left, right)];
          expect(isSampled(id, less) && !isSampled(id, more)).toBe(false);
          expect(isSampled(id, 0)).toBe(false);
          expect(isSampled(id, 1)).toBe(true);
        },
      ),
    );
    const ids = Array.from(
      { length: 4_096 },
      (_, at) => `${"0".repeat(20)}${at.toString(16).padStart(3, "0")}${"8".repeat(9)}`,
    );
    expect(ids.filter((id) => isSampled(id, 0.25))).toHaveLength(1_024);
  });
});

describe("an exporter", () => {
  function exporting(answer: () => Promise<Response>, nowMs = () => 0) {
    const requests: (RequestInit & { readonly text: string })[] = [];
    const dropped: [string, number][] = [];
    const exporter = createSpanExporter({
      endpoint: "https://otlp.test/v1/traces",
      headers: { authorization: "Bearer collector" },
      source: SOURCE,
      fetch: (_, init) => {
        requests.push({ ...init, text: typeof init?.body === "string" ? init.body : "" });
        return answer();
      },
      nowMs,
      log: createLogger("error"),
      onDropped: (reason, spans) => void dropped.push([reason, spans]),
      limits: { maxBufferedSpans: 3, exportTimeoutMs: 1_000, exportPauseMs: 30_000 },
    });
    return { exporter, requests, dropped };
  }

  it("sends what there is in one request, with the collector's own headers", async () => {
    const { exporter, requests } = exporting(async () => new Response("{}"));
    exporter.add(modelSpan);
    exporter.add(modelSpan);
    await exporter.flush();
    await exporter.flush();
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      method: "POST",
      headers: { authorization: "Bearer collector" },
    });
    expect(decode(requests[0]?.text ?? "").resourceSpans[0].scopeSpans[0].spans).toHaveLength(2);
  });

  it("holds no more than its bound, and counts what it drops", async () => {
    const { exporter, requests, dropped } = exporting(async () => new Response("{}"));
    for (let at = 0; at < 5; at++) exporter.add(modelSpan);
    await exporter.flush();
    expect(dropped).toEqual([
      ["full", 1],
      ["full", 1],
    ]);
    expect(decode(requests[0]?.text ?? "").resourceSpans[0].scopeSpans[0].spans).toHaveLength(3);
  });

  it("leaves a collector that fails alone for a while, gathering nothing, and then tries again", async () => {
    const clock = { nowMs: 0 };
    const answers = [new Response("", { status: 503 }), new Response("{}")];
    const { exporter, requests, dropped } = exporting(
      async () => answers.shift() ?? new Response("{}"),
      () => clock.nowMs,
    );
    exporter.add(modelSpan);
    await exporter.flush();
    exporter.add(modelSpan);
    expect(exporter.isEmpty()).toBe(true);
    expect(dropped).toEqual([
      ["failed", 1],
      ["paused", 1],
    ]);
    clock.nowMs = 30_000;
    exporter.add(modelSpan);
    await exporter.flush();
    expect(requests).toHaveLength(2);
    expect(dropped).toHaveLength(2);
  });

  it("gives a collector up that does not answer in time, and never rejects", async () => {
    const { exporter, dropped, requests } = exporting(() => Promise.reject(new Error("no route")));
    exporter.add(modelSpan);
    await exporter.flush();
    expect(dropped).toEqual([["failed", 1]]);
    expect(requests[0]?.signal).toBeInstanceOf(AbortSignal);
  });
});
