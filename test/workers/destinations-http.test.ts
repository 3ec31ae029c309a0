import { describe, expect, it } from "vitest";
import { httpDestination } from "../../src/config/define-destination.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { makeEventId, makePartitionName } from "../../src/core/ids.ts";
import { createHttpDestination } from "../../src/destinations/http.ts";
import type { Destination, OutboundMessage } from "../../src/destinations/port.ts";
import { fakeUpstream, pieces, type FakeUpstream } from "./models-fake-upstream.ts";

const KEY_BYTES = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
const SECRET = `whsec_${btoa(String.fromCharCode(...KEY_BYTES))}`;
const OTHER_SECRET = `whsec_${btoa("another secret of 24 byte")}`;
const NOW_MS = 1_767_268_800_123;

const identity = { jurisdiction: "none", epoch: 1, mode: "ordered", space: "s", key: "k" } as const;
const partition = await makePartitionName(identity);
const eventId = await makeEventId(partition, { source: "s", dedupeKey: "d", pipeline: "p" });

const MESSAGE: OutboundMessage = {
  idempotencyKey: `${eventId}.1.crm`,
  eventId,
  run: 1,
  type: "summary.completed",
  body: { text: "Grüße 👋", n: [1, null] },
  partition,
  sequence: 12,
  late: false,
  token: 3,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};

const NEVER = new AbortController().signal;

