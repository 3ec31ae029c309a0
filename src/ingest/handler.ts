/**
 * The front door: `POST /in/:source`. Opens the request, plans its events, makes them durable, answers. Nothing is
 * answered 2xx that is not durable, nothing is ever a 500, and every request leaves one log line: codes, ids and
 * sizes, never a payload, a header's value or a secret.
 */
import { messageOf, err, ok, type Result } from "../core/result.ts";
import { childOf, formatTraceparent, parseTraceparent } from "../core/trace.ts";
import type { LogFields } from "../telemetry/log.ts";
import { planEvents } from "./accept.ts";
import { answerBody, answerEvents, eventFields, FILTERED, type AnsweredEvent } from "./answer.ts";
import { makeDurable } from "./durable.ts";
import { reasonOf, type IngestFailure } from "./failure.ts";
import { openRequest, type Sighting } from "./open-request.ts";
import type { IngestDependencies } from "./ports.ts";
import { problemResponse } from "../platform/problem.ts";
import { problemOf } from "./problem.ts";
import { readySource, type ReadySource } from "./routes.ts";

/** Answers one request. Never throws. @param sourceName the last part of the path, decoded */
export type Ingest = (request: Request, sourceName: string) => Promise<Response>;

export function createIngest(dependencies: IngestDependencies): Ingest {
  const { logger, nowMs } = dependencies;
  const sourcesByName = new Map<string, ReadySource>();
  for (const [name, source] of dependencies.sources) sourcesByName.set(name, readySource(name, source));

  return async (request, sourceName) => {
    const startedAtMs = nowMs();
    const parent = parseTraceparent(request.headers.get("traceparent"));
    const trace = childOf(parent, dependencies.randomBytes(TRACE_RANDOM_BYTES));
    const traceparent = formatTraceparent(trace);
    const sighting: Sighting = { bodyBytes: 0, unusableSecrets: 0 };
    const ready = sourcesByName.get(sourceName);
    const answered = await receive(dependencies, ready, request, traceparent, sighting);
    const fields: LogFields = {
      source: sourceName.slice(0, MAX_LOGGED_NAME_CHARACTERS),
      traceId: trace.traceId,
      ...sighting,
      durationMs: nowMs() - startedAtMs,
    };
    if (answered.ok) {
      logger.info("ingest", { ...fields, httpStatus: 200, ...eventFields(answered.value) });
      return Response.json(answerBody(answered.value, trace.traceId), { headers: { traceparent } });
    }
    const problem = problemOf(answered.error);
    const reason = reasonOf(answered.error);
    logger.warn("ingest", { ...fields, httpStatus: problem.status, status: problem.code, reason });
    return problemResponse(problem, { traceparent });
  };
}

/** 8 for the span's id, 16 for the trace's. */
const TRACE_RANDOM_BYTES = 24;
const MAX_LOGGED_NAME_CHARACTERS = 64;
const MAX_ERROR_CHARACTERS = 300;

async function receive(
  dependencies: IngestDependencies,
  ready: ReadySource | undefined,
  request: Request,
  traceparent: string,
  sighting: Sighting,
): Promise<Result<readonly AnsweredEvent[], IngestFailure>> {
  try {
    if (ready === undefined) return err({ kind: "unknown_source" });
    if (request.method !== "POST") return err({ kind: "method_not_allowed" });
    if (!(await isAdmitted(dependencies, ready.name))) return err({ kind: "rate_limited" });
    const opened = await openRequest(dependencies, ready, request, traceparent, sighting);
    if (!opened.ok) return opened;
    const plan = await planEvents(ready, opened.value);
    if (!plan.ok) return plan;
    if (plan.value.kind === "filtered") return ok(FILTERED);
    const { events } = plan.value;
    const envelopes = events.map((event) => event.envelope);
    const durable = await makeDurable(envelopes, opened.value.jsonBytes, dependencies);
    return durable.ok ? ok(answerEvents(events, durable.value)) : durable;
  } catch (thrown) {
    const error = messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS);
    dependencies.logger.error("ingest_failed", { error });
    return err({ kind: "unavailable" });
  }
}

/** A limiter that fails must not keep real events out. */
async function isAdmitted(dependencies: IngestDependencies, sourceName: string): Promise<boolean> {
  if (dependencies.admit === undefined) return true;
  try {
    return await dependencies.admit(sourceName);
  } catch (thrown) {
    const error = messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS);
    dependencies.logger.error("ingest_limit_failed", { source: sourceName, error });
    return true;
  }
}
