/**
 * Runs what was deployed to the stand-in's account: the live version's own files, bindings and secrets on workerd, with the
 * tables of its D1 database. Queues, buckets and KV are empty, as after a first deployment.
 */
import { Miniflare } from "miniflare";
import type { Account, DatabaseRecord, Version } from "./account.ts";

export interface RunningWorker {
  readonly url: string;
  close(): Promise<void>;
}

/** One binding as wrangler uploads it: a type, a name, and what the type needs. */
type Binding = Readonly<Record<string, unknown>>;

/** @throws when nothing of that name was deployed */
export async function runWorker(account: Account, name: string): Promise<RunningWorker> {
  const worker = account.workers.get(name);
  const live = worker?.versions.find(({ id }) => id === worker.deployments[0]?.versionId);
  if (worker === undefined || live === undefined) throw new Error(`${name} was never deployed`);
  const bindings = bindingsOf(live);
  const secrets = [...worker.secrets].map(([secret, value]) => [secret, { type: "text", value }] as const);
  const runtime = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    workers: [
      {
        config: {
          name,
          compatibilityDate: text(live.metadata, "compatibility_date"),
          compatibilityFlags: live.metadata["compatibility_flags"] as string[], // as wrangler sends it
          manifest: manifestOf(live),
          env: Object.fromEntries([
            ...bindings.map((binding) => [text(binding, "name"), runnable(binding, name)] as const),
            ...secrets,
          ]),
          exports: Object.fromEntries(
            bindings
              .filter(({ type }) => type === "durable_object_namespace")
              .map((binding) => [text(binding, "class_name"), { type: "durable-object", storage: "sqlite" }]),
          ),
        },
      },
    ],
  });
  const url = await runtime.ready;
  for (const binding of bindings.filter(({ type }) => type === "d1")) {
    const record = account.databases.get(text(binding, "id"));
    if (record === undefined)
      throw new Error(`${text(binding, "name")} is bound to no database of the account`);
    const database = await runtime.getD1Database(text(binding, "name"));
    for (const statement of tablesOf(record)) await database.prepare(statement).run();
    for (const [sql, ...values] of rowsOf(record))
      await database
        .prepare(sql)
        .bind(...values)
        .run();
  }
  return { url: url.href, close: () => runtime.dispose() };
}

function bindingsOf({ metadata }: Version): readonly Binding[] {
  return metadata["bindings"] as readonly Binding[]; // as wrangler sends them
}

/** A binding as wrangler uploads it, as the local runtime takes it. */
function runnable(binding: Binding, worker: string) {
  switch (binding["type"]) {
    case "plain_text":
      return { type: "text", value: text(binding, "text") } as const;
    case "d1":
      return { type: "d1", id: text(binding, "id") } as const;
    case "kv_namespace":
      return { type: "kv", id: text(binding, "namespace_id") } as const;
    case "r2_bucket":
      return { type: "r2", name: text(binding, "bucket_name") } as const;
    case "queue":
      return { type: "queue", name: text(binding, "queue_name") } as const;
    case "durable_object_namespace":
      return { type: "durable-object", worker, exportName: text(binding, "class_name") } as const;
    case "analytics_engine":
      return { type: "analytics-engine-dataset", name: text(binding, "dataset") } as const;
    case "ratelimit":
      return {
        type: "rate-limit",
        namespace: text(binding, "namespace_id"),
        simple: binding["simple"] as { limit: number; period: 10 | 60 }, // as wrangler sends it
      } as const;
    default:
      throw new Error(`a binding of a kind that is not run here: ${JSON.stringify(binding)}`);
  }
}

function manifestOf({ metadata, modules }: Version) {
  const files = [...modules].filter(([file]) => file.endsWith(".js"));
  return {
    mainModule: text(metadata, "main_module"),
    modules: Object.fromEntries(files.map(([file, contents]) => [file, { type: "esm" as const, contents }])),
  };
}

function tablesOf({ sqlite }: DatabaseRecord): readonly string[] {
  const made = "sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'd1_migrations'";
  const rows = sqlite.prepare(`SELECT sql FROM sqlite_master WHERE ${made} ORDER BY rowid`).all();
  return rows.map(({ sql }) => String(sql));
}

/** What the migrations have put into the tables: an INSERT for each row, and its values. */
function rowsOf({ sqlite }: DatabaseRecord): readonly (readonly [string, ...unknown[]])[] {
  const own = "type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'd1_migrations'";
  const tables = sqlite.prepare(`SELECT name FROM sqlite_master WHERE ${own}`).all();
  return tables.flatMap(({ name }) =>
    sqlite
      .prepare(`SELECT * FROM "${String(name)}"`)
      .all()
      .map((row) => {
        const values = Object.values(row);
        return [
          `INSERT INTO "${String(name)}" VALUES (${values.map(() => "?").join(", ")})`,
          ...values,
        ] as const;
      }),
  );
}

function text(from: Readonly<Record<string, unknown>>, field: string): string {
  const value = from[field];
  if (typeof value !== "string") throw new Error(`the upload names no ${field}: ${JSON.stringify(from)}`);
  return value;
}
