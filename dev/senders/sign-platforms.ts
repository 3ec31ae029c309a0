/** Mail, clouds and workspaces, as each one's documentation describes its signature. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../src/core/json.ts";
import { iso, seconds, type SenderSigner } from "./signer.ts";
import { ecdsaSignDer, fromBase64, hmac, hmacBase64, hmacHex, rsaSign, toBase64 } from "./webcrypto.ts";

/** https://www.standardwebhooks.com */
const standardWebhooks: SenderSigner = {
  name: "standard-webhooks",
  key: "standard-webhooks",
  types: ["user.created", "invoice.paid"],
  sample: ({ type, atMs }) => ({
    type,
    timestamp: iso(atMs),
    data: { id: "usr_1", email: "ada@example.com" },
  }),
  sign: async ({ body, secret, id, atMs }) => {
    const key = fromBase64(secret.replace(/^whsec_/, ""));
    const digest = toBase64(await hmac("SHA-256", key, `${id}.${seconds(atMs)}.${body}`));
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": String(seconds(atMs)),
      "webhook-signature": `v1,${digest}`,
    };
    return { headers };
  },
  signature: "webhook-signature",
  signedHeaders: ["webhook-id", "webhook-timestamp"],
};

/** https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation */
const hubspot: SenderSigner = {
  name: "hubspot",
  types: ["contact.creation", "deal.propertyChange"],
  sample: ({ id, type, atMs }) => [
    {
      eventId: id,
      subscriptionId: 25,
      portalId: 33,
      objectId: 1_246_965,
      occurredAt: atMs,
      subscriptionType: type,
    },
  ],
  sign: async ({ body, url, secret, atMs }) => {
    // "Decode any of the URL-encoded characters" of this table, and no others.
    const uri = url.replaceAll(/%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi, decodeURIComponent);
    return {
      headers: {
        "x-hubspot-signature-v3": await hmacBase64("SHA-256", secret, `POST${uri}${body}${atMs}`),
        "x-hubspot-request-timestamp": String(atMs),
      },
    };
  },
  signature: "x-hubspot-signature-v3",
  signedHeaders: ["x-hubspot-request-timestamp"],
  signsUrl: true,
};

/** https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features */
const sendgrid: SenderSigner = {
  name: "sendgrid",
  key: "ecdsa",
  types: ["delivered", "bounce"],
  sample: ({ id, type, atMs }) => [
    { email: "ada@example.com", event: type, sg_event_id: id, timestamp: seconds(atMs) },
  ],
  sign: async ({ body, secret, atMs }) => {
    const sent = `${body}\r\n`;
    const signature = toBase64(await ecdsaSignDer(secret, `${seconds(atMs)}${sent}`));
    return {
      body: sent,
      headers: {
        "x-twilio-email-event-webhook-signature": signature,
        "x-twilio-email-event-webhook-timestamp": String(seconds(atMs)),
      },
    };
  },
  signature: "x-twilio-email-event-webhook-signature",
  signedHeaders: ["x-twilio-email-event-webhook-timestamp"],
};

/** https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks */
const mailgun: SenderSigner = {
  name: "mailgun",
  types: ["delivered", "failed"],
  sample: ({ type, atMs }) => ({
    "event-data": { event: type, timestamp: atMs / 1_000, recipient: "ada@example.com" },
  }),
  sign: async ({ body, secret, id, atMs }) => {
    const timestamp = String(seconds(atMs));
    const signature = { timestamp, token: id, signature: await hmacHex("SHA-256", secret, timestamp + id) };
    return { headers: {}, body: JSON.stringify({ ...objectIn(body), signature }) };
  },
  signature: { body: "signature.signature" },
  bodyUnsigned: true,
};

/** https://developer.zendesk.com/documentation/webhooks/verifying/ */
const zendesk: SenderSigner = {
  name: "zendesk",
  types: ["zen:event-type:user.created"],
  sample: ({ id, type, atMs }) => ({ account_id: 1, detail: { id: "2" }, id, time: iso(atMs), type }),
  sign: async ({ body, secret, id, atMs }) => ({
    headers: {
      "x-zendesk-webhook-signature": await hmacBase64("SHA-256", secret, iso(atMs) + body),
      "x-zendesk-webhook-signature-timestamp": iso(atMs),
      "x-zendesk-webhook-invocation-id": id,
    },
  }),
  signature: "x-zendesk-webhook-signature",
  signedHeaders: ["x-zendesk-webhook-signature-timestamp"],
  unsignedHeaders: ["x-zendesk-webhook-invocation-id"],
};

export const SNS_TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders";
export const SNS_CERTIFICATE_URL =
  "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

const SNS_SIGNED = [
  "Message",
  "MessageId",
  "SubscribeURL",
  "Subject",
  "Timestamp",
  "Token",
  "TopicArn",
  "Type",
];

