/**
 * The floor: what the promises ask of one event, written down for one sender without a layer, a choice or a table. What the
 * gateway costs above this is its generality; what this costs above the bare handler is what the promises cost. It is a
 * measure and nothing else: other senders, large bodies, several events in one body and every failure but 401 are left out.
 */
import * as z from "zod";
import { encodeHex } from "../../../src/core/hex.ts";
import { makeEventId, makePartitionName } from "../../../src/core/ids.ts";
import { DEFAULT_EVENT_POLICY } from "../../../src/core/policy.ts";
import { originOf } from "../../../src/ingest/request-context.ts";
import type { BareEnv } from "./bare.worker.ts";

const MAX_HEADERS = 100;
const MAX_HEADER_BYTES = 64_000;
const MAX_BODY_BYTES = 1_048_576;
const TOLERANCE_SECONDS = 300;
const READ_WITHIN_MS = 10_000;
const DURABLE_WITHIN_MS = 2_000;

const invoice = z.object({
  id: z.string(),
  type: z.string(),
  created: z.number(),
  data: z.object({
    object: z.object({ id: z.string(), customer: z.nullable(z.string()), amount_paid: z.number() }),
  }),
});

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const counts = new Map<string, number>();
let imported: CryptoKey | undefined;

export default {
  async fetch(request: Request, env: BareEnv): Promise<Response> {
    const startedAtMs = Date.now();
    if (request.method !== "POST") return new Response(null, { status: 405 });
    if (new URL(request.url).pathname !== "/in/stripe") return new Response(null, { status: 404 });
    if (!isBoundedHead(request.headers)) return new Response(null, { status: 431 });
    const read = await within(request.arrayBuffer(), READ_WITHIN_MS);
    if (read === null || read.byteLength > MAX_BODY_BYTES) return new Response(null, { status: 413 });
    const body = new Uint8Array(read);
    if (!(await isProven(request.headers, body, env))) return new Response(null, { status: 401 });

    const text = decoder.decode(body);
    const payload: unknown = JSON.parse(text);
    const { id, type, created, data } = invoice.parse(payload);
    const random = crypto.getRandomValues(new Uint8Array(24));
    const traceId = encodeHex(random.subarray(8));
    const traceparent = `00-${traceId}-${encodeHex(random.subarray(0, 8))}-01`;
    const key = data.object.customer ?? "shard-0";
    const place = { jurisdiction: "none", epoch: 1, mode: "ordered", space: "stripe", key } as const;
    const partition = await makePartitionName(place);
    const eventId = await makeEventId(partition, { source: "stripe", dedupeKey: id, pipeline: "nothing" });
    const envelope = {
      v: 1,
      id: eventId,
      partition,
      partitionKey: `stripe:${key}`,
      source: "stripe",
      dedupeKey: id,
      type,
      pipeline: "nothing",
      priority: "normal",
      orderKey: created * 1_000,
      receivedAtMs: startedAtMs,
      origin: originOf(request),
      traceparent,
      headers: {},
      body: { kind: "inline", text },
      policy: DEFAULT_EVENT_POLICY,
      parent: null,
    };
    const sent = env.LANE.send({ v: 1, kind: "event", envelope }, { contentType: "json" });
    if ((await within(sent, DURABLE_WITHIN_MS)) === null) return new Response(null, { status: 503 });
    counts.set(type, (counts.get(type) ?? 0) + 1);
    console.log(JSON.stringify({ event: "ingest", eventId, traceId, durationMs: Date.now() - startedAtMs }));
    return Response.json({ id: eventId, status: "queued", traceId }, { headers: { traceparent } });
  },
};

function isBoundedHead(headers: Headers): boolean {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of headers) {
    bytes += name.length + value.length;
    if (++count > MAX_HEADERS || bytes > MAX_HEADER_BYTES) return false;
  }
  return true;
}

async function isProven(headers: Headers, body: Uint8Array<ArrayBuffer>, env: BareEnv): Promise<boolean> {
  const header = headers.get("stripe-signature") ?? "";
  const [, seconds = "", digest = ""] = /^t=(\d{1,16}),v1=([0-9a-f]{64})$/.exec(header) ?? [];
  if (Math.abs(Date.now() / 1_000 - Number(seconds)) > TOLERANCE_SECONDS) return false;
  const hash = { name: "HMAC", hash: "SHA-256" };
  imported ??= await crypto.subtle.importKey("raw", encoder.encode(env.SECRET), hash, false, ["verify"]);
  const prefix = encoder.encode(`${seconds}.`);
  const content = new Uint8Array(prefix.length + body.length);
  content.set(prefix);
  content.set(body, prefix.length);
  const signature = Uint8Array.from(digest.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return crypto.subtle.verify("HMAC", imported, signature, content);
}

/** null: it took longer. */
async function within<Value>(work: Promise<Value>, limitMs: number): Promise<Value | null> {
  const { promise, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), limitMs);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
