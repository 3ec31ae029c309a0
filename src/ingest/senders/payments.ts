/** Senders of payments: their schemes as data, from each one's documentation. */
import { DAY_MS, MINUTE_MS } from "../../config/limits.ts";
import type { TokenFacts, Verification } from "../scheme.ts";
import {
  BODY,
  body,
  completeScheme,
  header,
  literal,
  namedSecrets,
  sender,
  TIMESTAMP,
  timedSender,
  type SecretOption,
} from "./define-sender.ts";

export const stripe = timedSender({
  name: "stripe",
  // The whole `whsec_…` text is the key.
  signatureHeaders: ["stripe-signature"],
  layout: { layout: "pairs", separator: ",", signatureKey: "v1" },
  signed: [TIMESTAMP, literal("."), BODY],
  timestamp: { in: "signature", key: "t", unit: "s" },
  dedupeKey: [body("id")],
  orderKey: { at: body("created"), unit: "s" },
  notes: {
    signs: "timestamp and body, which holds the event's id",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://docs.stripe.com/webhooks",
  },
});

export const paddle = timedSender({
  name: "paddle",
  signatureHeaders: ["paddle-signature"],
  layout: { layout: "pairs", separator: ";", signatureKey: "h1" },
  signed: [TIMESTAMP, literal(":"), BODY],
  timestamp: { in: "signature", key: "ts", unit: "s" },
  dedupeKey: [body("event_id")],
  type: [body("event_type")],
  orderKey: { at: body("occurred_at"), unit: "rfc3339" },
  notes: {
    signs: "timestamp and body, which holds the event's id",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://developer.paddle.com/webhooks/signature-verification",
  },
});

/** Signs the notification URL it was given: behind a proxy, say it as `publicUrl`. */
export const square = sender({
  name: "square",
  signatureHeaders: ["x-square-hmacsha256-signature"],
  encoding: "base64",
  signed: [{ part: "url" }, BODY],
  dedupeKey: [body("event_id")],
  orderKey: { at: body("created_at"), unit: "rfc3339" },
  notes: {
    signs: "notification URL and body, which holds the event's id",
    replay: "closed: the id is signed",
    retryWindowMs: DAY_MS,
    documentation: "https://developer.squareup.com/docs/webhooks/step3validate",
  },
});

export const razorpay = sender({
  name: "razorpay",
  signatureHeaders: ["x-razorpay-signature"],
  dedupeKey: [header("x-razorpay-event-id")],
  type: [body("event")],
  orderKey: { at: body("created_at"), unit: "s" },
  keepHeaders: ["x-razorpay-event-id"],
  notes: {
    signs: "the body alone; the event's id comes in an unsigned header",
    replay: "open under another event id, unless the source says onRepeat: refuse",
    retryWindowMs: DAY_MS,
    documentation: "https://razorpay.com/docs/webhooks/validate-test/",
  },
});

const BAR = literal("|");

const PAYPAL = completeScheme({
  name: "paypal",
  algorithm: "rsa-sha256",
  encoding: "base64",
  signatureHeaders: ["paypal-transmission-sig"],
  signed: [{ part: "id" }, BAR, TIMESTAMP, BAR, { part: "secret" }, BAR, { part: "body-crc32" }],
  timestamp: { in: "headers", names: ["paypal-transmission-time"], unit: "rfc3339" },
  id: { headers: ["paypal-transmission-id"] },
  // PayPal does not say whether a retry has a time of its own: as long as it goes on trying.
  toleranceMs: 3 * DAY_MS,
  dedupeKey: [body("id")],
  type: [body("event_type")],
  orderKey: { at: body("create_time"), unit: "rfc3339" },
  keepHeaders: ["paypal-transmission-id", "paypal-transmission-time"],
  notes: {
    signs: "transmission id, time, webhook id and a CRC-32 of the body, which another body can have too",
    replay: "open for the tolerance: who reads one request can send another body of the same CRC",
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://developer.paypal.com/api/rest/webhooks/rest/",
  },
});

