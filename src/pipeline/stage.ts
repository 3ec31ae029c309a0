/**
 * One stage of one event: its own time limit, its own mapping of errors, one log line, one span. Never
 * throws; what a deployer's code throws becomes a failure.
 */
import type { StageContext } from "../config/define-pipeline.ts";
import { failure, type FailureClass, type Stage, type StageFailure } from "../core/failure.ts";
import { err, unreachable, type Result } from "../core/result.ts";
import { parseTraceparent } from "../core/trace.ts";
import type { Logger } from "../telemetry/log.ts";
import { runBounded } from "./bounded.ts";
import { describeThrown } from "./describe.ts";
import { PermanentError } from "./permanent-error.ts";
import type { StageSpans } from "./ports.ts";
import type { LeasedEvent } from "./processor.ts";

export interface StageDeps {
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly fetch: typeof fetch;
  readonly spans?: StageSpans;
  /** Told of every stage and delivery that was tried, for metrics. Must not throw. */
  readonly observe?: (stage: StageObservation) => void;
}

export interface StageObservation {
  readonly pipeline: string;
  readonly stage: Stage;
  /** Where it was delivered to; null for the other stages. */
  readonly destination: string | null;
  readonly durationMs: number;
  readonly failure: StageFailure | null;
}

/** An event on its way through a pipeline. `logger` carries the event's ids. */
export interface EventRun {
  readonly event: LeasedEvent;
  readonly logger: Logger;
  readonly deps: StageDeps;
}

export interface StageOptions {
  readonly stage: Stage;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** What an error means that the stage throws without saying so itself. */
  readonly onThrow: { readonly class: FailureClass; readonly code: string };
}

export function startRun(deps: StageDeps, event: LeasedEvent): EventRun {
  const { envelope, run, attempt } = event;
  const logger = deps.logger.with({
    event_id: envelope.id,
    trace_id: parseTraceparent(envelope.traceparent)?.traceId ?? null,
    pipeline: envelope.pipeline,
    run,
    attempt,
  });
  return { event, logger, deps };
}

export async function runStage<Value>(
  run: EventRun,
  options: StageOptions,
  work: (signal: AbortSignal) => Promise<Result<Value, StageFailure>>,
): Promise<Result<Value, StageFailure>> {
  const { stage } = options;
  const bounded = () => boundStage(options, work);
  const startedAtMs = run.deps.nowMs();
  const { spans } = run.deps;
  const result = await (spans === undefined
    ? bounded()
    : spans.within({ name: `sluice.${stage}`, attributes: spanAttributes(run) }, async (span) => {
        const traced = await bounded();
        if (!traced.ok) span.fail(traced.error.code);
        return traced;
      }));
  const durationMs = run.deps.nowMs() - startedAtMs;
  const { pipeline } = run.event.envelope;
  const failed = result.ok ? null : result.error;
  run.deps.observe?.({ pipeline, stage, destination: null, durationMs, failure: failed });
  if (result.ok) run.logger.debug("stage", { stage, duration_ms: durationMs, code: "ok" });
  else logFailure(run.logger, result.error, durationMs);
  return result;
}

export function logFailure(logger: Logger, failed: StageFailure, durationMs: number): void {
  const { stage, code, message, answer } = failed;
  const said = answer === undefined ? {} : { answer };
  logger.warn("stage", { stage, duration_ms: durationMs, code, class: failed.class, message, ...said });
}

async function boundStage<Value>(
  options: StageOptions,
  work: (signal: AbortSignal) => Promise<Result<Value, StageFailure>>,
): Promise<Result<Value, StageFailure>> {
  const { stage, timeoutMs, signal, onThrow } = options;
  const outcome = await runBounded(signal, timeoutMs, work);
  switch (outcome.kind) {
    case "returned":
      return outcome.value;
    case "threw":
      return err(thrownFailure(stage, onThrow, outcome.thrown));
    case "timeout":
      return err(failure(stage, "transient", `${stage}_timeout`, `not done within ${timeoutMs} ms`));
    case "aborted":
      return err(leaseLost(stage));
    default:
      return unreachable(outcome);
  }
}

export function thrownFailure(stage: Stage, onThrow: StageOptions["onThrow"], thrown: unknown): StageFailure {
  if (thrown instanceof PermanentError) return failure(stage, "permanent", thrown.code, thrown.message);
  return failure(stage, onThrow.class, onThrow.code, describeThrown(thrown));
}

export function leaseLost(stage: Stage): StageFailure {
  return failure(stage, "transient", "lease_lost", "the partition's lease is somebody else's");
}

/** What a deployer's stage is given. Its `fetch` stops with the stage even where the caller passes no signal. */
export function contextOf(run: EventRun, signal: AbortSignal): StageContext {
  const { envelope } = run.event;
  const stageFetch: typeof fetch = (input, init) => {
    const own = init?.signal ?? (input instanceof Request ? input.signal : null);
    return run.deps.fetch(input, { ...init, signal: own === null ? signal : AbortSignal.any([signal, own]) });
  };
  return {
    eventId: envelope.id,
    source: envelope.source,
    deliveryId: envelope.dedupeKey,
    type: envelope.type,
    receivedAtMs: envelope.receivedAtMs,
    run: run.event.run,
    partitionKey: envelope.partitionKey,
    headers: envelope.headers,
    ...(envelope.repeatOf === undefined ? {} : { repeatOf: envelope.repeatOf }),
    signal,
    fetch: stageFetch,
  };
}

function spanAttributes(run: EventRun) {
  const { envelope, attempt } = run.event;
  return {
    "sluice.event.id": envelope.id,
    "sluice.pipeline": envelope.pipeline,
    "sluice.run": run.event.run,
    "sluice.attempt": attempt,
  };
}
