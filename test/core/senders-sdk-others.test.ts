/** Razorpay's, Linear's and Notion's own packages, and independent implementations where a sender has none for Node. */
import { createPublicKey } from "node:crypto";
import https from "node:https";
import { EventEmitter } from "node:events";
import { WebhookVerificationService, type WebhookPlatform } from "@hookflo/tern";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { signWebhookPayload, verifyWebhookSignature } from "@notionhq/client";
import * as fc from "fast-check";
import { OAuth2Client } from "google-auth-library";
import Razorpay from "razorpay";
import SnsPayloadValidator from "sns-payload-validator";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WhatsAppAPI } from "whatsapp-api-js";
import { selfSignedCertificate } from "../../dev/senders/certificate.ts";
import { SNS_TOPIC } from "../../dev/senders/sign-platforms.ts";
import {
  GOOGLE_ACCOUNT,
  GOOGLE_AUDIENCE,
  KEY_ID,
  publicJwk,
  tokenOf,
} from "../../dev/senders/sign-tokens.ts";
import { rsaSign } from "../../dev/senders/webcrypto.ts";
import { signSampleOf, type SignedRequest } from "../../dev/senders/signer.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";
import {
  jsonBodies,
  ourVerdict,
  ruined,
  secretTexts,
  signedBy,
  signerOf,
  verificationOf,
} from "./senders-support.ts";

vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.restoreAllMocks());

const RUNS = { numRuns: 20 };
const URL_PLAIN = "https://sluice.test/in/sender?tenant=1";
const at = fc.nat();

/** An implementation that only verifies: it takes what we sign, and both refuse what is changed. */
async function bothAgree(
  sender: string,
  bodies: fc.Arbitrary<string>,
  theirVerdict: (request: SignedRequest, secret: string) => Promise<boolean>,
): Promise<void> {
  const run = async (body: string, secret: string, index: number) => {
    const nowMs = Date.now();
    const request = await signedBy(sender, body, { secret, atMs: nowMs, url: URL_PLAIN });
    expect(await theirVerdict(request, secret)).toBe(true);
    expect(await ourVerdict(sender, request, secret, nowMs)).toBe(true);
    const forgeries = [
      { request: { ...request, body: ruined(request.body, index) }, secret },
      { request, secret: `${secret}x` },
    ];
    for (const forged of forgeries) {
      expect(await theirVerdict(forged.request, forged.secret)).toBe(false);
      expect(await ourVerdict(sender, forged.request, forged.secret, nowMs)).not.toBe(true);
    }
  };
  await fc.assert(fc.asyncProperty(bodies, secretTexts(), at, run), RUNS);
}

const header = (request: SignedRequest, name: string): string => request.headers[name] ?? "";

describe("the sender's own package", () => {
  it("of Razorpay and we agree", async () => {
    await bothAgree("razorpay", jsonBodies(), async ({ body, ...request }, secret) =>
      Razorpay.validateWebhookSignature(body, header({ body, ...request }, "x-razorpay-signature"), secret),
    );
  });

  it("of Notion signs what we accept, and accepts what we sign", async () => {
    await bothAgree("notion", jsonBodies(), async (request, verificationToken) => {
      const { body } = request;
      const theirs = await signWebhookPayload({ body, verificationToken });
      const signed = { ...request, headers: { ...request.headers, "x-notion-signature": theirs } };
      expect(await ourVerdict("notion", signed, verificationToken, 0)).toBe(true);
      return verifyWebhookSignature({
        body,
        signature: header(request, "x-notion-signature"),
        verificationToken,
      });
    });
  });

  it("of Linear and we agree", async () => {
    // It also looks at the signed time.
    const bodies = jsonBodies().map((body) =>
      JSON.stringify({ ...JSON.parse(body), webhookTimestamp: Date.now() }),
    );
    await bothAgree("linear", bodies, async (request, secret) => {
      try {
        const client = new LinearWebhookClient(secret);
        return client.verify(Buffer.from(request.body), header(request, "linear-signature"));
      } catch {
        return false;
      }
    });
  });
});

describe("@hookflo/tern, which shares nothing with us,", () => {
  const verdictOf = (platform: WebhookPlatform) => async (request: SignedRequest, secret: string) => {
    const { url, headers, body } = request;
    const received = new Request(url, { method: "POST", headers, body });
    return (await WebhookVerificationService.verifyWithPlatformConfig(received, platform, secret)).isValid;
  };

  it.each([
    ["shopify", "shopify"],
    ["woocommerce", "woocommerce"],
    ["lemon-squeezy", "lemonsqueezy"],
    ["razorpay", "razorpay"],
    ["sentry", "sentry"],
  ] as const)("and we agree on %s", async (sender, platform) => {
    // Sentry's it takes in more than one spelling, so that a change of white space is none to it.
    await bothAgree(sender, jsonBodies(), verdictOf(platform));
  });
});