function destination(
  upstream: FakeUpstream,
  options: { timeoutMs?: number; secret?: string; url?: string; nowMs?: () => number } = {},
): Destination {
  const {
    secret = SECRET,
    nowMs = () => NOW_MS,
    timeoutMs,
    url = "https://crm.test/hook?tenant=1",
  } = options;
  const definition = httpDestination({
    url: "https://crm.test/hook",
    secret: "CRM_SECRET",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  const made = createHttpDestination("crm", definition, {
    url,
    secret,
    fetch: upstream.fetch,
    nowMs,
  });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

const answering = (status: number, headers: Record<string, string> = {}) =>
  fakeUpstream(() => new Response(status === 204 || status === 304 ? null : "ok", { status, headers }));

/** Written from the specification, not from the code under test. */
async function signatureOf(keyBytes: BufferSource, headers: Headers, body: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", keyBytes, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  const content = `${headers.get("webhook-id")}.${headers.get("webhook-timestamp")}.${body}`;
  const digest = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(content));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

describe("a delivery over HTTP", () => {
  it("is signed so that a Standard Webhooks receiver can verify the raw body", async () => {
    const upstream = answering(200);
    const sent = await destination(upstream).send(MESSAGE, NEVER);
    expect(sent).toMatchObject({ ok: true, value: { status: 200 } });
    const [call] = upstream.calls;
    if (call === undefined) throw new Error("nothing was sent");
    expect(call.url).toBe("https://crm.test/hook?tenant=1");
    expect(call.redirect).toBe("manual");
    expect(call.headers.get("content-type")).toBe("application/json");
    expect(call.headers.get("webhook-id")).toBe(MESSAGE.idempotencyKey);
    expect(call.headers.get("webhook-timestamp")).toBe("1767268800");
    expect(call.headers.get("webhook-signature")).toBe(
      `v1,${await signatureOf(KEY_BYTES, call.headers, call.text)}`,
    );
    expect(call.body).toEqual({ type: MESSAGE.type, id: eventId, data: MESSAGE.body });
  });

  it("says where it stands, so that a receiver can refuse an older one", async () => {
    const upstream = answering(202);
    await destination(upstream).send(MESSAGE, NEVER);
    expect(Object.fromEntries(upstream.calls[0]?.headers ?? [])).toMatchObject({
      traceparent: MESSAGE.traceparent,
      "x-sluice-event": eventId,
      "x-sluice-partition": partition,
      "x-sluice-sequence": "12",
      "x-sluice-run": "1",
      "x-sluice-token": "3",
    });
  });

  it("repeats id and body byte by byte on a later try under another lease", async () => {
    const upstream = answering(503);
    let nowMs = NOW_MS;
    const crm = destination(upstream, { nowMs: () => nowMs });
    await crm.send(MESSAGE, NEVER);
    nowMs += 3_600_000;
    await crm.send({ ...MESSAGE, token: 9 }, NEVER);
    const [first, second] = upstream.calls;
    expect(second?.text).toBe(first?.text);
    expect(second?.headers.get("webhook-id")).toBe(first?.headers.get("webhook-id"));
    expect(second?.headers.get("webhook-timestamp")).not.toBe(first?.headers.get("webhook-timestamp"));
  });

  it("carries a signature per secret while one is rotated", async () => {
    const upstream = answering(200);
    await destination(upstream, { secret: `${SECRET} ${OTHER_SECRET}` }).send(MESSAGE, NEVER);
    const [call] = upstream.calls;
    if (call === undefined) throw new Error("nothing was sent");
    const other = new TextEncoder().encode("another secret of 24 byte");
    expect(call.headers.get("webhook-signature")).toBe(
      `v1,${await signatureOf(KEY_BYTES, call.headers, call.text)} v1,${await signatureOf(other, call.headers, call.text)}`,
    );
  });
});

describe("an answer", () => {
  it.each([200, 201, 204])("%i is delivered", async (status) => {
    expect(await destination(answering(status)).send(MESSAGE, NEVER)).toMatchObject({
      ok: true,
      value: { status },
    });
  });

  it("keeps the beginning of what a refusal says, without what looks like a credential", async () => {
    const refusing = (body: BodyInit, status = 422) =>
      destination(fakeUpstream(() => new Response(body, { status }))).send(MESSAGE, NEVER);
    const said =
      "deal_stage must be one of: new, won. You sent Authorization: Bearer abcdefghijklmnopqrstuvwxyz012345";
    expect(await refusing(said)).toMatchObject({
      ok: false,
      error: {
        code: "http_422",
        answer: "deal_stage must be one of: new, won. You sent Authorization: [bearer_token]",
      },
    });
    expect(await refusing(`no${"x".repeat(50_000)}`, 503)).toMatchObject({
      error: { class: "transient", answer: `no${"x".repeat(1_022)}` },
    });
    expect(await refusing(Uint8Array.from([0xff, 0xd8, 0xff]))).toMatchObject({
      error: { answer: "(3 characters that are no text)" },
    });
    expect(await refusing("")).not.toHaveProperty("error.answer");
  });

  it("names where a redirect points, without its query", async () => {
    const moved = answering(301, { location: "https://www.crm.test/hook?token=secret" });
    expect(await destination(moved).send(MESSAGE, NEVER)).toMatchObject({
      error: {
        code: "http_301",
        message:
          "the destination answered 301, a redirect to https://www.crm.test/hook, which is not followed: configure that address",
      },
    });
  });

  it("names where a relative redirect points", async () => {
    const moved = answering(308, { location: "/v2/hook" });
    expect(await destination(moved).send(MESSAGE, NEVER)).toMatchObject({
      error: { message: expect.stringContaining("a redirect to https://crm.test/v2/hook, which") },
    });
  });

  it("brings neither the signing secret nor a long part of the receiver's URL into a failure", async () => {
    const part = "T0123456789/B0123456789/abcdefghijklmnopqrstuvwx";
    const url = `https://hooks.test/services/${part}`;
    const said = () => new Response(`no: ${SECRET} at ${url}`, { status: 302, headers: { location: url } });
    const result = await destination(fakeUpstream(said), { url }).send(MESSAGE, NEVER);
    expect(result).toMatchObject({ ok: false, error: { answer: expect.stringContaining("[secret]") } });
    expect(JSON.stringify(result)).not.toContain("abcdefghijklmnopqrstuvwx");
    expect(JSON.stringify(result)).not.toContain(SECRET.replace("whsec_", ""));
  });

  it.each([301, 302, 307, 308, 304, 400, 401, 404, 410, 422])("%i is permanent", async (status) => {
    const upstream = answering(status, { location: "https://elsewhere.test/" });
    expect(await destination(upstream).send(MESSAGE, NEVER)).toMatchObject({
      ok: false,
      error: { stage: "deliver", class: "permanent", code: `http_${status}` },
    });
    expect(upstream.calls).toHaveLength(1);
  });

  it.each([408, 425, 429, 500, 503])("%i is transient and its Retry-After is honoured", async (status) => {
    const result = await destination(answering(status, { "retry-after": "90" })).send(MESSAGE, NEVER);
    expect(result).toMatchObject({
      ok: false,
      error: { class: "transient", code: `http_${status}`, retryAfterMs: 90_000 },
    });
  });

  it("that never ends holds up neither the next delivery nor the result", async () => {
    const endless = pieces("x".repeat(100), { ending: "hang" });
    const upstream = fakeUpstream(() => new Response(endless.body));
    expect(await destination(upstream, { timeoutMs: 60_000 }).send(MESSAGE, NEVER)).toMatchObject({
      ok: true,
    });
  });

  it("is read to its end when short, and not beyond the cap when long", async () => {
    const short = pieces("x".repeat(1_000), { splitBytes: 100 });
    await destination(fakeUpstream(() => new Response(short.body))).send(MESSAGE, NEVER);
    expect(short.pulls()).toBe(11);
    const long = pieces("x".repeat(LIMITS.destinations.maxResponseBytes * 4), { splitBytes: 1_024 });
    await destination(fakeUpstream(() => new Response(long.body))).send(MESSAGE, NEVER);
    expect(long.pulls()).toBeLessThanOrEqual(LIMITS.destinations.maxResponseBytes / 1_024 + 2);
  });

  it("that breaks after its status is still delivered", async () => {
    const broken = pieces("x", { ending: "break" });
    const upstream = fakeUpstream(() => new Response(broken.body));
    expect(await destination(upstream).send(MESSAGE, NEVER)).toMatchObject({ ok: true });
  });
});

describe("a request without an answer", () => {
  const silent = () => fakeUpstream(() => new Promise<Response>(() => undefined));

  it("times out as transient, and is aborted", async () => {
    const upstream = silent();
    const result = await destination(upstream, { timeoutMs: 20 }).send(MESSAGE, NEVER);
    expect(result).toMatchObject({ ok: false, error: { class: "transient", code: "timeout" } });
    expect(upstream.calls[0]?.signal.aborted).toBe(true);
  });

  it("is cancelled with its lease, and is aborted", async () => {
    const upstream = silent();
    const lease = new AbortController();
    const sending = destination(upstream).send(MESSAGE, lease.signal);
    await upstream.called;
    lease.abort();
    expect(await sending).toMatchObject({ ok: false, error: { class: "transient", code: "cancelled" } });
    expect(upstream.calls[0]?.signal.aborted).toBe(true);
  });

  it("is not even made once the lease is lost", async () => {
    const upstream = answering(200);
    expect(await destination(upstream).send(MESSAGE, AbortSignal.abort())).toMatchObject({
      error: { code: "cancelled" },
    });
    expect(upstream.calls).toHaveLength(0);
  });

  it("is transient when the network fails", async () => {
    const upstream = fakeUpstream(() =>
      Promise.reject(new Error("Network connection lost: https://crm.test/hook?tenant=1")),
    );
    const result = await destination(upstream).send(MESSAGE, NEVER);
    expect(result).toMatchObject({ ok: false, error: { class: "transient", code: "network" } });
    expect(JSON.stringify(result)).not.toContain("crm.test");
  });

  it("is permanent when the message is larger than is sent", async () => {
    const upstream = answering(200);
    const body = "x".repeat(LIMITS.destinations.maxBodyBytes);
    expect(await destination(upstream).send({ ...MESSAGE, body }, NEVER)).toMatchObject({
      error: { class: "permanent", code: "body_too_large" },
    });
    expect(upstream.calls).toHaveLength(0);
  });
});
