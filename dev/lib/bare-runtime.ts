/**
 * Workers on workerd and nothing else: no proxy in front, no simulator beside. For measurements, where what `wrangler dev`
 * adds to each request would hide what a Worker costs. Queues are a service of the caller's.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";
import { freePort } from "./free-port.ts";

export interface BareWorker {
  readonly name: string;
  /** Entry point, in TypeScript. */
  readonly main: string;
  readonly text?: Readonly<Record<string, string>>;
  /** Queue bindings, and the names of the Workers that take their messages. */
  readonly queues?: Readonly<Record<string, string>>;
  /** R2 bindings, and the names of the Workers that stand in for the buckets. */
  readonly buckets?: Readonly<Record<string, string>>;
  /** Other Workers that it may call, by the bindings it calls them with. */
  readonly services?: Readonly<Record<string, string>>;
  /** Durable Object bindings and their classes, all SQLite, in the runtime's own folder. */
  readonly objects?: Readonly<Record<string, string>>;
}

export interface BareRuntime {
  readonly pid: number;
  /** Of the Worker with this name. */
  url(worker: string): string;
  /** Where `Runtime.getHeapUsage` and the like are answered, if it was asked for. */
  readonly inspector: string;
  close(): Promise<void>;
}

const BUILD_WITHIN_MS = 60_000;
const UP_WITHIN_MS = 20_000;

export interface BareOptions {
  /** Opens the inspector, which makes every log line dearer. */
  readonly inspect?: boolean;
  /** V8's cap on each isolate's heap, buffers not counted: the runtime dies when what is alive exceeds it. */
  readonly maxHeapMib?: number;
  /** What the runtime says of itself is not shown: it is expected to die. */
  readonly isQuiet?: boolean;
}

export async function startBareRuntime(
  workers: readonly BareWorker[],
  { inspect = false, maxHeapMib, isQuiet = false }: BareOptions = {},
): Promise<BareRuntime> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bare-"));
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const { compatibility_date: date = "" } = base;
  // On by default at this date; workerd itself says so at every start.
  const flags = base.compatibility_flags.filter((flag: string) => flag !== "nodejs_compat");
  const ports = new Map<string, number>();
  for (const { name } of workers) ports.set(name, await freePort());
  const inspectorPort = await freePort();
  await Promise.all(workers.map((worker) => bundle(worker, folder, { date, flags })));
  const config = join(folder, "config.capnp");
  writeFileSync(config, configOf(workers, folder, ports, { date, flags, maxHeapMib }));
  const inspector = `127.0.0.1:${inspectorPort}`;
  const child = spawn(
    workerdBinary(),
    ["serve", "--experimental", ...(inspect ? [`--inspector-addr=${inspector}`] : []), config],
    {
      stdio: ["ignore", "ignore", isQuiet ? "ignore" : "inherit"],
    },
  );
  // However this process ends.
  process.once("exit", () => child.kill("SIGKILL"));
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const url = (name: string) => `http://127.0.0.1:${ports.get(name) ?? 0}`;
  try {
    for (const { name } of workers) await answers(url(name), () => child.exitCode !== null);
    if (child.pid === undefined) throw new Error("workerd did not start");
    return { pid: child.pid, url, inspector: `ws://${inspector}`, close: end };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

interface Compatibility {
  readonly date: string;
  readonly flags: readonly string[];
}

interface Settings extends Compatibility {
  readonly maxHeapMib: number | undefined;
}

/** As a deploy would bundle it. */
async function bundle({ name, main }: BareWorker, folder: string, { date, flags }: Compatibility) {
  const own = join(folder, name);
  mkdirSync(own);
  const config = join(own, "wrangler.json");
  const settings = { name, main: resolve(main), minify: true };
  writeFileSync(
    config,
    JSON.stringify({ ...settings, compatibility_date: date, compatibility_flags: flags }),
  );
  const script = join(
    dirname(createRequire(import.meta.url).resolve("wrangler/package.json")),
    "bin/wrangler.js",
  );
  const args = [script, "deploy", "--dry-run", "--outdir", join(own, "bundle"), "--config", config];
  await promisify(execFile)(process.execPath, args, {
    timeout: BUILD_WITHIN_MS,
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
  });
}

/** https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp */
function configOf(
  workers: readonly BareWorker[],
  folder: string,
  ports: ReadonlyMap<string, number>,
  { date, flags, maxHeapMib }: Settings,
): string {
  const quote = (text: string) => JSON.stringify(text);
  // SQL needs a disk.
  const disk = join(folder, "objects");
  mkdirSync(disk);
  const services = workers.map(({ name }) => `(name = ${quote(name)}, worker = .${constantOf(name)})`);
  const sockets = workers.map(
    ({ name }) =>
      `(name = ${quote(name)}, address = "127.0.0.1:${ports.get(name) ?? 0}", http = (), service = ${quote(name)})`,
  );
  const definitions = workers.map(
    ({ name, text = {}, queues = {}, buckets = {}, services: called = {}, objects = {} }) => {
      const out = join(folder, name, "bundle");
      const [file = ""] = readdirSync(out).filter((candidate) => candidate.endsWith(".js"));
      const bindings = [
        ...Object.entries(text).map(([own, value]) => `(name = ${quote(own)}, text = ${quote(value)})`),
        ...Object.entries(queues).map(
          ([own, service]) => `(name = ${quote(own)}, queue = ${quote(service)})`,
        ),
        ...Object.entries(buckets).map(
          ([own, service]) => `(name = ${quote(own)}, r2Bucket = ${quote(service)})`,
        ),
        ...Object.entries(called).map(
          ([own, service]) => `(name = ${quote(own)}, service = ${quote(service)})`,
        ),
        ...Object.entries(objects).map(
          ([own, className]) => `(name = ${quote(own)}, durableObjectNamespace = ${quote(className)})`,
        ),
      ];
      const namespaces = Object.values(objects).map(
        (className) =>
          `(className = ${quote(className)}, uniqueKey = ${quote(`${name}-${className}`)}, enableSql = true)`,
      );
      return `const ${constantOf(name)} :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${quote(join(out, file).slice(folder.length + 1))})],
  compatibilityDate = ${quote(date)},
  compatibilityFlags = [${flags.map(quote).join(", ")}],
  bindings = [${bindings.join(", ")}],
  durableObjectNamespaces = [${namespaces.join(", ")}],
  durableObjectStorage = (localDisk = "objects"),
);`;
    },
  );
  const v8Flags = maxHeapMib === undefined ? "" : `, v8Flags = ["--max-heap-size=${maxHeapMib}"]`;
  return [
    "@0xd0f1f3a6b1b6c2a4;",
    'using Workerd = import "/workerd/workerd.capnp";',
    `const config :Workerd.Config = (services = [${services.join(", ")}, (name = "objects", disk = (path = ${quote(disk)}, writable = true))], sockets = [${sockets.join(", ")}]${v8Flags});`,
    ...definitions,
    "",
  ].join("\n");
}

function constantOf(name: string): string {
  return `${name.replaceAll(/[^a-z0-9]/g, "")}Worker`;
}

function workerdBinary(): string {
  const wrangler = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"));
  const exported: unknown = wrangler("workerd");
  return String(Reflect.get(Object(exported), "default"));
}

async function answers(url: string, hasEnded: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + UP_WITHIN_MS;
  for (;;) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      return;
    } catch (thrown) {
      if (hasEnded() || Date.now() > deadlineMs) {
        throw new Error("workerd did not come up; its own words are above", { cause: thrown });
      }
      await new Promise((again) => setTimeout(again, 50));
    }
  }
}
