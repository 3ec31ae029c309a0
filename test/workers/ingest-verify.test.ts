import { describe, expect, it } from "vitest";
import { DAY_MS, LIMITS } from "../../src/config/limits.ts";
import type { SignatureScheme } from "../../src/ingest/scheme.ts";
import { github } from "../../src/ingest/senders/code.ts";
import { stripe } from "../../src/ingest/senders/payments.ts";
import { custom, standardWebhooks } from "../../src/ingest/senders/standard.ts";
import { base64, bytesOf, hex, hmac, NOW_MS, NOW_SECONDS, SECRET, stripeHeader } from "./ingest-support.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";
import { ANY, BODY, misconfigured, refusedFor, run } from "./verify-support.ts";

describe("Stripe signatures", () => {
  const verification = stripe({ secrets: ANY });

  it("a genuine one is accepted and gives its time", async () => {
    const verified = await run(verification, { "stripe-signature": await stripeHeader(BODY) });
    expect(verified).toEqual({ ok: true, value: { timestampMs: NOW_MS, id: null, malformedSecrets: 0 } });
  });

  it("any one v1 among several may match, and v0 never does", async () => {
    const good = await stripeHeader(BODY);
    const digest = good.split("v1=")[1] ?? "";
    const wrong = "0".repeat(64);
    const both = { "stripe-signature": `t=${NOW_SECONDS},v1=${wrong},v1=${digest},v0=${wrong}` };
    expect((await run(verification, both)).ok).toBe(true);
    const onlyV0 = { "stripe-signature": `t=${NOW_SECONDS},v0=${digest}` };
    expect(await run(verification, onlyV0)).toEqual(refusedFor("signature_missing"));
  });

  it("during a rotation the old and the new secret both count", async () => {
    for (const secret of ["old", "new"]) {
      const headers = { "stripe-signature": await stripeHeader(BODY, { secret }) };
      expect((await run(verification, headers, { secrets: ["new", "old"] })).ok).toBe(true);
    }
    const other = { "stripe-signature": await stripeHeader(BODY, { secret: "older" }) };
    expect(await run(verification, other, { secrets: ["new", "old"] })).toEqual(
      refusedFor("signature_mismatch"),
    );
  });

  it("a signature of another body, time or secret is refused, wherever it first differs", async () => {
    const good = await stripeHeader(BODY);
    const digest = good.split("v1=")[1] ?? "";
    for (let at = 0; at < digest.length; at++) {
      const flipped = digest.slice(0, at) + (digest[at] === "0" ? "1" : "0") + digest.slice(at + 1);
      const headers = { "stripe-signature": `t=${NOW_SECONDS},v1=${flipped}` };
      expect(await run(verification, headers)).toEqual(refusedFor("signature_mismatch"));
    }
    const headers = { "stripe-signature": good };
    expect(await run(verification, headers, { body: `${BODY} ` })).toEqual(refusedFor("signature_mismatch"));
    const later = { "stripe-signature": `t=${NOW_SECONDS + 1},v1=${digest}` };
    expect(await run(verification, later)).toEqual(refusedFor("signature_mismatch"));
  });

  it("stale and future timestamps are refused on either side of the tolerance, genuine or not", async () => {
    const at = async (seconds: number, toleranceMs?: number) =>
      run(toleranceMs === undefined ? verification : stripe({ secrets: ANY, toleranceMs }), {
        "stripe-signature": await stripeHeader(BODY, { seconds }),
      });
    expect((await at(NOW_SECONDS - 300)).ok).toBe(true);
    expect((await at(NOW_SECONDS + 300)).ok).toBe(true);
    expect(await at(NOW_SECONDS - 301)).toEqual(refusedFor("timestamp_too_old"));
    expect(await at(NOW_SECONDS + 301)).toEqual(refusedFor("timestamp_in_future"));
    expect(await at(NOW_SECONDS - 11, 10_000)).toEqual(refusedFor("timestamp_too_old"));
  });

  it.each([
    ["absent", null, "signature_missing"],
    ["empty", "", "signature_missing"],
    ["no pairs", "garbage", "signature_missing"],
    ["no key", "=abc", "signature_missing"],
    ["no signature", `t=${NOW_SECONDS}`, "signature_missing"],
    ["an empty signature", `t=${NOW_SECONDS},v1=`, "signature_malformed"],
    ["a truncated signature", `t=${NOW_SECONDS},v1=${"a".repeat(62)}`, "signature_malformed"],
    ["an odd number of digits", `t=${NOW_SECONDS},v1=${"a".repeat(63)}`, "signature_malformed"],
    ["too many digits", `t=${NOW_SECONDS},v1=${"a".repeat(66)}`, "signature_malformed"],
    ["something that is not hex", `t=${NOW_SECONDS},v1=${"g".repeat(64)}`, "signature_malformed"],
    ["no timestamp", `v1=${"a".repeat(64)}`, "timestamp_missing"],
    ["an empty timestamp", `t=,v1=${"a".repeat(64)}`, "timestamp_missing"],
    ["a timestamp in words", `t=now,v1=${"a".repeat(64)}`, "timestamp_malformed"],
    ["a negative timestamp", `t=-1,v1=${"a".repeat(64)}`, "timestamp_malformed"],
    ["a timestamp beyond time", `t=${"9".repeat(16)},v1=${"a".repeat(64)}`, "timestamp_malformed"],
    ["two timestamps", `t=1,t=${NOW_SECONDS},v1=${"a".repeat(64)}`, "timestamp_malformed"],
    ["a space", `t=${NOW_SECONDS}, v1=${"a".repeat(64)}`, "signature_missing"],
    [
      "many signatures",
      `t=${NOW_SECONDS}${`,v1=${"a".repeat(64)}`.repeat(LIMITS.ingest.maxSignatureChecks + 1)}`,
      "too_many_signatures",
    ],
    ["64 KB", "x".repeat(65_536), "header_too_long"],
  ])("a header with %s is refused", async (_what, header, reason) => {
    const headers: Record<string, string> = header === null ? {} : { "stripe-signature": header };
    expect(await run(verification, headers)).toEqual(refusedFor(reason));
  });

  it("a header that was sent twice is refused, although each of the two is genuine", async () => {
    const headers = new Headers();
    headers.append("stripe-signature", await stripeHeader(BODY));
    headers.append("stripe-signature", await stripeHeader(BODY));
    expect(await run(verification, Object.fromEntries(headers))).toEqual(refusedFor("timestamp_malformed"));
  });

  it("a right v1 counts whatever stands beside it", async () => {
    const good = await stripeHeader(BODY);
    const digest = good.split("v1=")[1] ?? "";
    const beside = [
      "v1=potato",
      "v1=",
      `v1=${digest.slice(1)}`,
      "v1",
      "=",
      "",
      "potato",
      " v1=x",

      "t",
    ];
    for (const bad of beside) {
      for (const header of [`${good},${bad}`, `t=${NOW_SECONDS},${bad},v1=${digest}`, `${bad},${good}`]) {
        expect((await run(verification, { "stripe-signature": header })).ok, header).toBe(true);
      }
    }
    const many = `${good}${",v1=potato".repeat(2 * LIMITS.ingest.maxSignatureChecks)}`;
    expect((await run(verification, { "stripe-signature": many })).ok).toBe(true);
    const none = { "stripe-signature": `t=${NOW_SECONDS},v1=potato,v1=${"0".repeat(64)},v0=${digest}` };
    expect(await run(verification, none)).toEqual(refusedFor("signature_mismatch"));
  });

  it("secrets times signatures is bounded", async () => {
    const signatures = `,v1=${"a".repeat(64)}`.repeat(LIMITS.ingest.maxSignatureChecks / 2);
    const headers = { "stripe-signature": `t=${NOW_SECONDS}${signatures}` };
    expect(await run(verification, headers, { secrets: ["a", "b"] })).toEqual(
      refusedFor("signature_mismatch"),
    );
    expect(await run(verification, headers, { secrets: ["a", "b", "c"] })).toEqual(
      refusedFor("too_many_signatures"),
    );
  });
});

