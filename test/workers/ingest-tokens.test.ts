/** Tokens and the keys they are proven with: whoever wants in, and hosts of keys that are away. */
import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import { publishedKey, type KeyAccess } from "../../src/ingest/published-keys.ts";
import {
  GOOGLE_ACCOUNT,
  GOOGLE_AUDIENCE,
  GOOGLE_KEYS_URL,
  KEY_ID,
  PLAID_KEYS_URL,
  publicJwk,
  signEs256,
  tokenOf,
} from "../../dev/senders/sign-tokens.ts";
import { hmac, newEcdsaPair, rsaSign, toHex, utf8 } from "../../dev/senders/webcrypto.ts";
import { NOW_MS, NOW_SECONDS } from "./ingest-support.ts";
import { plaidPair, senderGateway, snsCertificate, type SenderGateway } from "./senders-support.ts";

const BODY = '{"message":{"data":"aGVsbG8=","messageId":"m-1","publishTime":"2025-10-09T08:53:20Z"}}';
const HEADER = { alg: "RS256", kid: KEY_ID, typ: "JWT" };
const CLAIMS = {
  aud: GOOGLE_AUDIENCE,
  email: GOOGLE_ACCOUNT,
  email_verified: true,
  exp: NOW_SECONDS + 3_600,
  iat: NOW_SECONDS,
  iss: "https://accounts.google.com",
};

async function pushed(gateway: SenderGateway, token: string, body = BODY) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const request = new Request(GOOGLE_AUDIENCE, { method: "POST", headers, body });
  const { status } = await gateway.ingest(request, "google-pub-sub");
  return [status, gateway.logs.at(-1)?.["reason"] ?? null];
}

async function hooked(gateway: SenderGateway, token: string, body = "{}") {
  const headers = { "content-type": "application/json", "plaid-verification": token };
  const request = new Request("https://sluice.test/in/plaid", { method: "POST", headers, body });
  const { status } = await gateway.ingest(request, "plaid");
  return [status, gateway.logs.at(-1)?.["reason"] ?? null];
}

