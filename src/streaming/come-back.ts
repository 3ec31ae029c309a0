/**
 * Trouble that passes, said in a way that a browser comes back from. An `EventSource` that gets any status but 200 is closed for good,
 * and reads no `Retry-After`; after a 200 that ends, it connects again by itself and repeats its last id.
 *   https://html.spec.whatwg.org/multipage/server-sent-events.html#sse-processing-model
 */
import type { Context, MiddlewareHandler } from "hono";
import { LIMITS } from "../config/limits.ts";
import { EVENT_STREAM_HEADERS } from "./formats/format.ts";
import { encodeComment } from "./sse-encoder.ts";

const { reconnectMs, maxComeBackMs } = LIMITS.streams;

/** For everything that an `EventSource` may ask for, whoever answers it, a thrown error included. */
export function comesBack(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    const { status, headers } = context.res;
    if ((status !== 429 && status < 500) || !isEventSource(context)) return;
    const waitMs = Number(headers.get("retry-after")) * 1_000;
    const retryMs = waitMs > 0 ? Math.min(waitMs, maxComeBackMs) : reconnectMs;
    const kept = new Headers(headers);
    for (const name of ["content-length", "retry-after"]) kept.delete(name);
    for (const [name, value] of Object.entries(EVENT_STREAM_HEADERS)) kept.set(name, value);
    context.res = undefined;
    context.res = new Response(`retry: ${retryMs}\n${encodeComment("come back")}`, { headers: kept });
  };
}

/** It asks for an event stream and takes nothing else. */
function isEventSource({ req }: Context): boolean {
  return req.method === "GET" && req.header("accept")?.trim() === "text/event-stream";
}
