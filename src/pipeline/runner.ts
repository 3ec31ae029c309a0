/**
 * The five stages behind the `EventProcessor` port. Decides what an event is (quarantined, unrouted, of a
 * pipeline that is gone, or to be worked on) and hands it on; knows no partition and no queue.
 */
import type { ResultCache } from "../cache/results.ts";
import type { Pipeline } from "../config/define-pipeline.ts";
import { LIMITS } from "../config/limits.ts";
import { isNotConfigured, PIPELINE_NOT_CONFIGURED } from "../core/classify/not-configured.ts";
import { UNROUTED_PIPELINE } from "../core/envelope.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import type { GuardClient } from "../guard/port.ts";
import type { BodyMemory } from "../platform/body-memory.ts";
import { abortableSleep } from "./bounded.ts";
import { deliverAll } from "./deliver.ts";
import type { CheckSource, FindDestination, LoadBody, ModelCaller, Sleep } from "./ports.ts";
import { prepareStages, type StageTimeouts } from "./prepare.ts";
import type { Delivered, EventProcessor, Prepared } from "./processor.ts";
import { logFailure, startRun, type EventRun, type StageDeps } from "./stage.ts";

export interface ProcessorDeps extends StageDeps {
  readonly pipelines: ReadonlyMap<string, Pipeline<never>>;
  readonly models: ModelCaller;
  readonly cache: ResultCache;
  readonly destinations: FindDestination;
  readonly guard: GuardClient;
  readonly loadBody: LoadBody;
  readonly bodyMemory?: BodyMemory;
  readonly checkSource?: CheckSource;
  readonly sleep?: Sleep;
  /** Overrides of the limits. */
  readonly timeouts?: Partial<StageTimeouts & { readonly deliverMs: number }>;
}

export function createProcessor(deps: ProcessorDeps): EventProcessor {
  const { timeouts = {}, sleep = abortableSleep } = deps;
  const prepareDeps = {
    ...deps,
    sleep,
    timeouts: {
      parseMs: timeouts.parseMs ?? LIMITS.stages.parseTimeoutMs,
      enrichMs: timeouts.enrichMs ?? LIMITS.stages.enrichTimeoutMs,
      formatMs: timeouts.formatMs ?? LIMITS.stages.formatTimeoutMs,
    },
  };
  const deliverTimeoutMs = timeouts.deliverMs ?? LIMITS.stages.deliverTimeoutMs;
  return {
    prepare: async (event, signal) => {
      const run = startRun(deps, event);
      const { quarantine, pipeline: name } = event.envelope;
      // With the source at hand an event in quarantine is judged again: what put it there may have been mended.
      const isFinal = deps.checkSource === undefined || name === UNROUTED_PIPELINE;
      if (quarantine !== undefined && isFinal) {
        return fail(run, failure("parse", "permanent", quarantine.code, quarantine.message));
      }
      if (name === UNROUTED_PIPELINE) return { kind: "filtered", reason: UNROUTED_PIPELINE };
      const pipeline = deps.pipelines.get(name);
      if (pipeline === undefined) return preparedOf(deps, fail(run, missingPipeline(name)));
      const prepared = await pipeline.open<Promise<Prepared>>((stages) =>
        prepareStages({ run, deps: prepareDeps, pipeline, stages, signal }),
      );
      return preparedOf(deps, prepared);
    },
    deliver: async (event, output, signal, confirm) => {
      const run = startRun(deps, event);
      const delivered = await deliverAll(run, { ...deps, sleep, deliverTimeoutMs }, output, signal, confirm);
      return deliveredOf(deps, delivered);
    },
  };
}

function fail(run: EventRun, reason: StageFailure): Prepared {
  logFailure(run.logger, reason, 0);
  return { kind: "failed", failure: reason };
}

/** What a bad deploy took away comes back with the next one. */
function missingPipeline(name: string): StageFailure {
  const message = `the config has no pipeline called "${name}"`;
  return failure("parse", "transient", PIPELINE_NOT_CONFIGURED, message, LIMITS.stages.missingConfigRetryMs);
}

/** The set-up's fault, not the event's: it waits for the operator and uses up no retry. */
function waitForOperator(deps: ProcessorDeps, failed: StageFailure) {
  const untilMs = deps.nowMs() + (failed.retryAfterMs ?? LIMITS.stages.missingConfigRetryMs);
  return { kind: "deferred", untilMs, reason: failed.code } as const;
}

function preparedOf(deps: ProcessorDeps, prepared: Prepared): Prepared {
  const waits = prepared.kind === "failed" && isNotConfigured(prepared.failure);
  return waits ? waitForOperator(deps, prepared.failure) : prepared;
}

function deliveredOf(deps: ProcessorDeps, delivered: Delivered): Delivered {
  const waits = delivered.kind === "failed" && isNotConfigured(delivered.failure);
  if (!waits) return delivered;
  return { ...waitForOperator(deps, delivered.failure), deliveries: delivered.deliveries };
}