const PAYPAL_HOSTS = { live: "https://api.paypal.com", sandbox: "https://api.sandbox.paypal.com" } as const;

/** There is no secret: PayPal signs the webhook's id along, under a certificate from its own host. */
export function paypal(options: {
  /** Bindings (variables will do) that hold the ids of the webhooks. */
  readonly webhookIds: readonly SecretOption[];
  /** Default: live. */
  readonly environment?: keyof typeof PAYPAL_HOSTS;
  readonly toleranceMs?: number;
}): Verification {
  const { webhookIds, environment = "live", toleranceMs } = options;
  const prefix = `${PAYPAL_HOSTS[environment]}/v1/notifications/certs/`;
  const certificate = { header: "paypal-cert-url", prefix };
  const scheme = { ...PAYPAL, certificate, ...(toleranceMs === undefined ? {} : { toleranceMs }) };
  return { scheme, ...namedSecrets(webhookIds) };
}

const PLAID = completeScheme({
  name: "plaid",
  algorithm: "jwt",
  encoding: "text",
  signatureHeaders: ["plaid-verification"],
  // The token is the id, and holds the digest of the body.
  signed: [{ part: "id" }, BODY],
  toleranceMs: 5 * MINUTE_MS,
  dedupeKey: [{ from: "signed-id" }],
  type: [body("webhook_type")],
  typeSuffix: body("webhook_code"),
  onRepeat: "accept",
  notes: {
    signs: "token, with its time and the body's digest",
    replay:
      "closed: tolerance on the signed time; a repeat of Plaid's has a token of its own, and means to look once more",
    retryWindowMs: DAY_MS,
    documentation: "https://plaid.com/docs/api/webhooks/webhook-verification/",
  },
});

const PLAID_HOSTS = {
  production: "https://production.plaid.com",
  sandbox: "https://sandbox.plaid.com",
} as const;

/** Plaid gives its keys to its customers: they are asked for with the client id and a secret of the source. */
export function plaid(options: {
  /** The binding that holds the client id. */
  readonly clientId: string;
  readonly secrets: readonly SecretOption[];
  /** Default: production. Each environment has keys of its own. */
  readonly environment?: keyof typeof PLAID_HOSTS;
  readonly toleranceMs?: number;
}): Verification {
  const { clientId, secrets, environment = "production", toleranceMs = PLAID.toleranceMs } = options;
  const url = `${PLAID_HOSTS[environment]}/webhook_verification_key/get`;
  const token: TokenFacts = {
    algorithm: "ES256",
    keys: { by: "key-id", url },
    hasExpiry: false,
    bodyDigestClaim: "request_body_sha256",
  };
  const scheme = { ...PLAID, token, ...(toleranceMs === undefined ? {} : { toleranceMs }) };
  return { scheme, ...namedSecrets(secrets), keyClientId: clientId };
}

/** Gives no id of the event, and its repeats are the same bytes. The secret is the account's secret key. */
export const paystack = sender({
  name: "paystack",
  algorithm: "hmac-sha512",
  signatureHeaders: ["x-paystack-signature"],
  dedupeKey: [{ from: "body-digest" }],
  type: [body("event")],
  notes: {
    signs: "the body, which names the event",
    replay: "closed: the id is the body's digest",
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://paystack.com/docs/payments/webhooks/",
  },
});

/** Gives no id; a body names its object and the time of its change, so that no two are the same. */
export const lemonSqueezy = sender({
  name: "lemon-squeezy",
  signatureHeaders: ["x-signature"],
  dedupeKey: [{ from: "body-digest" }],
  type: [body("meta.event_name"), header("x-event-name")],
  orderKey: { at: body("data.attributes.updated_at"), unit: "rfc3339" },
  keepHeaders: ["x-event-name"],
  notes: {
    signs: "the body, which names the event",
    replay: "closed: the id is the body's digest",
    retryWindowMs: null,
    documentation: "https://docs.lemonsqueezy.com/help/webhooks/signing-requests",
  },
});