describe("a token of Google's", () => {
  let rsa: (content: string) => Promise<Uint8Array>;
  beforeEach(async () => {
    const { privateKey } = await snsCertificate();
    rsa = (content) => rsaSign("SHA-256", privateKey, content);
  });

  it("is taken as Google makes it, with either name of its issuer", async () => {
    const gateway = await senderGateway();
    for (const iss of ["https://accounts.google.com", "accounts.google.com"]) {
      expect(await pushed(gateway, await tokenOf(HEADER, { ...CLAIMS, iss }, rsa))).toEqual([200, null]);
    }
    expect(gateway.appended[0]).toMatchObject({ dedupeKey: "m-1", type: "message" });
    expect(JSON.stringify(gateway.appended)).not.toContain("eyJ");
  });

  it.each([
    ["for another audience", { aud: "https://other.test" }, "token_refused"],
    ["for several audiences of which none is ours", { aud: ["a", "b"] }, "token_refused"],
    ["without an audience", { aud: undefined }, "token_refused"],
    ["of another issuer", { iss: "https://accounts.google.com.evil.test" }, "token_refused"],
    ["without an issuer", { iss: undefined }, "token_refused"],
    ["of somebody else's account", { email: "someone@evil.iam.gserviceaccount.com" }, "token_refused"],
    ["of an account that is not verified", { email_verified: false }, "token_refused"],
    ["of an account that is verified in words", { email_verified: "true" }, "token_refused"],
    ["of no account", { email: undefined }, "token_refused"],
    ["of several accounts", { email: [GOOGLE_ACCOUNT] }, "token_refused"],
    ["that has ended", { exp: NOW_SECONDS - 61 }, "timestamp_too_old"],
    ["that never ends", { exp: undefined }, "token_refused"],
    ["that is not valid yet", { nbf: NOW_SECONDS + 61 }, "token_refused"],
    ["without a time", { iat: undefined }, "token_refused"],
    ["of the far future", { iat: NOW_SECONDS + 7_200, exp: NOW_SECONDS + 9_000 }, "timestamp_in_future"],
    ["of the day before, made to last", { iat: NOW_SECONDS - 86_400 }, "timestamp_too_old"],
  ])("%s is refused, although its signature is right", async (_what, claims, reason) => {
    const gateway = await senderGateway();
    expect(await pushed(gateway, await tokenOf(HEADER, { ...CLAIMS, ...claims }, rsa))).toEqual([
      401,
      reason,
    ]);
    expect(gateway.appended).toEqual([]);
  });

  it("of no algorithm, of a symmetric one under the public key, or of another kind is refused before a key is looked for", async () => {
    const gateway = await senderGateway();
    const jwk = JSON.stringify(await publicJwk((await snsCertificate()).privateKey, "RS256"));
    const { privateKey } = await newEcdsaPair();
    const none = async () => new Uint8Array(0);
    const forged = [
      await tokenOf({ ...HEADER, alg: "none" }, CLAIMS, none),
      await tokenOf({ ...HEADER, alg: "None" }, CLAIMS, none),
      await tokenOf({ ...HEADER, alg: "" }, CLAIMS, none),
      await tokenOf({ ...HEADER, alg: undefined }, CLAIMS, rsa),
      await tokenOf({ ...HEADER, alg: "HS256" }, CLAIMS, (content) => hmac("SHA-256", jwk, content)),
      await tokenOf({ ...HEADER, alg: "ES256" }, CLAIMS, (content) => signEs256(privateKey, content)),
      await tokenOf({ ...HEADER, alg: "PS256" }, CLAIMS, rsa),
      await tokenOf({ ...HEADER, alg: "RS512" }, CLAIMS, rsa),
      await tokenOf({ ...HEADER, alg: ["RS256"] }, CLAIMS, rsa),
    ];
    for (const token of forged) expect((await pushed(gateway, token))[0]).toBe(401);
    expect(gateway.fetched).toEqual([]);
  });

  it("may not bring its own key, or say where it lies", async () => {
    const gateway = await senderGateway();
    const own = await newEcdsaPair();
    const jwk = await publicJwk(own.privateKey, "ES256");
    const headers = [
      { ...HEADER, jwk },
      { ...HEADER, jku: "https://evil.test/keys" },
      { ...HEADER, x5u: "https://evil.test/certificate" },
      { ...HEADER, kid: "../../evil" },
      { ...HEADER, kid: "https://evil.test/keys" },
      { ...HEADER, kid: "' OR 1=1 --" },
      { ...HEADER, kid: "constructor" },
      { ...HEADER, kid: "__proto__" },
      { ...HEADER, kid: "" },
      { ...HEADER, kid: 1 },
      { ...HEADER, kid: [KEY_ID] },
      { ...HEADER, kid: "k".repeat(129) },
      { ...HEADER, kid: undefined },
      { ...HEADER, crit: ["exp"] },
      { ...HEADER, crit: ["b64"], b64: false },
    ];
    const sign = (content: string) => signEs256(own.privateKey, content);
    for (const header of headers) {
      expect((await pushed(gateway, await tokenOf(header, CLAIMS, sign)))[0], JSON.stringify(header)).toBe(
        401,
      );
    }
    expect(gateway.fetched.filter((url) => url !== GOOGLE_KEYS_URL)).toEqual([]);
  });

  it("that is cut, doubled, in parts or none at all is refused", async () => {
    const gateway = await senderGateway();
    const good = await tokenOf(HEADER, CLAIMS, rsa);
    const [header = "", claims = "", signature = ""] = good.split(".");
    const other = await tokenOf(HEADER, { ...CLAIMS, email: "x@y.test" }, rsa);
    const malformed = [
      "",
      ".",
      "..",
      "a.b.c",
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `${header}..${signature}`,
      `${good}.${signature}`,
      `${header}.${other.split(".")[1]}.${signature}`,
      `${header}=.${claims}.${signature}`,
      `${good} ${good}`,
      `${header}.${claims}.${signature}`.replace(".", "%2E"),
    ];
    for (const token of malformed) expect((await pushed(gateway, token))[0], token).toBe(401);
    expect(await pushed(gateway, good)).toEqual([200, null]);
  });
});