describe("whatsapp-api-js, which shares nothing with us,", () => {
  it("and we agree on Meta's bodies, which are ASCII on the wire", async () => {
    // It escapes what is not before it verifies, as Meta does before it signs.
    const bodies = jsonBodies().map((body) =>
      body.replaceAll(/\P{ASCII}/gu, (character) =>
        Array.from(
          { length: character.length },
          (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
        ).join(""),
      ),
    );
    await bothAgree("meta", bodies, ({ body, headers }, appSecret) =>
      new WhatsAppAPI({ token: "none", appSecret, v: "v23.0" }).verifyRequestSignature(
        body,
        headers["x-hub-signature-256"] ?? "",
      ),
    );
  });
});

describe("sns-payload-validator, which shares nothing with us,", () => {
  it("and we agree on messages of both signature versions", async () => {
    const nowMs = Date.now();
    const validity = { validFromMs: nowMs - 60_000, validToMs: nowMs + 60_000 };
    const { pem, privateKey } = await selfSignedCertificate({ commonName: "sns.amazonaws.com", ...validity });
    serveCertificate(pem);
    const validator = new SnsPayloadValidator({ useCache: false });
    const theirVerdict = (body: string) =>
      validator.validate(body).then(
        () => true,
        () => false,
      );
    const ourOwn = async (body: string) => {
      const verified = await verifyRequest({
        verification: verificationOf("aws-sns"),
        secrets: [SNS_TOPIC],
        headers: new Headers(),
        method: "POST",
        url: URL_PLAIN,
        body: Uint8Array.from(new TextEncoder().encode(body)),
        payload: JSON.parse(body),
        nowMs,
        fetchCertificate: async () => pem,
      });
      return verified.ok;
    };
    const signer = signerOf("aws-sns");
    const sample = signer.sample({ id: "message-1", type: "Notification", atMs: nowMs });
    const facts = { id: "message-1", type: "Notification", atMs: nowMs, url: URL_PLAIN, secret: privateKey };
    const run = async (text: string, hasSubject: boolean, version: string) => {
      const { Subject, ...others } = Object(sample);
      const message = {
        ...others,
        ...(hasSubject ? { Subject } : {}),
        Message: text,
        SignatureVersion: version,
      };
      const { body } = await signSampleOf(signer, { ...facts, body: JSON.stringify(message) });
      expect(await theirVerdict(body)).toBe(true);
      expect(await ourOwn(body)).toBe(true);
      const forged = JSON.stringify({ ...JSON.parse(body), Message: `${text}!` });
      expect(await theirVerdict(forged)).toBe(false);
      expect(await ourOwn(forged)).toBe(false);
    };
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 1 }), fc.boolean(), fc.constantFrom("1", "2"), run),
      RUNS,
    );
  });
});

/** It fetches over `https.get`: this stands for Amazon's host. */
function serveCertificate(pem: string): void {
  const get = (_url: unknown, _options: unknown, answer: (incoming: EventEmitter) => void) => {
    const incoming = new EventEmitter();
    queueMicrotask(() => {
      answer(incoming);
      incoming.emit("data", pem);
      incoming.emit("end");
    });
    return new EventEmitter();
  };
  vi.spyOn(https, "get").mockImplementation(get as typeof https.get); // as much of it as is used
}

describe("Google's package", () => {
  it("takes the tokens that we take, and refuses those of another audience, issuer, time or key", async () => {
    const nowMs = Date.now();
    const day = { validFromMs: nowMs - 86_400_000, validToMs: nowMs + 86_400_000 };
    const { privateKey } = await selfSignedCertificate({ commonName: "google", ...day });
    const other = await selfSignedCertificate({ commonName: "other", ...day });
    const jwk = await publicJwk(privateKey, "RS256");
    const pem = createPublicKey({ key: jwk, format: "jwk" })
      .export({ type: "spki", format: "pem" })
      .toString();
    const issuers = ["https://accounts.google.com", "accounts.google.com"];
    const verification = verificationOf("google-pub-sub");
    const theirs = async (token: string) => {
      try {
        await new OAuth2Client().verifySignedJwtWithCertsAsync(
          token,
          { [KEY_ID]: pem },
          GOOGLE_AUDIENCE,
          issuers,
        );
        return true;
      } catch {
        return false;
      }
    };
    const ours = async (token: string) => {
      const verified = await verifyRequest({
        verification,
        secrets: [GOOGLE_ACCOUNT],
        headers: new Headers({ authorization: `Bearer ${token}` }),
        method: "POST",
        url: GOOGLE_AUDIENCE,
        body: new Uint8Array(0),
        nowMs,
        fetch: async () => Response.json({ keys: [jwk] }),
      });
      return verified.ok;
    };
    const iat = Math.floor(nowMs / 1_000);
    const claims = {
      aud: GOOGLE_AUDIENCE,
      email: GOOGLE_ACCOUNT,
      email_verified: true,
      exp: iat + 3_600,
      iat,
      iss: "https://accounts.google.com",
    };
    const token = (change: object, header: object = {}, key = privateKey) =>
      tokenOf({ alg: "RS256", kid: KEY_ID, typ: "JWT", ...header }, { ...claims, ...change }, (content) =>
        rsaSign("SHA-256", key, content),
      );
    for (const good of [await token({}), await token({ iss: "accounts.google.com" })]) {
      expect([await theirs(good), await ours(good)]).toEqual([true, true]);
    }
    const bad = [
      await token({ aud: "https://other.test" }),
      await token({ iss: "https://evil.test" }),
      await token({ exp: iat - 3_600, iat: iat - 7_200 }),
      await token({ exp: undefined }),
      await token({ iat: undefined }),
      await token({}, { kid: "another" }),
      await token({}, {}, other.privateKey),
    ];
    for (const [at, one] of bad.entries()) {
      expect([at, await theirs(one), await ours(one)]).toEqual([at, false, false]);
    }
  });
});
