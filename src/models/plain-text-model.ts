/**
 * A model of the AI SDK whose streams are read the short way (`plain-text.ts`) as far as that goes. Its package writes every request
 * and reads every refusal; of an answer it reads what is out of the ordinary, and is asked for that only when there is such a thing.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  SharedV4ProviderOptions,
} from "@ai-sdk/provider";
import { boundResponse, type ResponseCaps } from "./bounded-fetch.ts";
import { PlainTextFirst } from "./plain-text.ts";

/** A stream whose text comes before its parts. */
export interface PlainStream {
  readonly text: PlainTextFirst;
  /** To be asked for once `text` has said that the rest is not plain. */
  parts(): Promise<ReadableStream<LanguageModelV4StreamPart>>;
  /** The same answer as bytes, where they were asked for. */
  readonly verbatim?: ReadableStream<Uint8Array> | undefined;
}

const plainStreams = new WeakMap<ReadableStream<LanguageModelV4StreamPart>, PlainStream>();

/** undefined: all of it is in the stream. Otherwise nothing is, and the stream is only good for being cancelled. */
export function plainStreamOf(stream: ReadableStream<LanguageModelV4StreamPart>): PlainStream | undefined {
  return plainStreams.get(stream);
}

/** Of a call whose answer is wanted as bytes as well. No provider's package reads options of this name. */
export const VERBATIM_CALL: SharedV4ProviderOptions = { sluice: { verbatim: true } };

/** Between the model and its own `fetch`; never sent. */
const CALL_HEADER = "x-sluice-call";

interface Call {
  readonly isVerbatim: boolean;
  /** The answer, once the provider has begun one. */
  response?: Response;
  text?: PlainTextFirst;
  verbatim?: ReadableStream<Uint8Array>;
}

/** Ends the package's own call when the answer has been taken from it; it hands on what is called so. One for all: nobody reads where it was thrown. */
class Taken extends Error {
  override readonly name = "AbortError";
}
const TAKEN = new Taken();

/** @param create gets the `fetch` that the model is to call */
export function plainTextFirst(
  create: (fetcher: typeof fetch) => LanguageModelV4,
  upstream: typeof fetch,
  caps: ResponseCaps,
): LanguageModelV4 {
  const calls = new Map<string, Call>();
  const model = create(async (input, init) => {
    const headers = new Headers(init?.headers);
    const call = calls.get(headers.get(CALL_HEADER) ?? "");
    headers.delete(CALL_HEADER);
    if (call?.response !== undefined && call.text !== undefined)
      return new Response(call.text.rest(), call.response);
    const response = await upstream(input, { ...init, headers, redirect: "manual" });
    if (call === undefined || response.body === null || !response.ok) return boundResponse(response, caps);
    call.response = response;
    let { body } = response;
    if (call.isVerbatim) [call.verbatim, body] = body.tee();
    call.text = new PlainTextFirst(body, caps.maxBytes);
    throw TAKEN;
  });
  const ask = async (call: Call, options: LanguageModelV4CallOptions) => {
    const name = crypto.randomUUID();
    calls.set(name, call);
    try {
      return await model.doStream({ ...options, headers: { ...options.headers, [CALL_HEADER]: name } });
    } finally {
      calls.delete(name);
    }
  };
  const doStream: LanguageModelV4["doStream"] = async (options) => {
    const call: Call = { isVerbatim: options.providerOptions?.["sluice"]?.["verbatim"] === true };
    try {
      return await ask(call, options);
    } catch (thrown) {
      const { response, text, verbatim } = call;
      if (response === undefined || text === undefined) throw thrown;
      const stream = new ReadableStream<LanguageModelV4StreamPart>({ cancel: () => text.cancel() });
      const parts = async () => (await ask(call, options)).stream;
      plainStreams.set(stream, { text, parts, verbatim });
      return { stream, response: { headers: Object.fromEntries(response.headers) } };
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
