/**
 * `sluice dev`: the project's gateway under `wrangler dev`, watching, with a stand-in model and a receiver beside it. Ends
 * everything it started on Ctrl-C.
 */
import { spawn, spawnSync } from "node:child_process";
import { tickEveryMinute } from "../../dev/lib/cron.ts";
import { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN, LOCAL_DELIVERY_SECRET } from "../../dev/lib/local-tokens.ts";
import { localSourceSecrets } from "./local-secrets.ts";
import { localValues, type Call } from "./local-values.ts";
import { readProject, wranglerCommand, type Project } from "./project.ts";

export interface DevOptions {
  readonly port: number;
  readonly modelPort: number;
  readonly sinkPort: number;
  /** `wrangler.toml` files of other Workers that run beside the gateway: consumers of its queues, for example. */
  readonly beside?: readonly string[];
  /** Variables that the caller knows. `.dev.vars` wins over them as well. */
  readonly variables?: Readonly<Record<string, string>>;
}

const HOST = "127.0.0.1";

/** @returns the exit code of wrangler, which runs until it is told to end */
export async function runDev(options: DevOptions): Promise<number> {
  const project = await readProject();
  const { startModelServer } = await import("../../dev/model-server/server.ts");
  const { startSink } = await import("../../dev/sink/server.ts");
  const model = await startModelServer({
    port: options.modelPort,
    // It answers under the names that the config has for real models.
    models: Array.from(project.config.models.values(), ({ modelId }) => modelId),
  });
  const sink = await startSink({ port: options.sinkPort, secrets: [LOCAL_DELIVERY_SECRET] });
  const secrets = await localSourceSecrets(project.folder, project.config);
  const { values, calls } = localValues(project.config, project.devVariables, secrets, {
    modelUrl: `${model.url}/v1`,
    sinkUrl: sink.url,
  });
  const given = new Map(
    [...Object.entries(options.variables ?? {}), ["SINK_URL", sink.url] as const, ...values].filter(
      ([name]) => !(name in project.devVariables),
    ),
  );
  const url = `http://${HOST}:${options.port}`;
  sayWhatIsCalled(project, calls, url);
  try {
    return await runWrangler(project, options, given, url);
  } finally {
    await Promise.all([model.close(), sink.close()]);
  }
}

function sayWhatIsCalled(project: Project, calls: readonly Call[], url: string): void {
  for (const { what, name, address, why } of calls) {
    console.log(`${what.padEnd(12)} ${name.padEnd(16)} ${address}   (${why})`);
  }
  for (const name of project.config.sources.keys()) {
    console.log(`source       ${name.padEnd(16)} POST ${url}/in/${name}`);
  }
  const set = Object.keys(project.devVariables);
  if (set.length > 0) console.log(`\n.dev.vars sets ${set.join(", ")}`);
  console.log(`\nAPI token for /v1: ${LOCAL_API_TOKEN}`);
  console.log(`dashboard ${url}/dashboard   log in with ${LOCAL_ADMIN_TOKEN}\n`);
}

async function runWrangler(
  project: Project,
  { port, beside = [] }: DevOptions,
  variables: ReadonlyMap<string, string>,
  url: string,
): Promise<number> {
  const wrangler = wranglerCommand(project.folder);
  const run = { cwd: project.folder, env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false" } };
  const migrated = spawnSync(process.execPath, [wrangler, "d1", "migrations", "apply", "LEDGER", "--local"], {
    ...run,
    env: { ...run.env, CI: "true" },
    encoding: "utf8",
  });
  if (migrated.status !== 0)
    throw new Error(`The ledger's tables could not be made:\n${migrated.stdout}${migrated.stderr}`);
  const child = spawn(
    process.execPath,
    [
      wrangler,
      "dev",
      ...[project.wranglerFile, ...beside].map((file) => `--config=${file}`),
      `--port=${port}`,
      `--ip=${HOST}`,
      ...Array.from(variables, ([name, value]) => `--var=${name}:${value}`),
    ],
    { ...run, stdio: "inherit" },
  );
  // The local runtime has no cron: the sweep, samples, alerts and replays are driven from here.
  const stopTicking = tickEveryMinute(async () => {
    await fetch(`${url}/cdn-cgi/local/scheduled`);
  });
  const stop = () => child.kill("SIGINT");
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code) => resolve(code ?? 0));
    });
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await stopTicking();
  }
}
