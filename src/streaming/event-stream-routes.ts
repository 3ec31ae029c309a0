/**
 * The stream of an event whose pipeline streams:
 *
 *   GET  /v1/events/:id/stream   Last-Event-ID or ?after=, ?format=; with the API's token, or `?token=` from the next one
 *   POST /v1/events/:id/stream   {url, token} for a page
 *
 * Each run of an event has one stream, whatever is retried. Before there is anything, and between two tries, a viewer is told
 * to come again: an `EventSource` does so by itself, and nothing is kept awake meanwhile.
 */
import { Hono, type Context } from "hono";
import { LIMITS } from "../config/limits.ts";
import { jurisdictionOf, parseEventId, partitionOf, type EventId } from "../core/ids.ts";
import { problemResponse } from "../platform/problem.ts";
import { EVENT_STREAM_HEADERS, type StreamFormat } from "./formats/format.ts";
import { streamIdOf } from "./run-streams.ts";
import { encodeComment } from "./sse-encoder.ts";
import { attachRequest, STREAM_STATE_HEADER } from "./stub.ts";
import { streamTokenOf, viewOf, type ViewDeps } from "./view-routes.ts";
import { BAD_TOKEN, UNKNOWN_EVENT } from "./stream-problems.ts";

export interface EventStreamDeps extends ViewDeps {
  /** Where the asker's browsers reach the gateway. */
  readonly originOf: (request: Request) => string;
  /** The event's run, and whether it is still worked on; null: its partition does not know it (yet, or any more). */
  readonly runOf: (id: EventId) => Promise<{ readonly run: number; readonly isOpen: boolean } | null>;
}

/** For a token of one event. A request without one is somebody else's to judge. */
export function createEventTokenRoutes(deps: EventStreamDeps): Hono {
  const routes = new Hono();
  routes.get("/v1/events/:id/stream", async (context, next) => {
    const token = streamTokenOf(context);
    if (token === undefined) return next();
    const right = await deps.tokens.verify(token, context.req.param("id"), deps.nowMs());
    return right === null ? problemResponse(BAD_TOKEN) : watch(deps, context);
  });
  return routes;
}

/** For those whom the API lets in. */
export function createEventStreamRoutes(deps: EventStreamDeps): Hono {
  const routes = new Hono();
  routes.get("/v1/events/:id/stream", (context) => watch(deps, context));
  routes.post("/v1/events/:id/stream", async (context) => {
    const id = parseEventId(context.req.param("id"));
    if (!id.ok) return problemResponse(UNKNOWN_EVENT);
    const expiresAtMs = deps.nowMs() + LIMITS.streams.eventTokenMs;
    const url = `${deps.originOf(context.req.raw)}/v1/events/${id.value}/stream`;
    return context.json({ url, token: await deps.tokens.mint(id.value, "read", expiresAtMs) }, 201);
  });
  return routes;
}

async function watch(deps: EventStreamDeps, context: Context): Promise<Response> {
  const asked = viewOf(context);
  if ("status" in asked) return problemResponse(asked);
  const id = parseEventId(context.req.param("id") ?? "");
  if (!id.ok) return problemResponse(UNKNOWN_EVENT);
  const found = await deps.runOf(id.value);
  // It may still lie in its lane.
  if (found === null) return notYet(asked.format, LIMITS.streams.reconnectMs);
  const stream = deps.stub(
    await streamIdOf({ eventId: id.value, run: found.run }),
    jurisdictionOf(partitionOf(id.value)),
  );
  const answer = await stream.fetch(attachRequest(asked));
  if (answer.status !== 404 && answer.status !== 204) return answer;
  return found.isOpen && mayGoOn(answer) ? notYet(asked.format, LIMITS.streams.notYetMs) : nothingMore();
}

/** Nothing was said so far, or a try has failed: while the event lives, the model is asked again. */
function mayGoOn(answer: Response): boolean {
  const state = answer.headers.get(STREAM_STATE_HEADER);
  return state !== "done" && state !== "stopped";
}

/** `useChat` asks again by itself when it wants to. */
function notYet(format: StreamFormat, retryMs: number): Response {
  if (format !== "sluice") return nothingMore();
  const hint = `retry: ${retryMs}\n${encodeComment("nothing yet")}`;
  return new Response(hint, { headers: EVENT_STREAM_HEADERS });
}

const nothingMore = () => new Response(null, { status: 204 });
