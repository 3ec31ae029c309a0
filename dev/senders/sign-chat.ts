/** Messengers, calls and support, as each one's documentation describes its signature. */
import { iso, seconds, type SenderSigner } from "./signer.ts";
import { ed25519Sign, hmacBase64, hmacHex, toHex } from "./webcrypto.ts";

/** https://docs.slack.dev/authentication/verifying-requests-from-slack */
const slack: SenderSigner = {
  name: "slack",
  types: ["app_mention", "message"],
  sample: ({ id, type, atMs }) => ({
    type: "event_callback",
    event_id: id,
    event_time: seconds(atMs),
    team_id: "T1",
    event: { type, user: "U1", text: "hello", channel: "C1" },
  }),
  sign: async ({ body, secret, atMs }) => ({
    headers: {
      "x-slack-signature": `v0=${await hmacHex("SHA-256", secret, `v0:${seconds(atMs)}:${body}`)}`,
      "x-slack-request-timestamp": String(seconds(atMs)),
    },
  }),
  signature: "x-slack-signature",
  signedHeaders: ["x-slack-request-timestamp"],
};

/** https://docs.discord.com/developers/interactions/overview */
const discord: SenderSigner = {
  name: "discord",
  key: "ed25519",
  types: ["2", "3"],
  sample: ({ id, type }) => ({
    id,
    application_id: "1",
    type: Number(type),
    token: "t",
    data: { name: "blep" },
  }),
  sign: async ({ body, secret, atMs }) => ({
    headers: {
      "x-signature-ed25519": toHex(await ed25519Sign(secret, `${seconds(atMs)}${body}`)),
      "x-signature-timestamp": String(seconds(atMs)),
    },
  }),
  signature: "x-signature-ed25519",
  signedHeaders: ["x-signature-timestamp"],
};

/** https://developers.facebook.com/docs/graph-api/webhooks/getting-started#validate-payloads */
const meta: SenderSigner = {
  name: "meta",
  types: ["messages", "messaging"],
  sample: ({ id, type, atMs }) =>
    type === "messaging"
      ? {
          object: "page",
          entry: [
            {
              id: "1",
              time: atMs,
              messaging: [{ sender: { id: "7" }, timestamp: atMs, message: { mid: id, text: "hello" } }],
            },
          ],
        }
      : {
          object: "whatsapp_business_account",
          entry: [
            {
              id: "1",
              changes: [
                {
                  field: type,
                  value: {
                    messaging_product: "whatsapp",
                    messages: [{ id, from: "15550100", type: "text" }],
                  },
                },
              ],
            },
          ],
        },
  sign: async ({ body, secret }) => ({
    headers: { "x-hub-signature-256": `sha256=${await hmacHex("SHA-256", secret, body)}` },
  }),
  signature: "x-hub-signature-256",
};

/** https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events */
const zoom: SenderSigner = {
  name: "zoom",
  types: ["meeting.started", "meeting.ended"],
  sample: ({ id, type, atMs }) => ({
    event: type,
    event_ts: atMs,
    payload: { account_id: "a", object: { id: "1234567890", uuid: id } },
  }),
  sign: async ({ body, secret, id, atMs }) => ({
    headers: {
      "x-zm-signature": `v0=${await hmacHex("SHA-256", secret, `v0:${seconds(atMs)}:${body}`)}`,
      "x-zm-request-timestamp": String(seconds(atMs)),
      "x-zm-trackingid": id,
    },
  }),
  signature: "x-zm-signature",
  signedHeaders: ["x-zm-request-timestamp"],
  unsignedHeaders: ["x-zm-trackingid"],
};

/** https://www.twilio.com/docs/usage/webhooks/webhooks-security */
const twilio: SenderSigner = {
  name: "twilio",
  contentType: "application/x-www-form-urlencoded",
  types: ["delivered", "sent"],
  sample: ({ id, type }) => ({
    MessageSid: `SM${id}`,
    MessageStatus: type,
    To: "+15550100",
    From: "+15550101",
    Body: "grüße & more",
  }),
  sign: async ({ body, url, secret, id }) => {
    const fields = [...new URLSearchParams(body)].toSorted(([left], [right]) => (left < right ? -1 : 1));
    const content = url + fields.map(([name, value]) => name + value).join("");
    return {
      headers: {
        "x-twilio-signature": await hmacBase64("SHA-1", secret, content),
        "i-twilio-idempotency-token": id,
      },
    };
  },
  signature: "x-twilio-signature",
  signsUrl: true,
  unsignedHeaders: ["i-twilio-idempotency-token"],
};

/** https://developers.intercom.com/docs/webhooks/setting-up-webhooks#signed-notifications */
const intercom: SenderSigner = {
  name: "intercom",
  types: ["conversation.user.created"],
  sample: ({ id, type, atMs }) => ({
    type: "notification_event",
    id,
    topic: type,
    created_at: seconds(atMs),
    data: { item: { type: "conversation", id: "1" } },
  }),
  sign: async ({ body, secret }) => ({
    headers: { "x-hub-signature": `sha1=${await hmacHex("SHA-1", secret, body)}` },
  }),
  signature: "x-hub-signature",
};

/** https://developers.line.biz/en/docs/messaging-api/verify-webhook-signature/ */
const line: SenderSigner = {
  name: "line",
  types: ["message", "follow"],
  sample: ({ id, type, atMs }) => ({
    destination: "U0",
    events: [{ type, webhookEventId: id, timestamp: atMs, source: { type: "user", userId: "U1" } }],
  }),
  sign: async ({ body, secret }) => ({
    headers: { "x-line-signature": await hmacBase64("SHA-256", secret, body) },
  }),
  signature: "x-line-signature",
};

/** https://core.telegram.org/bots/api#setwebhook */
const telegram: SenderSigner = {
  name: "telegram",
  types: ["message", "callback_query"],
  sample: ({ id, type, atMs }) => ({
    update_id: Number.parseInt(id.replaceAll(/\D/g, "").slice(0, 9) || "1", 10),
    [type]: { message_id: 1, date: seconds(atMs), chat: { id: 42 }, text: `hello at ${iso(atMs)}` },
  }),
  sign: async ({ secret }) => ({ headers: { "x-telegram-bot-api-secret-token": secret } }),
  signature: "x-telegram-bot-api-secret-token",
  bodyUnsigned: true,
};

export const CHAT_SENDERS = [slack, discord, meta, zoom, twilio, intercom, line, telegram];
