/**
 * The front door: `POST /in/:source`, and `GET` where a sender's set-up dialogue needs it. Opens the request, plans
 * its events, makes them durable, answers. Nothing is answered 2xx that is not durable (or such a dialogue), nothing
 * is ever a 500, and every request leaves one log line: codes, ids and sizes, never a payload, a header's value or
 * a secret.
 */
import { LIMITS } from "../config/limits.ts";
import { messageOf, err, ok, type Result } from "../core/result.ts";
import { childOf, formatTraceparent, parseTraceparent, type TraceContext } from "../core/trace.ts";
import type { LogFields } from "../telemetry/log.ts";
import { planEvents, type PlannedEvent } from "./accept.ts";
import {
  answerBody,
  answerDecided,
  answerEvent,
  answerDuplicates,
  eventFields,
  FILTERED,
  type AnsweredEvent,
} from "./answer.ts";
import { answerDueAtMs, decideEvents, type WaitingEvent } from "./decide.ts";
import { makeDurable, type SameBody } from "./durable.ts";
import { reasonOf, type IngestFailure } from "./failure.ts";
import { floodKey } from "./flood.ts";
import { answerUnsigned, type HandshakeAnswer } from "./handshakes.ts";
import { LargeBody } from "./large-body.ts";
import { openRequest, type Sighting } from "./open-request.ts";
import type { IngestDependencies } from "./ports.ts";
import { problemResponse } from "../platform/problem.ts";
import { declaredLength } from "../platform/read-body.ts";
import { problemOf } from "./problem.ts";
import { handshakeContext } from "./request-context.ts";
import { bodyBoundsOf, refusalOfHead } from "./request-head.ts";
import { readySource, type ReadySource } from "./routes.ts";

/** Answers one request. Never throws. @param sourceName the last part of the path, as it was sent */
export type Ingest = (request: Request, sourceName: string) => Promise<Response>;

export function createIngest(dependencies: IngestDependencies): Ingest {
  const { logger, nowMs } = dependencies;
  const sourcesByName = new Map<string, ReadySource>();
  for (const [name, source] of dependencies.sources) {
    sourcesByName.set(name, readySource(name, source));
    // Said at every start: whoever reads one such request can send any other.
    if (source.verify.scheme.algorithm === "shared-secret") {
      logger.warn("ingest_unsigned_source", { source: name, scheme: source.verify.scheme.name });
    }
  }

  return async (request, sourceName) => {
    const startedAtMs = nowMs();
    const parent = parseTraceparent(request.headers.get("traceparent"));
    const trace = traceOf(dependencies, parent);
    const traceparent = formatTraceparent(trace);
    const sighting: Sighting = { bodyBytes: 0, unusableSecrets: 0 };
    const ready = sourcesByName.get(sourceName);
    const answered = await receive(dependencies, ready, request, traceparent, sighting);
    countRequest(dependencies, ready?.name, answered, nowMs() - startedAtMs);
    traceRequest(dependencies, ready?.name, answered, { parent, trace, startedAtMs, request });
    const fields: LogFields = {
      source: sourceName.slice(0, MAX_LOGGED_NAME_CHARACTERS),
      trace_id: trace.traceId,
      body_bytes: sighting.bodyBytes,
      unusable_secrets: sighting.unusableSecrets,
      duration_ms: nowMs() - startedAtMs,
    };
    if (answered.ok) {
      if (answered.value.kind === "handshake") {
        const { status, headers, body } = answered.value.answer;
        logger.info("ingest", { ...fields, http_status: status, status: "handshake" });
        return new Response(body, { status, headers: { ...headers, traceparent } });
      }
      const { events } = answered.value;
      logger.info("ingest", { ...fields, http_status: 200, ...eventFields(events) });
      return Response.json(answerBody(events, trace.traceId), { headers: { traceparent } });
    }
    const problem = problemOf(answered.error);
    const reason = reasonOf(answered.error);
    logger.warn("ingest", { ...fields, http_status: problem.status, status: problem.code, reason });
    return problemResponse(problem, { traceparent });
  };
}

