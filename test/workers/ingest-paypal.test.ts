/** PayPal's requests name the certificate they are signed under: whoever wants in, and what PayPal's CRC does not prove. */
import { describe, expect, it } from "vitest";
import { crc32 } from "../../src/ingest/crc32.ts";
import { PAYPAL_CERTIFICATE_URL } from "../../dev/senders/sign-tokens.ts";
import { SIGNERS } from "../../dev/senders/signers.ts";
import { bytesOf, NOW_MS } from "./ingest-support.ts";
import { requestOf, senderGateway, signed, type SenderGateway } from "./senders-support.ts";

async function sent(gateway: SenderGateway, headers: Readonly<Record<string, string>> = {}, atMs = NOW_MS) {
  const signer = SIGNERS.get("paypal");
  if (signer === undefined) throw new Error("PayPal can be played");
  const request = await signed(gateway, signer, { atMs });
  const answer = await gateway.ingest(
    requestOf({ ...request, headers: { ...request.headers, ...headers } }),
    "paypal",
  );
  return [answer.status, gateway.logs.at(-1)?.["reason"] ?? null];
}

describe("PayPal's certificate", () => {
  it.each([
    "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
    "https://evil.test/v1/notifications/certs/CERT-1",
    "http://api.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
    "https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
    "https://API.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1",
    "https://api.paypal.com/v1/notifications/certs/../../../echo",
    "https://api.paypal.com/v1/notifications/certs/%2e%2e/x",
    "https://api.paypal.com/v1/notifications/certs/CERT-1?to=evil.test",
    "https://api.paypal.com/v1/notifications/certs/CERT-1#x",
    "https://api.paypal.com/v1/notifications/certs/",
    "https://api.paypal.com/v1/notifications/certs/a/b",
    `${PAYPAL_CERTIFICATE_URL}, ${PAYPAL_CERTIFICATE_URL}`,
    "",
  ])("is not fetched from %j", async (url) => {
    const gateway = await senderGateway();
    expect(await sent(gateway, { "paypal-cert-url": url })).toEqual([401, "certificate_url_refused"]);
    expect(gateway.fetched).toEqual([]);
  });

  it("is fetched once; while it cannot be had the sender is asked to come again", async () => {
    const away = await senderGateway({}, async () => new Response(null, { status: 503 }));
    const other = { "paypal-cert-url": `${PAYPAL_CERTIFICATE_URL}-other` };
    expect(await sent(away, other)).toEqual([503, "certificate_unavailable"]);
    const noCertificate = await senderGateway({}, async () => new Response("not a certificate"));
    expect(await sent(noCertificate, other)).toEqual([401, "certificate_invalid"]);
    const gateway = await senderGateway();
    expect(await sent(gateway)).toEqual([200, null]);
    expect(await sent(gateway)).toEqual([200, null]);
    expect(gateway.fetched.length).toBeLessThanOrEqual(1);
  });

  it("decides, whatever algorithm the request names", async () => {
    const gateway = await senderGateway();
    for (const algorithm of ["none", "HMAC", "SHA1withRSA"]) {
      expect(await sent(gateway, { "paypal-auth-algo": algorithm })).toEqual([200, null]);
    }
    const empty = { "paypal-transmission-sig": "AAAA", "paypal-auth-algo": "none" };
    expect(await sent(gateway, empty)).toEqual([401, "signature_mismatch"]);
  });
});

it("the CRC of a text is the one that everybody publishes for it", () => {
  expect(crc32(bytesOf("123456789"))).toBe(0xcbf43926);
  expect(crc32(bytesOf(""))).toBe(0);
});
