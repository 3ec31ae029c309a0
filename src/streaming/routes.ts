/**
 * `POST /v1/streams`: starts a generation that its own object owns, or (`resumable: false`) relays one to this viewer
 * alone. Bearer tokens are checked by whoever mounts this. What fails before the first token is a problem document;
 * after that, an `error` event.
 */
import { Hono } from "hono";
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import { openModelStream } from "../models/model-stream.ts";
import { problemResponse } from "../platform/problem.ts";
import { problemOfRead, readBody } from "../platform/read-body.ts";
import type { CallFacts } from "../models/call-report.ts";
import { admitCall, type CallDeps } from "./admit-call.ts";
import { createEncoder, parseFormat, type StreamFormat, type StreamLinks } from "./formats/format.ts";
import { relay } from "./relay.ts";
import { problemOfFailure, UNKNOWN_FORMAT } from "./stream-problems.ts";
import { parseStreamRequest, type StreamRequest } from "./stream-request.ts";
import { startRequest, STREAM_MESSAGE_VERSION, type StreamStub } from "./stub.ts";
import type { StreamTokens } from "./tokens.ts";

export interface StreamDeps extends CallDeps {
  readonly newId: () => string;
  readonly stub: (id: string) => StreamStub;
  readonly tokens: StreamTokens;
  readonly heartbeatMs?: number;
}

export type KeepAlive = (work: Promise<unknown>) => void;

export function createStreamRoutes(deps: StreamDeps): Hono {
  const routes = new Hono();
  routes.post("/v1/streams", (context) =>
    startStream(deps, context.req.raw, (work) => context.executionCtx.waitUntil(work)),
  );
  return routes;
}

async function startStream(deps: StreamDeps, request: Request, keepAlive: KeepAlive): Promise<Response> {
  const url = new URL(request.url);
  const format = parseFormat(url.searchParams.get("format") ?? undefined);
  if (format === undefined) return problemResponse(UNKNOWN_FORMAT);
  const body = await readBody(request, LIMITS.streams.maxRequestBytes);
  if (!body.ok) return problemResponse(problemOfRead(body.error));
  const parsed = parseStreamRequest(body.value);
  if (!parsed.ok) return problemResponse(parsed.error);
  if (!parsed.value.resumable) {
    return relayStream(deps, parsed.value.request, { format, signal: request.signal, keepAlive });
  }
  const id = deps.newId();
  const links = await linksOf(deps, id, url.origin);
  // Asked for by name: `*/*` is what every client sends that has not thought about it.
  const watches = request.headers.get("accept")?.includes("text/event-stream") === true;
  const started = await deps.stub(id).fetch(
    startRequest({
      v: STREAM_MESSAGE_VERSION,
      id,
      request: parsed.value.request,
      watch: watches ? { format, links } : null,
    }),
  );
  if (watches || !started.ok) return started;
  return Response.json({ id, ...links }, { status: 201, headers: { location: links.url } });
}

async function linksOf({ tokens, nowMs }: StreamDeps, id: string, origin: string): Promise<StreamLinks> {
  const expiresAtMs = nowMs() + LIMITS.streams.maxLifeMs + LIMITS.streams.retentionMs;
  return {
    url: `${origin}/v1/streams/${id}`,
    token: await tokens.mint(id, "read", expiresAtMs),
    stopToken: await tokens.mint(id, "stop", expiresAtMs),
  };
}

export interface RelayOptions {
  readonly format: StreamFormat;
  readonly signal: AbortSignal;
  readonly keepAlive: KeepAlive;
  readonly includeUsage?: boolean;
}

/** To one viewer, from whom the model's answer is stored nowhere. Its leaving ends the call. */
export async function relayStream(
  deps: Omit<StreamDeps, "stub" | "tokens">,
  request: StreamRequest,
  { format, signal, keepAlive, includeUsage = false }: RelayOptions,
): Promise<Response> {
  const admitted = await admitCall(deps, request);
  if (!admitted.ok) return problemResponse(admitted.error);
  const { model, settle } = admitted.value;
  const { nowMs, log } = deps;
  const id = deps.newId();
  const startedAtMs = nowMs();
  const refuse = (facts: CallFacts, failed: StageFailure): Response => {
    keepAlive(settle(id, facts, failed));
    return problemResponse(problemOfFailure(failed));
  };
  const opened = await openModelStream(model, request.options, { signal, nowMs, log });
  if (!opened.ok) return refuse(opened.error, opened.error.failure);
  const stream = opened.value;
  const first = await stream.next();
  if (first.kind === "failed") return refuse(stream, first.failure);
  const encoder = createEncoder(format, { id, model: model.name, startedAtMs, includeUsage });
  const heartbeatMs = deps.heartbeatMs ?? LIMITS.streams.heartbeatMs;
  const { body, ended } = relay(stream, first, { encoder, signal, heartbeatMs });
  keepAlive(ended.then((failed) => settle(id, stream, failed)));
  return new Response(body, { headers: encoder.headers });
}
