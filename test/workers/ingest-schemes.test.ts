import { describe, expect, it } from "vitest";
import * as z from "zod";
import { defineSource } from "../../src/config/define-source.ts";
import { isEqualInFixedTime, isSameSecret } from "../../src/ingest/fixed-time.ts";
import type { Verification } from "../../src/ingest/scheme.ts";
import { pagerDuty } from "../../src/ingest/senders/code.ts";
import { shopify } from "../../src/ingest/senders/commerce.ts";
import { hubspot } from "../../src/ingest/senders/mail.ts";
import { square } from "../../src/ingest/senders/payments.ts";
import { microsoftGraph } from "../../src/ingest/senders/platforms.ts";
import { custom, unsigned } from "../../src/ingest/senders/standard.ts";
import { hubspotUrl, publicUrlOf, twilioUrls } from "../../src/ingest/signed-urls.ts";
import { hmacBase64, hmacHex } from "../../dev/senders/webcrypto.ts";
import { NOW_MS, testIngest, testPipeline } from "./ingest-support.ts";

const SECRET = "a shared secret";
const pipeline = testPipeline("any");

async function statusOf(
  verify: Verification,
  headers: Readonly<Record<string, string>>,
  { body = "{}", url = "https://sluice.test/in/any", secrets = [SECRET] as readonly string[] } = {},
) {
  const source = defineSource({
    verify,
    events: { "*": z.unknown() },
    routes: (route) => [route("*", pipeline)],
  });
  const values = new Map(verify.secrets.map((name, at) => [name, secrets[at]]));
  const { ingest, logs } = testIngest({ any: source }, { secret: (name) => values.get(name) });
  const request = new Request(url, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
  const { status } = await ingest(request, "any");
  return [status, logs.at(-1)?.["reason"] ?? null];
}

const iUnderstand = "nothing in these requests is signed";

describe("sources that cannot sign", () => {
  it("prove themselves by a bearer token, Basic credentials or a header of their own", async () => {
    const key = { "idempotency-key": "1" };
    const bearer = unsigned({ iUnderstand, by: "bearer", secrets: ["TOKEN"] });
    expect(await statusOf(bearer, { ...key, authorization: `Bearer ${SECRET}` })).toEqual([200, null]);
    const basic = unsigned({ iUnderstand, by: "basic", secrets: ["TOKEN"] });
    const authorization = `Basic ${btoa(SECRET)}`;
    expect(await statusOf(basic, { ...key, authorization })).toEqual([200, null]);
    const header = unsigned({ iUnderstand, by: { header: "cf-client-cert-sha256" }, secrets: ["TOKEN"] });
    expect(await statusOf(header, { ...key, "cf-client-cert-sha256": SECRET })).toEqual([200, null]);
    for (const verify of [bearer, basic, header]) {
      expect((await statusOf(verify, key))[0]).toBe(401);
      expect((await statusOf(verify, { ...key, authorization: "Bearer other" }))[0]).toBe(401);
      expect(verify.scheme.replayClosed).toBe(false);
    }
  });

  it("have no id but their Idempotency-Key, unless they say where it is", async () => {
    const authorization = `Bearer ${SECRET}`;
    const bare = unsigned({ iUnderstand, by: "bearer", secrets: ["TOKEN"] });
    expect(await statusOf(bare, { authorization })).toEqual([422, "no_dedupe_key"]);
    const dedupeKey = [{ from: "body", path: "id" }] as const;
    const own = unsigned({ iUnderstand, by: "bearer", secrets: ["TOKEN"], dedupeKey });
    expect(await statusOf(own, { authorization }, { body: '{"id":"7"}' })).toEqual([200, null]);
  });
});

describe("signed URLs", () => {
  it("are the ones that the sender was given, where a proxy changes them", async () => {
    const publicUrl = "https://hooks.example.com/square";
    const body = '{"event_id":"1","type":"payment.updated"}';
    const signature = await hmacBase64("SHA-256", SECRET, `${publicUrl}?a=1${body}`);
    const headers = { "x-square-hmacsha256-signature": signature };
    const options = { body, url: "https://sluice.test/in/any?a=1" };
    expect(await statusOf(square({ secrets: ["S"], publicUrl }), headers, options)).toEqual([200, null]);
    expect((await statusOf(square({ secrets: ["S"] }), headers, options))[0]).toBe(401);
    expect(publicUrlOf(undefined, "https://a/?x")).toBe("https://a/?x");
  });

  it("of HubSpot have twelve encodings undone, and no others", async () => {
    const all = "%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%20%22%26%3d%2f";
    expect(hubspotUrl(`https://a/${all}`)).toBe("https://a/:/?@!$'()*,;%20%22%26%3d/");
    const url = "https://sluice.test/in/any?q=a%2Cb%20c";
    const body = "[]";
    const content = `POSThttps://sluice.test/in/any?q=a,b%20c${body}${NOW_MS}`;
    const headers = {
      "x-hubspot-signature-v3": await hmacBase64("SHA-256", SECRET, content),
      "x-hubspot-request-timestamp": String(NOW_MS),
    };
    expect(await statusOf(hubspot({ secrets: ["S"] }), headers, { url, body })).toEqual([200, null]);
  });

  it("of Twilio have several spellings, whatever the authority", () => {
    expect(twilioUrls("https://a.test/x?y=z")).toEqual(["https://a.test/x?y=z", "https://a.test:443/x?y=z"]);
    expect(twilioUrls("http://a.test:8080/")).toEqual(["http://a.test/", "http://a.test:8080/"]);
    expect(twilioUrls("https://[::1]/x")).toEqual(["https://[::1]/x", "https://[::1]:443/x"]);
    expect(twilioUrls("nonsense")).toEqual(["nonsense"]);
    const spellings = twilioUrls("https://a.test/x?b=O%27Neil&a=m@x.test&b=2");
    expect(spellings.filter((url) => !url.includes(":443"))).toEqual([
      "https://a.test/x?b=O%27Neil&a=m@x.test&b=2",
      "https://a.test/x?b=O'Neil&a=m@x.test&b=2",
      "https://a.test/x?b=O'Neil&b=2&a=m%40x.test",
    ]);
    expect(spellings).toHaveLength(6);
  });
});

describe("single schemes", () => {
  it("Shopify's newer headers are read as its older ones", async () => {
    const body = '{"id":1}';
    const headers = {
      "shopify-hmac-sha256": await hmacBase64("SHA-256", SECRET, body),
      "shopify-webhook-id": "d-1",
      "shopify-topic": "orders/create",
    };
    expect(await statusOf(shopify({ secrets: ["S"] }), headers, { body })).toEqual([200, null]);
  });

  it("any one of PagerDuty's signatures may match, under any active secret", async () => {
    const body = '{"event":{"id":"1","event_type":"incident.triggered"}}';
    const good = await hmacHex("SHA-256", SECRET, body);
    const headers = { "x-pagerduty-signature": `v1=${"0".repeat(64)},v1=${good},v9=whatever` };
    const verify = pagerDuty({ secrets: ["NEW", "OLD"] });
    expect(await statusOf(verify, headers, { body, secrets: ["new", SECRET] })).toEqual([200, null]);
    expect((await statusOf(verify, headers, { body, secrets: ["new", "old"] }))[0]).toBe(401);
  });

  it("the items of a Graph body that carry one of our states are events, a stranger among them is none", async () => {
    const verify = microsoftGraph({ secrets: ["STATE", "OTHER_STATE"] });
    const source = defineSource({
      verify,
      events: { "*": z.unknown() },
      routes: (route) => [route("*", pipeline)],
    });
    const { ingest, appended } = testIngest(
      { any: source },
      { secret: (name) => (name === "STATE" ? SECRET : "the other subscription's") },
    );
    const states = ["stranger", SECRET, null, undefined, 7, {}, "the other subscription's", ""];
    const body = JSON.stringify({ value: states.map((clientState, at) => ({ clientState, id: `n-${at}` })) });
    const headers = { "content-type": "application/json" };
    const request = new Request("https://sluice.test/in/any", { method: "POST", body, headers });
    expect((await ingest(request, "any")).status).toBe(200);
    expect(appended.map(({ dedupeKey }) => dedupeKey)).toEqual(["n-1", "n-6"]);
    expect(JSON.stringify(appended)).not.toContain("stranger");
    expect(JSON.stringify(appended)).not.toContain(SECRET);
  });

  it("a Graph body of which no item carries our state is refused", async () => {
    const verify = microsoftGraph({ secrets: ["STATE"] });
    const bodyOf = (...states: readonly unknown[]) =>
      JSON.stringify({ value: states.map((clientState) => ({ clientState, changeType: "updated" })) });
    expect(await statusOf(verify, {}, { body: bodyOf(SECRET, SECRET) })).toEqual([200, null]);
    for (const states of [["other", null], [null], [undefined], [7], [{}], []]) {
      expect((await statusOf(verify, {}, { body: bodyOf(...states) }))[0], JSON.stringify(states)).toBe(401);
    }
    for (const body of ["{}", "[]", "null", '{"value":{"clientState":"a shared secret"}}', "not json", ""]) {
      expect((await statusOf(verify, {}, { body }))[0], body).toBe(401);
    }
  });

  it("a custom scheme that signs nothing fails when it is declared", () => {
    expect(() => custom({ secrets: ["S"], signatureHeaders: ["x"], signed: [] })).toThrow(
      /nothing is signed/,
    );
  });

  it("replay is closed only where the payload is signed as well as the id", () => {
    const id = { part: "header", name: "idempotency-key" } as const;
    const base = { secrets: ["S"], signatureHeaders: ["x"] };
    expect(custom({ ...base, signed: [id] }).scheme.replayClosed).toBe(false);
    expect(custom({ ...base, signed: [id, { part: "body" }] }).scheme.replayClosed).toBe(true);
  });
});

it("secrets are equal only to themselves", async () => {
  expect(isEqualInFixedTime(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  for (const other of [Uint8Array.of(1, 3), Uint8Array.of(1), Uint8Array.of(), Uint8Array.of(1, 2, 0)]) {
    expect(isEqualInFixedTime(Uint8Array.of(1, 2), other)).toBe(false);
  }
  expect([await isSameSecret("ü", "ü"), await isSameSecret("ü", "u"), await isSameSecret("", "x")]).toEqual([
    true,
    false,
    false,
  ]);
});
