/** workerd by itself with one Worker of a test's own, which has itself as `BACK`: nothing stands between it and the network. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";
import workerd from "workerd";
import { until } from "./e2e-until.ts";
import { freePort } from "../../dev/lib/free-port.ts";

/** Its package is CommonJS: Node and the test runner import it differently. */
const BINARY = typeof workerd === "string" ? workerd : workerd.default;

export interface BareWorker {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * @param entry the Worker's source, from the repository's root
 * @param objects its Durable Object bindings and their classes
 */
export async function startBareWorker(
  entry: string,
  objects: Readonly<Record<string, string>> = {},
): Promise<BareWorker> {
  const folder = mkdtempSync(path.join(tmpdir(), "sluice-bare-"));
  await build({
    entryPoints: [path.resolve(entry)],
    outfile: path.join(folder, "worker.js"),
    bundle: true,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  const port = await freePort();
  const config = path.join(folder, "worker.capnp");
  const classes = Object.values(objects).map((name) => `(className = "${name}", uniqueKey = "${name}")`);
  const bindings = Object.entries(objects).map(
    ([binding, name]) => `, (name = "${binding}", durableObjectNamespace = "${name}")`,
  );
  const worker = (name: string) => `(name = "${name}", worker = (
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "2026-10-20", compatibilityFlags = ["enable_request_signal"],
    durableObjectNamespaces = [${classes.join(", ")}], durableObjectStorage = (inMemory = void),
    bindings = [(name = "BACK", service = "back")${bindings.join("")}]))`;
  writeFileSync(
    config,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${worker("front")}, ${worker("back")}, (name = "internet", network = (allow = ["public", "private"]))],
  sockets = [(name = "front", address = "127.0.0.1:${port}", http = (), service = "front")]
);
`,
  );
  const child = spawn(BINARY, ["serve", "--experimental", config], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  await until("the Worker is up", () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  return {
    url,
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
