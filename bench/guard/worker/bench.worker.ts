/**
 * The bench's Worker: partitions, guard, consumer, pipeline and model adapter as the gateway has them, without its front door.
 * Each consumer has what an isolate has. Nothing of it is deployed.
 */
import * as z from "zod";
import { definePipeline } from "../../../src/config/define-pipeline.ts";
import { LIMITS } from "../../../src/config/limits.ts";
import type { EventEnvelope } from "../../../src/core/envelope.ts";
import { ok } from "../../../src/core/result.ts";
import { createGuardClient } from "../../../src/guard/client.ts";
import { createKeptSettlements } from "../../../src/guard/kept-settlements.ts";
import type { GuardClient } from "../../../src/guard/port.ts";
import { createPermitPool } from "../../../src/guard/permit-pool.ts";
import { consumeLane, type LaneDelivery } from "../../../src/lanes/consumer.ts";
import { callModel } from "../../../src/models/call.ts";
import { openaiCompatible } from "../../../src/models/openai-compatible.ts";
import { createModelRegistry, type ModelRegistry } from "../../../src/models/registry.ts";
import { createModelCaller } from "../../../src/pipeline/model-caller.ts";
import { createProcessor } from "../../../src/pipeline/runner.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { envelopeOf } from "../../../test/support/envelopes.ts";
import { eventDelivery, partitionsOf } from "../../partition/worker/drive.ts";
import type { BenchEnv } from "../../partition/worker/objects.ts";
import { count, noteEffect, readTally, resetTally } from "../../partition/worker/tally.ts";
import type { GuardBenchCommand } from "../commands.ts";

export { BenchGuard, BenchPartition } from "../../partition/worker/objects.ts";

type Env = BenchEnv & { readonly MODEL_BASE_URL: string };

const log = createLogger("error", { component: "bench" });
const nowMs = () => Date.now();

const answering = definePipeline({
  name: "orders",
  input: z.object({ text: z.string() }),
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.string(),
    prompt: ({ text }) => ({ instruction: "Say it in one word.", data: { text } }),
  },
  format: ({ output }) => ({ body: { output } }),
  deliver: ["sink"],
});

interface Isolate {
  readonly kept: ReturnType<typeof createKeptSettlements>;
  readonly pool: ReturnType<typeof createPermitPool>;
  readonly homes: Map<string, number>;
  readonly models: ModelRegistry;
}

const isolates = new Map<number, Isolate>();
/** Whoever answers rings is one more consumer. */
const RINGS = -1;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const command = (await request.json()) as GuardBenchCommand; // sent by the bench itself
    switch (command.kind) {
      case "consume": {
        const { consumer, first, events, limit } = command;
        const envelopes = await Promise.all(
          Array.from({ length: events }, (_, index) =>
            envelope(`${consumer}-${first + index}`, `customer-${consumer}`),
          ),
        );
        await consume(env, consumer, limit, envelopes.map(eventDelivery));
        return Response.json(null);
      }
      case "read":
        return Response.json(readTally());
      case "reset":
        resetTally();
        return Response.json(null);
      default:
        return command satisfies never;
    }
  },

  async queue(batch: MessageBatch, env: Env): Promise<void> {
    for (const _ of batch.messages) count("ring");
    await consume(env, RINGS, lastLimit, batch.messages);
  },
};

let lastLimit = 1;

/** High, because that may use the whole of a limit. A consumer's events are one customer's. */
async function envelope(key: string, customer: string): Promise<EventEnvelope> {
  const made = await envelopeOf({
    key,
    customer,
    pipeline: answering.name,
    receivedAtMs: nowMs(),
    body: JSON.stringify({ text: key }),
  });
  return { ...made, priority: "high" };
}

function isolateOf(env: Env, consumer: number, requestsPerMinute: number): Isolate {
  const isolate = isolates.get(consumer) ?? {
    kept: createKeptSettlements(nowMs),
    pool: createPermitPool(nowMs),
    homes: new Map<string, number>(),
    models: modelsOf(env, requestsPerMinute),
  };
  isolates.set(consumer, isolate);
  return isolate;
}

function modelsOf(env: Env, requestsPerMinute: number): ModelRegistry {
  const fast = openaiCompatible({
    baseUrl: env.MODEL_BASE_URL,
    model: "sluice-standin-1",
    limits: { requestsPerMinute },
  });
  return createModelRegistry(new Map([["fast", fast]]), {
    binding: () => undefined,
    fetch: (input, init) => fetch(input, init),
  });
}

/** One invocation of a lane's consumer. */
async function consume(
  env: Env,
  consumer: number,
  requestsPerMinute: number,
  deliveries: readonly LaneDelivery[],
): Promise<void> {
  lastLimit = requestsPerMinute;
  const { models: registry, ...kept } = isolateOf(env, consumer, requestsPerMinute);
  const asked = createGuardClient({
    namespace: env.GUARD,
    nowMs,
    random: Math.random,
    logger: log,
    ...kept,
  });
  const guard: GuardClient = {
    flush: () => asked.flush(),
    async admit(request) {
      const admission = await asked.admit(request);
      if (admission.kind === "denied") count("denied");
      return admission;
    },
  };
  const models = createModelCaller({
    models: registry,
    call: callModel,
    guard,
    nowMs,
    sleep: (delayMs, signal) => systemClock.sleep(delayMs, signal),
    logger: log,
  });
  const processor = createProcessor({
    pipelines: new Map([[answering.name, answering]]),
    models,
    // Every event asks.
    cache: { share: async (_, produce) => ({ kind: "produced", produced: (await produce()).produced }) },
    destinations: (name) =>
      ok({
        name,
        limits: {},
        send: (message) => {
          noteEffect(message.partition, message.sequence);
          return Promise.resolve(ok({ status: 200, durationMs: 0 }));
        },
      }),
    guard,
    loadBody: () => Promise.reject(new Error("the bench's bodies are inline")),
    fetch: (input, init) => fetch(input, init),
    nowMs,
    logger: log,
  });
  try {
    await consumeLane(
      {
        partitions: partitionsOf(env),
        processor,
        buildEmits: () => Promise.resolve([]),
        telemetry: { partitionOpen: () => Promise.resolve(), eventsEnded: () => Promise.resolve() },
        clock: systemClock,
        newId: () => crypto.randomUUID(),
        log,
        limits: { ...LIMITS.lanes, effectTimeoutMs: LIMITS.stages.deliverTimeoutMs },
      },
      deliveries,
    );
  } finally {
    await guard.flush();
  }
}
