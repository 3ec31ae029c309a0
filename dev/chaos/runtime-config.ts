/**
 * What the runtime is started with: `wrangler.toml` with this run's entry point, lanes and addresses. The Worker is
 * bundled once, so that every restart is of the same deploy, and its ledger has its tables before the first start.
 */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";
import { LOCAL_SECRETS } from "../lib/local-secrets.ts";

export type Mode = "strict" | "queued";

export interface RuntimeConfigOptions {
  readonly mode: Mode;
  readonly folder: string;
  /** Where the runtime keeps its storage. */
  readonly state: string;
  readonly modelUrl: string;
  readonly sinkUrl: string;
  readonly brokerUrl: string;
  readonly leaseMs: number;
}

const LANES = ["high", "normal", "low"] as const;
/** The local broker hands out one batch at a time per queue. */
const SHARDS = 2;
const BUILD_WITHIN_MS = 60_000;

/** @returns the config file to start the runtime with */
export async function buildRuntime(options: RuntimeConfigOptions): Promise<string> {
  const { folder, mode, state } = options;
  const common = configOf(options);
  const build = write(join(folder, "build.json"), {
    ...common,
    main: resolve(`dev/workers/chaos-${mode}.worker.ts`),
  });
  const bundle = join(folder, "bundle");
  await wrangler(["deploy", "--dry-run", "--outdir", bundle, "--config", build]);
  const config = write(join(folder, "wrangler.json"), {
    ...common,
    main: join(bundle, `chaos-${mode}.worker.js`),
    no_bundle: true,
  });
  const migrate = ["d1", "migrations", "apply", "LEDGER", "--local"];
  await wrangler([...migrate, "--persist-to", state, "--config", config]);
  return config;
}

function write(file: string, config: object): string {
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function wrangler(args: readonly string[]): Promise<void> {
  const script = join(
    dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
    "bin/wrangler.js",
  );
  await promisify(execFile)(process.execPath, [script, ...args], {
    timeout: BUILD_WITHIN_MS,
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
  });
}

/** What is used of wrangler's own type, which is lost in its declarations. */
interface Database {
  readonly migrations_dir?: string;
}

function configOf(options: RuntimeConfigOptions) {
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const { mode, modelUrl, sinkUrl, brokerUrl, leaseMs } = options;
  return {
    name: base.name,
    compatibility_date: base.compatibility_date,
    compatibility_flags: base.compatibility_flags,
    durable_objects: base.durable_objects,
    migrations: base.migrations,
    kv_namespaces: base.kv_namespaces,
    r2_buckets: base.r2_buckets,
    d1_databases: base.d1_databases.map((database: Database) => ({
      ...database,
      database_id: "chaos",
      migrations_dir: resolve(database.migrations_dir ?? "migrations"),
    })),
    vars: {
      ...base.vars,
      ...LOCAL_SECRETS,
      LOG_LEVEL: "warn",
      MODEL_BASE_URL: `${modelUrl}/v1`,
      BOOKS_URL: `${sinkUrl}/books`,
      TRACKER_URL: `${sinkUrl}/tracker`,
      CRM_URL: `${sinkUrl}/crm`,
      ARCHIVE_URL: `${sinkUrl}/archive`,
      CHAOS_SINK_URL: sinkUrl,
      CHAOS_BROKER_URL: brokerUrl,
      CHAOS_LEASE_MS: String(leaseMs),
    },
    queues: queuesOf(mode),
  };
}

function queuesOf(mode: Mode) {
  const lanes = mode === "strict" ? localLanes() : [];
  return {
    producers: [...lanes, { binding: "TELEMETRY", queue: "sluice-telemetry" }],
    consumers: [
      ...lanes.map(({ queue }) => ({
        queue,
        max_batch_size: 5,
        max_batch_timeout: 1,
        max_retries: 100,
        retry_delay: 2,
      })),
      { queue: "sluice-telemetry", max_batch_size: 100, max_batch_timeout: 5, max_retries: 3 },
    ],
  };
}

function localLanes() {
  return LANES.flatMap((lane) =>
    Array.from({ length: SHARDS }, (_, shard) => ({
      binding: shard === 0 ? `LANE_${lane.toUpperCase()}` : `LANE_${lane.toUpperCase()}_${shard}`,
      queue: shard === 0 ? `sluice-${lane}` : `sluice-${lane}-${shard}`,
    })),
  );
}
