/**
 * What a deployment needs, as wrangler commands in their order. Pure: reads a parsed `wrangler.toml`, runs nothing.
 * Every step can be repeated: one with a `check` is done only where the check fails.
 */

/** What of `wrangler.toml` is provisioned, with one environment's own words already applied. */
export interface DeploymentConfig {
  readonly name: string;
  readonly queues: {
    readonly producers: readonly {
      readonly queue?: string | undefined;
      readonly binding?: string | undefined;
    }[];
    readonly consumers: readonly {
      readonly queue: string;
      readonly dead_letter_queue?: string | undefined;
    }[];
  };
  readonly d1_databases: readonly {
    readonly database_name?: string | undefined;
    readonly binding?: string | undefined;
  }[];
  readonly r2_buckets: readonly {
    readonly bucket_name?: string | undefined;
    readonly jurisdiction?: string | undefined;
  }[];
}

export interface Step {
  readonly what: string;
  /** `account`: made once. `release`: done with every deploy. */
  readonly kind: "account" | "release";
  /** Succeeds when the thing is there. */
  readonly check: readonly string[] | null;
  readonly create: readonly string[];
  /** Done when it is there already, so that a setting is what it should be. */
  readonly adjust: readonly string[] | null;
}

export interface PlanOptions {
  readonly environment: string | null;
  readonly retentionSeconds: number;
  /** Where all data has to stay by law; null: anywhere, but for what `wrangler.toml` names for one jurisdiction. */
  readonly jurisdiction: string | null;
  readonly deploy: boolean;
}

/** What wrangler can keep a D1 database in: https://developers.cloudflare.com/d1/configuration/data-location/. Not `us`. */
const D1_JURISDICTIONS = ["eu", "fedramp"];

/** @throws Error when something has to stay where Cloudflare has no such thing */
export function planSteps(config: DeploymentConfig, options: PlanOptions): Step[] {
  // Said even where it is none: wrangler warns of a choice left open.
  const environment = [`--env=${options.environment ?? ""}`];
  const within = (jurisdiction: string | null | undefined): readonly string[] => {
    const place = jurisdiction ?? options.jurisdiction;
    return place === null ? [] : ["--jurisdiction", place];
  };
  const retention = ["--message-retention-period-secs", String(options.retentionSeconds)];
  const databases = config.d1_databases.flatMap(({ database_name: name, binding }) =>
    name === undefined ? [] : [{ name, place: databasePlace(name, within(placeNamed(binding))) }],
  );
  const steps: Step[] = [
    ...queuesOf(config).map(({ queue, place }) => ({
      what: `queue ${queue}`,
      kind: "account" as const,
      check: ["queues", "info", queue],
      create: ["queues", "create", queue, ...retention, ...within(place)],
      adjust: ["queues", "update", queue, ...retention],
    })),
    ...config.r2_buckets
      .flatMap(({ bucket_name: name, jurisdiction }) =>
        name === undefined ? [] : [{ bucket: name, place: within(jurisdiction) }],
      )
      .map(({ bucket, place }) => ({
        what: `R2 bucket ${bucket}`,
        kind: "account" as const,
        check: ["r2", "bucket", "info", bucket, "--json", ...place],
        create: ["r2", "bucket", "create", bucket, ...place],
        adjust: null,
      })),
    ...databases.map(({ name: database, place }) => ({
      what: `D1 database ${database}`,
      kind: "account" as const,
      check: ["d1", "info", database, "--json"],
      create: ["d1", "create", database, ...place],
      adjust: null,
    })),
    // Before the deploy: new code finds its tables, and old code does not mind them.
    ...databases.map(({ name: database }) => ({
      what: `migrations of ${database}`,
      kind: "release" as const,
      check: null,
      create: ["d1", "migrations", "apply", database, "--remote", ...environment],
      adjust: null,
    })),
  ];
  if (options.deploy) {
    steps.push({
      what: `Worker ${config.name}, with its KV namespaces, Durable Objects and cron`,
      kind: "release",
      check: null,
      // Without it objects go on with the old code for up to five minutes, beside a Worker with the new one.
      create: ["deploy", ...environment, "--durable-objects-code-update-mode=immediate"],
      adjust: null,
    });
  }
  return steps;
}

function databasePlace(name: string, place: readonly string[]): readonly string[] {
  const [, jurisdiction] = place;
  if (jurisdiction === undefined || D1_JURISDICTIONS.includes(jurisdiction)) return place;
  throw new Error(
    `D1 has no jurisdiction "${jurisdiction}" (it has ${D1_JURISDICTIONS.join(" and ")}), so ${name} cannot be kept there. ` +
      "Leave its ledger out: the events' objects, lanes and buckets stay in the jurisdiction all the same.",
  );
}

/** Each once. What only a dead letter goes to has to be there as well, and so where what it comes from is. */
function queuesOf({ queues }: DeploymentConfig): { readonly queue: string; readonly place: string | null }[] {
  const places = new Map<string, string | null>();
  const add = (queue: string, place: string | null) => {
    places.set(queue, places.get(queue) ?? place);
  };
  for (const { queue, binding } of queues.producers) if (queue !== undefined) add(queue, placeNamed(binding));
  for (const { queue } of queues.consumers) add(queue, null);
  for (const { queue, dead_letter_queue: letters } of queues.consumers) {
    if (letters !== undefined) add(letters, places.get(queue) ?? null);
  }
  return [...places].map(([queue, place]) => ({ queue, place }));
}

/** `LANE_LOW_EU`, and its shard `LANE_LOW_EU_1`: `eu`. */
function placeNamed(binding: string | undefined): string | null {
  return /_(EU|US|FEDRAMP)(?:_\d+)?$/.exec(binding ?? "")?.[1]?.toLowerCase() ?? null;
}
