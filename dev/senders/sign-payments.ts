/** Payments and shops, as each one's documentation describes its signature. */
import { iso, seconds, type SenderSigner } from "./signer.ts";
import { hmacBase64, hmacHex } from "./webcrypto.ts";

const CUSTOMER = "cus_R4nd0mButFixed";

/** https://docs.stripe.com/webhooks#verify-manually */
const stripe: SenderSigner = {
  name: "stripe",
  types: ["invoice.paid", "payment_intent.succeeded"],
  sample: ({ id, type, atMs }) => ({
    id,
    object: "event",
    type,
    created: seconds(atMs),
    data: { object: { id: `in_${id}`, customer: CUSTOMER, amount_paid: 4_200, currency: "eur" } },
  }),
  sign: async ({ body, secret, atMs }) => {
    const digest = await hmacHex("SHA-256", secret, `${seconds(atMs)}.${body}`);
    return { headers: { "stripe-signature": `t=${seconds(atMs)},v1=${digest}` } };
  },
  signature: "stripe-signature",
};

/** https://developer.paddle.com/webhooks/signature-verification */
const paddle: SenderSigner = {
  name: "paddle",
  types: ["transaction.completed", "subscription.updated"],
  sample: ({ id, type, atMs }) => ({
    event_id: id,
    event_type: type,
    occurred_at: iso(atMs),
    notification_id: `ntf_${id}`,
    data: { id: "txn_01", customer_id: "ctm_01", status: "completed" },
  }),
  sign: async ({ body, secret, atMs }) => {
    const digest = await hmacHex("SHA-256", secret, `${seconds(atMs)}:${body}`);
    return { headers: { "paddle-signature": `ts=${seconds(atMs)};h1=${digest}` } };
  },
  signature: "paddle-signature",
};

/** https://developer.squareup.com/docs/webhooks/step3validate */
const square: SenderSigner = {
  name: "square",
  types: ["payment.updated"],
  sample: ({ id, type, atMs }) => ({
    merchant_id: "MLTZ79VE64YTN",
    type,
    event_id: id,
    created_at: iso(atMs),
    data: { type: "payment", id: "hYy9pRFVxpDsO1FB05SunFWUe9JZY" },
  }),
  sign: async ({ body, url, secret }) => ({
    headers: { "x-square-hmacsha256-signature": await hmacBase64("SHA-256", secret, url + body) },
  }),
  signature: "x-square-hmacsha256-signature",
  signsUrl: true,
};

/** https://razorpay.com/docs/webhooks/validate-test/ */
const razorpay: SenderSigner = {
  name: "razorpay",
  types: ["payment.captured"],
  sample: ({ type, atMs }) => ({
    entity: "event",
    account_id: "acc_BFQ7uQEaa7j2z7",
    event: type,
    contains: ["payment"],
    payload: { payment: { entity: { id: "pay_DESlfW9H8K9uqM", amount: 100 } } },
    created_at: seconds(atMs),
  }),
  sign: async ({ body, secret, id }) => ({
    headers: {
      "x-razorpay-signature": await hmacHex("SHA-256", secret, body),
      "x-razorpay-event-id": id,
    },
  }),
  signature: "x-razorpay-signature",
  unsignedHeaders: ["x-razorpay-event-id"],
};

/** https://docs.lemonsqueezy.com/help/webhooks/signing-requests */
const lemonSqueezy: SenderSigner = {
  name: "lemon-squeezy",
  types: ["order_created", "subscription_updated"],
  sample: ({ id, type, atMs }) => ({
    meta: { event_name: type, custom_data: { reference: id } },
    data: { type: "orders", id: "1", attributes: { user_email: "ada@example.com", updated_at: iso(atMs) } },
  }),
  sign: async ({ body, secret, type }) => ({
    headers: { "x-signature": await hmacHex("SHA-256", secret, body), "x-event-name": type },
  }),
  signature: "x-signature",
  unsignedHeaders: ["x-event-name"],
};

/** https://shopify.dev/docs/apps/build/webhooks/subscribe/https */
const shopify: SenderSigner = {
  name: "shopify",
  types: ["orders/create", "products/update"],
  sample: ({ atMs }) => ({ id: 820_982_911_946, email: "ada@example.com", updated_at: iso(atMs) }),
  sign: async ({ body, secret, id, type, atMs }) => ({
    headers: {
      "x-shopify-hmac-sha256": await hmacBase64("SHA-256", secret, body),
      "x-shopify-webhook-id": id,
      "x-shopify-event-id": `event-${id}`,
      "x-shopify-topic": type,
      "x-shopify-shop-domain": "example.myshopify.com",
      "x-shopify-triggered-at": iso(atMs),
    },
  }),
  signature: "x-shopify-hmac-sha256",
  unsignedHeaders: ["x-shopify-webhook-id", "x-shopify-topic", "x-shopify-triggered-at"],
};

/** https://developer.woocommerce.com/docs/apis/rest-api/v3/webhooks/ */
const wooCommerce: SenderSigner = {
  name: "woocommerce",
  types: ["order.created"],
  sample: ({ atMs }) => ({ id: 727, status: "processing", date_modified_gmt: iso(atMs), customer_id: 7 }),
  sign: async ({ body, secret, id, type }) => ({
    headers: {
      "x-wc-webhook-signature": await hmacBase64("SHA-256", secret, body),
      "x-wc-webhook-delivery-id": id,
      "x-wc-webhook-topic": type,
      "x-wc-webhook-source": "https://shop.example.com/",
    },
  }),
  signature: "x-wc-webhook-signature",
  unsignedHeaders: ["x-wc-webhook-delivery-id", "x-wc-webhook-topic"],
};

/** https://paystack.com/docs/payments/webhooks/#verify-event-origin */
const paystack: SenderSigner = {
  name: "paystack",
  types: ["charge.success", "transfer.success"],
  sample: ({ id, type, atMs }) => ({
    event: type,
    data: { id: 302_961, domain: "live", reference: id, amount: 10_000, currency: "NGN", paid_at: iso(atMs) },
  }),
  sign: async ({ body, secret }) => ({
    headers: { "x-paystack-signature": await hmacHex("SHA-512", secret, body) },
  }),
  signature: "x-paystack-signature",
};

export const PAYMENT_SENDERS = [
  stripe,
  paddle,
  square,
  razorpay,
  paystack,
  lemonSqueezy,
  shopify,
  wooCommerce,
];
