/**
 * Portkey's gateway from npm, as a process of its own. Not among the packages that everybody installs (it brings ninety others):
 * installed when the bench is first run, in the machine's folder for temporary files.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/core/result.ts";
import { answers, freePort } from "./runtime.ts";

const PACKAGE = "@portkey-ai/gateway";
const VERSION = "1.15.2";
/** With the newest server that its range allows, it answers every stream with 500 (it changes headers that cannot be changed). */
const OVERRIDES = { "@hono/node-server": "1.13.7" };
const INSTALL_WITHIN_MS = 180_000;

export interface Portkey {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** @returns why it is not there, when it is not */
export async function startPortkey(): Promise<Portkey | string> {
  try {
    const folder = path.join(tmpdir(), `sluice-bench-portkey-${VERSION}`);
    const script = path.join(folder, "node_modules", PACKAGE, "build/start-server.js");
    if (!existsSync(script)) await install(folder);
    const port = await freePort();
    const child = spawn(process.execPath, [script, `--port=${port}`, "--headless"], {
      stdio: "ignore",
      // It refuses hosts of this machine unless they are listed.
      env: { ...process.env, NODE_ENV: "production", TRUSTED_CUSTOM_HOSTS: "127.0.0.1,localhost" },
    });
    const url = `http://127.0.0.1:${port}`;
    await answers(url, child);
    return {
      url,
      pid: child.pid ?? 0,
      close: async () => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await ended;
      },
    };
  } catch (thrown) {
    return messageOf(thrown);
  }
}

async function install(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, overrides: OVERRIDES }));
  const args = [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--save-exact",
    `${PACKAGE}@${VERSION}`,
  ];
  await promisify(execFile)("npm", args, { cwd: folder, timeout: INSTALL_WITHIN_MS });
}
