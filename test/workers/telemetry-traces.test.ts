import { createExecutionContext, createMessageBatch } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { createGateway } from "../../src/worker.ts";
import {
  defineGateway,
  definePipeline,
  defineSource,
  httpDestination,
  openaiCompatible,
  unsigned,
} from "../../src/index.ts";
import { completion, eventStream } from "./models-fake-upstream.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SENDER_SPAN = "00f067aa0ba902b7";

const note = z.object({ id: z.string(), customer: z.string(), text: z.string() });
const sorting = definePipeline({
  name: "sorting",
  input: note,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ label: z.string() }),
    prompt: ({ text }) => ({ instruction: "Give it a label.", data: { text } }),
  },
  format: ({ output }) => ({ type: "note.sorted", body: output }),
  deliver: ["crm"],
});

const config = defineGateway({
  sources: {
    notes: defineSource({
      verify: unsigned({
        by: "bearer",
        iUnderstand: "nothing in these requests is signed",
        secrets: ["NOTES_TOKEN"],
        dedupeKey: [{ from: "body", path: "id" }],
      }),
      events: { "*": note },
      partitionBy: ({ payload }) => payload.customer,
      policy: { settleMs: 0 },
      routes: (route) => [route("*", sorting)],
    }),
  },
  models: { fast: openaiCompatible({ baseUrl: "https://model.test/v1", model: "gpt-5-mini" }) },
  destinations: { crm: httpDestination({ url: "https://crm.test/notes", secret: "CRM_SECRET" }) },
  traces: { endpoint: "https://otlp.test/v1/traces", headers: { authorization: "OTLP_AUTHORIZATION" } },
});

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.optional(z.string()),
  name: z.string(),
  attributes: z.array(z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) })),
});
type Span = z.infer<typeof spanSchema>;
const exportSchema = z.object({
  resourceSpans: z.tuple([z.object({ scopeSpans: z.tuple([z.object({ spans: z.array(spanSchema) })]) })]),
});

const SETTINGS: Readonly<Record<string, string>> = {
  NOTES_TOKEN: "notes-token",
  CRM_SECRET: `whsec_${btoa("0123456789abcdef01234567")}`,
  OTLP_AUTHORIZATION: "Bearer collector",
};

/** The gateway with its lanes in hand, and everything outside it scripted. */
function world(collector: () => Response | Promise<Response>) {
  const sent: unknown[] = [];
  const lane = {
    send: async (body: unknown) => void sent.push(body),
    sendBatch: async (messages: Iterable<{ readonly body: unknown }>) => {
      for (const { body } of messages) sent.push(body);
    },
  };
  const bindings = new Proxy(env, {
    get: (target, name) => {
      if (typeof name === "string" && name.startsWith("LANE_")) return /_\d+$/.test(name) ? undefined : lane;
      return (typeof name === "string" ? SETTINGS[name] : undefined) ?? Reflect.get(target, name);
    },
  });
  const spans: Span[] = [];
  const delivered: Headers[] = [];
  const exported = Promise.withResolvers<void>();
  vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (url.hostname === "model.test") return eventStream(completion(['{"label":"complaint"}']));
    if (url.hostname === "crm.test") {
      delivered.push(new Headers(init?.headers));
      return new Response("ok");
    }
    const body: unknown = await new Response(init?.body ?? null).json();
    spans.push(...exportSchema.parse(body).resourceSpans[0].scopeSpans[0].spans);
    if (
      spans.some((span) => span.name === "sluice.deliver") &&
      spans.some((span) => span.name.startsWith("POST"))
    ) {
      exported.resolve();
    }
    return collector();
  });
  const gateway = createGateway(config);
  const accept = (id: string, headers: Record<string, string>) => {
    const body = JSON.stringify({ id, customer: `customer-of-${id}`, text: "It broke." });
    const request = new Request("https://sluice.test/in/notes", {
      method: "POST",
      body,
      headers: { "content-type": "application/json", authorization: "Bearer notes-token", ...headers },
    });
    return gateway.fetch(request, bindings, createExecutionContext());
  };
  const drive = () => {
    const messages = sent
      .splice(0)
      .map((body, at) => ({ id: `m${at}`, timestamp: new Date(), attempts: 1, body }));
    return gateway.queue(createMessageBatch("sluice-normal", messages), bindings);
  };
  return { accept, drive, spans, delivered, exported: exported.promise };
}

function attribute(span: Span | undefined, key: string): unknown {
  const found = span?.attributes.find((candidate) => candidate.key === key)?.value;
  return found === undefined ? undefined : Object.values(found)[0];
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("an event's trace", () => {
  it("is one: sender, ingest, lane, partition, stages, model and delivery, each under what caused it", async () => {
    const { accept, drive, spans, delivered, exported } = world(() => new Response("{}"));
    const answer = await accept("traced", { traceparent: `00-${TRACE_ID}-${SENDER_SPAN}-01` });
    expect(answer.status).toBe(200);
    await drive();
    await exported;
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([TRACE_ID]));
    const named = (name: string) => spans.find((span) => span.name === name);
    const ingest = named("POST /in/notes");
    expect(ingest?.parentSpanId).toBe(SENDER_SPAN);
    for (const name of ["sluice.lane", "sluice.prepare", "sluice.partition", "sluice.deliver"]) {
      expect([name, named(name)?.parentSpanId]).toEqual([name, ingest?.spanId]);
    }
    for (const name of ["sluice.parse", "sluice.infer", "sluice.format"]) {
      expect([name, named(name)?.parentSpanId]).toEqual([name, named("sluice.prepare")?.spanId]);
    }
    const call = named("chat gpt-5-mini");
    expect(call?.parentSpanId).toBe(named("sluice.infer")?.spanId);
    expect(attribute(call, "gen_ai.usage.output_tokens")).toBe(7);
    expect(attribute(call, "gen_ai.response.model")).toBe("real-model");
    expect(delivered[0]?.get("traceparent")).toBe(`00-${TRACE_ID}-${named("sluice.deliver")?.spanId}-01`);
    // No payload, prompt, answer or customer is in any of them.
    expect(JSON.stringify(spans)).not.toMatch(/It broke|complaint|customer-of/);
  });

  it("does not hold the event up while the collector hangs: it is delivered and its lane is answered", async () => {
    const { accept, drive, delivered, exported } = world(() => new Promise(() => undefined));
    expect((await accept("unhurried", {})).status).toBe(200);
    await drive();
    expect(delivered).toHaveLength(1);
    await exported;
  });

  it("is not recorded when its sender says so, and goes on all the same", async () => {
    const { accept, drive, spans, delivered } = world(() => new Response("{}"));
    await accept("private", { traceparent: `00-${TRACE_ID}-${SENDER_SPAN}-00` });
    await drive();
    expect(delivered[0]?.get("traceparent")).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`));
    expect(spans).toEqual([]);
  });
});
