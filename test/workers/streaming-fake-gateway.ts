/** The plain relay (`resumable: false`) over a fake upstream and a guard that writes down what it is told. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { EventSourceParserStream, type EventSourceMessage } from "eventsource-parser/stream";
import { expect } from "vitest";
import type { Admission, AdmissionRequest, CallReport } from "../../src/guard/port.ts";
import type { OpenAICompatibleOptions } from "../../src/models/openai-compatible.ts";
import type { StreamedCall } from "../../src/streaming/admit-call.ts";
import { createStreamRoutes } from "../../src/streaming/routes.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import {
  eventStream,
  fakeModel,
  fakeUpstream,
  pieces,
  type BodyOptions,
  type FakeUpstream,
} from "./models-fake-upstream.ts";

interface Setup {
  readonly model?: Partial<OpenAICompatibleOptions>;
  readonly denied?: Extract<Admission, { kind: "denied" }>;
  readonly heartbeatMs?: number;
  /** Default: Sluice's own events. */
  readonly format?: "openai";
}

export function gateway(upstream: FakeUpstream, setup: Setup = {}) {
  const reports: CallReport[] = [];
  const asked: AdmissionRequest[] = [];
  const observed: StreamedCall[] = [];
  let flushes = 0;
  const routes = createStreamRoutes({
    models: fakeModel(upstream, setup.model).registry,
    guard: {
      admit: async (request) => {
        asked.push(request);
        return setup.denied ?? { kind: "granted", permit: { settle: (report) => reports.push(report) } };
      },
      flush: async () => {
        flushes += 1;
      },
    },
    nowMs: Date.now,
    observe: (call) => observed.push(call),
    newId: () => "strm_1",
    originOf: (request) => new URL(request.url).origin,
    log: createLogger("error"),
    stub: () => {
      throw new Error("a relay has no object");
    },
    starts: { open: async () => [], list: async () => [] },
    ended: async () => undefined,
    promptOf: async () => {
      throw new Error("no pipelines here");
    },
    tokens: { mint: async () => "", verify: async () => null },
    ...(setup.heartbeatMs === undefined ? {} : { heartbeatMs: setup.heartbeatMs }),
  });
  const context = createExecutionContext();
  const post = (
    body: unknown,
    signal?: AbortSignal,
    headers: Record<string, string> = {},
    cf?: RequestInitCfProperties,
  ) => {
    const text =
      typeof body === "object" && body !== null
        ? JSON.stringify({ ...body, resumable: false })
        : String(body);
    const init = {
      method: "POST",
      body: text,
      headers,
      ...(signal === undefined ? {} : { signal }),
      ...(cf === undefined ? {} : { cf }),
    };
    const query = setup.format === undefined ? "" : `?format=${setup.format}`;
    return routes.fetch(new Request(`https://sluice.test/v1/streams${query}`, init), {}, context);
  };
  const settled = async () => {
    await waitOnExecutionContext(context);
    return { reports, asked, flushes, observed };
  };
  return { post, settled };
}

export function streaming(text: string, options: BodyOptions = {}): FakeUpstream {
  return fakeUpstream(({ signal }) => eventStream(pieces(text, { signal, ...options }).body));
}

export const HELLO = { model: "fast", input: "Say hello." };

export function eventsOf(response: Response): ReadableStream<EventSourceMessage> {
  if (response.body === null) throw new Error("no body");
  return response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
}

export async function allEvents(response: Response) {
  const events: { event: string | undefined; id: string | undefined; data: unknown }[] = [];
  for await (const { event, id, data } of eventsOf(response))
    events.push({ event, id, data: JSON.parse(data) });
  return events;
}

export async function problemOf(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    ...(await response.json<{ type: string }>()),
  };
}
