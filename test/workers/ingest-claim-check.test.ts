import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource } from "../../src/config/define-source.ts";
import { LIMITS, MIB } from "../../src/config/limits.ts";
import { parseEnvelope, type EventEnvelope } from "../../src/core/envelope.ts";
import { putBodyOnce } from "../../src/platform/stored-bodies.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { bytesOf, hex, stripeRequest, testIngest, testPipeline } from "./ingest-support.ts";

const source = defineSource({
  verify: stripe({ secrets: ["STRIPE_SECRET"] }),
  events: { note: z.object({ id: z.string() }) },
  maxBodyBytes: LIMITS.ingest.json.maxBodyBytes,
  routes: (route) => [route("note", testPipeline("fraud")), route("note", testPipeline("mail"))],
});

const bodyOf = (text: string) => JSON.stringify({ id: "evt_1", type: "note", text });
const encodedBytes = (envelope: EventEnvelope) => bytesOf(JSON.stringify(envelope)).length;

async function sha256(text: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(text))));
}

describe("claim check", () => {
  it("whatever a body holds, no envelope passes the limit of a message, and small ones stay inline", async () => {
    const fillers = ["x", '"', "\\", "ü", "漢", "😀", "\n", "\u0001"];
    const kinds = new Set<string>();
    for (const filler of fillers) {
      for (const targetBytes of [1_000, 30_000, 52_000, 60_000, 90_000, 119_000, 125_000]) {
        const { ingest, appended, bodies } = testIngest({ stripe: source });
        const unitBytes = bytesOf(bodyOf(filler)).length - bytesOf(bodyOf("")).length;
        const body = bodyOf(filler.repeat(Math.floor(targetBytes / unitBytes)));
        expect((await ingest(await stripeRequest(body), "stripe")).status).toBe(200);
        for (const envelope of appended) {
          expect(encodedBytes(envelope)).toBeLessThanOrEqual(LIMITS.ingest.maxMessageBytes);
          kinds.add(envelope.body.kind);
          const whole = encodedBytes({ ...envelope, body: { kind: "inline", text: body } });
          expect(envelope.body.kind).toBe(whole > LIMITS.ingest.maxMessageBytes ? "stored" : "inline");
        }
        expect(bodies.size).toBe(appended.filter((envelope) => envelope.body.kind === "stored").length);
      }
    }
    expect(kinds).toEqual(new Set(["inline", "stored"]));
  });

  it("a large body lies in R2 before the event is durable, once per event, under its digest", async () => {
    const order: string[] = [];
    const put = putBodyOnce(env.PAYLOADS);
    const body = bodyOf("x".repeat(MIB));
    const run = testIngest(
      { stripe: source },
      {
        putBody: async (key, bytes, sha256) => {
          await put(key, bytes, sha256);
          order.push("put");
        },
        append: async (envelopes) => {
          order.push("append");
          run.appended.push(...envelopes);
          return envelopes.map(({ id }) => ({ id, status: "queued" }));
        },
      },
    );
    expect((await run.ingest(await stripeRequest(body), "stripe")).status).toBe(200);
    expect(order).toEqual(["put", "put", "append"]);
    expect(run.appended).toHaveLength(2);
    const digest = await sha256(body);
    for (const envelope of run.appended) {
      const key = `bodies/${envelope.id}/${digest}`;
      expect(envelope.body).toEqual({ kind: "stored", key, sha256: digest, sizeBytes: bytesOf(body).length });
      expect(parseEnvelope(envelope).ok).toBe(true);
      expect(await (await env.PAYLOADS.get(key))?.text()).toBe(body);
    }
  });

  it("a body of 25 MiB is taken, one byte more is not", async () => {
    const fitting = bodyOf("x".repeat(LIMITS.ingest.json.maxBodyBytes - bodyOf("").length));
    const { ingest, bodies } = testIngest({ stripe: source });
    expect((await ingest(await stripeRequest(fitting), "stripe")).status).toBe(200);
    expect([...bodies.values()].map((bytes) => bytes.length)).toEqual([
      LIMITS.ingest.json.maxBodyBytes,
      LIMITS.ingest.json.maxBodyBytes,
    ]);
    const larger = bodyOf("x".repeat(LIMITS.ingest.json.maxBodyBytes - bodyOf("").length + 1));
    expect((await ingest(await stripeRequest(larger), "stripe")).status).toBe(413);
  });

  it("a body that cannot be stored is not accepted", async () => {
    const { ingest, appended } = testIngest(
      { stripe: source },
      { putBody: async () => Promise.reject(new Error("R2 down")) },
    );
    const response = await ingest(await stripeRequest(bodyOf("x".repeat(MIB / 2))), "stripe");
    expect(response.status).toBe(503);
    expect(appended).toEqual([]);
  });

  it("what lies under a key is never overwritten, and nothing lies there that arrived changed", async () => {
    const put = putBodyOnce(env.PAYLOADS);
    await put("bodies/once", bytesOf("first"), await sha256("first"));
    await put("bodies/once", bytesOf("second"), await sha256("second"));
    expect(await (await env.PAYLOADS.get("bodies/once"))?.text()).toBe("first");
    await expect(put("bodies/changed", bytesOf("other"), await sha256("first"))).rejects.toThrow();
    expect(await env.PAYLOADS.head("bodies/changed")).toBeNull();
  });
});
