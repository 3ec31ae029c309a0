/** SendGrid's signatures, against its own package. */
import eventWebhook from "@sendgrid/eventwebhook";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { newEcdsaPair } from "../../dev/senders/webcrypto.ts";
import { ecdsaSignatureFromDer } from "../../src/ingest/der.ts";
import { jsonBodies, ourVerdict, ruined, signedBy, URL_GIVEN } from "./senders-support.ts";

// Big bodies many times over, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const NOW_MS = 1_790_000_000_000;
const SIGNATURE = "x-twilio-email-event-webhook-signature";
const TIMESTAMP = "x-twilio-email-event-webhook-timestamp";

function isAccepted(publicKey: string, body: string, signature: string, timestamp: string): boolean {
  const webhook = new eventWebhook.EventWebhook();
  return webhook.verifySignature(webhook.convertPublicKeyToECDSA(publicKey), body, signature, timestamp);
}

describe("SendGrid's package", () => {
  it("accepts what our samples are signed with, trailing line end included, and we refuse what it refuses", async () => {
    const { privateKey, publicKey } = await newEcdsaPair();
    const other = await newEcdsaPair();
    await fc.assert(
      fc.asyncProperty(jsonBodies(), fc.nat(), async (body, index) => {
        const request = await signedBy("sendgrid", body, { secret: privateKey, atMs: NOW_MS });
        const signature = request.headers[SIGNATURE] ?? "";
        const timestamp = request.headers[TIMESTAMP] ?? "";
        expect(isAccepted(publicKey, request.body, signature, timestamp)).toBe(true);
        expect(await ourVerdict("sendgrid", request, publicKey, NOW_MS)).toBe(true);
        for (const forged of [ruined(request.body, index), request.body.trimEnd()]) {
          expect(isAccepted(publicKey, forged, signature, timestamp)).toBe(false);
          const verdict = await ourVerdict("sendgrid", { ...request, body: forged }, publicKey, NOW_MS);
          expect(verdict).toBe("signature_mismatch");
        }
        expect(isAccepted(other.publicKey, request.body, signature, timestamp)).toBe(false);
        expect(await ourVerdict("sendgrid", request, other.publicKey, NOW_MS)).toBe("signature_mismatch");
      }),
      // Its arithmetic is slow.
      { numRuns: 15 },
    );
  });

  it("takes the public key as one line or as PEM, as we do", async () => {
    const { privateKey, publicKey } = await newEcdsaPair();
    const request = await signedBy("sendgrid", "[]", { secret: privateKey, atMs: NOW_MS });
    const signature = request.headers["x-twilio-email-event-webhook-signature"] ?? "";
    const timestamp = request.headers["x-twilio-email-event-webhook-timestamp"] ?? "";
    const lines = publicKey.replaceAll(/.{64}/g, "$&\n");
    const pem = `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
    for (const pasted of [publicKey, pem]) {
      expect(isAccepted(pasted, request.body, signature, timestamp)).toBe(true);
      expect(await ourVerdict("sendgrid", request, pasted, NOW_MS)).toBe(true);
    }
    // As a variable in quotes keeps it.
    const quoted = pem.replaceAll("\n", String.raw`\n`);
    expect(await ourVerdict("sendgrid", request, quoted, NOW_MS)).toBe(true);
    expect(await ourVerdict("sendgrid", request, pem.replace("PUBLIC", "PRIVATE"), NOW_MS)).toBe(
      "secret_malformed",
    );
  });

  it("publishes a vector, and we accept it", async () => {
    const event = {
      email: "hello@world.com",
      event: "dropped",
      reason: "Bounced Address",
      sg_event_id: "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
      sg_message_id: "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
      "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
      timestamp: 1_600_112_492,
    };
    const request = {
      url: URL_GIVEN,
      body: `${JSON.stringify([event])}\r\n`,
      headers: {
        [SIGNATURE]:
          "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
        [TIMESTAMP]: "1600112502",
      },
    };
    const publicKey =
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    expect(await ourVerdict("sendgrid", request, publicKey, 1_600_112_502_000)).toBe(true);
  });
});

describe("signatures in DER", () => {
  const scalar = fc
    .uint8Array({ minLength: 1, maxLength: 32 })
    .filter((bytes) => bytes[0] !== 0)
    .map((bytes) => [...bytes]);
  const integer = (digits: readonly number[]) => {
    const positive = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : [...digits];
    return [0x02, positive.length, ...positive];
  };
  const encode = (r: readonly number[], s: readonly number[]) => {
    const content = [...integer(r), ...integer(s)];
    return Uint8Array.from([0x30, content.length, ...content]);
  };

  it("become r and s, each padded to 32 bytes, whatever their lengths", () => {
    fc.assert(
      fc.property(scalar, scalar, (r, s) => {
        const padded = (digits: readonly number[]) => [
          ...Array.from({ length: 32 - digits.length }, () => 0),
          ...digits,
        ];
        expect([...(ecdsaSignatureFromDer(encode(r, s)) ?? [])]).toEqual([...padded(r), ...padded(s)]);
      }),
    );
  });

  it("have one spelling: whatever else is read is refused or is that very encoding", () => {
    fc.assert(
      fc.property(scalar, scalar, fc.nat({ max: 71 }), fc.nat({ max: 255 }), (r, s, at, byte) => {
        const der = encode(r, s);
        const changed = Uint8Array.from(der);
        changed[at % der.length] = byte;
        const raw = ecdsaSignatureFromDer(changed);
        if (raw === null) return;
        const strip = (digits: readonly number[]) => digits.slice(digits.findIndex((digit) => digit !== 0));
        expect([...encode(strip([...raw.subarray(0, 32)]), strip([...raw.subarray(32)]))]).toEqual([
          ...changed,
        ]);
      }),
    );
    const long = encode([1], [2]);
    for (const wrong of [
      [],
      [0x30],
      [...long, 0],
      [0x30, 0x81, 6, ...long.subarray(2)],
      [...long.subarray(0, -1)],
    ]) {
      expect(ecdsaSignatureFromDer(Uint8Array.from(wrong))).toBeNull();
    }
    const padded = [0x30, 7, 0x02, 2, 0, 1, 0x02, 1, 2];
    expect(ecdsaSignatureFromDer(Uint8Array.from(padded))).toBeNull();
    expect(ecdsaSignatureFromDer(Uint8Array.from([0x30, 6, 0x02, 1, 0x81, 0x02, 1, 2]))).toBeNull();
  });
});
