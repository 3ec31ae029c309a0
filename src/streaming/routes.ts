/**
 * `POST /v1/streams`: a model's answer as it is written. Bearer tokens are checked by whoever mounts this. A
 * call that fails before its first token is answered with a problem document; after that, with an `error` event.
 * The guard is told the real usage in the end, also when the viewer has left.
 */
import { Hono } from "hono";
import { LIMITS } from "../config/limits.ts";
import type { StageFailure } from "../core/failure.ts";
import type { GuardClient, Permit } from "../guard/port.ts";
import { problemResponse } from "../platform/problem.ts";
import { problemOfRead, readBody } from "../platform/read-body.ts";
import { callReport, type CallFacts } from "../models/call-report.ts";
import { estimateCallTokens } from "../models/estimate.ts";
import { openModelStream } from "../models/model-stream.ts";
import type { ConfiguredModel } from "../models/port.ts";
import type { ModelRegistry } from "../models/registry.ts";
import type { Logger } from "../telemetry/log.ts";
import { relay, STREAM_HEADERS } from "./relay.ts";
import { problemOfDenial, problemOfFailure } from "./stream-problems.ts";
import { parseStreamRequest, type StreamRequest } from "./stream-request.ts";

export interface StreamDeps {
  readonly models: ModelRegistry;
  readonly guard: GuardClient;
  readonly nowMs: () => number;
  readonly newId: () => string;
  readonly log: Logger;
  readonly heartbeatMs?: number;
}

type KeepAlive = (work: Promise<unknown>) => void;

export function createStreamRoutes(deps: StreamDeps): Hono {
  const routes = new Hono();
  routes.post("/v1/streams", (context) =>
    startStream(deps, context.req.raw, (work) => context.executionCtx.waitUntil(work)),
  );
  return routes;
}

async function startStream(deps: StreamDeps, request: Request, keepAlive: KeepAlive): Promise<Response> {
  const body = await readBody(request, LIMITS.streams.maxRequestBytes);
  if (!body.ok) return problemResponse(problemOfRead(body.error));
  const parsed = parseStreamRequest(body.value);
  if (!parsed.ok) return problemResponse(parsed.error);
  const found = deps.models.get(parsed.value.model);
  if (!found.ok) return problemResponse(problemOfFailure(found.error));
  const { name, definition } = found.value;
  const admission = await deps.guard.admit({
    guard: `model:${name}`,
    limits: definition.limits,
    // Somebody is watching.
    priority: "high",
    estimatedTokens: estimateCallTokens(parsed.value.texts, parsed.value.options.maxOutputTokens),
  });
  if (admission.kind === "denied") {
    return problemResponse(problemOfDenial(admission.reason, admission.retryAtMs, deps.nowMs()));
  }
  return callAdmitted(deps, found.value, parsed.value, request.signal, {
    permit: admission.permit,
    keepAlive,
  });
}

interface Admitted {
  readonly permit: Permit;
  readonly keepAlive: KeepAlive;
}

async function callAdmitted(
  deps: StreamDeps,
  model: ConfiguredModel,
  request: StreamRequest,
  signal: AbortSignal,
  { permit, keepAlive }: Admitted,
): Promise<Response> {
  const id = deps.newId();
  const settle = (facts: CallFacts, failed: StageFailure | undefined) => {
    permit.settle(callReport(facts, failed));
    if (failed !== undefined) deps.log.info("stream.failed", { id, model: model.name, code: failed.code });
    return deps.guard.flush();
  };
  const { nowMs, log } = deps;
  const opened = await openModelStream(model, request.options, { signal, nowMs, log });
  if (!opened.ok) {
    keepAlive(settle(opened.error, opened.error.failure));
    return problemResponse(problemOfFailure(opened.error.failure));
  }
  const stream = opened.value;
  const first = await stream.next();
  if (first.kind === "failed") {
    keepAlive(settle(stream, first.failure));
    return problemResponse(problemOfFailure(first.failure));
  }
  const { body, ended } = relay(stream, first, {
    id,
    model: model.name,
    signal,
    heartbeatMs: deps.heartbeatMs ?? LIMITS.streams.heartbeatMs,
  });
  keepAlive(ended.then((failed) => settle(stream, failed)));
  return new Response(body, { headers: STREAM_HEADERS });
}