describe("a token of Plaid's", () => {
  const header = { alg: "ES256", kid: KEY_ID, typ: "JWT" };
  const digestOf = async (body: string) =>
    toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(body))));
  let es256: (content: string) => Promise<Uint8Array>;
  beforeEach(async () => {
    const { privateKey } = await plaidPair();
    es256 = (content) => signEs256(privateKey, content);
  });

  it("holds the body's digest: another body, or another digest, is refused", async () => {
    const gateway = await senderGateway();
    const body = '{"webhook_type":"ITEM","webhook_code":"ERROR"}';
    const claims = { iat: NOW_SECONDS, request_body_sha256: await digestOf(body) };
    const token = await tokenOf(header, claims, es256);
    expect(await hooked(gateway, token, body)).toEqual([200, null]);
    expect(gateway.appended[0]).toMatchObject({ type: "ITEM.ERROR" });
    expect(await hooked(gateway, token, `${body} `)).toEqual([401, "body_digest_mismatch"]);
    for (const digest of [
      undefined,
      "",
      7,
      claims.request_body_sha256.toUpperCase(),
      [claims.request_body_sha256],
    ]) {
      const other = await tokenOf(header, { ...claims, request_body_sha256: digest }, es256);
      expect(await hooked(gateway, other, body)).toEqual([401, "body_digest_mismatch"]);
    }
    const rs256 = await tokenOf({ ...header, alg: "RS256" }, claims, es256);
    expect(await hooked(gateway, rs256, body)).toEqual([401, "token_refused"]);
  });

  it("asks for its key with the source's own credentials, at Plaid's host alone", async () => {
    const asked: unknown[] = [];
    const kid = "a-key-of-its-own";
    const key = { ...(await publicJwk((await plaidPair()).privateKey, "ES256")), kid, expired_at: null };
    const gateway = await senderGateway({}, async (_input, init) => {
      asked.push(typeof init?.body === "string" ? JSON.parse(init.body) : null, init?.redirect);
      return Response.json({ key });
    });
    const claims = { iat: NOW_SECONDS, request_body_sha256: await digestOf("{}") };
    const token = await tokenOf({ ...header, kid }, claims, es256);
    expect(await hooked(gateway, token)).toEqual([200, null]);
    expect(await hooked(gateway, token)).toEqual([200, null]);
    const body = { client_id: "the client id of plaid", secret: "the secret of plaid", key_id: kid };
    expect(asked).toEqual([body, "manual"]);
    expect(gateway.fetched).toEqual([PLAID_KEYS_URL]);
  });

  it.each([
    ["has ended", { expired_at: 1_700_000_000 }],
    ["has another id", { kid: "another" }],
    ["is for another algorithm", { alg: "ES384" }],
    ["is a secret", { kty: "oct", k: "c2VjcmV0" }],
    ["is for encryption", { use: "enc" }],
  ])("under a key that %s is refused", async (what, change) => {
    const kid = `key-that-${what.replaceAll(" ", "-")}`;
    const jwk = await publicJwk((await plaidPair()).privateKey, "ES256");
    const gateway = await senderGateway({}, async () => Response.json({ key: { ...jwk, kid, ...change } }));
    const claims = { iat: NOW_SECONDS, request_body_sha256: await digestOf("{}") };
    const token = await tokenOf({ ...header, kid }, claims, es256);
    expect(await hooked(gateway, token)).toEqual([401, "key_unknown"]);
  });
});