/** Of a source that does not exist only that: its name is whatever somebody wrote. */
function countRequest(
  { metricsOf, sources }: IngestDependencies,
  source: string = "unknown",
  answered: Result<Received, IngestFailure>,
  durationMs: number,
): void {
  const metrics = metricsOf?.(sources.get(source)?.jurisdiction ?? "none");
  if (metrics === undefined) return;
  metrics.time("sluice_ingest_duration_seconds", { source }, durationMs);
  if (!answered.ok) {
    const { status } = problemOf(answered.error);
    const reason = reasonOf(answered.error);
    metrics.count("sluice_ingest_requests_total", { source, outcome: "refused" });
    metrics.count("sluice_ingest_refused_total", { source, status: String(status), reason });
    return;
  }
  const outcome = answered.value.kind === "handshake" ? "handshake" : "accepted";
  metrics.count("sluice_ingest_requests_total", { source, outcome });
  if (answered.value.kind === "handshake") return;
  for (const { status, by } of answered.value.events) {
    metrics.count("sluice_ingest_events_total", { source, outcome: status });
    if (by !== undefined) metrics.count("sluice_decisions_total", { source, by });
  }
}

/** A sender may ask for less to be recorded, never for more. */
function traceOf({ traces, randomBytes }: IngestDependencies, parent: TraceContext | null): TraceContext {
  const trace = childOf(parent, randomBytes(TRACE_RANDOM_BYTES));
  return traces === undefined
    ? trace
    : { ...trace, sampled: trace.sampled && traces.isSampled(trace.traceId) };
}

interface TracedRequest {
  readonly parent: TraceContext | null;
  readonly trace: TraceContext;
  readonly startedAtMs: number;
  readonly request: Request;
}

/** What was refused at the door is no event: floods of it must not become floods of spans. */
function traceRequest(
  { traces }: IngestDependencies,
  source: string = "unknown",
  answered: Result<Received, IngestFailure>,
  { parent, trace, startedAtMs, request }: TracedRequest,
): void {
  if (traces === undefined) return;
  if (!answered.ok && answered.error.kind !== "not_durable" && answered.error.kind !== "unavailable") return;
  const [first] = answered.ok && answered.value.kind === "events" ? answered.value.events : [];
  traces.request({
    trace,
    parentSpanId: parent?.spanId ?? null,
    name: `${request.method} /in/${source}`,
    startMs: startedAtMs,
    error: answered.ok ? null : reasonOf(answered.error),
    attributes: {
      "http.request.method": request.method,
      "http.route": "/in/:source",
      "http.response.status_code": answered.ok ? 200 : problemOf(answered.error).status,
      "sluice.source": source,
      ...(first?.id == null ? {} : { "sluice.event.id": first.id, "sluice.outcome": first.status }),
    },
  });
}

/** 8 for the span's id, 16 for the trace's. */
const TRACE_RANDOM_BYTES = 24;
const MAX_LOGGED_NAME_CHARACTERS = 64;
const MAX_ERROR_CHARACTERS = 300;

type Received =
  | { readonly kind: "handshake"; readonly answer: HandshakeAnswer }
  | { readonly kind: "events"; readonly events: readonly AnsweredEvent[] };

async function receive(
  dependencies: IngestDependencies,
  ready: ReadySource | undefined,
  request: Request,
  traceparent: string,
  sighting: Sighting,
): Promise<Result<Received, IngestFailure>> {
  const large = ready && largeBodyOf(ready, request, dependencies);
  try {
    if (ready === undefined) return err({ kind: "unknown_source" });
    const refusal = refusalOfHead(ready.source, request);
    if (refusal !== null) return err(refusal);
    if (!(await isAdmitted(dependencies, ready.name, request.headers))) return err({ kind: "rate_limited" });
    const { handshake } = ready.source.verify.scheme;
    if (handshake !== undefined) {
      const context = await handshakeContext(ready.source.verify, dependencies, dependencies.nowMs());
      const answer = await answerUnsigned(handshake, request, context);
      if (!answer.ok) return err({ kind: answer.error });
      if (answer.value !== null) return ok({ kind: "handshake", answer: answer.value });
    }
    const planned = await openAndPlan(dependencies, ready, request, traceparent, sighting, large);
    if (!planned.ok) return planned;
    if (planned.value.kind === "handshake") return ok(planned.value);
    // A sync route's pipeline works on in the same room.
    if (planned.value.waiting.length === 0) large?.opened();
    return await accept(dependencies, ready, planned.value, large);
  } catch (thrown) {
    const error = messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS);
    dependencies.logger.error("ingest_failed", { error });
    return err({ kind: "unavailable" });
  } finally {
    large?.release();
  }
}

/** undefined for bodies that are not counted. */
function largeBodyOf(
  { source }: ReadySource,
  request: Request,
  { bodyMemory, waitUntil }: IngestDependencies,
): LargeBody | undefined {
  const declaredBytes = declaredLength(request.headers);
  // A sender's bodies may be large, and most are small.
  if (declaredBytes > 0 && declaredBytes <= LIMITS.ingest.countedBodyBytes) return undefined;
  return new LargeBody(bodyMemory, request, bodyBoundsOf(source, request.headers), waitUntil);
}

