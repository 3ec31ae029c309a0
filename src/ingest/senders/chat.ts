/** Messengers, calls and support: their schemes as data, from each one's documentation. */
import { DAY_MS, HOUR_MS, MIB } from "../../config/limits.ts";
import type { Verification } from "../scheme.ts";
import {
  BODY,
  body,
  header,
  literal,
  sender,
  TIMESTAMP,
  timedSender,
  type SenderOptions,
} from "./define-sender.ts";

/** Events, interactions and slash commands; the latter two come as forms. */
export const slack = timedSender({
  name: "slack",
  signatureHeaders: ["x-slack-signature"],
  layout: { layout: "plain", prefix: "v0=" },
  signed: [literal("v0:"), TIMESTAMP, literal(":"), BODY],
  timestamp: { in: "headers", names: ["x-slack-request-timestamp"], unit: "s" },
  // Closed views, menus that ask for options and notices of a rate limit have no id. Slack sends them once each, and
  // two may be the same but for their time.
  dedupeKey: [
    body("event_id"),
    body("trigger_id"),
    { from: "joined", paths: [header("x-slack-request-timestamp"), { from: "body-digest" }] },
  ],
  type: [body("event.type"), body("command"), body("type")],
  orderKey: { at: body("event_time"), unit: "s" },
  handshake: "slack",
  keepHeaders: ["x-slack-retry-num", "x-slack-retry-reason"],
  notes: {
    signs: "timestamp and body, which holds the event's id",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: HOUR_MS,
    documentation: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
  },
});

/** The secret is the application's public key, in hex. */
export const discord = timedSender({
  name: "discord",
  algorithm: "ed25519",
  keyEncoding: "hex",
  signatureHeaders: ["x-signature-ed25519"],
  signed: [TIMESTAMP, BODY],
  timestamp: { in: "headers", names: ["x-signature-timestamp"], unit: "s" },
  // Interactions have an id; webhook events have none, and a time to the microsecond.
  dedupeKey: [body("id"), { from: "body-digest" }],
  type: [body("event.type"), body("type")],
  orderKey: { at: body("event.timestamp"), unit: "rfc3339" },
  handshake: "discord",
  notes: {
    signs: "timestamp and body, which holds the interaction's id",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: HOUR_MS / 6,
    documentation: "https://docs.discord.com/developers/interactions/overview",
  },
});

const metaSender = sender({
  name: "meta",
  signatureHeaders: ["x-hub-signature-256"],
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [
    body("entry.0.changes.0.value.messages.0.id"),
    // A message's id comes once for every status it has.
    {
      from: "joined",
      paths: [
        body("entry.0.changes.0.value.statuses.0.id"),
        body("entry.0.changes.0.value.statuses.0.status"),
      ],
    },
    body("entry.0.messaging.0.message.mid"),
    body("entry.0.messaging.0.postback.mid"),
    { from: "body-digest" },
  ],
  type: [body("entry.0.changes.0.field"), { from: "constant", text: "messaging" }],
  orderKey: { at: body("entry.0.messaging.0.timestamp"), unit: "ms" },
  handshake: "meta",
  split: { by: "meta" },
  // https://developers.facebook.com/docs/whatsapp/cloud-api/guides/set-up-webhooks
  maxBodyBytes: 3 * MIB,
  notes: {
    signs: "the body, which holds the ids of its messages and changes",
    replay: "closed: the ids are signed",
    retryWindowMs: 7 * DAY_MS,
    documentation: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
  },
});

/** WhatsApp, Messenger, Instagram: every message and change of a body is an event of its own. */
export function meta(
  options: SenderOptions & {
    /** Bindings that hold the verify token which was typed into the app's dashboard. */
    readonly verifyTokens: readonly string[];
  },
): Verification {
  return { ...metaSender(options), handshakeTokens: options.verifyTokens };
}

export const zoom = timedSender({
  name: "zoom",
  signatureHeaders: ["x-zm-signature"],
  layout: { layout: "plain", prefix: "v0=" },
  signed: [literal("v0:"), TIMESTAMP, literal(":"), BODY],
  timestamp: { in: "headers", names: ["x-zm-request-timestamp"], unit: "s" },
  // Not the tracking id: it is not signed. A body has its time to the millisecond.
  dedupeKey: [{ from: "body-digest" }],
  type: [body("event")],
  orderKey: { at: body("event_ts"), unit: "ms" },
  handshake: "zoom",
  keepHeaders: ["x-zm-trackingid"],
  notes: {
    signs: "timestamp and body",
    replay: "closed: tolerance on the signed timestamp, and the id is the body's digest",
    retryWindowMs: 2 * HOUR_MS,
    documentation: "https://developers.zoom.us/docs/api/webhooks/",
  },
});

/**
 * Calls, messages and Event Streams, whose bodies are arrays of CloudEvents. Signs the URL it was given: behind a
 * proxy, say it as `publicUrl`. The secret is the account's auth token.
 */
export const twilio = sender({
  name: "twilio",
  algorithm: "hmac-sha1",
  encoding: "base64",
  signatureHeaders: ["x-twilio-signature"],
  signed: [{ part: "url", variant: "twilio" }, { part: "sorted-form" }],
  // Events of Event Streams have an id, calls and messages a token; a few products send neither.
  dedupeKey: [body("id"), header("i-twilio-idempotency-token"), { from: "body-digest" }],
  type: [body("EventType"), body("MessageStatus"), body("SmsStatus"), body("CallStatus"), body("type")],
  orderKey: { at: body("time"), unit: "rfc3339" },
  onRepeat: "flag",
  split: { by: "elements", path: "" },
  keepHeaders: ["i-twilio-idempotency-token"],
  notes: {
    signs: "URL and body; the idempotency token comes in an unsigned header",
    replay: "flagged: the same body under another token is a new event that says so",
    retryWindowMs: 0,
    documentation: "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
  },
});

export const intercom = sender({
  name: "intercom",
  algorithm: "hmac-sha1",
  signatureHeaders: ["x-hub-signature"],
  layout: { layout: "plain", prefix: "sha1=" },
  dedupeKey: [body("id")],
  type: [body("topic")],
  orderKey: { at: body("created_at"), unit: "s" },
  handshake: "intercom",
  notes: {
    signs: "the body, which holds the notification's id",
    replay: "closed: the id is signed",
    retryWindowMs: HOUR_MS,
    documentation: "https://developers.intercom.com/docs/webhooks/setting-up-webhooks",
  },
});

export const line = sender({
  name: "line",
  signatureHeaders: ["x-line-signature"],
  encoding: "base64",
  dedupeKey: [body("webhookEventId")],
  orderKey: { at: body("timestamp"), unit: "ms" },
  split: { by: "elements", path: "events" },
  notes: {
    signs: "the body, which holds the events' ids",
    replay: "closed: the ids are signed",
    retryWindowMs: null,
    documentation: "https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/",
  },
});

export const telegram = sender({
  name: "telegram",
  algorithm: "shared-secret",
  signatureHeaders: ["x-telegram-bot-api-secret-token"],
  signed: [],
  dedupeKey: [body("update_id")],
  type: [{ from: "body-key", except: "update_id" }],
  orderKey: { at: body("update_id"), unit: "sequence" },
  notes: {
    signs: "nothing: the header carries the secret",
    replay: "open: who reads one request can send any",
    retryWindowMs: null,
    documentation: "https://core.telegram.org/bots/api#setwebhook",
  },
});
