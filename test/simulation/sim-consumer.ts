/** One consumer invocation, composed as `services.ts` composes it, with the outside simulated. */
import { LIMITS } from "../../src/config/limits.ts";
import { failure } from "../../src/core/failure.ts";
import { err, ok } from "../../src/core/result.ts";
import { consumeLane, type LaneDelivery } from "../../src/lanes/consumer.ts";
import type { DriverDependencies } from "../../src/lanes/ports.ts";
import { consumeUndeliverable, type UndeliverableStore } from "../../src/lanes/undeliverable.ts";
import { createPartitionClient } from "../../src/partition/client.ts";
import { buildEmittedEnvelopes } from "../../src/pipeline/emits.ts";
import { createModelCaller } from "../../src/pipeline/model-caller.ts";
import type { EventProcessor } from "../../src/pipeline/processor.ts";
import { createProcessor } from "../../src/pipeline/runner.ts";
import type { Clock } from "../../src/platform/clock.ts";
import type { Context } from "./context.ts";
import type { OpenPartitions } from "./open-partitions.ts";
import { pipelinesOf } from "./pipelines.ts";
import { never, runningProcess, type SimProcess } from "./process.ts";
import type { SimDestinations } from "./sim-destinations.ts";
import type { SimKv } from "./sim-kv.ts";
import type { SimModels } from "./sim-models.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { LaneConsumer, LaneName } from "./sim-queue.ts";
import { traceLogger } from "./trace-logger.ts";

/** Sees what the pipeline is asked for and what it says. */
export interface WorkWatcher {
  watch(processor: EventProcessor, process: SimProcess): EventProcessor;
}

export interface Outside {
  readonly network: SimNetwork;
  readonly models: SimModels;
  readonly destinations: SimDestinations;
  readonly undeliverable: UndeliverableStore;
  readonly open: OpenPartitions;
  readonly kv: SimKv;
  readonly watcher: WorkWatcher;
}

export class SimConsumer implements LaneConsumer {
  /** Rises with every deploy; the prompt changes with every second one. */
  deployed = 0;
  private readonly context: Context;
  private readonly outside: Outside;

  constructor(context: Context, outside: Outside) {
    this.context = context;
    this.outside = outside;
  }

  consume(lane: LaneName, process: SimProcess, deliveries: readonly LaneDelivery[]): Promise<void> {
    const deps = this.dependencies(process);
    return lane === "UNDELIVERABLE"
      ? consumeUndeliverable(deps, this.outside.undeliverable, deliveries)
      : consumeLane(deps, deliveries);
  }

  /** The pipelines as they run in one invocation, a consumer's or that of a sender who waits. */
  processor(process: SimProcess): EventProcessor {
    const { context, outside } = this;
    const clock = clockOf(context, process);
    const nowMs = () => process.nowMs();
    const log = traceLogger(context.trace, process.name);
    const guard = outside.models.guard(process);
    const models = createModelCaller({
      models: { get: () => ok(outside.models.configured) },
      call: (_, request, call) => outside.models.call(request, call),
      guard,
      nowMs,
      sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
      logger: log,
    });
    return createProcessor({
      pipelines: this.pipelines(),
      models,
      cache: { share: async (_, produce) => ({ kind: "produced", produced: (await produce()).produced }) },
      destinations: (name) => ok(outside.destinations.destination(name)),
      guard,
      loadBody: () =>
        Promise.resolve(err(failure("parse", "permanent", "not_simulated", "bodies are inline"))),
      fetch: () => never(),
      nowMs,
      logger: log,
    });
  }

  private pipelines() {
    return pipelinesOf(this.deployed >> 1, () => this.killWorker());
  }

  private dependencies(process: SimProcess): DriverDependencies {
    const { context, outside } = this;
    const clock = clockOf(context, process);
    const pipelines = this.pipelines();
    return {
      partitions: clientOf(context, outside.network, process, clock),
      processor: outside.watcher.watch(this.processor(process), process),
      buildEmits: (event, output) =>
        buildEmittedEnvelopes(event.envelope, event.run, output.emits, pipelines, process.nowMs()),
      telemetry: outside.open.telemetry(process),
      idempotency: outside.kv.cacheOf(process),
      clock,
      newId: () => context.newId("r"),
      log: traceLogger(context.trace, process.name),
      limits: { ...LIMITS.lanes, effectTimeoutMs: LIMITS.stages.deliverTimeoutMs },
    };
  }

  private killWorker(): Promise<never> {
    const process = runningProcess();
    this.context.trace.line(`${process?.name ?? "?"} killed by a poison event`);
    process?.die();
    return never();
  }
}

export function clientOf(
  context: Context,
  network: SimNetwork,
  process: SimProcess,
  clock: Clock,
): ReturnType<typeof createPartitionClient> {
  return createPartitionClient({
    stub: (partition) => network.stub(process, partition),
    attempts: LIMITS.lanes.rpcAttempts,
    sleep: (delayMs) => clock.sleep(delayMs),
    random: () => context.chance.next(),
  });
}

const TIMER_LATENESS_MS = 8;

/** Timers fire a little late, and now and then a little early. */
export function clockOf({ clock, chance }: Context, process: SimProcess): Clock {
  return {
    nowMs: () => process.nowMs(),
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true || delayMs <= 0) return resolve();
        const atMs = delayMs + chance.integer(-1, TIMER_LATENESS_MS);
        const timer = clock.schedule(atMs, `${process.name} sleep`, resolve, process);
        signal?.addEventListener("abort", () => {
          timer.cancelled = true;
          resolve();
        });
      }),
  };
}
