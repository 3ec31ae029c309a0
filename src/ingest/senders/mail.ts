/** Mail, marketing and support desks: their schemes as data, from each one's documentation. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../config/limits.ts";
import { BODY, body, header, TIMESTAMP, timedSender } from "./define-sender.ts";

/** Signature version 3. Signs the URL it was given: behind a proxy, say it as `publicUrl`. */
export const hubspot = timedSender({
  name: "hubspot",
  signatureHeaders: ["x-hubspot-signature-v3"],
  encoding: "base64",
  signed: [{ part: "method" }, { part: "url", variant: "hubspot" }, BODY, TIMESTAMP],
  timestamp: { in: "headers", names: ["x-hubspot-request-timestamp"], unit: "ms" },
  // An event's id is not promised to be unique; together with what it is about it is.
  dedupeKey: [
    {
      from: "joined",
      paths: [body("eventId"), body("subscriptionId"), body("objectId"), body("occurredAt")],
    },
    body("eventId"),
    { from: "body-digest" },
  ],
  type: [body("subscriptionType"), body("eventType")],
  orderKey: { at: body("occurredAt"), unit: "ms" },
  split: { by: "elements", path: "" },
  notes: {
    signs: "method, URI, body and timestamp",
    replay: "closed: tolerance on the signed timestamp, and the signed ids",
    retryWindowMs: DAY_MS,
    documentation:
      "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation",
  },
});

/** The secret is the webhook's public key, as its settings show it. */
export const sendgrid = timedSender({
  name: "sendgrid",
  algorithm: "ecdsa-p256",
  encoding: "base64-der",
  keyEncoding: "base64-spki",
  signatureHeaders: ["x-twilio-email-event-webhook-signature"],
  signed: [TIMESTAMP, BODY],
  timestamp: { in: "headers", names: ["x-twilio-email-event-webhook-timestamp"], unit: "s" },
  dedupeKey: [body("sg_event_id"), { from: "body-digest" }],
  type: [body("event")],
  orderKey: { at: body("timestamp"), unit: "s" },
  split: { by: "elements", path: "" },
  notes: {
    signs: "timestamp and body, which holds the events' ids",
    replay: "closed: tolerance on the signed timestamp, and the signed ids",
    retryWindowMs: DAY_MS,
    documentation:
      "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
  },
});

/** Signs its timestamp and token, and nothing of what it says: the event itself is not proven. */
export const mailgun = timedSender({
  name: "mailgun",
  signatureHeaders: [],
  layout: { layout: "body", path: "signature.signature" },
  signed: [
    { part: "field", path: "signature.timestamp" },
    { part: "field", path: "signature.token" },
  ],
  timestamp: { in: "body", path: "signature.timestamp", unit: "s" },
  // Of a batch, which has one signature, the token together with the event's place in it.
  dedupeKey: [
    { from: "joined", paths: [body("signature.token"), body("batch-place")] },
    body("signature.token"),
  ],
  type: [body("event-data.event")],
  orderKey: { at: body("event-data.timestamp"), unit: "s" },
  split: { by: "mailgun" },
  notes: {
    signs: "timestamp and token alone, nothing of the event",
    replay: "the token is the id; within the tolerance a captured signature can carry other events",
    retryWindowMs: 8 * HOUR_MS,
    documentation: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
  },
});

export const zendesk = timedSender({
  name: "zendesk",
  signatureHeaders: ["x-zendesk-webhook-signature"],
  encoding: "base64",
  signed: [TIMESTAMP, BODY],
  timestamp: { in: "headers", names: ["x-zendesk-webhook-signature-timestamp"], unit: "rfc3339" },
  toleranceMs: 5 * MINUTE_MS,
  dedupeKey: [header("x-zendesk-webhook-invocation-id")],
  orderKey: { at: body("time"), unit: "rfc3339" },
  keepHeaders: ["x-zendesk-webhook-id", "x-zendesk-webhook-invocation-id", "x-zendesk-account-id"],
  notes: {
    signs: "timestamp and body; the invocation id comes in an unsigned header",
    replay: "open for the tolerance under another invocation id, closed after it",
    retryWindowMs: HOUR_MS,
    documentation: "https://developer.zendesk.com/documentation/webhooks/verifying/",
  },
});