describe("GitHub signatures", () => {
  const verification = github({ secrets: ANY });
  const sign = async (body: string | Uint8Array<ArrayBuffer>) =>
    `sha256=${hex(await hmac("SHA-256", bytesOf(SECRET), body))}`;

  it("cover the raw bytes, whatever they are", async () => {
    const body = Uint8Array.from([0xff, 0x00, 0xfe, 0x0d, 0x0a]);
    const input = {
      verification,
      secrets: [SECRET],
      headers: new Headers({ "x-hub-signature-256": await sign(body) }),
      method: "POST",
      url: "https://sluice.test/in/github",
      body,
      nowMs: NOW_MS,
    };
    expect((await verifyRequest(input)).ok).toBe(true);
    const changed = Uint8Array.from([0xfe, 0x00, 0xfe, 0x0d, 0x0a]);
    expect(await verifyRequest({ ...input, body: changed })).toEqual(refusedFor("signature_mismatch"));
  });

  it("need their prefix and stand alone", async () => {
    const good = await sign(BODY);
    for (const header of [good.slice(7), `sha1=${good.slice(7)}`, `${good}, ${good}`, `${good} `.repeat(2)]) {
      const verified = await run(verification, { "x-hub-signature-256": header });
      expect(verified).toEqual(refusedFor("signature_malformed"));
    }
  });
});