describe("published keys", () => {
  const access = (answer: () => Response | Promise<Response>, nowMs = NOW_MS) => {
    const asked: string[] = [];
    const credentials = { clientId: "id", secrets: ["old", "new"] };
    const own: KeyAccess = {
      nowMs,
      credentials,
      fetch: async (_input, init) => {
        asked.push(typeof init?.body === "string" ? init.body : "GET");
        return answer();
      },
    };
    return { asked, own };
  };
  const jwks = (name: string) => ({ by: "jwks", url: `https://${name}.test/keys` }) as const;
  const setOf = async () =>
    JSON.stringify({ keys: [null, {}, await publicJwk((await snsCertificate()).privateKey, "RS256")] });
  const unavailable = { ok: false, error: { kind: "misconfigured", reason: "keys_unavailable" } };
  const unknown = { ok: false, error: { kind: "refused", reason: "key_unknown" } };

  it("are fetched once, and again only for an id that is new, once a minute", async () => {
    const set = await setOf();
    const at = (afterMs: number) => access(() => new Response(set), NOW_MS + afterMs);
    const source = jwks("once");
    const first = at(0);
    expect((await publishedKey(source, "RS256", KEY_ID, first.own)).ok).toBe(true);
    expect((await publishedKey(source, "RS256", KEY_ID, first.own)).ok).toBe(true);
    for (let count = 0; count < 50; count++) {
      expect(await publishedKey(source, "RS256", `forged-${count}`, first.own)).toEqual(unknown);
    }
    expect(first.asked).toHaveLength(1);
    const later = at(LIMITS.ingest.publishedKeyRetryMs);
    for (let count = 0; count < 50; count++) {
      expect(await publishedKey(source, "RS256", `forged-${count}`, later.own)).toEqual(unknown);
    }
    expect(later.asked).toHaveLength(1);
    expect(await publishedKey(source, "RS256", "__proto__", later.own)).toEqual(unknown);
  });

  it("that are asked for by id are asked for so often a minute and no more, whatever requests name", async () => {
    const { asked, own } = access(() => Response.json({ error_code: "INVALID_FIELD" }, { status: 400 }));
    const source = { by: "key-id", url: "https://by-id.test/get" } as const;
    const verdicts = new Set<string>();
    for (let count = 0; count < 50; count++) {
      verdicts.add(JSON.stringify(await publishedKey(source, "ES256", `forged-${count}`, own)));
    }
    expect(asked).toHaveLength(LIMITS.ingest.maxKeyFetchesPerMinute);
    expect([...verdicts]).toEqual([JSON.stringify(unknown), JSON.stringify(unavailable)]);
  });

  it("are asked for with the next secret when one is not taken, and with none left the sender comes again", async () => {
    const { asked, own } = access(() => Response.json({ error_code: "INVALID_API_KEYS" }, { status: 400 }));
    const source = { by: "key-id", url: "https://rotated.test/get" } as const;
    expect(await publishedKey(source, "ES256", "k", own)).toEqual(unavailable);
    expect(asked.map((body) => JSON.parse(body).secret)).toEqual(["old", "new"]);
    const nobody = { ...own, credentials: { clientId: undefined, secrets: ["s"] } };
    expect(await publishedKey(source, "ES256", "k2", nobody)).toMatchObject({
      error: { reason: "secret_missing" },
    });
  });

  it.each([
    ["is away", () => Promise.reject(new TypeError("no route"))],
    ["answers 500", () => new Response("{}", { status: 500 })],
    ["sends elsewhere", () => Response.redirect("https://evil.test/keys", 302)],
    ["answers no JSON", () => new Response("<html>")],
    ["goes on and on", () => new Response("[".repeat(LIMITS.ingest.maxCertificateCharacters + 1))],
    ["answers nothing", () => new Response(null)],
  ] as const)(
    "of a host that %s: the sender is asked to come again, and a known key still counts for a day",
    async (what, answer) => {
      const source = jwks(what.replaceAll(" ", "-"));
      expect(await publishedKey(source, "RS256", KEY_ID, access(answer).own)).toEqual(unavailable);
      const set = await setOf();
      expect((await publishedKey(source, "RS256", KEY_ID, access(() => new Response(set)).own)).ok).toBe(
        true,
      );
      const { publishedKeyCacheMs, publishedKeyStaleMs } = LIMITS.ingest;
      for (const [afterMs, isGood] of [
        [publishedKeyCacheMs + 1, true],
        [publishedKeyStaleMs, true],
        [publishedKeyStaleMs + 120_000, false],
      ] as const) {
        const { own } = access(answer, NOW_MS + afterMs);
        expect((await publishedKey(source, "RS256", KEY_ID, own)).ok, String(afterMs)).toBe(isGood);
      }
    },
  );
});
