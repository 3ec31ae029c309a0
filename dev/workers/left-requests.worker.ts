/**
 * Requests whose sender leaves, and what stays behind in the isolate: code after an `await` never runs then, `finally` included
 * (https://github.com/cloudflare/workerd/issues/5062). Each path begins something that others share; `/leave` asks this
 * Worker for it through a binding and goes, which shows locally what a closed connection shows on the platform.
 */
import { LIMITS } from "../../src/config/limits.ts";
import { LargeBody } from "../../src/ingest/large-body.ts";
import { createBodyMemory } from "../../src/platform/body-memory.ts";
import { createSecretReader } from "../../src/platform/secrets.ts";
import { createLogger } from "../../src/telemetry/log.ts";

interface Env {
  readonly BACK: { fetch(url: string, init: RequestInit): Promise<Response> };
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

const MAX_BYTES = LIMITS.ingest.maxBodyBytes;
const memory = createBodyMemory(MAX_BYTES);
let isStoreAnswering = false;
/** The Secrets Store: while it does not answer, whoever asks waits. */
const store = {
  get: () => (isStoreAnswering ? Promise.resolve("secret") : forLong()),
};
const readSecret = createSecretReader({
  binding: () => store,
  nowMs: Date.now,
  logger: createLogger("error"),
});

/** Longer than any test looks. A promise that nothing can settle would be taken for a hung Worker. */
const PATIENT_MS = 30_000;
const forLong = () => new Promise<string>((resolve) => setTimeout(() => resolve("late"), PATIENT_MS));

async function takeBody(request: Request, context: Context, thenWait: boolean): Promise<Response> {
  const body = new LargeBody(memory, request, MAX_BYTES, (work) => context.waitUntil(work));
  try {
    if (!(await body.take(new Uint8Array(1_024)))) return new Response("no room", { status: 503 });
    if (thenWait) await forLong();
    return new Response("taken");
  } finally {
    body.release();
  }
}

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/body":
        return takeBody(request, context, url.searchParams.get("wait") === "1");
      case "/secret":
        isStoreAnswering = url.searchParams.get("answers") === "1";
        return new Response(await readSecret("SECRET"));
      case "/leave": {
        url.pathname = url.searchParams.get("from") ?? "";
        const signal = AbortSignal.timeout(Number(url.searchParams.get("afterMs")));
        await env.BACK.fetch(url.href, { signal }).catch(() => undefined);
        return new Response("left");
      }
      default: {
        // The isolate that is asked through the binding is the one that `/leave` asks.
        if (!url.pathname.startsWith("/back/")) return new Response("up");
        url.pathname = url.pathname.slice("/back".length);
        return env.BACK.fetch(url.href, {});
      }
    }
  },
};
