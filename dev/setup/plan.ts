/**
 * What a deployment needs, as wrangler commands in their order. Pure: reads a parsed `wrangler.toml`, runs nothing.
 * Every step can be repeated: one with a `check` is done only where the check fails.
 */

/** What of `wrangler.toml` is provisioned, with one environment's own words already applied. */
export interface DeploymentConfig {
  readonly name: string;
  readonly queues: {
    readonly producers: readonly { readonly queue: string }[];
    readonly consumers: readonly {
      readonly queue: string;
      readonly dead_letter_queue?: string | undefined;
    }[];
  };
  readonly d1_databases: readonly { readonly database_name?: string | undefined }[];
  readonly r2_buckets: readonly { readonly bucket_name?: string | undefined }[];
}

export interface Step {
  readonly what: string;
  /** Succeeds when the thing is there. */
  readonly check: readonly string[] | null;
  readonly create: readonly string[];
  /** Done when it is there already, so that a setting is what it should be. */
  readonly adjust: readonly string[] | null;
}

export interface PlanOptions {
  readonly environment: string | null;
  readonly retentionSeconds: number;
  /** Where data has to stay by law; null: anywhere. */
  readonly jurisdiction: string | null;
  readonly deploy: boolean;
}

export function planSteps(config: DeploymentConfig, options: PlanOptions): Step[] {
  // Said even where it is none: wrangler warns of a choice left open.
  const environment = [`--env=${options.environment ?? ""}`];
  const jurisdiction = options.jurisdiction === null ? [] : ["--jurisdiction", options.jurisdiction];
  const retention = ["--message-retention-period-secs", String(options.retentionSeconds)];
  const databases = config.d1_databases.flatMap(({ database_name: name }) => name ?? []);
  const steps: Step[] = [
    ...queueNames(config).map((queue) => ({
      what: `queue ${queue}`,
      check: ["queues", "info", queue],
      create: ["queues", "create", queue, ...retention, ...jurisdiction],
      adjust: ["queues", "update", queue, ...retention],
    })),
    ...config.r2_buckets
      .flatMap(({ bucket_name: name }) => name ?? [])
      .map((bucket) => ({
        what: `R2 bucket ${bucket}`,
        check: ["r2", "bucket", "info", bucket, "--json", ...jurisdiction],
        create: ["r2", "bucket", "create", bucket, ...jurisdiction],
        adjust: null,
      })),
    ...databases.map((database) => ({
      what: `D1 database ${database}`,
      check: ["d1", "info", database, "--json"],
      create: ["d1", "create", database, ...jurisdiction],
      adjust: null,
    })),
    // Before the deploy: new code finds its tables, and old code does not mind them.
    ...databases.map((database) => ({
      what: `migrations of ${database}`,
      check: null,
      create: ["d1", "migrations", "apply", database, "--remote", ...environment],
      adjust: null,
    })),
  ];
  if (options.deploy) {
    steps.push({
      what: `Worker ${config.name}, with its KV namespace, Durable Objects and cron`,
      check: null,
      create: ["deploy", ...environment],
      adjust: null,
    });
  }
  return steps;
}

/** Each once. What only a dead letter goes to has to be there as well. */
function queueNames({ queues }: DeploymentConfig): string[] {
  return [
    ...new Set([
      ...queues.producers.map(({ queue }) => queue),
      ...queues.consumers.map(({ queue }) => queue),
      ...queues.consumers.flatMap(({ dead_letter_queue: queue }) => queue ?? []),
    ]),
  ];
}
