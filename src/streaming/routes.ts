/**
 * `POST /v1/streams`: starts a generation that its own object owns, or (`resumable: false`) relays one to this viewer
 * alone. Bearer tokens are checked by whoever mounts this. What fails before the first token is a problem document;
 * after that, an `error` event.
 */
import type { Jurisdiction } from "../core/ids.ts";
import { Hono, type Context } from "hono";
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import { ok } from "../core/result.ts";
import { formatTraceparent, parseTraceparent } from "../core/trace.ts";
import type { StreamState } from "../core/stream/model.ts";
import { openModelStream } from "../models/model-stream.ts";
import { continentOf } from "../platform/continent.ts";
import { problemResponse, type Problem } from "../platform/problem.ts";
import { problemOfRead, readBody } from "../platform/read-body.ts";
import type { CallFacts } from "../models/call-report.ts";
import { admitCall, problemOfRefusal, type CallDeps } from "./admit-call.ts";
import { createEncoder, parseFormat, type StreamFormat } from "./formats/format.ts";
import { linksOf, mintLinkTokens } from "./links.ts";
import { relay } from "./relay.ts";
import { relayVerbatim } from "./verbatim-relay.ts";
import { problemOfFailure, UNKNOWN_FORMAT } from "./stream-problems.ts";
import type { PromptOf, StreamRequest } from "./port.ts";
import type { SpareStreams } from "./spare-streams.ts";
import type { StartGate } from "./start-gate.ts";
import type { StreamServices } from "./stream-services.ts";
import { parseStreamRequest } from "./stream-request.ts";
import { startRequest, STREAM_MESSAGE_VERSION, type StreamStub } from "./stub.ts";
import type { StreamTokens } from "./tokens.ts";

export interface StreamDeps extends CallDeps {
  readonly newId: () => string;
  readonly stub: (id: string, jurisdiction?: Jurisdiction) => StreamStub;
  readonly tokens: StreamTokens;
  /** Absent: every start has a new object. */
  readonly spares?: SpareStreams;
  readonly starts: StartGate;
  readonly ended: StreamServices["ended"];
  readonly promptOf: PromptOf;
  readonly heartbeatMs?: number;
  /** Where the asker's browsers reach the gateway, as in `https://gateway.example.com`. */
  readonly originOf: (request: Request) => string;
}

/** What a relay needs: no object, no tokens. */
export type RelayDeps = Omit<StreamDeps, "stub" | "tokens" | "spares" | "promptOf" | "originOf">;

export type KeepAlive = (work: Promise<unknown>) => void;

export function createStreamRoutes(deps: StreamDeps): Hono {
  const routes = new Hono();
  routes.post("/v1/streams", (context) =>
    outliving(context, (keepAlive) => startStream(deps, context.req.raw, keepAlive)),
  );
  routes.get("/v1/streams", (context) => listStreams(deps, context.req.raw));
  return routes;
}

/**
 * A client that leaves takes its request's context along, and with it the rest of the code: the call's end would be told to neither guard nor
 * budget. Kept alive, that code runs on, and hears of the leaving by the request's signal.
 */
export function outliving(
  { executionCtx }: Pick<Context, "executionCtx">,
  answer: (keepAlive: KeepAlive) => Promise<Response>,
): Promise<Response> {
  const answered = answer((work) => executionCtx.waitUntil(work));
  executionCtx.waitUntil(answered.catch(() => undefined));
  return answered;
}

const NO_USER: Problem = { status: 400, code: "no-user", title: "Name the user: /v1/streams?user=…" };

