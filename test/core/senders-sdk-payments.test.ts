/** Signatures of senders of payments, against the packages that those senders publish. */
import { EventName, Paddle } from "@paddle/paddle-node-sdk";
import * as fc from "fast-check";
import { WebhooksHelper } from "square";
import { Stripe } from "stripe";
import { describe, expect, it, vi } from "vitest";
import { jsonBodies, ourVerdict, ruined, secretTexts, signedBy, URL_GIVEN } from "./senders-support.ts";

// Big bodies many times over, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const NOW_MS = 1_790_000_000_000;
const RUNS = { numRuns: 60 };
const at = fc.nat();

describe("Stripe's package", () => {
  const { webhooks } = new Stripe("sk_test_unused");
  const isAccepted = (body: string, header: string, secret: string): boolean => {
    try {
      return webhooks.signature?.verifyHeader(body, header, secret, 300, undefined, NOW_MS) ?? false;
    } catch {
      return false;
    }
  };

  it("signs what we accept, and we refuse what it refuses", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        const timestamp = NOW_MS / 1_000;
        const header = webhooks.generateTestHeaderString({ payload: body, secret, timestamp });
        const request = { url: URL_GIVEN, body, headers: { "stripe-signature": header } };
        expect(await ourVerdict("stripe", request, secret, NOW_MS)).toBe(true);
        const forged = { ...request, body: ruined(body, index) };
        expect(isAccepted(forged.body, header, secret)).toBe(false);
        expect(await ourVerdict("stripe", forged, secret, NOW_MS)).toBe("signature_mismatch");
      }),
      RUNS,
    );
  });

  it("accepts what our samples are signed with", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), async (body, secret) => {
        const { headers } = await signedBy("stripe", body, { secret, atMs: NOW_MS });
        expect(isAccepted(body, headers["stripe-signature"] ?? "", secret)).toBe(true);
      }),
      RUNS,
    );
  });

  it("finds the right signature among others that are none, as we do", async () => {
    const timestamp = NOW_MS / 1_000;
    const good = webhooks.generateTestHeaderString({ payload: "{}", secret: "whsec_test", timestamp });
    for (const other of ["v1=potato", "potato", "=", "", `v1=${"0".repeat(64)}`, "v0=x", "v2=y"]) {
      const header = `${good},${other}`;
      expect(isAccepted("{}", header, "whsec_test"), header).toBe(true);
      const request = { url: URL_GIVEN, body: "{}", headers: { "stripe-signature": header } };
      expect(await ourVerdict("stripe", request, "whsec_test", NOW_MS), header).toBe(true);
    }
  });

  it("agrees with us on how old a request may be", async () => {
    for (const ageSeconds of [0, 299, 300, 301, 400]) {
      const secret = "whsec_test";
      const timestamp = NOW_MS / 1_000 - ageSeconds;
      const header = webhooks.generateTestHeaderString({ payload: "{}", secret, timestamp });
      const request = { url: URL_GIVEN, body: "{}", headers: { "stripe-signature": header } };
      const ours = await ourVerdict("stripe", request, secret, NOW_MS);
      expect(ours === true, `${ageSeconds} s`).toBe(isAccepted("{}", header, secret));
    }
  });
});

describe("Paddle's package", () => {
  const { webhooks } = new Paddle("unused");

  it("accepts what our samples are signed with, and we refuse what it refuses", async () => {
    expect(EventName.TransactionCompleted).toBe("transaction.completed");
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        // It reads the clock itself.
        const nowMs = Date.now();
        const request = await signedBy("paddle", body, { secret, atMs: nowMs });
        const header = request.headers["paddle-signature"] ?? "";
        expect(await webhooks.isSignatureValid(body, secret, header)).toBe(true);
        expect(await ourVerdict("paddle", request, secret, nowMs)).toBe(true);
        const forged = { ...request, body: ruined(body, index) };
        expect(await webhooks.isSignatureValid(forged.body, secret, header)).toBe(false);
        expect(await ourVerdict("paddle", forged, secret, nowMs)).toBe("signature_mismatch");
      }),
      RUNS,
    );
  });
});

describe("Square's package", () => {
  const isAccepted = (requestBody: string, signatureHeader: string, signatureKey: string, url: string) =>
    WebhooksHelper.verifySignature({ requestBody, signatureHeader, signatureKey, notificationUrl: url });

  it("accepts what our samples are signed with, and we refuse what it refuses: other body, other URL", async () => {
    await fc.assert(
      fc.asyncProperty(jsonBodies(), secretTexts(), at, async (body, secret, index) => {
        const request = await signedBy("square", body, { secret, atMs: NOW_MS });
        const header = request.headers["x-square-hmacsha256-signature"] ?? "";
        expect(await isAccepted(body, header, secret, request.url)).toBe(true);
        expect(await ourVerdict("square", request, secret, NOW_MS)).toBe(true);
        const otherUrl = { ...request, url: `${request.url}&y=2` };
        const otherBody = { ...request, body: ruined(body, index) };
        for (const forged of [otherUrl, otherBody]) {
          expect(await isAccepted(forged.body, header, secret, forged.url)).toBe(false);
          expect(await ourVerdict("square", forged, secret, NOW_MS)).toBe("signature_mismatch");
        }
      }),
      RUNS,
    );
  });
});
