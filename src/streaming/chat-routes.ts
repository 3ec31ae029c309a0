/**
 * `POST /v1/chat/completions`, for OpenAI's clients: the gateway's models under their names, behind the same guards. These
 * clients resume nothing and leave by closing the connection, so their answers are relayed: leaving ends the call.
 */
import { Hono, type MiddlewareHandler } from "hono";
import * as z from "zod";
import { LIMITS } from "../config/limits.ts";
import type { StreamState } from "../core/stream/model.ts";
import { openModelStream } from "../models/model-stream.ts";
import { continentOf } from "../platform/continent.ts";
import { problemResponse } from "../platform/problem.ts";
import { problemOfRead, readBody } from "../platform/read-body.ts";
import { admitCall, problemOfRefusal } from "./admit-call.ts";
import { parseChatRequest } from "./chat-request.ts";
import { completionId, openaiFinishReason, openaiUsage } from "./formats/openai.ts";
import {
  bearerOf,
  outliving,
  relayStream,
  stateAfter,
  traceOf,
  type KeepAlive,
  type RelayDeps,
  type RelayOptions,
} from "./routes.ts";
import { problemOfFailure } from "./stream-problems.ts";
import type { StreamRequest } from "./port.ts";

export type ChatDeps = RelayDeps;

export function createChatRoutes(deps: ChatDeps): Hono {
  const routes = new Hono();
  routes.post("/v1/chat/completions", (context) =>
    outliving(context, (keepAlive) => complete(deps, context.req.raw, keepAlive)),
  );
  return routes;
}

async function complete(deps: ChatDeps, request: Request, keepAlive: KeepAlive): Promise<Response> {
  const body = await readBody(request, LIMITS.streams.maxRequestBytes);
  if (!body.ok) return problemResponse(problemOfRead(body.error));
  const parsed = parseChatRequest(body.value);
  if (!parsed.ok) return problemResponse(parsed.error);
  const { stream, includeUsage, user } = parsed.value;
  const { signal } = request;
  const question: StreamRequest = {
    ...parsed.value.request,
    region: continentOf(request),
    ...traceOf(request),
  };
  const id = deps.newId();
  const counted = await deps.starts.open(
    { user, apiToken: bearerOf(request) },
    { id, model: question.model },
  );
  if ("status" in counted) return problemResponse(counted);
  const onEnd = (state: StreamState) => deps.ended(counted, id, state);
  const options = { id, onEnd, signal, keepAlive };
  return stream
    ? relayStream(deps, question, { ...options, format: "openai", includeUsage })
    : completeWhole(deps, question, options);
}

type WholeOptions = Pick<RelayOptions, "signal" | "keepAlive"> & Required<Pick<RelayOptions, "id" | "onEnd">>;

async function completeWhole(
  deps: ChatDeps,
  request: StreamRequest,
  { id, onEnd, signal, keepAlive }: WholeOptions,
): Promise<Response> {
  const admitted = await admitCall(deps, request);
  if (!admitted.ok) keepAlive(onEnd("error"));
  if (!admitted.ok) return problemResponse(problemOfRefusal(admitted.error, deps.nowMs()));
  const { name, model, settle } = admitted.value;
  const { nowMs, log } = deps;
  const startedAtMs = nowMs();
  const opened = await openModelStream(model, request.options, { signal, nowMs, log });
  if (!opened.ok) {
    const { failure: refused } = opened.error;
    keepAlive(Promise.all([settle(id, opened.error, refused), onEnd("error")]));
    return problemResponse(problemOfFailure(opened.error.failure));
  }
  const stream = opened.value;
  const texts: string[] = [];
  let step = await stream.next();
  for (; step.kind === "text"; step = await stream.next()) texts.push(step.text);
  const failed = step.kind === "failed" ? step.failure : undefined;
  keepAlive(Promise.all([settle(id, stream, failed), onEnd(stateAfter(failed))]));
  if (step.kind === "failed") return problemResponse(problemOfFailure(step.failure));
  const message = { role: "assistant", content: texts.join(""), refusal: null };
  const finish_reason = openaiFinishReason(step.finishReason);
  return Response.json({
    id: completionId(id),
    object: "chat.completion",
    created: Math.floor(startedAtMs / 1_000),
    model: name,
    choices: [{ index: 0, message, logprobs: null, finish_reason }],
    usage: openaiUsage(stream.usage),
  });
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  detail: z.optional(z.string()),
});

const ERROR_TYPE: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "rate_limit_error",
};

/** Every problem behind this, whoever found it, as OpenAI's clients read errors. */
export function openaiErrors(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    if (context.res.headers.get("content-type") !== "application/problem+json") return;
    const { status } = context.res;
    const problem = problemSchema.parse(await context.res.json());
    const { title, detail } = problem;
    const code = problem.type.slice(problem.type.lastIndexOf(":") + 1).replaceAll("-", "_");
    const type = ERROR_TYPE[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
    const message = detail === undefined ? title : `${title}: ${detail}`;
    const headers = new Headers(context.res.headers);
    headers.set("content-type", "application/json");
    context.res = undefined;
    context.res = new Response(JSON.stringify({ error: { message, type, param: null, code } }), {
      status,
      headers,
    });
  };
}
