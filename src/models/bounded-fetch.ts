/**
 * A `fetch` for provider packages, which read error bodies whole and follow redirects by default. This one
 * reads no more than it should and follows nowhere: a redirect would take the key and the prompt along.
 */

export interface ResponseCaps {
  readonly maxBytes: number;
  readonly maxErrorBytes: number;
}

/** An answer beyond its cap breaks the stream; an error's body is cut short quietly. */
export function boundedFetch(upstream: typeof fetch, caps: ResponseCaps): typeof fetch {
  return async (input, init) => {
    return boundResponse(await upstream(input, { ...init, redirect: "manual" }), caps);
  };
}

export function boundResponse(response: Response, caps: ResponseCaps): Response {
  if (response.body === null) return response;
  const body = response.ok
    ? limitBytes(response.body, caps.maxBytes, "break")
    : limitBytes(response.body, caps.maxErrorBytes, "cut");
  return new Response(body, response);
}

export function limitBytes(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  beyond: "break" | "cut",
): ReadableStream<Uint8Array> {
  let totalBytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        const roomBytes = maxBytes - totalBytes;
        totalBytes += chunk.byteLength;
        if (chunk.byteLength <= roomBytes) return controller.enqueue(chunk);
        if (beyond === "break") return controller.error(new Error(`the answer is larger than ${maxBytes} B`));
        controller.enqueue(chunk.subarray(0, Math.max(0, roomBytes)));
        return controller.terminate();
      },
    }),
  );
}
