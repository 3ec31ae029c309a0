import { describe, expect, it } from "vitest";
import { github } from "../../src/ingest/senders/code.ts";
import { custom, standardWebhooks } from "../../src/ingest/senders/standard.ts";
import { base64, bytesOf, NOW_MS } from "./ingest-support.ts";
import { verifyRequest } from "../../src/ingest/verify.ts";
import { ANY, BODY, misconfigured, refusedFor, run } from "./verify-support.ts";

describe("known vectors", () => {
  it("GitHub's documented signature is accepted", async () => {
    const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const options = { secrets: ["It's a Secret to Everybody"], body: "Hello, World!" };
    const verified = await run(github({ secrets: ANY }), { "x-hub-signature-256": signature }, options);
    expect(verified).toEqual({ ok: true, value: { timestampMs: null, id: null, malformedSecrets: 0 } });
  });

  it("Standard Webhooks' documented signature is accepted, under both families of header names", async () => {
    for (const family of ["webhook", "svix"]) {
      const headers = {
        [`${family}-id`]: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        [`${family}-timestamp`]: "1614265330",
        [`${family}-signature`]: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      };
      const verified = await run(standardWebhooks({ secrets: ANY }), headers, {
        secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        body: '{"test": 2432232314}',
        nowMs: 1_614_265_330_000,
      });
      expect(verified).toEqual({
        ok: true,
        value: { timestampMs: 1_614_265_330_000, id: "msg_p5jXN8AQM9LWM0D4loKWxJek", malformedSecrets: 0 },
      });
    }
  });

  it("RFC 4231's second HMAC-SHA512 vector verifies through a custom scheme, and its SHA-256 does not", async () => {
    const verification = custom({
      secrets: ANY,
      signatureHeaders: ["x-signature"],
      algorithm: "hmac-sha512",
    });
    const headers = {
      "x-signature":
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554" +
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    };
    const options = { secrets: ["Jefe"], body: "what do ya want for nothing?" };
    expect((await run(verification, headers, options)).ok).toBe(true);
    expect(await run(verification, headers, { ...options, body: "what do ya want for nothing!" })).toEqual(
      refusedFor("signature_mismatch"),
    );
    const short = { "x-signature": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" };
    expect(await run(verification, short, options)).toEqual(refusedFor("signature_malformed"));
  });

  it("an RSA signature verifies under a published key, as PEM or base64, and a short key is none", async () => {
    const pairOf = async (modulusLength: number) => {
      const rsa = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
      const publicExponent = Uint8Array.from([1, 0, 1]);
      // generateKey for an asymmetric algorithm gives a pair.
      return (await crypto.subtle.generateKey({ ...rsa, modulusLength, publicExponent }, true, [
        "sign",
        "verify",
      ])) as CryptoKeyPair;
    };
    const verification = custom({
      secrets: ANY,
      signatureHeaders: ["x-signature"],
      algorithm: "rsa-sha256",
      encoding: "base64",
      keyEncoding: "base64-spki",
    });
    for (const [bits, isGood] of [
      [2_048, true],
      [1_024, false],
    ] as const) {
      const pair = await pairOf(bits);
      const spki = (await crypto.subtle.exportKey("spki", pair.publicKey)) as ArrayBuffer; // "spki" gives bytes
      const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", pair.privateKey, bytesOf(BODY));
      const headers = { "x-signature": base64(new Uint8Array(signature)) };
      const key = base64(new Uint8Array(spki));
      for (const secret of [key, `-----BEGIN PUBLIC KEY-----\n${key}\n-----END PUBLIC KEY-----`]) {
        const verified = await run(verification, headers, { secrets: [secret] });
        if (isGood) expect(verified.ok).toBe(true);
        else expect(verified).toEqual(misconfigured);
      }
      if (!isGood) continue;
      const forged = await run(verification, headers, { secrets: [key], body: "{}" });
      expect(forged).toEqual(refusedFor("signature_mismatch"));
    }
  });

  it("RFC 8032's third Ed25519 vector verifies through a custom scheme", async () => {
    const verification = custom({
      secrets: ANY,
      signatureHeaders: ["x-signature-ed25519"],
      algorithm: "ed25519",
      keyEncoding: "hex",
    });
    const signature =
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";
    const verified = await verifyRequest({
      verification,
      secrets: ["fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"],
      headers: new Headers({ "x-signature-ed25519": signature }),
      method: "POST",
      url: "https://sluice.test/in/any",
      body: Uint8Array.from([0xaf, 0x82]),
      nowMs: NOW_MS,
    });
    expect(verified.ok).toBe(true);
  });
});
