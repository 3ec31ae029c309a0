import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource } from "../../src/config/define-source.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { parseEnvelope } from "../../src/core/envelope.ts";
import { parseTraceparent } from "../../src/core/trace.ts";
import { github } from "../../src/ingest/senders/code.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { custom, standardWebhooks } from "../../src/ingest/senders/standard.ts";
import {
  bytesOf,
  hex,
  hmac,
  NOW_MS,
  NOW_SECONDS,
  post,
  problemIn,
  SECRET,
  SECRETS,
  stripeHeader,
  stripeRequest,
  testIngest,
  testPipeline,
  BODY,
  fraud,
  stripeSource,
} from "./ingest-support.ts";

const githubSource = defineSource({
  verify: github({ secrets: ["GITHUB_SECRET"] }),
  events: { "issues.opened": z.object({ action: z.string() }) },
  routes: (route) => [route("issues.opened", fraud)],
});

describe("a genuine event", () => {
  it("is answered 200 with its id, and its envelope is one that every reader accepts", async () => {
    const { ingest, appended } = testIngest({ stripe: stripeSource() });
    const response = await ingest(await stripeRequest(BODY), "stripe");
    expect(response.status).toBe(200);
    const [envelope] = appended;
    const traceId = parseTraceparent(response.headers.get("traceparent"))?.traceId;
    expect(await response.json()).toEqual({ id: envelope?.id, status: "queued", traceId });
    expect(parseEnvelope(JSON.parse(JSON.stringify(envelope)))).toEqual({ ok: true, value: envelope });
    expect(envelope).toMatchObject({
      source: "stripe",
      dedupeKey: "evt_1",
      type: "charge.succeeded",
      pipeline: "fraud",
      priority: "normal",
      orderKey: 1_759_999_999_000,
      receivedAtMs: NOW_MS,
      origin: { colo: "unknown", continent: "unknown" },
      headers: {},
      body: { kind: "inline", text: BODY },
      parent: null,
    });
  });

  it("sent again is a duplicate with the same id", async () => {
    const { ingest } = testIngest({ stripe: stripeSource() });
    const first = await (await ingest(await stripeRequest(BODY), "stripe")).json<{ readonly id: string }>();
    const second = await ingest(await stripeRequest(BODY), "stripe");
    expect(await second.json()).toMatchObject({ id: first.id, status: "duplicate" });
  });

  it("a duplicate's result is given where it is known", async () => {
    const { ingest } = testIngest(
      { stripe: stripeSource() },
      {
        append: async (envelopes) =>
          envelopes.map(({ id }) => ({ id, status: "duplicate", result: { risk: 3 } })),
      },
    );
    const response = await ingest(await stripeRequest(BODY), "stripe");
    expect(await response.json()).toMatchObject({ status: "duplicate", result: { risk: 3 } });
  });

  it("that matches two routes is two events with two ids", async () => {
    const source = stripeSource({
      routes: (route) => [route("charge.succeeded", fraud), route("*", testPipeline("mail"))],
    });
    const { ingest, appended } = testIngest({ stripe: source });
    const body = await (
      await ingest(await stripeRequest(BODY), "stripe")
    ).json<{
      readonly id: string;
      readonly events: readonly unknown[];
    }>();
    expect(body.id).toBe(appended[0]?.id);
    expect(body.events).toEqual(appended.map(({ id }) => ({ id, status: "queued" })));
    expect(appended.map(({ pipeline }) => pipeline)).toEqual(["fraud", "mail"]);
  });

  it("continues the sender's trace under a new span, in the answer and in the envelope", async () => {
    const { ingest, appended } = testIngest({ stripe: stripeSource() });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const response = await ingest(await stripeRequest(BODY, { traceparent }), "stripe");
    expect(await response.json()).toMatchObject({ traceId: "0af7651916cd43dd8448eb211c80319c" });
    expect(appended[0]?.traceparent).toBe(response.headers.get("traceparent"));
    expect(parseTraceparent(response.headers.get("traceparent"))?.spanId).not.toBe("b7ad6b7169203331");
  });

  it("carries where it came in", async () => {
    const { ingest, appended } = testIngest({ stripe: stripeSource() });
    const request = new Request(await stripeRequest(BODY), { cf: { colo: "FRA", continent: "EU" } });
    await ingest(request, "stripe");
    expect(appended[0]?.origin).toEqual({ colo: "FRA", continent: "EU" });
  });

  it("may come as a form that wraps JSON, and goes on as JSON", async () => {
    const { ingest, appended } = testIngest({ github: githubSource });
    const json = '{"action":"opened","issue":{"number":1}}';
    const body = `payload=${encodeURIComponent(json)}`;
    const digest = await hmac("SHA-256", bytesOf(SECRETS["GITHUB_SECRET"] ?? ""), body);
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      "x-hub-signature-256": `sha256=${hex(digest)}`,
      "x-github-event": "issues",
      "x-github-delivery": "delivery-1",
      authorization: "Bearer not-to-be-kept",
    };
    expect((await ingest(post(body, headers), "github")).status).toBe(200);
    expect(appended[0]).toMatchObject({
      type: "issues.opened",
      dedupeKey: "delivery-1",
      headers: { "x-github-event": "issues", "x-github-delivery": "delivery-1" },
      body: { kind: "inline", text: json },
    });
    expect(Object.keys(appended[0]?.headers ?? {})).toHaveLength(2);
  });

  it("is accepted under either secret while one is rotated, even if one is not set yet", async () => {
    const rotating = stripeSource({ verify: stripe({ secrets: ["UNSET_SECRET", "STRIPE_SECRET"] }) });
    const both = stripeSource({ verify: stripe({ secrets: ["NEXT_STRIPE_SECRET", "STRIPE_SECRET"] }) });
    const { ingest, logs } = testIngest({ rotating, both });
    expect((await ingest(await stripeRequest(BODY), "both")).status).toBe(200);
    const signature = await stripeHeader(BODY, { secret: "whsec_next" });
    expect((await ingest(post(BODY, { "stripe-signature": signature }), "both")).status).toBe(200);
    expect((await ingest(await stripeRequest(BODY), "rotating")).status).toBe(200);
    expect(logs.at(-1)).toMatchObject({ unusable_secrets: 1 });
  });
});