/** Everything that is to become durable. Holds no payload: waiting for R2 and the queue, a large one would weigh for nothing. */
interface PlannedRequest {
  readonly kind: "planned";
  readonly planned: readonly (PlannedEvent | "filtered")[];
  readonly bodies: readonly SameBody[];
  readonly waiting: readonly WaitingEvent[];
}

async function openAndPlan(
  dependencies: IngestDependencies,
  ready: ReadySource,
  request: Request,
  traceparent: string,
  sighting: Sighting,
  large: LargeBody | undefined,
): Promise<Result<PlannedRequest | Extract<Received, { readonly kind: "handshake" }>, IngestFailure>> {
  const opened = await openRequest(dependencies, ready, request, traceparent, sighting, large);
  if (!opened.ok) return opened;
  if (opened.value.kind === "handshake") return ok(opened.value);
  const planned: (PlannedEvent | "filtered")[] = [];
  const bodies: SameBody[] = [];
  const waiting: WaitingEvent[] = [];
  for (const verified of opened.value.events) {
    const plan = await planEvents(ready, verified);
    if (!plan.ok) return plan;
    if (plan.value.kind === "filtered") {
      planned.push("filtered");
      continue;
    }
    const { events } = plan.value;
    planned.push(...events);
    for (const event of events) logQuarantine(dependencies, event);
    const { jsonBytes } = verified;
    const queued = events.filter(({ sync }) => sync === null);
    if (queued.length > 0) bodies.push({ envelopes: queued.map(({ envelope }) => envelope), jsonBytes });
    waiting.push(
      ...events.flatMap(({ envelope, sync }) => (sync === null ? [] : { envelope, sync, jsonBytes })),
    );
  }
  return ok({ kind: "planned", planned, bodies, waiting });
}

/** All of a body's queued events in one write: what is answered 200 is durable as a whole. */
async function accept(
  dependencies: IngestDependencies,
  ready: ReadySource,
  { planned, bodies, waiting }: PlannedRequest,
  large: LargeBody | undefined,
): Promise<Result<Received, IngestFailure>> {
  const duplicates = await answerDuplicates(dependencies, ready.name, planned);
  if (duplicates !== null) return ok({ kind: "events", events: duplicates });
  if (bodies.length > 0 && isShed(dependencies, bodies)) return err({ kind: "shed" });
  const [durable, decided] = await Promise.all([
    bodies.length === 0 ? ok([]) : makeDurable(bodies, dependencies, answerDueAtMs(waiting)),
    decideEvents(waiting, dependencies, large?.room ?? null),
  ]);
  if (!durable.ok) return durable;
  if (!decided.ok) return decided;
  const outcomes = durable.value.values();
  const answers = decided.value.values();
  const events = planned.map((event) => {
    if (event === "filtered") return FILTERED;
    if (event.sync === null) return answerEvent(event, outcomes.next().value);
    const answer = answers.next().value;
    return answer === undefined ? FILTERED : answerDecided(event, answer);
  });
  return ok({ kind: "events", events });
}

/** Strict events don't go through lanes: their partition itself says when it is full. */
function isShed({ sheds }: IngestDependencies, bodies: readonly SameBody[]): boolean {
  if (sheds === undefined) return false;
  const queued = bodies.flatMap(({ envelopes }) =>
    envelopes.filter(({ policy }) => policy.ordering !== "strict"),
  );
  return sheds(queued.map(({ priority }) => priority));
}

/** Loud: a sender that changes its payloads must not be noticed first by what is missing later. */
function logQuarantine({ logger }: IngestDependencies, { envelope }: PlannedEvent): void {
  const { quarantine, source, type, pipeline, id } = envelope;
  if (quarantine === undefined) return;
  const { code, message } = quarantine;
  logger.error("ingest_quarantined", { source, type, pipeline, event_id: id, code, message });
}

/** A limiter that fails must not keep real events out. */
async function isAdmitted(
  dependencies: IngestDependencies,
  sourceName: string,
  headers: Headers,
): Promise<boolean> {
  if (dependencies.admit === undefined) return true;
  try {
    return await dependencies.admit(floodKey(sourceName, headers));
  } catch (thrown) {
    const error = messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS);
    dependencies.logger.error("ingest_limit_failed", { source: sourceName, error });
    return true;
  }
}
