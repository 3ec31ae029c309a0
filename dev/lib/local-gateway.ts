/**
 * The real Worker on the real runtime, on this machine: `wrangler.toml` as it is deployed, with the model server
 * and the sink behind it and, if wanted, a shuffler in front of every lane.
 */
import { createTestHarness, unstable_readConfig, type TestHarness } from "wrangler";
import { LOCAL_DELIVERY_SECRET, LOCAL_SECRETS } from "./local-secrets.ts";
import { startModelServer } from "../model-server/server.ts";
import { startSink, type Sink } from "../sink/server.ts";

export { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN } from "./local-secrets.ts";

export interface LocalGatewayOptions {
  /** The entry point, when it is not the Worker's own. */
  readonly main?: string;
  readonly shuffleLanes?: boolean;
  /** Shards per lane: the local broker hands out one batch at a time per queue. */
  readonly laneShards?: number;
  readonly logLevel?: string;
  /** Overrides of secrets and variables; undefined leaves one unset. */
  readonly vars?: Readonly<Record<string, string | undefined>>;
}

export interface LocalGateway {
  readonly url: string;
  readonly sink: Sink;
  readonly model: Awaited<ReturnType<typeof startModelServer>>;
  readonly harness: TestHarness;
  /** What the platform's cron does every minute; nothing here does it by itself. */
  runCron(): Promise<void>;
  close(): Promise<void>;
}

/** Receivers that this gateway has of its own. */
const SINK_PATHS = {
  BOOKS_URL: "books",
  TRACKER_URL: "tracker",
  CRM_URL: "crm",
  ARCHIVE_URL: "archive",
} as const;

/** What it cannot be run without values of its own for: what is signed with, and where deliveries are looked for. */
export const OWN_VARIABLES: readonly string[] = [
  ...Object.keys(SINK_PATHS),
  ...Object.keys(LOCAL_SECRETS).filter((name) => name !== "MODEL_API_KEY"),
];

const SHUFFLED_SUFFIX = "-unshuffled";
const LANES = ["high", "normal", "low"] as const;

export async function startLocalGateway(options: LocalGatewayOptions = {}): Promise<LocalGateway> {
  const model = await startModelServer({ port: 0 });
  const sink = await startSink({ port: 0, secrets: [LOCAL_DELIVERY_SECRET] });
  const harness = createTestHarness({
    workers: [
      { config: gatewayConfig(options, model.url, sink.url) },
      { configPath: "dev/workers/verdict-reader.toml", vars: { SINK_URL: sink.url } },
      ...(options.shuffleLanes === true ? [{ config: shufflerConfig(options.laneShards ?? 1) }] : []),
    ],
  });
  const { url } = await harness.listen();
  await harness.getWorker("sluice").applyD1Migrations("LEDGER");
  return {
    url: url.origin,
    sink,
    model,
    harness,
    async runCron() {
      await harness.getWorker("sluice").scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    },
    async close() {
      await harness.close();
      await Promise.all([model.close(), sink.close()]);
    },
  };
}

function gatewayConfig(options: LocalGatewayOptions, modelUrl: string, sinkUrl: string) {
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const shards = options.laneShards ?? 1;
  const lanes = laneQueues(shards);
  const vars = {
    ...base.vars,
    ...LOCAL_SECRETS,
    LOG_LEVEL: options.logLevel ?? "info",
    MODEL_BASE_URL: `${modelUrl}/v1`,
    ...Object.fromEntries(
      Object.entries(SINK_PATHS).map(([name, place]) => [name, `${sinkUrl}/${place}`] as const),
    ),
    ...options.vars,
  };
  const { producers = [], consumers = [] } = queuesOf(base);
  const others = producers.filter((producer) => !producer.binding.startsWith("LANE_"));
  return {
    name: base.name ?? "sluice",
    main: options.main ?? "examples/showcase/src/index.ts",
    compatibility_date: base.compatibility_date ?? "",
    compatibility_flags: base.compatibility_flags,
    durable_objects: base.durable_objects,
    migrations: base.migrations,
    kv_namespaces: base.kv_namespaces,
    r2_buckets: base.r2_buckets,
    d1_databases: base.d1_databases,
    vars: Object.fromEntries(Object.entries(vars).filter(([, value]) => value !== undefined)),
    queues: {
      producers: [
        ...others,
        ...lanes.map(({ binding, queue }) => ({
          binding,
          queue: options.shuffleLanes === true ? `${queue}${SHUFFLED_SUFFIX}` : queue,
        })),
      ],
      consumers: [
        ...lanes.flatMap(({ lane, queue }) => {
          const consumer = consumers.find((candidate) => candidate.queue === `sluice-${lane}`);
          return consumer === undefined ? [] : [{ ...consumer, queue, max_batch_timeout: 1 }];
        }),
        ...consumers.flatMap((consumer) =>
          OTHER_QUEUES.has(consumer.queue) ? [{ ...consumer, max_batch_timeout: 1 }] : [],
        ),
      ],
    },
  };
}

interface Queues {
  readonly producers?: readonly { readonly binding: string; readonly queue: string }[];
  readonly consumers?: readonly { readonly queue: string }[];
}

function queuesOf(config: { readonly queues: Queues }): Queues {
  return config.queues;
}

function laneQueues(shards: number) {
  return LANES.flatMap((lane) =>
    Array.from({ length: shards }, (_, shard) => ({
      lane,
      binding: shard === 0 ? `LANE_${lane.toUpperCase()}` : `LANE_${lane.toUpperCase()}_${shard}`,
      queue: shard === 0 ? `sluice-${lane}` : `sluice-${lane}-${shard}`,
    })),
  );
}

/** Consumed by the gateway beside its lanes. */
const OTHER_QUEUES = new Set(["sluice-undeliverable", "sluice-telemetry"]);

const DEV_COMPATIBILITY_DATE = "2026-10-20";

function shufflerConfig(shards: number) {
  const queues = laneQueues(shards).map(({ queue }) => queue);
  return {
    name: "lane-shuffler",
    main: "dev/workers/shuffler.worker.ts",
    compatibility_date: DEV_COMPATIBILITY_DATE,
    queues: {
      producers: queues.map((queue) => ({ binding: `OUT_${queue}`, queue })),
      consumers: queues.map((queue) => ({
        queue: `${queue}${SHUFFLED_SUFFIX}`,
        max_batch_size: 20,
        max_batch_timeout: 1,
      })),
    },
  };
}
