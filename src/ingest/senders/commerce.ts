/** Shops and forms: their schemes as data, from each one's documentation. */
import { DAY_MS, HOUR_MS, MIB } from "../../config/limits.ts";
import { BODY, body, header, literal, sender, TIMESTAMP, timedSender } from "./define-sender.ts";

/** The newer API versions send the same headers without `X-`. */
export const shopify = sender({
  name: "shopify",
  signatureHeaders: ["x-shopify-hmac-sha256", "shopify-hmac-sha256"],
  encoding: "base64",
  // Not the event id: several subscriptions share it. Test notifications of older versions have none.
  dedupeKey: [header("x-shopify-webhook-id"), header("shopify-webhook-id"), { from: "body-digest" }],
  type: [header("x-shopify-topic"), header("shopify-topic")],
  orderKey: { at: header("x-shopify-triggered-at"), unit: "rfc3339" },
  onRepeat: "flag",
  // No bound is documented for HTTPS; the one of its other ways is 1 MB, and staff name larger ones.
  maxBodyBytes: 5 * MIB,
  keepHeaders: [
    "x-shopify-topic",
    "x-shopify-shop-domain",
    "x-shopify-api-version",
    "x-shopify-event-id",
    "x-shopify-triggered-at",
    "shopify-topic",
    "shopify-shop-domain",
    "shopify-api-version",
    "shopify-event-id",
    "shopify-triggered-at",
  ],
  notes: {
    signs: "the body alone; topic, shop and delivery id come in unsigned headers",
    replay:
      "flagged: Shopify repeats itself, so that the same body under another id is a new event that says so",
    retryWindowMs: 4 * HOUR_MS,
    documentation: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
  },
});

export const wooCommerce = sender({
  name: "woocommerce",
  signatureHeaders: ["x-wc-webhook-signature"],
  encoding: "base64",
  dedupeKey: [header("x-wc-webhook-delivery-id")],
  type: [header("x-wc-webhook-topic")],
  orderKey: { at: body("date_modified_gmt"), unit: "rfc3339" },
  onRepeat: "flag",
  handshake: "woocommerce",
  keepHeaders: ["x-wc-webhook-topic", "x-wc-webhook-source", "x-wc-webhook-resource", "x-wc-webhook-event"],
  notes: {
    signs: "the body alone; topic, source and delivery id come in unsigned headers",
    replay: "flagged: the same body under another delivery id is a new event that says so",
    retryWindowMs: 0,
    documentation: "https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/",
  },
});

export const typeform = sender({
  name: "typeform",
  signatureHeaders: ["typeform-signature"],
  encoding: "base64",
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [body("event_id")],
  type: [body("event_type")],
  orderKey: { at: body("form_response.submitted_at"), unit: "rfc3339" },
  notes: {
    signs: "the body, which holds the event's id",
    replay: "closed: the id is signed",
    retryWindowMs: 10 * HOUR_MS,
    documentation: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
  },
});

/** Gives no id; a body names the invitee and its time. */
export const calendly = timedSender({
  name: "calendly",
  signatureHeaders: ["calendly-webhook-signature"],
  layout: { layout: "pairs", separator: ",", signatureKey: "v1" },
  signed: [TIMESTAMP, literal("."), BODY],
  timestamp: { in: "signature", key: "t", unit: "s" },
  dedupeKey: [{ from: "body-digest" }],
  type: [body("event")],
  orderKey: { at: body("created_at"), unit: "rfc3339" },
  notes: {
    signs: "timestamp and body",
    replay: "closed: tolerance on the signed timestamp, and the id is the body's digest",
    retryWindowMs: DAY_MS,
    documentation: "https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures",
  },
});