describe("requests that are refused before anything is durable", () => {
  it("unverified ones are all answered the same 401, byte for byte, and logged with the reason", async () => {
    const { ingest, appended, logs } = testIngest({ stripe: stripeSource() });
    const good = await stripeHeader(BODY);
    const stale = await stripeHeader(BODY, { seconds: NOW_SECONDS - 301 });
    const future = await stripeHeader(BODY, { seconds: NOW_SECONDS + 301 });
    const causes: readonly (readonly [string, Record<string, string>, string])[] = [
      ["signature_missing", {}, BODY],
      ["signature_missing", { "stripe-signature": "" }, BODY],
      ["signature_malformed", { "stripe-signature": good.slice(0, -1) }, BODY],
      ["timestamp_malformed", { "stripe-signature": `${good}, ${good}` }, BODY],
      ["signature_mismatch", { "stripe-signature": good }, BODY.replace("100", "999")],
      ["signature_mismatch", { "stripe-signature": await stripeHeader(BODY, { secret: "other" }) }, BODY],
      ["timestamp_too_old", { "stripe-signature": stale }, BODY],
      ["timestamp_in_future", { "stripe-signature": future }, BODY],
      ["header_too_long", { "stripe-signature": "t".repeat(65_536) }, BODY],
      // What is not proven is not looked into: no 400 for these.
      ["signature_missing", {}, "not json"],
      ["signature_missing", {}, ""],
    ];
    const answers = new Set<string>();
    for (const [reason, headers, body] of causes) {
      const response = await ingest(post(body, headers), "stripe");
      expect(response.status).toBe(401);
      expect(logs.at(-1)).toMatchObject({ level: "warn", reason, http_status: 401, status: "unauthorized" });
      const shown = [...response.headers].filter(([name]) => name !== "traceparent");
      answers.add(JSON.stringify([shown, await response.text()]));
    }
    expect(answers.size).toBe(1);
    expect(appended).toEqual([]);
  });

  it("a signed time inside the body is held to the tolerance: 401 when stale, future, missing or no time", async () => {
    const source = defineSource({
      verify: custom({
        secrets: ["STRIPE_SECRET"],
        signatureHeaders: ["x-signature"],
        timestamp: { in: "body", path: "sent.at", unit: "ms" },
        toleranceMs: 60_000,
        dedupeKey: [{ from: "body", path: "id" }],
      }),
      events: { "*": z.object({ id: z.string() }) },
      routes: (route) => [route("*", fraud)],
    });
    const { ingest, logs } = testIngest({ timed: source });
    const cases: readonly (readonly [unknown, number, string | undefined])[] = [
      [NOW_MS - 60_000, 200, undefined],
      [NOW_MS + 60_000, 200, undefined],
      [NOW_MS - 60_001, 401, "timestamp_too_old"],
      [NOW_MS + 60_001, 401, "timestamp_in_future"],
      [undefined, 401, "timestamp_missing"],
      ["now", 401, "timestamp_missing"],
    ];
    for (const [at, status, reason] of cases) {
      const body = JSON.stringify({ id: "1", type: "note", sent: { at } });
      const signature = hex(await hmac("SHA-256", bytesOf(SECRET), body));
      expect((await ingest(post(body, { "x-signature": signature }), "timed")).status).toBe(status);
      expect(logs.at(-1)?.["reason"]).toBe(reason);
    }
  });

  it("unknown source: 404", async () => {
    const { ingest } = testIngest({ stripe: stripeSource() });
    for (const name of ["nobody", "constructor", "", "x".repeat(10_000)]) {
      const response = await ingest(await stripeRequest(BODY), name);
      expect(response.status).toBe(404);
      expect((await problemIn(response)).type).toBe("urn:sluice:problem:unknown-source");
    }
  });

  it("another method than POST: 405 that names POST", async () => {
    const { ingest } = testIngest({ stripe: stripeSource() });
    for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]) {
      const response = await ingest(new Request("https://sluice.test/in/stripe", { method }), "stripe");
      expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
    }
  });

  it("another content type: 415", async () => {
    const { ingest, logs } = testIngest({ stripe: stripeSource() });
    const response = await ingest(await stripeRequest(BODY, { "content-type": "text/plain" }), "stripe");
    expect(response.status).toBe(415);
    expect(logs.at(-1)?.["reason"]).toBe("unsupported_media_type:content_type");
  });

  it("a body over the source's cap: 413, declared or not", async () => {
    const { ingest } = testIngest({ stripe: stripeSource({ maxBodyBytes: 1_000 }) });
    const body = JSON.stringify({ id: "evt_1", filler: "x".repeat(1_000) });
    const declared = await stripeRequest(body, { "content-length": String(body.length) });
    const undeclared = await stripeRequest(body);
    for (const request of [declared, undeclared]) {
      const response = await ingest(request, "stripe");
      expect(response.status).toBe(413);
      expect(await problemIn(response)).toMatchObject({ detail: "At most 1000 bytes are read." });
    }
  });

  it("a body over the hard cap: 413, and no source may raise its own over that", async () => {
    const { maxBodyBytes } = LIMITS.ingest.json;
    expect(() => stripeSource({ maxBodyBytes: maxBodyBytes + 1 })).toThrow("maxBodyBytes: Too big");
    const { ingest } = testIngest({ stripe: stripeSource({ maxBodyBytes }) });
    const length = String(maxBodyBytes + 1);
    const response = await ingest(await stripeRequest(BODY, { "content-length": length }), "stripe");
    expect(response.status).toBe(413);
  });

  it.each([
    ["empty", ""],
    ["not JSON", "nonsense"],
    ["cut off", '{"id":"evt_1"'],
    ["deeply nested", "[".repeat(100_000) + "]".repeat(100_000)],
  ])("a signed body that is %s: 400", async (_what, body) => {
    const { ingest, appended } = testIngest({ stripe: stripeSource() });
    const response = await ingest(await stripeRequest(body), "stripe");
    expect(response.status).toBe(400);
    expect((await problemIn(response)).type).toBe("urn:sluice:problem:malformed-body");
    expect(appended).toEqual([]);
  });

  it("a signed body that is not valid UTF-8: 400", async () => {
    const { ingest, logs } = testIngest({ github: githubSource });
    const body = Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d]);
    const digest = await hmac("SHA-256", bytesOf(SECRETS["GITHUB_SECRET"] ?? ""), body);
    const response = await ingest(post(body, { "x-hub-signature-256": `sha256=${hex(digest)}` }), "github");
    expect(response.status).toBe(400);
    expect(logs.at(-1)?.["reason"]).toBe("malformed_body:not_utf8");
  });

  it("an event without an id: 422, and never a hash of its body", async () => {
    const { ingest, appended } = testIngest({
      stripe: stripeSource({ events: { "charge.succeeded": z.object({ amount: z.number() }) } }),
    });
    const body = JSON.stringify({ type: "charge.succeeded", amount: 1 });
    const response = await ingest(await stripeRequest(body), "stripe");
    expect(response.status).toBe(422);
    expect((await problemIn(response)).type).toBe("urn:sluice:problem:no-dedupe-key");
    expect(appended).toEqual([]);
  });

  it("an invalid payload, where the source rejects: 422 with places and codes, no values", async () => {
    const { ingest, appended } = testIngest({ stripe: stripeSource({ onInvalid: "reject" }) });
    const body = JSON.stringify({ id: "evt_1", type: "charge.succeeded", customer: 7, amount: "private" });
    const response = await ingest(await stripeRequest(body), "stripe");
    expect(response.status).toBe(422);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({
      type: "urn:sluice:problem:invalid-payload",
      issues: [
        { path: "customer", code: "invalid_type" },
        { path: "amount", code: "invalid_type" },
      ],
    });
    expect(text).not.toContain("private");
    expect(appended).toEqual([]);
  });

  it("a source whose secret is not set or does not decode: 503, for genuine and forged alike", async () => {
    const { ingest, logs } = testIngest({
      unset: stripeSource({ verify: stripe({ secrets: ["UNSET_SECRET"] }) }),
      half: stripeSource({ verify: stripe({ secrets: ["NEXT_STRIPE_SECRET", "UNSET_SECRET"] }) }),
      malformed: defineSource({
        verify: standardWebhooks({ secrets: ["MALFORMED_SECRET"] }),
        events: {},
        routes: () => [],
      }),
    });
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(NOW_SECONDS),
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };
    const expected = { unset: "secret_missing", half: "secret_missing", malformed: "secret_malformed" };
    for (const [name, reason] of Object.entries(expected)) {
      const response = await ingest(await stripeRequest(BODY, headers), name);
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe(String(LIMITS.ingest.retryAfterSeconds));
      expect((await problemIn(response)).type).toBe("urn:sluice:problem:source-not-configured");
      expect(logs.at(-1)?.["reason"]).toBe(reason);
    }
  });

  it("a flood: 429 with Retry-After; a limiter that fails keeps nobody out", async () => {
    const flooded = testIngest({ stripe: stripeSource() }, { admit: async () => false });
    const response = await flooded.ingest(await stripeRequest(BODY), "stripe");
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe(String(LIMITS.ingest.floodRetryAfterSeconds));
    const broken = testIngest(
      { stripe: stripeSource() },
      { admit: async () => Promise.reject(new Error("limiter down")) },
    );
    expect((await broken.ingest(await stripeRequest(BODY), "stripe")).status).toBe(200);
  });
});

