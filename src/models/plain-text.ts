/**
 * The shortest way for what an OpenAI-compatible stream consists of nearly always: pieces of plain text. They are read here, off the
 * bytes; from the first event on that is anything else (an end, usage, an error, a tool call, reasoning, nonsense) the provider's
 * package reads the rest, as if the text before had never been. So this decides nothing about how an answer ends.
 */
import { createParser, type EventSourceParser } from "eventsource-parser";
import type { LanguageModelV4, LanguageModelV4StreamPart } from "@ai-sdk/provider";

import { boundResponse, type ResponseCaps } from "./bounded-fetch.ts";

export class PlainTextFirst {
  /** What is not plain text, and all that follows. Nothing comes of it before. */
  readonly rest: ReadableStream<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  readonly #maxBytes: number;
  readonly #handedOver = Promise.withResolvers<void>();
  #texts: string[] = [];
  #others: string[] = [];
  #isPlain = true;
  #isCancelled = false;
  #bytes = 0;

  constructor(body: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#reader = body.getReader();
    this.#maxBytes = maxBytes;
    this.#parser = createParser({ onEvent: ({ data }) => this.#take(data) });
    const bytes = new TextEncoder();
    this.rest = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          await this.#handedOver.promise;
          try {
            while (this.#others.length === 0) {
              if (await this.#readMore()) continue;
              controller.close();
              return;
            }
            const events = this.#others.splice(0);
            controller.enqueue(bytes.encode(events.map(encodeData).join("")));
          } catch (thrown) {
            // Gone already where it was cancelled meanwhile.
            if (!this.#isCancelled) controller.error(thrown);
          }
        },
        cancel: () => this.#release(),
      },
      { highWaterMark: 0 },
    );
  }

  /** The next piece of text; null: what follows is in `rest`. Never rejects: a break is there as well. */
  async next(): Promise<string | null> {
    try {
      while (this.#texts.length === 0) {
        if (!this.#isPlain || !(await this.#readMore())) return this.#handOver();
      }
    } catch {
      return this.#handOver();
    }
    return this.#texts.shift() ?? null;
  }

  cancel(): void {
    void this.#release();
    this.#handOver();
  }

  /** Never rejects: a connection that was aborted is as good as closed. */
  async #release(): Promise<void> {
    this.#isCancelled = true;
    await this.#reader.cancel().catch(() => undefined);
  }

  #handOver(): null {
    this.#isPlain = false;
    this.#handedOver.resolve();
    return null;
  }

  /** @returns false at the end @throws when the connection breaks or brings too much */
  async #readMore(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    this.#bytes += value.byteLength;
    if (this.#bytes > this.#maxBytes) {
      await this.#reader.cancel();
      throw new Error(`the answer is larger than ${this.#maxBytes} B`);
    }
    this.#parser.feed(this.#decoder.decode(value, { stream: true }));
    return true;
  }

  #take(data: string): void {
    const text = this.#isPlain ? plainTextOf(data) : null;
    if (text === null) {
      this.#isPlain = false;
      this.#others.push(data);
    } else if (text !== "") this.#texts.push(text);
  }
}

/** Members that may stand beside the text and say nothing about the answer. */
const QUIET_DELTA = new Set(["content", "role"]);

/** null: not an event that is nothing but a piece of the answer's text. */
export function plainTextOf(data: string): string | null {
  if (!data.startsWith("{")) return null;
  try {
    const chunk = JSON.parse(data) as Chunk; // every member that is used is looked at first
    if (chunk.usage != null || chunk.error != null || !Array.isArray(chunk.choices)) return null;
    const [choice, ...others] = chunk.choices;
    if (choice?.delta == null || choice.finish_reason != null || others.length > 0) return null;
    const { content } = choice.delta;
    if (typeof content !== "string") return null;
    for (const [name, value] of Object.entries(choice.delta)) {
      if (value !== null && !QUIET_DELTA.has(name)) return null;
    }
    return content;
  } catch {
    return null;
  }
}

interface Chunk {
  readonly usage?: unknown;
  readonly error?: unknown;
  readonly choices?: readonly ({
    readonly delta?: Readonly<Record<string, unknown>> | null;
    readonly finish_reason?: unknown;
  } | null)[];
}

function encodeData(data: string): string {
  return `${data
    .split("\n")
    .map((line) => `data: ${line}`)
    .join("\n")}\n\n`;
}

const plainTexts = new WeakMap<ReadableStream<LanguageModelV4StreamPart>, PlainTextFirst>();

/** The text that comes before a stream's own parts; undefined: all of it is in the stream. */
export function plainTextBefore(
  stream: ReadableStream<LanguageModelV4StreamPart>,
): PlainTextFirst | undefined {
  return plainTexts.get(stream);
}

/** Between the model and its own `fetch`; never sent. */
const CALL_HEADER = "x-sluice-call";

/**
 * The same model, whose streams may be read the short way (`plainTextBefore`).
 *
 * @param create gets the `fetch` that the model is to call
 */
export function plainTextFirst(
  create: (fetcher: typeof fetch) => LanguageModelV4,
  upstream: typeof fetch,
  caps: ResponseCaps,
): LanguageModelV4 {
  const found = new Map<string, PlainTextFirst>();
  const model = create(async (input, init) => {
    const headers = new Headers(init?.headers);
    const call = headers.get(CALL_HEADER);
    headers.delete(CALL_HEADER);
    const response = await upstream(input, { ...init, headers, redirect: "manual" });
    if (call === null || response.body === null || !response.ok) return boundResponse(response, caps);
    const text = new PlainTextFirst(response.body, caps.maxBytes);
    found.set(call, text);
    return new Response(text.rest, response);
  });
  const doStream: LanguageModelV4["doStream"] = async (options) => {
    const call = crypto.randomUUID();
    try {
      const result = await model.doStream({
        ...options,
        headers: { ...options.headers, [CALL_HEADER]: call },
      });
      const text = found.get(call);
      if (text !== undefined) plainTexts.set(result.stream, text);
      return result;
    } finally {
      found.delete(call);
    }
  };
  return {
    specificationVersion: model.specificationVersion,
    provider: model.provider,
    modelId: model.modelId,
    supportedUrls: model.supportedUrls,
    doGenerate: (options) => model.doGenerate(options),
    doStream,
  };
}