describe("Standard Webhooks signatures", () => {
  const verification = standardWebhooks({ secrets: ANY });
  const keyBytes = crypto.getRandomValues(new Uint8Array(24));
  const secret = `whsec_${base64(keyBytes)}`;
  const content = `msg_1.${NOW_SECONDS}.${BODY}`;
  const headersWith = (signature: string) => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(NOW_SECONDS),
    "webhook-signature": signature,
  });
  const v1 = async () => `v1,${base64(await hmac("SHA-256", keyBytes, content))}`;

  it("one of several may match; unknown versions are passed over", async () => {
    const wrong = `v1,${base64(new Uint8Array(32))}`;
    const headers = headersWith(`v9,whatever ${wrong} ${await v1()}`);
    expect((await run(verification, headers, { secrets: [secret] })).ok).toBe(true);
  });

  it("v1a verifies with the public key, and only with it", async () => {
    // generateKey for an asymmetric algorithm gives a pair.
    const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
    const raw = (await crypto.subtle.exportKey("raw", pair.publicKey)) as ArrayBuffer; // "raw" gives bytes
    const publicSecret = `whpk_${base64(new Uint8Array(raw))}`;
    const signed = await crypto.subtle.sign("Ed25519", pair.privateKey, bytesOf(content));
    const v1a = `v1a,${base64(new Uint8Array(signed))}`;
    const genuine = headersWith(`${v1a} v1,${base64(new Uint8Array(32))}`);
    expect((await run(verification, genuine, { secrets: [publicSecret] })).ok).toBe(true);
    expect((await run(verification, genuine, { secrets: [secret, publicSecret] })).ok).toBe(true);
    expect(await run(verification, genuine, { secrets: [secret] })).toEqual(refusedFor("signature_mismatch"));
    expect(await run(verification, genuine, { secrets: [publicSecret], body: "{}" })).toEqual(
      refusedFor("signature_mismatch"),
    );
  });

  it("the id is part of what is signed", async () => {
    const signature = await v1();
    const other = { ...headersWith(signature), "webhook-id": "msg_2" };
    expect(await run(verification, other, { secrets: [secret] })).toEqual(refusedFor("signature_mismatch"));
    const { "webhook-id": _id, ...without } = headersWith(signature);
    expect(await run(verification, without, { secrets: [secret] })).toEqual(refusedFor("id_missing"));
    const long = { ...headersWith(signature), "webhook-id": "m".repeat(65_536) };
    expect(await run(verification, long, { secrets: [secret] })).toEqual(refusedFor("header_too_long"));
  });

  it("a missing or doubled timestamp is refused", async () => {
    const headers = headersWith(await v1());
    const { "webhook-timestamp": _timestamp, ...without } = headers;
    expect(await run(verification, without, { secrets: [secret] })).toEqual(refusedFor("timestamp_missing"));
    const doubled = { ...headers, "webhook-timestamp": `${NOW_SECONDS}, ${NOW_SECONDS}` };
    expect(await run(verification, doubled, { secrets: [secret] })).toEqual(
      refusedFor("timestamp_malformed"),
    );
  });

  it("base64 has one spelling: padding, alphabet and trailing bits are checked", async () => {
    const good = await v1();
    const spellings = [
      good.slice(0, -1),
      `${good}=`,
      good.replace(/.=$/, (end) => `${end[0] === "B" ? "C" : "B"}=`),
      `v1, ${good.slice(3)}`,
      `${good},${good}`,
      "v1,",
    ];
    for (const signature of spellings) {
      const verified = await run(verification, headersWith(signature), { secrets: [secret] });
      expect(verified).toEqual(refusedFor("signature_malformed"));
    }
    for (const signature of ["v1", ",abc"]) {
      const verified = await run(verification, headersWith(signature), { secrets: [secret] });
      expect(verified).toEqual(refusedFor("signature_missing"));
    }
  });

  it("a right one counts whatever stands beside it", async () => {
    const good = await v1();
    const beside = [
      "v1,not*base64",
      "v1,",
      "v1,YQ==",
      "v1",
      ",abc",
      "",
      "v1a,x",
      `v1,${"A".repeat(44)}`,
      "v2,x",
    ];
    for (const bad of beside) {
      for (const header of [`${bad} ${good}`, `${good} ${bad}`]) {
        expect((await run(verification, headersWith(header), { secrets: [secret] })).ok, header).toBe(true);
      }
    }
    const none = headersWith(`v1,not*base64 v1,${base64(new Uint8Array(32))}`);
    expect(await run(verification, none, { secrets: [secret] })).toEqual(refusedFor("signature_mismatch"));
  });

  it("an empty header of one family of names does not hide the other's", async () => {
    const {
      "webhook-id": id,
      "webhook-timestamp": at,
      "webhook-signature": signature,
    } = headersWith(await v1());
    const both = {
      "webhook-id": "",
      "webhook-timestamp": "",
      "webhook-signature": "",
      "svix-id": id,
      "svix-timestamp": at,
      "svix-signature": signature,
    };
    expect((await run(verification, both, { secrets: [secret] })).ok).toBe(true);
  });

  it("a secret may be pasted as its vendor shows it", async () => {
    const bare = base64(keyBytes);
    const headers = headersWith(await v1());
    for (const pasted of [bare, `v1,${secret}`, ` ${secret}\n`, `v1,${secret}\n`, `\n${bare}`]) {
      expect((await run(verification, headers, { secrets: [pasted] })).ok, pasted).toBe(true);
    }
    const polar = "polar_whs_ovyN6cPrTv56AApvzCaJno08SSmGJmgbWilb33N2JuK";
    const signature = `v1,${base64(await hmac("SHA-256", bytesOf(polar), content))}`;
    expect((await run(verification, headersWith(signature), { secrets: [polar] })).ok).toBe(true);
    for (const pasted of [
      `v2,${secret}`,
      `v1,${bare}`,
      bare.slice(0, 28),
      `whsec_ ${bare}`,
      `v1,v1,${secret}`,
    ]) {
      expect(await run(verification, headers, { secrets: [pasted] }), pasted).toEqual(misconfigured);
    }
  });

  it("a secret that does not decode is our fault, not the sender's", async () => {
    const headers = headersWith(await v1());
    const bad = ["whsec_", "whsec_not*base64", "whsec_YQ", "plain", "whpk_YQ==", `whpk_${base64(keyBytes)}`];
    for (const malformed of bad) {
      expect(await run(verification, headers, { secrets: [malformed] })).toEqual(misconfigured);
    }
    expect(await run(verification, headers, { secrets: [] })).toEqual({
      ok: false,
      error: { kind: "misconfigured", reason: "secret_missing" },
    });
  });

  it("beside a malformed secret a good one still proves, and a mismatch is not called one", async () => {
    const secrets = ["whsec_not*base64", secret];
    const verified = await run(verification, headersWith(await v1()), { secrets });
    expect(verified).toMatchObject({ ok: true, value: { malformedSecrets: 1 } });
    const wrong = headersWith(`v1,${base64(new Uint8Array(32))}`);
    expect(await run(verification, wrong, { secrets })).toEqual(misconfigured);
  });
});

