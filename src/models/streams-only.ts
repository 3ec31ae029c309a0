/**
 * A `fetch` for calls that are answered in a stream. An answer of 200 that is none (an error as JSON, some proxy's page) would be read as a
 * stream without a single event, hence as one that was cut off; what it says decides instead. Looks only at what calls itself
 * JSON or HTML, and hands on what begins like a stream all the same.
 */
import { APICallError } from "@ai-sdk/provider";
import { LIMITS } from "../config/limits.ts";
import { limitBytes } from "./bounded-fetch.ts";

/** @throws APICallError with the beginning of an answer that is a JSON text or a page */
export function streamsOnly(upstream: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await upstream(input, init);
    if (!response.ok || response.body === null || !isDocument(response)) return response;
    const { first, body } = await lookInto(response.body);
    if (!["{", "[", "<"].includes(first)) return new Response(body, response);
    const text = await new Response(limitBytes(body, LIMITS.models.maxErrorBodyBytes, "cut")).text();
    throw new APICallError({
      message: "an answer that is no stream",
      url: response.url,
      requestBodyValues: {},
      statusCode: response.status,
      responseHeaders: Object.fromEntries(response.headers),
      responseBody: text,
      isRetryable: false,
    });
  };
}

function isDocument(response: Response): boolean {
  return /json|html/i.test(response.headers.get("content-type") ?? "");
}

/** The first character that is no white space (empty: there is none, or too much before it), and the whole body as it was. */
async function lookInto(
  body: ReadableStream<Uint8Array>,
): Promise<{ readonly first: string; readonly body: ReadableStream<Uint8Array> }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const seen: Uint8Array[] = [];
  let text = "";
  let bytes = 0;
  while (text === "" && bytes < LIMITS.models.maxErrorBodyBytes) {
    const { done, value } = await reader.read();
    if (done) break;
    seen.push(value);
    bytes += value.byteLength;
    text = decoder.decode(value, { stream: true }).trim();
  }
  const whole = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = seen.shift() ?? (await reader.read()).value;
        if (chunk === undefined) controller.close();
        else controller.enqueue(chunk);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return { first: text.charAt(0), body: whole };
}
