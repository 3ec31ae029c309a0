/**
 * Requests whose sender leaves, and what stays behind in the isolate: code after an `await` never runs then, `finally` included
 * (https://github.com/cloudflare/workerd/issues/5062). Each path begins something that others share; `/leave` asks this
 * Worker for it through a binding and goes, which shows locally what a closed connection shows on the platform.
 */
import { DurableObject, waitUntil } from "cloudflare:workers";
import { createFlights } from "../../src/cache/single-flight.ts";
import { defineSource } from "../../src/config/define-source.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { createIngest } from "../../src/ingest/handler.ts";
import { LargeBody } from "../../src/ingest/large-body.ts";
import { gitlab } from "../../src/ingest/senders/code.ts";
import { createBodyMemory } from "../../src/platform/body-memory.ts";
import { createSecretReader } from "../../src/platform/secrets.ts";
import { createLogger } from "../../src/telemetry/log.ts";

interface Env {
  readonly ASKED: DurableObjectNamespace;
  readonly BACK: { fetch(url: string, init: RequestInit): Promise<Response> };
}

const MIB = 1_048_576;
const GITLAB_TOKEN = "the token of the test's own GitLab";

/** A signed body of this size, of which only a part is sent while `isWhole` is false. */
function bodyOf(sizeBytes: number, isWhole: boolean): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(sizeBytes);
  const write = async () => {
    const writer = writable.getWriter();
    const text = JSON.stringify({ text: "" });
    await writer.write(new TextEncoder().encode(text.slice(0, -2)));
    const filler = new Uint8Array(sizeBytes - text.length).fill(0x78);
    await writer.write(isWhole ? filler : filler.subarray(0, filler.length / 2));
    if (!isWhole) await forLong();
    await writer.write(new TextEncoder().encode(text.slice(-2)));
    await writer.close();
  };
  write().catch(() => {
    // Its reader is gone.
  });
  return readable;
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

const {
  json: { maxBodyBytes, liveFactor },
} = LIMITS.ingest;
const BOUNDS = { maxBytes: maxBodyBytes, liveFactor };
const memory = createBodyMemory(LIMITS.ingest.maxLiveBytes, Date.now);
let isStoreAnswering = false;
/** The Secrets Store: while it does not answer, whoever asks waits. */
const store = {
  get: () => (isStoreAnswering ? Promise.resolve("secret") : forLong()),
};
const handle = createIngest({
  sources: new Map([
    [
      "gitlab",
      defineSource({
        verify: gitlab({ secrets: ["GITLAB_TOKEN"] }),
        events: {},
        routes: () => [],
      }),
    ],
  ]),
  secret: () => GITLAB_TOKEN,
  putBody: async () => {},
  bodyMemory: memory,
  append: async (envelopes) => envelopes.map(({ id }) => ({ id, status: "queued" })),
  decide: async () => ({ kind: "undecided", reason: "failed" }),
  nowMs: Date.now,
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  logger: createLogger("error"),
  waitUntil,
});
const readSecret = createSecretReader({
  binding: () => store,
  nowMs: Date.now,
  logger: createLogger("error"),
});

/** Longer than any test looks. A promise that nothing can settle would be taken for a hung Worker. */
const PATIENT_MS = 30_000;
const forLong = () => new Promise<string>((resolve) => setTimeout(() => resolve("late"), PATIENT_MS));

async function takeBody(request: Request, context: Context, thenWait: boolean): Promise<Response> {
  const body = new LargeBody(memory, request, BOUNDS, (work) => context.waitUntil(work));
  try {
    if (!(await body.enter())) return new Response("no room", { status: 503 });
    if (thenWait) await forLong();
    return new Response("taken");
  } finally {
    body.release();
  }
}

const FLIGHT_MS = 1_000;
const flights = createFlights<string>({ maxFlightMs: FLIGHT_MS, keepAnswersMs: 0, maxKept: 1 }, Date.now);

/** Leads a call, unless somebody still seems to be at one. */
async function lead(thenWait: boolean): Promise<Response> {
  if (flights.join("call") !== null) return new Response("somebody is at it");
  const flight = flights.lead("call");
  try {
    if (thenWait) await forLong();
    return new Response("led");
  } finally {
    flight.land(null, false);
  }
}

/** As a stream's object asks once for all who start it. What an object does goes on when its caller leaves, `finally` included. */
export class AskedObject extends DurableObject {
  #asking: Promise<string> | null = null;

  override async fetch(): Promise<Response> {
    this.#asking ??= this.#ask();
    try {
      return new Response(await this.#asking);
    } finally {
      this.#asking = null;
    }
  }

  async #ask(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, ASK_MS));
    return "asked";
  }
}

const ASK_MS = 500;

/** What is sent through the binding: a body where the query says how large. */
function send({ searchParams }: URL, isWhole: boolean): RequestInit {
  const sizeMib = Number(searchParams.get("mib"));
  if (sizeMib === 0) return {};
  const headers = {
    "content-type": "application/json",
    "x-gitlab-token": GITLAB_TOKEN,
    "idempotency-key": "1",
  };
  return { method: "POST", headers, body: bodyOf(sizeMib * MIB, isWhole) };
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
      case "/in/gitlab":
        return handle(request, "gitlab");
      case "/flight":
        return lead(url.searchParams.get("wait") === "1");
      case "/asked":
        return env.ASKED.get(env.ASKED.idFromName("one")).fetch("https://asked/");
      case "/leave": {
        url.pathname = url.searchParams.get("from") ?? "";
        const signal = AbortSignal.timeout(Number(url.searchParams.get("afterMs")));
        await env.BACK.fetch(url.href, { ...send(url, false), signal }).catch(() => undefined);
        return new Response("left");
      }
      default: {
        // The isolate that is asked through the binding is the one that `/leave` asks.
        if (!url.pathname.startsWith("/back/")) return new Response("up");
        url.pathname = url.pathname.slice("/back".length);
        return env.BACK.fetch(url.href, send(url, true));
      }
    }
  },
};
