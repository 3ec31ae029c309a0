/** Senders of payments: their schemes as data, from each one's documentation. */
import { DAY_MS } from "../../config/limits.ts";
import { BODY, body, header, literal, sender, TIMESTAMP, timedSender } from "./define-sender.ts";

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