async function startStream(deps: StreamDeps, request: Request, keepAlive: KeepAlive): Promise<Response> {
  const url = new URL(request.url);
  const format = parseFormat(url.searchParams.get("format") ?? undefined);
  if (format === undefined) return problemResponse(UNKNOWN_FORMAT);
  const body = await readBody(request, LIMITS.streams.maxRequestBytes);
  if (!body.ok) return problemResponse(problemOfRead(body.error));
  const parsed = parseStreamRequest(body.value);
  if (!parsed.ok) return problemResponse(parsed.error);
  const { asked, resumable, user, onInterruption } = parsed.value;
  const spare = (resumable ? deps.spares?.take() : null) ?? null;
  const id = spare?.id ?? deps.newId();
  const refuse = (problem: Problem): Response => {
    if (spare !== null) deps.spares?.giveBack(spare);
    return problemResponse(problem);
  };
  const made = "pipeline" in asked ? await deps.promptOf(asked.pipeline, asked.input, id) : ok(asked);
  if (!made.ok) return refuse(made.error);
  const question: StreamRequest = { ...made.value, region: continentOf(request), ...traceOf(request) };
  const { model } = question;
  const apiToken = bearerOf(request);
  const counted = await deps.starts.open({ user, apiToken }, { id, model });
  if ("status" in counted) return refuse(counted);
  if (!resumable) {
    const options = { id, format, signal: request.signal, keepAlive };
    return relayStream(deps, question, { ...options, onEnd: (state) => deps.ended(counted, id, state) });
  }
  const tokens = spare?.tokens ?? (await mintLinkTokens(deps.tokens, id, deps.nowMs()));
  const links = linksOf(deps.originOf(request), id, tokens);
  // Asked for by name: `*/*` is what every client sends that has not thought about it.
  const watches = request.headers.get("accept")?.includes("text/event-stream") === true;
  const started = await deps.stub(id).fetch(
    startRequest({
      v: STREAM_MESSAGE_VERSION,
      id,
      request: question,
      countedBy: counted,
      ...(onInterruption === "reask" ? { onInterruption } : {}),
      watch: watches ? { format, links } : null,
    }),
  );
  // It never began, or has told of its end itself: telling twice changes nothing.
  if (!started.ok) keepAlive(deps.ended(counted, id, "error"));
  else if (deps.spares !== undefined) keepAlive(deps.spares.replenish());
  if (watches || !started.ok) return started;
  return Response.json({ id, ...links }, { status: 201, headers: { location: links.url } });
}

async function listStreams(deps: StreamDeps, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const user = url.searchParams.get("user") ?? "";
  if (user === "" || user.length > LIMITS.streams.maxUserCharacters) return problemResponse(NO_USER);
  const entries = await deps.starts.list(user);
  const streams = entries
    .slice(0, LIMITS.streams.maxListed)
    .map(({ id, model, startedAtMs, endedAtMs, state }) => ({
      id,
      url: `${deps.originOf(request)}/v1/streams/${id}`,
      model,
      state: state === "starting" ? "open" : state,
      startedAtMs,
      endedAtMs,
    }));
  return Response.json({ streams });
}

/** A trace that the caller is in. One that breaks the rules is none. */
export function traceOf({ headers }: Request): Pick<StreamRequest, "traceparent"> {
  const trace = parseTraceparent(headers.get("traceparent"));
  return trace === null ? {} : { traceparent: formatTraceparent(trace) };
}

export function bearerOf(request: Request): string | null {
  return /^Bearer (\S+)$/.exec(request.headers.get("authorization") ?? "")?.[1] ?? null;
}

export interface RelayOptions {
  /** Default: a new one. */
  readonly id?: string;
  readonly onEnd?: (state: StreamState) => Promise<void>;
  readonly format: StreamFormat;
  readonly signal: AbortSignal;
  readonly keepAlive: KeepAlive;
  readonly includeUsage?: boolean;
}

/** To one viewer, from whom the model's answer is stored nowhere. Its leaving ends the call. */
export async function relayStream(
  deps: RelayDeps,
  request: StreamRequest,
  {
    id = deps.newId(),
    onEnd = async () => {},
    format,
    signal,
    keepAlive,
    includeUsage = false,
  }: RelayOptions,
): Promise<Response> {
  const admitted = await admitCall(deps, request);
  if (!admitted.ok) keepAlive(onEnd("error"));
  if (!admitted.ok) return problemResponse(problemOfRefusal(admitted.error, deps.nowMs()));
  const { name, model, settle } = admitted.value;
  const { nowMs, log } = deps;
  const startedAtMs = nowMs();
  const refuse = (facts: CallFacts, failed: StageFailure): Response => {
    keepAlive(Promise.all([settle(id, facts, failed), onEnd("error")]));
    return problemResponse(problemOfFailure(failed));
  };
  const verbatim = format === "openai" && model.definition.verbatim === true;
  const opened = await openModelStream(model, request.options, { signal, nowMs, log, verbatim });
  if (!opened.ok) return refuse(opened.error, opened.error.failure);
  const stream = opened.value;
  const first = await stream.next();
  if (first.kind === "failed") return refuse(stream, first.failure);
  const encoder = createEncoder(format, { id, model: name, startedAtMs, includeUsage });
  const heartbeatMs = deps.heartbeatMs ?? LIMITS.streams.heartbeatMs;
  const { body, ended } =
    stream.verbatim === undefined || first.kind !== "text"
      ? relay(stream, first, { encoder, signal, heartbeatMs })
      : relayVerbatim(stream, stream.verbatim, { encoder, signal, nowMs });
  const tell = (failed: StageFailure | undefined) =>
    Promise.all([settle(id, stream, failed), onEnd(stateAfter(failed))]);
  keepAlive(ended.then(tell));
  return new Response(body, { headers: encoder.headers });
}

export function stateAfter(failed: StageFailure | undefined): StreamState {
  if (failed === undefined) return "done";
  return failed.code === "cancelled" ? "stopped" : "error";
}
