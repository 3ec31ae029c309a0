/**
 * Watching and stopping a stream. Mounted twice: before the API's bearer check for those who bring the stream's own
 * token (`?token=`, or as a bearer), and after it for those who bring the API's.
 *
 *   GET    /v1/streams/:id          Last-Event-ID or ?after=, ?format=
 *   GET    /v1/streams/:id/stream   as `useChat` resumes: the AI SDK's format
 *   DELETE /v1/streams/:id          stops the upstream
 */
import type { Jurisdiction } from "../core/ids.ts";
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { problemResponse, type Problem } from "../platform/problem.ts";
import { parseFormat, type StreamFormat } from "./formats/format.ts";
import { BAD_TOKEN, UNKNOWN_FORMAT, UNKNOWN_STREAM } from "./stream-problems.ts";
import { attachRequest, isStreamId, type AttachCommand, type StreamStub } from "./stub.ts";
import { isStreamToken, type StreamRight, type StreamTokens } from "./tokens.ts";

export interface ViewDeps {
  readonly stub: (id: string, jurisdiction?: Jurisdiction) => StreamStub;
  readonly tokens: StreamTokens;
  readonly nowMs: () => number;
}

const UNKNOWN_PLACE: Problem = {
  status: 400,
  code: "unknown-place",
  title: "`after` is not the id of an event",
};
const READ_ONLY: Problem = {
  status: 403,
  code: "read-only-token",
  title: "This token may read, not stop",
};

/** For stream tokens. A request without one is somebody else's to judge. */
export function createTokenViewRoutes(deps: ViewDeps): Hono {
  const routes = new Hono();
  const needs =
    (right: StreamRight): MiddlewareHandler =>
    async (context, next) => {
      const token = streamTokenOf(context);
      if (token === undefined) return next();
      const id = context.req.param("id") ?? "";
      const has = await deps.tokens.verify(token, id, deps.nowMs());
      if (has === null) return problemResponse(BAD_TOKEN);
      if (right === "stop" && has !== "stop") return problemResponse(READ_ONLY);
      return handle(deps, context);
    };
  routes.get("/v1/streams/:id", needs("read"));
  routes.get("/v1/streams/:id/stream", needs("read"));
  routes.delete("/v1/streams/:id", needs("stop"));
  return routes;
}

/** For those whom the API lets in. */
export function createViewRoutes(deps: ViewDeps): Hono {
  const routes = new Hono();
  routes.get("/v1/streams/:id", (context) => handle(deps, context));
  routes.get("/v1/streams/:id/stream", (context) => handle(deps, context));
  routes.delete("/v1/streams/:id", (context) => handle(deps, context));
  return routes;
}

export function streamTokenOf(context: Context): string | undefined {
  const inUrl = context.req.query("token");
  if (inUrl !== undefined) return inUrl;
  const bearer = /^Bearer (\S+)$/.exec(context.req.header("authorization") ?? "")?.[1];
  return bearer !== undefined && isStreamToken(bearer) ? bearer : undefined;
}

async function handle({ stub }: ViewDeps, context: Context): Promise<Response> {
  const id = context.req.param("id") ?? "";
  if (!isStreamId(id)) return problemResponse(UNKNOWN_STREAM);
  if (context.req.method === "DELETE") {
    const status = await stub(id).stop();
    return status === null ? problemResponse(UNKNOWN_STREAM) : Response.json(status);
  }
  // As `useChat` resumes: its own format.
  const asked = viewOf(context, context.req.path.endsWith("/stream") ? "ui" : undefined);
  return "status" in asked ? problemResponse(asked) : stub(id).fetch(attachRequest(asked));
}

/** What a viewer asks for. */
export function viewOf(context: Context, format?: StreamFormat): AttachCommand | Problem {
  const wanted = format ?? parseFormat(context.req.query("format"));
  if (wanted === undefined) return UNKNOWN_FORMAT;
  const after = placeOf(context);
  return after === "invalid" ? UNKNOWN_PLACE : { format: wanted, after };
}

/** A browser that reconnects repeats its URL, so the header is the newer word. One it did not get from here counts as none. */
function placeOf(context: Context): number | null | "invalid" {
  const header = context.req.header("last-event-id") ?? "";
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const query = context.req.query("after");
  if (query === undefined) return null;
  return /^\d{1,15}$/.test(query) ? Number(query) : "invalid";
}
