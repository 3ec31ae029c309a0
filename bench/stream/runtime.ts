/** workerd by itself, with the gateway on one port and the byte pipe on another: nothing else is in the measured process. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import workerd from "workerd";
import { unstable_readConfig } from "wrangler";
import { LOCAL_API_TOKEN } from "../../dev/lib/local-secrets.ts";

export interface Runtime {
  readonly gatewayUrl: string;
  readonly pipeUrl: string;
  readonly pid: number;
  close(): Promise<void>;
}

const OBJECTS = [
  ["STREAM", "StreamObject"],
  ["STREAM_INDEX", "StreamIndexObject"],
  ["GUARD", "GuardObject"],
] as const;

/** The default of the compatibility date; the runtime says so each time. */
const DEFAULT_FLAG = "nodejs_compat";

/** Neither used by streams nor there: bindings that only have to exist. */
const QUEUES = ["LANE_HIGH", "LANE_NORMAL", "LANE_LOW", "TELEMETRY"];

/** In memory where there is such a folder: a disk's own commit time says nothing about the gateway. */
export function storagePlace(): string {
  return existsSync(MEMORY) ? MEMORY : tmpdir();
}

const MEMORY = "/dev/shm";

export async function startRuntime(
  urls: { readonly instant: string; readonly paced: string },
  place: string,
): Promise<Runtime> {
  const folder = mkdtempSync(path.join(place, "sluice-bench-stream-"));
  for (const name of ["gateway", "pipe"]) await bundle(name, folder);
  mkdirSync(path.join(folder, "state"));
  const [gatewayPort, pipePort] = [await freePort(), await freePort()];
  const config = path.join(folder, "bench.capnp");
  writeFileSync(config, capnp(folder, urls, gatewayPort, pipePort));
  const child = spawn(workerd.default, ["serve", "--experimental", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  await answers(`${gatewayUrl}/healthz`, child);
  return {
    gatewayUrl,
    pipeUrl: `http://127.0.0.1:${pipePort}`,
    pid: child.pid ?? 0,
    close: async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function bundle(name: string, folder: string): Promise<void> {
  await build({
    entryPoints: [path.resolve(`bench/stream/worker/${name}.worker.ts`)],
    outfile: path.join(folder, `${name}.js`),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
}

function capnp(
  folder: string,
  urls: { readonly instant: string; readonly paced: string },
  gatewayPort: number,
  pipePort: number,
): string {
  const base = unstable_readConfig({ config: "./wrangler.toml" });
  const flags = base.compatibility_flags
    .filter((flag: string) => flag !== DEFAULT_FLAG)
    .map((flag: string) => `"${flag}"`)
    .join(", ");
  const texts = [
    ["INSTANT_URL", urls.instant],
    ["PACED_URL", urls.paced],
    ["SLUICE_API_TOKEN", LOCAL_API_TOKEN],
    ["LOG_LEVEL", "error"],
  ].map(([name, value]) => `(name = "${name}", text = "${value}")`);
  const objects = OBJECTS.map(([name, cls]) => `(name = "${name}", durableObjectNamespace = "${cls}")`);
  const queues = QUEUES.map((name) => `(name = "${name}", queue = "pipe")`);
  // Looked at when the gateway starts; no stream has a body to keep.
  const bucket = '(name = "PAYLOADS", r2Bucket = "pipe")';
  const worker = (name: string, bindings: readonly string[], more = "") => `(name = "${name}", worker = (
    modules = [(name = "${name}.js", esModule = embed "${name}.js")],
    compatibilityDate = "${base.compatibility_date ?? ""}", compatibilityFlags = [${flags}],
    bindings = [${bindings.join(", ")}]${more}))`;
  const storing = (classes: string) =>
    `, durableObjectNamespaces = [${classes}], durableObjectStorage = (localDisk = "state")`;
  const namespaces = OBJECTS.map(
    ([, cls]) => `(className = "${cls}", uniqueKey = "${cls}", enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${worker(
      "pipe",
      [...texts.slice(0, 2), '(name = "OWNER", durableObjectNamespace = "Owner")'],
      storing('(className = "Owner", uniqueKey = "Owner", enableSql = true)'),
    )},
    ${worker("gateway", [...texts, ...objects, ...queues, bucket], storing(namespaces.join(", ")))},
    (name = "state", disk = (path = "${path.join(folder, "state")}", writable = true)),
    (name = "internet", network = (allow = ["public", "private"]))
  ],
  sockets = [
    (name = "gateway", address = "127.0.0.1:${gatewayPort}", http = (), service = "gateway"),
    (name = "pipe", address = "127.0.0.1:${pipePort}", http = (), service = "pipe")
  ]
);
`;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

const UP_WITHIN_MS = 60_000;

/** Until somebody answers there, whatever. */
export async function answers(url: string, child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + UP_WITHIN_MS;
  for (;;) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (thrown) {
      if (child.exitCode !== null || Date.now() > deadlineMs) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