describe("log lines", () => {
  it("one per request: codes, ids and sizes", async () => {
    const { ingest, logs, appended } = testIngest({ stripe: stripeSource() });
    const response = await ingest(await stripeRequest(BODY), "stripe");
    const { traceId } = await response.json<{ readonly traceId: string }>();
    expect(logs).toEqual([
      {
        level: "info",
        event: "ingest",
        source: "stripe",
        status: "queued",
        http_status: 200,
        event_id: appended[0]?.id,
        events: 1,
        unrouted: 0,
        quarantined: 0,
        trace_id: traceId,
        body_bytes: BODY.length,
        unusable_secrets: 0,
        duration_ms: 0,
      },
    ]);
  });

  it("never hold a payload, a signature or a secret", async () => {
    const { ingest, logs } = testIngest({
      stripe: stripeSource({
        filter: () => {
          throw new Error("cannot read confidential@example.com");
        },
      }),
    });
    const body = BODY.replace("cus_1", "confidential@example.com");
    const signature = await stripeHeader(body);
    await ingest(post(body, { "stripe-signature": signature }), "stripe");
    await ingest(post(body, { "stripe-signature": signature.replace("v1=", "v1=0") }), "stripe");
    await ingest(await stripeRequest("confidential@example.com"), "stripe");
    expect(logs.filter(({ event }) => event === "ingest")).toHaveLength(3);
    expect(logs.map(({ event }) => event)).toContain("ingest_quarantined");
    const text = JSON.stringify(logs);
    for (const hidden of ["confidential", SECRET, signature.slice(-64)]) expect(text).not.toContain(hidden);
  });
});
