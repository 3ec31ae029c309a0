/** The lane's consumer as the gateway composes it; only the pipeline is scripted: a guarded model that sleeps. */
import { LIMITS } from "../../../src/config/limits.ts";
import type { EventEnvelope } from "../../../src/core/envelope.ts";
import { failure } from "../../../src/core/failure.ts";
import type { PartitionName } from "../../../src/core/ids.ts";
import type { StoredOutput } from "../../../src/core/partition/model.ts";
import { createGuardClient } from "../../../src/guard/client.ts";
import { createKeptSettlements } from "../../../src/guard/kept-settlements.ts";
import { createPermitPool } from "../../../src/guard/permit-pool.ts";
import type { GuardClient } from "../../../src/guard/port.ts";
import { consumeLane, type LaneDelivery } from "../../../src/lanes/consumer.ts";
import type { LaneMessage } from "../../../src/lanes/wire/message.ts";
import { createPartitionClient, type PartitionClient } from "../../../src/partition/client.ts";
import { partitionStub } from "../../../src/partition/stub.ts";
import type { EventProcessor, LeasedEvent } from "../../../src/pipeline/processor.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import type { BenchSettings } from "../commands.ts";
import type { BenchEnv } from "./objects.ts";
import { noteEffect, noteStart } from "./tally.ts";

const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "bench@1",
  value: { answer: "a short answer, as a classifier gives it" },
  body: { answer: "a short answer, as a classifier gives it" },
  type: "bench.completed",
  to: ["sink"],
  emits: [],
  model: null,
};

/** Per isolate, as in the gateway. */
const KEPT = createKeptSettlements(() => Date.now());
const POOL = createPermitPool(() => Date.now());

const log = createLogger("warn", { component: "bench" });

export function partitionsOf(env: BenchEnv): PartitionClient {
  return createPartitionClient({
    stub: (partition) => partitionStub(env.PARTITION, partition),
    attempts: LIMITS.lanes.rpcAttempts,
    sleep: (delayMs) => systemClock.sleep(delayMs),
    random: Math.random,
  });
}

/** One consumer invocation. */
export async function driveBatch(
  env: BenchEnv,
  settings: BenchSettings,
  deliveries: readonly LaneDelivery[],
): Promise<void> {
  const guard = createGuardClient({
    namespace: env.GUARD,
    nowMs: () => Date.now(),
    random: Math.random,
    logger: log,
    kept: KEPT,
    pool: POOL,
  });
  try {
    await consumeLane(
      {
        partitions: partitionsOf(env),
        processor: scriptedProcessor(guard, settings.modelMs),
        buildEmits: () => Promise.resolve([]),
        telemetry: { partitionOpen: () => Promise.resolve(), eventsEnded: () => Promise.resolve() },
        clock: systemClock,
        newId: () => crypto.randomUUID(),
        log,
        limits: {
          ...LIMITS.lanes,
          driverSlots: settings.driverSlots,
          effectTimeoutMs: LIMITS.stages.deliverTimeoutMs,
        },
      },
      deliveries,
    );
  } finally {
    await guard.flush();
  }
}

function scriptedProcessor(guard: GuardClient, modelMs: number): EventProcessor {
  return {
    async prepare(event, signal) {
      noteStart();
      const limits = { requestsPerMinute: 1_000_000 };
      const { priority } = event.envelope;
      const admission = await guard.admit({ guard: "model:bench", limits, priority, estimatedTokens: 0 });
      if (admission.kind === "denied")
        return {
          kind: "failed",
          failure: failure("infer", "permanent", "denied", "the bench has no limits"),
        };
      await systemClock.sleep(modelMs, signal);
      admission.permit.settle({ outcome: "success", latencyMs: modelMs, usedTokens: null });
      return { kind: "ready", output: OUTPUT };
    },
    deliver(event) {
      const { envelope } = event;
      noteEffect(envelope.partitionKey, envelope.orderKey ?? Number.NaN);
      return Promise.resolve({ kind: "delivered", deliveries: [deliveryOf(event)] });
    },
  };
}

function deliveryOf(event: LeasedEvent) {
  return {
    destination: "sink",
    idempotencyKey: `${event.envelope.id}.${event.run}.sink`,
    status: 200,
    deliveredAtMs: Date.now(),
    durationMs: 1,
  };
}

export function eventDelivery(envelope: EventEnvelope): LaneDelivery {
  return delivery({ v: 1, kind: "event", envelope });
}

export function ringDelivery(partition: PartitionName): LaneDelivery {
  return delivery({ v: 1, kind: "ring", partition, priority: "normal" });
}

function delivery(body: LaneMessage): LaneDelivery {
  return {
    id: crypto.randomUUID(),
    attempts: 1,
    body,
    ack: () => {},
    retry: () => {
      throw new Error("the bench's partitions take everything");
    },
  };
}
