/** A stand-in for a provider's HTTP endpoint, injected as `fetch`: honours its signal as a real one does. */
import type { ModelDefinition, ModelTimeouts } from "../../src/models/port.ts";
import { openaiCompatible, type OpenAICompatibleOptions } from "../../src/models/openai-compatible.ts";
import { createModelRegistry, type ModelRegistry } from "../../src/models/registry.ts";

export interface UpstreamCall {
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Record<string, unknown>;
  readonly redirect: string | undefined;
  readonly signal: AbortSignal;
}

export interface FakeUpstream {
  readonly fetch: typeof fetch;
  readonly calls: readonly UpstreamCall[];
  /** The first call's signal has fired. */
  readonly aborted: Promise<void>;
  /** The first call has begun. */
  readonly called: Promise<void>;
}

/** @param respond gets the call; what it returns is raced against the signal */
export function fakeUpstream(respond: (call: UpstreamCall) => Response | Promise<Response>): FakeUpstream {
  const calls: UpstreamCall[] = [];
  const aborted = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const fake: typeof fetch = async (input, init) => {
    const signal = init?.signal ?? new AbortController().signal;
    const text = typeof init?.body === "string" ? init.body : "{}";
    const call: UpstreamCall = {
      url: input instanceof Request ? input.url : input.toString(),
      headers: new Headers(init?.headers),
      text,
      body: JSON.parse(text),
      redirect: init?.redirect,
      signal,
    };
    calls.push(call);
    called.resolve();
    signal.addEventListener("abort", () => aborted.resolve(), { once: true });
    const rejected = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return Promise.race([respond(call), rejected]);
  };
  return { fetch: fake, calls, aborted: aborted.promise, called: called.promise };
}

export interface BodyOptions {
  /** Bytes per chunk: small odd numbers split characters and line ends. */
  readonly splitBytes?: number;
  /** After the text: close (default), stay silent, or break the connection. */
  readonly ending?: "close" | "hang" | "break";
  /** Waited for before the ending. */
  readonly until?: Promise<unknown>;
  readonly signal?: AbortSignal;
}

/** A response body that comes in pieces, one per pull. `pulls` tells how many were taken. */
export function pieces(
  text: string,
  options: BodyOptions = {},
): { body: ReadableStream<Uint8Array>; pulls: () => number } {
  const bytes = new TextEncoder().encode(text);
  const step = options.splitBytes ?? bytes.length;
  let offset = 0;
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        options.signal?.addEventListener("abort", () => controller.error(options.signal?.reason), {
          once: true,
        });
      },
      async pull(controller) {
        pulls += 1;
        if (offset < bytes.length) {
          controller.enqueue(bytes.slice(offset, offset + step));
          offset += step;
          return;
        }
        await options.until;
        if (options.ending === "hang") await new Promise<void>(() => undefined);
        if (options.ending === "break") controller.error(new Error("Network connection lost."));
        else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return { body, pulls: () => pulls };
}

export function eventStream(
  body: ReadableStream<Uint8Array> | string,
  headers: Record<string, string> = {},
): Response {
  return new Response(body, { headers: { "content-type": "text/event-stream", ...headers } });
}

export function delta(content: string): string {
  return data({
    id: "c1",
    model: "real-model",
    choices: [{ index: 0, delta: { role: "assistant", content }, finish_reason: null }],
  });
}

export function finish(
  reason = "stop",
  usage?: { prompt_tokens: number; completion_tokens: number },
): string {
  const end = data({
    id: "c1",
    model: "real-model",
    choices: [{ index: 0, delta: {}, finish_reason: reason }],
  });
  const counted = usage === undefined ? "" : data({ id: "c1", choices: [], usage });
  return `${end}${counted}data: [DONE]\n\n`;
}

export function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

export function completion(
  texts: readonly string[],
  usage = { prompt_tokens: 11, completion_tokens: 7 },
): string {
  return texts.map(delta).join("") + finish("stop", usage);
}

export function errorResponse(
  status: number,
  error: unknown,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ error }, { status, headers });
}

/** Long enough never to fire by chance; each test shortens the one it is about. */
const PATIENT: ModelTimeouts = { connectMs: 5_000, firstTokenMs: 5_000, idleMs: 5_000, totalMs: 5_000 };

export function fakeModel(
  upstream: FakeUpstream,
  options: Partial<OpenAICompatibleOptions> = {},
): ModelDefinition & { readonly registry: ModelRegistry } {
  const definition = openaiCompatible({
    baseUrl: "https://model.test/v1",
    model: "test-model",
    apiKey: "MODEL_KEY",
    ...options,
    timeouts: { ...PATIENT, ...options.timeouts },
  });
  const registry = createModelRegistry(new Map([["fast", definition]]), {
    binding: (name) => (name === "MODEL_KEY" ? "sk-secret" : undefined),
    fetch: upstream.fetch,
  });
  return { ...definition, registry };
}
