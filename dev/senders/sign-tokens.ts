/** Senders whose keys are fetched, by a JSON Web Token or a certificate, as each one's documentation describes it; and their hosts of keys. */
import { iso, seconds, type SenderSigner } from "./signer.ts";
import { fromBase64, rsaSign, toBase64, toHex, utf8, type Bytes } from "./webcrypto.ts";

export const GOOGLE_ACCOUNT = "pusher@sluice-test.iam.gserviceaccount.com";
export const GOOGLE_AUDIENCE = "https://sluice.test/in/google-pub-sub";
export const GOOGLE_KEYS_URL = "https://www.googleapis.com/oauth2/v3/certs";
export const PLAID_KEYS_URL = "https://production.plaid.com/webhook_verification_key/get";
export const KEY_ID = "6c5516e1-92dc-479e-a8ff-5a51992e0001";

const P256 = { name: "ECDSA", namedCurve: "P-256" };
const RS256 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

type Claims = Readonly<Record<string, unknown>>;

function base64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param sign over the two parts with a dot between; the token's header is not made to fit it */
export async function tokenOf(
  header: Claims,
  claims: Claims,
  sign: (content: string) => Promise<Uint8Array>,
): Promise<string> {
  const content = [header, claims].map((part) => base64Url(utf8(JSON.stringify(part)))).join(".");
  return `${content}.${base64Url(await sign(content))}`;
}

/** @param privateKey base64 of PKCS #8 */
export async function signEs256(privateKey: string, content: string): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("pkcs8", fromBase64(privateKey), P256, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, utf8(content)));
}

/** The public half as JSON (https://www.rfc-editor.org/rfc/rfc7517), under the id that the samples name. */
export async function publicJwk(privateKey: string, algorithm: "RS256" | "ES256"): Promise<Claims> {
  const imported = algorithm === "RS256" ? RS256 : P256;
  const key = await crypto.subtle.importKey("pkcs8", fromBase64(privateKey), imported, true, ["sign"]);
  const jwk: unknown = await crypto.subtle.exportKey("jwk", key);
  if (typeof jwk !== "object" || jwk === null) throw new TypeError("a key was asked for");
  const isPublic = (name: string) => ["kty", "n", "e", "crv", "x", "y"].includes(name);
  const parts = Object.entries(jwk).filter(([name]) => isPublic(name));
  return { ...Object.fromEntries(parts), kid: KEY_ID, alg: algorithm, use: "sig" };
}

/** https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions */
const googlePubSub: SenderSigner = {
  name: "google-pub-sub",
  key: "google",
  types: ["message", "OBJECT_FINALIZE"],
  sample: ({ id, type, atMs }) => ({
    message: {
      data: toBase64(utf8('{"name":"invoice.pdf"}')),
      messageId: id,
      publishTime: iso(atMs),
      attributes: type === "message" ? {} : { eventType: type },
    },
    subscription: "projects/sluice-test/subscriptions/push",
  }),
  sign: async ({ secret, atMs }) => {
    const claims = {
      aud: GOOGLE_AUDIENCE,
      azp: "113774264463038321964",
      email: GOOGLE_ACCOUNT,
      email_verified: true,
      exp: seconds(atMs) + 3_600,
      iat: seconds(atMs),
      iss: "https://accounts.google.com",
      sub: "113774264463038321964",
    };
    const header = { alg: "RS256", kid: KEY_ID, typ: "JWT" };
    const token = await tokenOf(header, claims, (content) => rsaSign("SHA-256", secret, content));
    return { headers: { authorization: `Bearer ${token}` } };
  },
  signature: "authorization",
  bodyUnsigned: true,
};

/** https://plaid.com/docs/api/webhooks/webhook-verification/ */
const plaid: SenderSigner = {
  name: "plaid",
  key: "plaid",
  types: ["TRANSACTIONS.SYNC_UPDATES_AVAILABLE", "ITEM.ERROR"],
  sample: ({ id, type }) => ({
    webhook_type: type.split(".")[0] ?? "",
    webhook_code: type.split(".")[1] ?? "",
    item_id: id,
    environment: "production",
  }),
  sign: async ({ body, secret, atMs }) => {
    const digest: Bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(body)));
    const claims = { iat: seconds(atMs), request_body_sha256: toHex(digest) };
    const header = { alg: "ES256", kid: KEY_ID, typ: "JWT" };
    const token = await tokenOf(header, claims, (content) => signEs256(secret, content));
    return { headers: { "plaid-verification": token } };
  },
  signature: "plaid-verification",
};

export const PAYPAL_WEBHOOK_ID = "1JE4291016473214C";
export const PAYPAL_CERTIFICATE_URL =
  "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77";

/** https://developer.paypal.com/api/rest/webhooks/rest/#link-verifysignature */
const paypal: SenderSigner = {
  name: "paypal",
  key: "paypal",
  types: ["PAYMENT.CAPTURE.COMPLETED", "BILLING.SUBSCRIPTION.CANCELLED"],
  sample: ({ id, type, atMs }) => ({
    id,
    event_version: "1.0",
    create_time: iso(atMs),
    resource_type: "capture",
    event_type: type,
    resource: { id: "42311647XV020574X", amount: { currency_code: "EUR", value: "10.00" } },
  }),
  sign: async ({ body, secret, id, atMs }) => {
    const time = `${iso(atMs).slice(0, 19)}Z`;
    const content = `${id}|${time}|${PAYPAL_WEBHOOK_ID}|${crcOf(utf8(body))}`;
    return {
      headers: {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": PAYPAL_CERTIFICATE_URL,
        "paypal-transmission-id": id,
        "paypal-transmission-time": time,
        "paypal-transmission-sig": toBase64(await rsaSign("SHA-256", secret, content)),
      },
    };
  },
  signature: "paypal-transmission-sig",
  signedHeaders: ["paypal-transmission-id", "paypal-transmission-time"],
};

/** Bit by bit, as the polynomial says. */
function crcOf(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

export const TOKEN_SENDERS = [googlePubSub, plaid, paypal];
