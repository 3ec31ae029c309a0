/**
 * The gateway for `npm run chaos`, every source in order of arrival: an acknowledged event is with the lane broker, a
 * process of its own that keeps what `send()` accepted. The broker hands out its batches at `POST /__lanes`.
 */
import { env as workerEnv } from "cloudflare:workers";
import config from "../../examples/showcase/src/gateway.config.ts";
import type { GatewayEnv } from "../../src/env.ts";
import { createGateway } from "../../src/worker.ts";
import { PartitionObject as GatewayPartition } from "../../src/partition/partition-object.ts";
import { chaosConfig, chaosEnv } from "./chaos-support.ts";

/** The other objects as they are; the partition's own export below comes before this one. */
export * from "../../examples/showcase/src/index.ts";

const gateway = createGateway(chaosConfig(config, "arrival"));
const broker = String(Reflect.get(workerEnv, "CHAOS_BROKER_URL"));

/** As it is, but for its lanes: it rings them itself. */
export class PartitionObject extends GatewayPartition {
  constructor(state: DurableObjectState, env: GatewayEnv) {
    super(state, chaosEnv(env, broker));
  }
}

interface BrokerBatch {
  readonly queue: string;
  readonly messages: readonly {
    readonly id: string;
    readonly body: unknown;
    readonly attempts: number;
    readonly sentAtMs: number;
  }[];
}

export default {
  fetch(request: Request, env: GatewayEnv, context: ExecutionContext): Promise<Response> {
    const isBatch = new URL(request.url).pathname === "/__lanes";
    return isBatch ? consume(request, env) : gateway.fetch(request, chaosEnv(env, broker), context);
  },
  queue: (batch: MessageBatch, env: GatewayEnv) => gateway.queue(batch, chaosEnv(env, broker)),
};

/** As the platform does it: what the consumer says counts only when it has returned; silence is consent. */
async function consume(request: Request, env: GatewayEnv): Promise<Response> {
  const batch = await request.json<BrokerBatch>(); // the broker's own wire
  const retryDelaySecondsById = new Map<string, number>();
  const acked = new Set<string>();
  const retry = (id: string, options?: QueueRetryOptions): void => {
    if (!acked.has(id)) retryDelaySecondsById.set(id, options?.delaySeconds ?? 0);
  };
  const messages = batch.messages.map(({ id, body, attempts, sentAtMs }) => ({
    id,
    body,
    attempts,
    timestamp: new Date(sentAtMs),
    ack: () => void acked.add(id),
    retry: (options?: QueueRetryOptions) => retry(id, options),
  }));
  await gateway.queue(
    {
      queue: batch.queue,
      messages,
      metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
      ackAll: () => messages.forEach(({ id }) => acked.add(id)),
      retryAll: (options) => messages.forEach(({ id }) => retry(id, options)),
    },
    chaosEnv(env, broker),
  );
  return Response.json({ retries: Object.fromEntries(retryDelaySecondsById) });
}
