/**
 * What the two Workers of `npm run chaos` share: the deployer's own config with one ordering for every source, and
 * bindings whose other side outlives a kill of the runtime. The local queues don't: they keep messages in memory.
 */
import { env as workerEnv } from "cloudflare:workers";
import type { GatewayConfig } from "../../src/config/gateway-options.ts";
import { LIMITS } from "../../src/config/limits.ts";
import type { GatewayEnv } from "../../src/env.ts";

function text(name: string): string {
  const value: unknown = Reflect.get(workerEnv, name);
  if (typeof value !== "string") throw new Error(`the chaos run sets ${name}`);
  return value;
}

/**
 * A kill strands leases, and a stranded lease is waited for: as short as asked. Below the shortest that a config
 * may name, the delivery's time-out shrinks with it, because no delivery starts unless the lease outlives it.
 */
export function chaosConfig(config: GatewayConfig, ordering: "strict" | "arrival"): GatewayConfig {
  const leaseMs = Number(text("CHAOS_LEASE_MS"));
  if (leaseMs < LIMITS.partition.minLeaseMs) {
    Object.assign(LIMITS.stages, { deliverTimeoutMs: Math.floor((leaseMs - 1_000) / 2) });
  }
  // A dead letter must not stop its customer here: what comes after it is to be judged too.
  const policy = { ordering, leaseMs, onDead: "continue" } as const;
  const sources = new Map(
    [...config.sources].map(([name, source]) => [
      name,
      { ...source, policy: { ...source.policy, ...policy } },
    ]),
  );
  const models = new Map(
    [...config.models].map(([name, model]) => [name, { ...model, limits: AMPLE_MODEL_LIMITS }]),
  );
  return { ...config, sources, models };
}

/**
 * A call that a kill cut off keeps its slot until the slot's lease is over, and every restart of a guard takes some
 * of the rate for used: a run that kills every few seconds would soon only wait for capacity.
 */
const AMPLE_MODEL_LIMITS = { requestsPerMinute: 60_000, maxConcurrent: 1_500 };

const chaosEnvs = new WeakMap<GatewayEnv, GatewayEnv>();

/** The same bindings, the verdicts going straight to the sink; with a broker, the lanes going to it. */
export function chaosEnv(env: GatewayEnv, broker?: string): GatewayEnv {
  const known = chaosEnvs.get(env);
  if (known !== undefined) return known;
  const lanes =
    broker === undefined
      ? {}
      : {
          LANE_HIGH: brokerQueue(broker, "sluice-high"),
          LANE_NORMAL: brokerQueue(broker, "sluice-normal"),
          LANE_LOW: brokerQueue(broker, "sluice-low"),
        };
  const made = { ...env, ...lanes, VERDICTS: { send: sendVerdict } };
  chaosEnvs.set(env, made);
  return made;
}

const BACKLOG = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };

/** Resolves when the broker has the messages on disk: what `send()` of the real thing promises. */
function brokerQueue(broker: string, queue: string): Queue {
  const put = async (bodies: readonly unknown[]) => {
    await post(`${broker}/send`, JSON.stringify({ queue, bodies }), {});
    return BACKLOG;
  };
  return {
    send: (body: unknown) => put([body]),
    sendBatch: (messages: Iterable<MessageSendRequest>) => put(Array.from(messages, ({ body }) => body)),
    metrics: () => Promise.resolve(BACKLOG.metadata.metrics),
  };
}

interface Verdict {
  readonly idempotencyKey: string;
  readonly eventId: string;
  readonly type: string;
  readonly body: unknown;
  readonly partition: string;
  readonly sequence: number;
  readonly late: boolean;
}

/** What `verdict-reader.worker.ts` writes down, without a queue in between that a kill would empty. */
async function sendVerdict(verdict: Verdict): Promise<void> {
  await post(
    `${text("CHAOS_SINK_URL")}/verdicts`,
    JSON.stringify({ type: verdict.type, id: verdict.eventId, data: verdict.body }),
    {
      "webhook-id": verdict.idempotencyKey,
      "x-sluice-partition": verdict.partition,
      "x-sluice-sequence": String(verdict.sequence),
      ...(verdict.late ? { "x-sluice-late": "true" } : {}),
    },
  );
}

async function post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