describe("custom schemes", () => {
  it("may sign method, URL, headers and literals, in any order", async () => {
    const verification = custom({
      secrets: ANY,
      signatureHeaders: ["x-signature"],
      algorithm: "hmac-sha1",
      encoding: "base64",
      timestamp: { in: "headers", names: ["x-time"], unit: "rfc3339" },
      signed: [
        { part: "method" },
        { part: "url" },
        { part: "header", name: "x-tenant" },
        { part: "literal", text: "|" },
        { part: "body" },
        { part: "timestamp" },
      ],
    });
    const time = new Date(NOW_MS).toISOString();
    const content = `POSThttps://sluice.test/in/any?x=1acme|${BODY}${time}`;
    const signature = base64(await hmac("SHA-1", bytesOf(SECRET), content));
    const headers = { "x-signature": signature, "x-time": time, "x-tenant": "acme" };
    expect((await run(verification, headers)).ok).toBe(true);
    expect(await run(verification, headers, { method: "PUT" })).toEqual(refusedFor("signature_mismatch"));
    expect(await run(verification, { ...headers, "x-tenant": "other" })).toEqual(
      refusedFor("signature_mismatch"),
    );
    const { "x-tenant": _tenant, ...without } = headers;
    expect(await run(verification, without)).toEqual(refusedFor("signed_header_missing"));
  });

  it("may be a bearer token or Basic credentials, of whatever length", async () => {
    const bearer = custom({
      secrets: ANY,
      signatureHeaders: ["authorization"],
      algorithm: "shared-secret",
      layout: { layout: "plain", prefix: "Bearer " },
    });
    expect((await run(bearer, { authorization: `Bearer ${SECRET}` })).ok).toBe(true);
    for (const token of [SECRET.slice(0, -1), `${SECRET}x`, SECRET.toUpperCase()]) {
      expect(await run(bearer, { authorization: `Bearer ${token}` })).toEqual(
        refusedFor("signature_mismatch"),
      );
    }
    expect(await run(bearer, { authorization: "Bearer " })).toEqual(refusedFor("signature_malformed"));
    expect(await run(bearer, { authorization: SECRET })).toEqual(refusedFor("signature_malformed"));

    const basic = custom({
      secrets: ANY,
      signatureHeaders: ["authorization"],
      algorithm: "shared-secret",
      encoding: "base64",
      layout: { layout: "plain", prefix: "Basic " },
    });
    const authorization = `Basic ${btoa("user:pass")}`;
    expect((await run(basic, { authorization }, { secrets: ["user:pass"] })).ok).toBe(true);
    expect((await run(basic, { authorization }, { secrets: ["user:Pass"] })).ok).toBe(false);
  });

  it("say whether a captured request could come back under a fresh id", () => {
    const base = { secrets: ANY, signatureHeaders: ["x-signature"] };
    const closed = (facts: Partial<SignatureScheme>) => custom({ ...base, ...facts }).scheme.replayClosed;
    expect(closed({})).toBe(false);
    expect(closed({ dedupeKey: [{ from: "body", path: "id" }] })).toBe(true);
    expect(
      closed({ algorithm: "shared-secret", encoding: "text", dedupeKey: [{ from: "body", path: "id" }] }),
    ).toBe(false);
    expect(closed({ signed: [{ part: "header", name: "Idempotency-Key" }, { part: "body" }] })).toBe(true);
  });

  it("that cannot work fail when they are declared, and say how to mend them", () => {
    const base = { secrets: ANY, signatureHeaders: ["x-signature"] };
    expect(() => custom({ ...base, signatureHeaders: [] })).toThrow(/signatureHeaders is empty/);
    expect(() => custom({ ...base, signed: [{ part: "timestamp" }] })).toThrow(/Set `timestamp`/);
    expect(() => custom({ ...base, signed: [{ part: "id" }] })).toThrow(/`id` is not set/);
    expect(() => custom({ ...base, encoding: "text" })).toThrow(/shared secrets only/);
    expect(() => custom({ ...base, timestamp: { in: "signature", key: "t", unit: "s" } })).toThrow(/pairs/);
  });
});

it("every sender's retries end before its ids are forgotten", () => {
  for (const { scheme } of [
    stripe({ secrets: ANY }),
    github({ secrets: ANY }),
    standardWebhooks({ secrets: ANY }),
  ]) {
    expect(scheme.notes?.retryWindowMs).toBeLessThan(LIMITS.partition.rememberIdsMs - DAY_MS);
  }
});

it("more secrets than the key cache holds still verify", async () => {
  for (let index = 0; index <= LIMITS.ingest.maxCachedKeys; index++) {
    const secret = `secret-${index}`;
    const headers = { "stripe-signature": await stripeHeader(BODY, { secret }) };
    expect((await run(stripe({ secrets: ANY }), headers, { secrets: [secret] })).ok).toBe(true);
  }
});
