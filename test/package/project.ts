/** A deployer's project in a temporary folder: made from the packed tarball, with nothing else of this repository. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";

import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import * as z from "zod";
import { sinkRecordSchema, type SinkRecord } from "../../dev/sink/sink-record.ts";
import { until } from "../support/e2e-until.ts";
import { freePort } from "../../dev/lib/free-port.ts";

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, "../..");
const MAX_OUTPUT_BYTES = 16 * 1_048_576;

const packedSchema = z.array(z.object({ filename: z.string() }));

/** @returns the tarball's path */
export async function pack(folder: string, root = ROOT): Promise<string> {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: root,
    maxBuffer: MAX_OUTPUT_BYTES,
    env: outsideEnv(),
  });
  // The build says more around the list.
  const [packed] = packedSchema.parse(JSON.parse(stdout.slice(stdout.lastIndexOf("\n[") + 1)));
  if (packed === undefined) throw new Error(`npm pack made nothing: ${stdout}`);
  return path.join(folder, packed.filename);
}

export function emptyFolder(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), "sluice-package-"));
}

/** Runs a program of the project. @returns both outputs; throws with them where it failed */
export async function inFolder(folder: string, command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(command, args, {
      cwd: folder,
      maxBuffer: MAX_OUTPUT_BYTES,
      env: outsideEnv(),
    });
    return stdout + stderr;
  } catch (thrown) {
    const { stdout = "", stderr = "" } = thrown as { readonly stdout?: string; readonly stderr?: string }; // execFile's error
    throw new Error(`${command} ${args.join(" ")} failed in ${folder}\n${stdout}${stderr}`, {
      cause: thrown,
    });
  }
}

/** Without what `npm run` and vitest add: the project finds its own programs. */
function outsideEnv(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_(?!config_)|NODE_(?:ENV|OPTIONS|PATH)$|VITEST|INIT_CWD)/i.test(name),
  );
  const outside = (process.env["PATH"] ?? "")
    .split(path.delimiter)
    .filter((folder) => !folder.startsWith(ROOT));
  return { ...Object.fromEntries(own), PATH: outside.join(path.delimiter), CI: "true" };
}

export interface DevServer {
  readonly url: string;
  readonly sinkUrl: string;
  readonly output: () => string;
  close(): Promise<void>;
}

/** `npm run dev` on free ports, until it answers. */
export async function startDev(folder: string): Promise<DevServer> {
  const [port, modelPort, sinkPort] = [await freePort(), await freePort(), await freePort()];
  const ports = [`--port=${port}`, `--model-port=${modelPort}`, `--sink-port=${sinkPort}`];
  const child = spawn("npm", ["run", "dev", "--", ...ports], {
    cwd: folder,
    env: outsideEnv(),
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what npm started ends with it.
    detached: true,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  const server = {
    url,
    sinkUrl: `http://127.0.0.1:${sinkPort}`,
    output: () => output,
    close: () => end(child),
  };
  try {
    await until(
      () => `sluice dev answers; so far it said:\n${output}`,
      async () => {
        if (child.exitCode !== null) throw new Error(`sluice dev ended:\n${output}`);
        return (await fetch(`${url}/healthz`).catch(() => null))?.ok === true ? true : null;
      },
      120_000,
    );
  } catch (thrown) {
    await server.close();
    throw thrown;
  }
  return server;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, "SIGINT");
  await ended;
}

const recordsSchema = z.object({ records: z.array(sinkRecordSchema) });

/** What the receiver has on record at this path, once it has something. */
export function deliveryAt(dev: DevServer, at: string): Promise<SinkRecord> {
  return until(
    () => `a delivery at ${at}; sluice dev said:\n${dev.output()}`,
    async () => {
      const response = await fetch(`${dev.sinkUrl}/__control/records`);
      return recordsSchema.parse(await response.json()).records.find((record) => record.path === at) ?? null;
    },
    60_000,
  );
}

export async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, "utf8")));
}
