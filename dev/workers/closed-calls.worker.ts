/** Makes one model call, as its query says, in a context that outlives it: only the call itself can close its connection. */
import { openModelStream } from "../../src/models/model-stream.ts";
import { configure, define, PROVIDERS } from "../../test/core/models-support.ts";

/** Longer than any test looks. */
const PATIENT_MS = 120_000;

interface Env {
  /** This Worker, called by another: a caller that leaves can be seen. */
  readonly BACK: { fetch(url: string, init: RequestInit): Promise<Response> };
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

async function callModel(request: Request, context: Context): Promise<string> {
  const asked = new URL(request.url).searchParams;
  const provider = PROVIDERS.find((name) => name === asked.get("provider")) ?? "openai";
  const [ending, afterMs] = [asked.get("ending"), Number(asked.get("afterMs"))];
  const waitMs = (clock: string) => (ending === clock ? afterMs : PATIENT_MS);
  const timeouts = {
    connectMs: waitMs("connect_timeout"),
    firstTokenMs: waitMs("first_token_timeout"),
    idleMs: waitMs("idle_timeout"),
    totalMs: waitMs("total_timeout"),
  };
  const model = configure(define(provider, asked.get("url") ?? "", { timeouts }), { KEY: "k" }, fetch);
  const stop = new AbortController();
  if (ending === "cancelled") setTimeout(() => stop.abort(), afterMs);
  const signal = ending === "left" ? request.signal : stop.signal;
  const prompt = [
    { role: "user" as const, content: [{ type: "text" as const, text: asked.get("case") ?? "" }] },
  ];
  const verbatim = asked.get("verbatim") === "1";
  context.waitUntil(new Promise((resolve) => setTimeout(resolve, PATIENT_MS)));
  const opened = await openModelStream(model, { prompt }, { signal, nowMs: Date.now, verbatim });
  if (!opened.ok) return opened.error.failure.code;
  const stream = opened.value;
  context.waitUntil(
    stream.verbatim?.pipeTo(new WritableStream()).catch(() => undefined) ?? Promise.resolve(),
  );
  for (;;) {
    const step = await stream.next();
    if (step.kind === "failed") return step.failure.code;
    if (step.kind === "end") return "end";
  }
}

export default {
  async fetch(request: Request, env: Env, context: Context): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/call") return new Response(await callModel(request, context));
    if (url.pathname !== "/leave") return new Response("up");
    url.pathname = "/call";
    const signal = AbortSignal.timeout(Number(url.searchParams.get("afterMs")));
    await env.BACK.fetch(url.href, { signal }).catch(() => undefined);
    return new Response("left");
  },
};
