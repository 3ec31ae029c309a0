/** The gateway's runtime, to be killed and started again over the same storage. Every start and kill is on record. */
import { join } from "node:path";
import { answers, startChild, type Child } from "./children.ts";
import { appendLine } from "./json-lines.ts";

export interface RuntimeOptions {
  readonly folder: string;
  readonly config: string;
  readonly state: string;
  readonly port: number;
  /** Where starts and kills are written. */
  readonly life: string;
}

export interface Runtime {
  readonly url: string;
  start(): void;
  /** Resolves when the gateway answers; false when it was killed first, or is not up in time. */
  ready(): Promise<boolean>;
  /** Resolves when no process of the runtime is left. */
  kill(): Promise<void>;
  /** The same, at the end: no part of the chaos. */
  stop(): Promise<void>;
}

const UP_WITHIN_MS = 60_000;

export function createRuntime(options: RuntimeOptions): Runtime {
  const url = `http://127.0.0.1:${options.port}`;
  let child: Child | null = null;
  const end = async (): Promise<void> => {
    const own = child;
    child = null;
    await own?.kill();
  };
  return {
    url,
    start() {
      appendLine(options.life, { what: "start", atMs: Date.now() });
      child = startChild(
        "dev/chaos/runtime/main.ts",
        [options.config, options.state, String(options.port)],
        join(options.folder, "runtime.log"),
        { WRANGLER_LOG: "warn", CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
      );
    },
    async ready() {
      const own = child;
      const deadlineMs = Date.now() + UP_WITHIN_MS;
      const isUp = await answers(
        `${url}/healthz`,
        () => child !== own || own === null || own.hasEnded() || Date.now() > deadlineMs,
      );
      if (isUp) appendLine(options.life, { what: "ready", atMs: Date.now() });
      return isUp;
    },
    async kill() {
      appendLine(options.life, { what: "kill", atMs: Date.now() });
      await end();
    },
    stop: end,
  };
}