/** https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html */
const awsSns: SenderSigner = {
  name: "aws-sns",
  key: "certificate",
  contentType: "text/plain; charset=UTF-8",
  types: ["Notification"],
  sample: ({ id, type, atMs }) => ({
    Type: type,
    MessageId: id,
    TopicArn: SNS_TOPIC,
    Subject: "An order",
    Message: JSON.stringify({ order: 7 }),
    Timestamp: iso(atMs),
  }),
  sign: async ({ body, secret }) => {
    const message = objectIn(body);
    const isConfirmation = message["Type"] !== "Notification";
    const names = SNS_SIGNED.filter((name) =>
      isConfirmation ? name !== "Subject" : name !== "SubscribeURL" && name !== "Token",
    );
    const content = names
      .filter((name) => message[name] !== undefined)
      .map((name) => `${name}\n${textOf(message[name])}\n`)
      .join("");
    const { SignatureVersion = "2", SigningCertURL = SNS_CERTIFICATE_URL } = message;
    const hash = SignatureVersion === "1" ? "SHA-1" : "SHA-256";
    const Signature = toBase64(await rsaSign(hash, secret, content));
    return {
      headers: { "x-amz-sns-message-type": textOf(message["Type"]) },
      body: JSON.stringify({ ...message, SignatureVersion, Signature, SigningCertURL }),
    };
  },
  signature: { body: "Signature" },
  unsignedHeaders: ["x-amz-sns-message-type"],
};

/** https://docs.x.com/x-api/webhooks/quickstart */
const x: SenderSigner = {
  name: "x",
  types: ["tweet_create_events", "favorite_events"],
  sample: ({ id, type, atMs }) => ({
    for_user_id: "2244994945",
    [type]: [{ id_str: id, timestamp_ms: String(atMs) }],
  }),
  sign: async ({ body, secret }) => ({
    headers: { "x-twitter-webhooks-signature": `sha256=${await hmacBase64("SHA-256", secret, body)}` },
  }),
  signature: "x-twitter-webhooks-signature",
};

/** https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message */
const twitch: SenderSigner = {
  name: "twitch",
  types: ["channel.follow", "stream.online"],
  sample: ({ type }) => ({ subscription: { id: "s", type, version: "1" }, event: { user_id: "1337" } }),
  sign: async ({ body, secret, id, type, atMs }) => ({
    headers: {
      "twitch-eventsub-message-signature": `sha256=${await hmacHex("SHA-256", secret, id + iso(atMs) + body)}`,
      "twitch-eventsub-message-id": id,
      "twitch-eventsub-message-timestamp": iso(atMs),
      "twitch-eventsub-message-type": "notification",
      "twitch-eventsub-subscription-type": type,
    },
  }),
  signature: "twitch-eventsub-message-signature",
  signedHeaders: ["twitch-eventsub-message-id", "twitch-eventsub-message-timestamp"],
  unsignedHeaders: ["twitch-eventsub-subscription-type"],
};

/** https://developers.notion.com/reference/webhooks */
const notion: SenderSigner = {
  name: "notion",
  types: ["page.created", "comment.created"],
  sample: ({ id, type, atMs }) => ({ id, type, timestamp: iso(atMs), entity: { id: "p", type: "page" } }),
  sign: async ({ body, secret }) => ({
    headers: { "x-notion-signature": `sha256=${await hmacHex("SHA-256", secret, body)}` },
  }),
  signature: "x-notion-signature",
};

/** https://www.dropbox.com/developers/reference/webhooks */
const dropbox: SenderSigner = {
  name: "dropbox",
  types: ["change"],
  sample: () => ({ list_folder: { accounts: ["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"] } }),
  sign: async ({ body, secret }) => ({
    headers: { "x-dropbox-signature": await hmacHex("SHA-256", secret, body) },
  }),
  signature: "x-dropbox-signature",
};

/** https://developers.asana.com/docs/webhooks-guide */
const asana: SenderSigner = {
  name: "asana",
  types: ["task.changed", "story.added"],
  sample: ({ id, type, atMs }) => ({
    events: [
      {
        action: type.split(".")[1] ?? "",
        created_at: iso(atMs),
        resource: { gid: id, resource_type: type.split(".")[0] ?? "" },
        user: { gid: "12345" },
      },
    ],
  }),
  sign: async ({ body, secret }) => ({
    headers: { "x-hook-signature": await hmacHex("SHA-256", secret, body) },
  }),
  signature: "x-hook-signature",
};

/** https://learn.microsoft.com/graph/change-notifications-delivery-webhooks */
const microsoftGraph: SenderSigner = {
  name: "microsoft-graph",
  types: ["updated", "created"],
  sample: ({ id, type }) => ({
    value: [{ id, subscriptionId: "s", changeType: type, resource: "me/messages/1" }],
  }),
  sign: async ({ body, secret }) => {
    const { value } = objectIn(body);
    const items = Array.isArray(value) ? value.filter((item) => isJsonObject(item)) : [];
    return {
      headers: {},
      body: JSON.stringify({ value: items.map((item) => ({ ...item, clientState: secret })) }),
    };
  },
  signature: { body: "value.0.clientState" },
  bodyUnsigned: true,
};

/** Your own app, with a bearer token. https://www.rfc-editor.org/rfc/rfc6750 */
const unsigned: SenderSigner = {
  name: "unsigned",
  types: ["note.created"],
  sample: ({ id, type }) => ({ id, type, text: "hello" }),
  sign: async ({ secret, id }) => ({
    headers: { authorization: `Bearer ${secret}`, "idempotency-key": id },
  }),
  signature: "authorization",
  unsignedHeaders: ["idempotency-key"],
  bodyUnsigned: true,
};

function objectIn(body: string): JsonObject {
  const value: JsonValue = JSON.parse(body);
  return isJsonObject(value) ? value : {};
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

export const PLATFORM_SENDERS = [
  standardWebhooks,
  hubspot,
  sendgrid,
  mailgun,
  zendesk,
  awsSns,
  x,
  twitch,
  notion,
  dropbox,
  asana,
  microsoftGraph,
  unsigned,
];
