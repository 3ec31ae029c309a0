/** Stand-ins and independent signing for the ingest tests. Signs with WebCrypto directly, never through the engine. */
import { expect } from "vitest";
import * as z from "zod";
import { definePipeline, type Pipeline } from "../../src/config/define-pipeline.ts";
import { defineSource, type Source } from "../../src/config/define-source.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createBodyMemory } from "../../src/platform/body-memory.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { createIngest, type Ingest } from "../../src/ingest/handler.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import type { AppendOutcome, IngestDependencies } from "../../src/ingest/ports.ts";
import type { LogFields, Logger, LogLevel } from "../../src/telemetry/log.ts";

export const NOW_MS = 1_760_000_000_000;
export const NOW_SECONDS = NOW_MS / 1_000;
export const SECRET = "whsec_test_stripe_secret";
export const SECRETS: Readonly<Record<string, string>> = {
  STRIPE_SECRET: SECRET,
  NEXT_STRIPE_SECRET: "whsec_next",
  GITHUB_SECRET: "It's a Secret to Everybody",
  STANDARD_SECRET: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  MALFORMED_SECRET: "whsec_not*base64",
};

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text));
}

export async function hmac(
  hash: "SHA-1" | "SHA-256",
  key: Uint8Array<ArrayBuffer>,
  content: string | Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash }, false, ["sign"]);
  const bytes = typeof content === "string" ? bytesOf(content) : content;
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, bytes));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** The value of `Stripe-Signature`. */
export async function stripeHeader(
  body: string,
  { secret = SECRET, seconds = NOW_SECONDS }: { readonly secret?: string; readonly seconds?: number } = {},
): Promise<string> {
  return `t=${seconds},v1=${hex(await hmac("SHA-256", bytesOf(secret), `${seconds}.${body}`))}`;
}

export async function stripeRequest(
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Request> {
  const signature = await stripeHeader(body);
  return post(body, { "stripe-signature": signature, ...headers });
}

export function post(body: BodyInit, headers: Readonly<Record<string, string>>): Request {
  return new Request("https://sluice.test/in/stripe", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

export const charge = z.object({ id: z.string(), customer: z.nullable(z.string()), amount: z.number() });

export function testPipeline(
  name: string,
  policy: Parameters<typeof definePipeline>[0]["policy"] = {},
): Pipeline<unknown> {
  return definePipeline({
    name,
    input: z.unknown(),
    deliver: [],
    policy,
    format: () => ({ body: null }),
  });
}

export interface LogLine extends LogFields {
  readonly level: LogLevel;
  readonly event: string;
}

export interface TestIngest {
  readonly ingest: Ingest;
  readonly appended: EventEnvelope[];
  readonly logs: LogLine[];
  readonly bodies: Map<string, Uint8Array>;
  readonly background: Promise<unknown>[];
}

export function testIngest(
  sources: Readonly<Record<string, Source>>,
  overrides: Partial<IngestDependencies> = {},
): TestIngest {
  const appended: EventEnvelope[] = [];
  const logs: LogLine[] = [];
  const bodies = new Map<string, Uint8Array>();
  const background: Promise<unknown>[] = [];
  const seen = new Set<string>();
  const append = async (envelopes: readonly EventEnvelope[]): Promise<readonly AppendOutcome[]> => {
    appended.push(...envelopes);
    return envelopes.map(({ id }) => {
      const status = seen.has(id) ? "duplicate" : "queued";
      seen.add(id);
      return { id, status };
    });
  };
  const ingest = createIngest({
    sources: new Map(Object.entries(sources)),
    secret: (name) => SECRETS[name],
    putBody: async (key, bytes) => void bodies.set(key, bytes),
    bodyMemory: createBodyMemory(LIMITS.ingest.maxLiveBytes, () => NOW_MS),
    append,
    decide: async () => ({ kind: "undecided", reason: "refused" }),
    nowMs: () => NOW_MS,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    logger: recordingLogger(logs),
    waitUntil: (work) => void background.push(work),
    ...overrides,
  });
  return { ingest, appended, logs, bodies, background };
}

function recordingLogger(lines: LogLine[]): Logger {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) =>
      void lines.push({ level, event, ...fields });
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: () => recordingLogger(lines),
  };
}

export async function problemIn(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = await response.json<{ readonly type: string; readonly status: number }>();
  expect(problem.status).toBe(response.status);
  return problem;
}

/** A charge as Stripe reports it, and a source that takes it. */
export const BODY = JSON.stringify({
  id: "evt_1",
  type: "charge.succeeded",
  created: 1_759_999_999,
  customer: "cus_1",
  amount: 100,
});
export const fraud = testPipeline("fraud");

export function stripeSource(options: Partial<Parameters<typeof defineSource>[0]> = {}): Source {
  return defineSource({
    verify: stripe({ secrets: ["STRIPE_SECRET"] }),
    events: { "charge.succeeded": charge },
    routes: (route) => [route("charge.succeeded", fraud)],
    ...options,
  });
}
