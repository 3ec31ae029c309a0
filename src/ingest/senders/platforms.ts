/** Clouds, workspaces and networks: their schemes as data, from each one's documentation. */
import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../config/limits.ts";
import type { TokenFacts, Verification } from "../scheme.ts";
import {
  BODY,
  body,
  completeScheme,
  header,
  namedSecrets,
  sender,
  TIMESTAMP,
  timedSender,
  type SecretOption,
} from "./define-sender.ts";

const AWS_SNS = completeScheme({
  name: "aws-sns",
  algorithm: "sns-certificate",
  encoding: "base64",
  signatureHeaders: [],
  layout: { layout: "body", path: "Signature" },
  signed: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"].map((path) => ({
    part: "field",
    path,
  })),
  timestamp: { in: "body", path: "Timestamp", unit: "rfc3339" },
  toleranceMs: HOUR_MS,
  dedupeKey: [body("MessageId")],
  type: [body("Type")],
  orderKey: { at: body("Timestamp"), unit: "rfc3339" },
  handshake: "aws-sns",
  jsonTypes: ["text/plain"],
  keepHeaders: ["x-amz-sns-message-type", "x-amz-sns-topic-arn", "x-amz-sns-subscription-arn"],
  notes: {
    signs: "message, id, subject, time, topic and type",
    replay: "closed: tolerance on the signed time, and the signed id",
    retryWindowMs: 23 * DAY_MS,
    documentation: "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
  },
});

/** Anybody may have a topic, so the topics that may send are named; there is no secret. Raw delivery is not signed. */
export function awsSns(options: {
  /** Bindings (variables will do) that hold the ARNs of the topics. */
  readonly topics: readonly SecretOption[];
  /** A subscription of one of these topics is confirmed by itself. Default: true. */
  readonly confirmSubscriptions?: boolean;
  readonly toleranceMs?: number;
}): Verification {
  const { topics, confirmSubscriptions = true, toleranceMs } = options;
  const scheme = toleranceMs === undefined ? AWS_SNS : { ...AWS_SNS, toleranceMs };
  return { scheme, ...namedSecrets(topics), confirmSubscriptions };
}

const GOOGLE_PUB_SUB = completeScheme({
  name: "google-pub-sub",
  algorithm: "jwt",
  encoding: "text",
  signatureHeaders: ["authorization"],
  layout: { layout: "plain", prefix: "Bearer " },
  signed: [],
  toleranceMs: HOUR_MS,
  dedupeKey: [body("message.messageId")],
  type: [
    body("message.attributes.eventType"),
    body("message.attributes.ce-type"),
    { from: "constant", text: "message" },
  ],
  orderKey: { at: body("message.publishTime"), unit: "rfc3339" },
  notes: {
    signs: "nothing of the message: the token names the account that pushes, and the audience",
    replay: "open for the token's hour: who reads one request can send any",
    retryWindowMs: 7 * DAY_MS,
    documentation: "https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
  },
});

/** Push subscriptions with authentication switched on. The message's `data` stays base64. */
export function googlePubSub(options: {
  /** As the subscription says it; without one there it is the push endpoint's URL. */
  readonly audience: string;
  /** Bindings (variables will do) that hold the e-mail addresses of the service accounts that may push. */
  readonly serviceAccounts: readonly SecretOption[];
}): Verification {
  const { audience, serviceAccounts } = options;
  const token: TokenFacts = {
    algorithm: "RS256",
    keys: { by: "jwks", url: "https://www.googleapis.com/oauth2/v3/certs" },
    issuers: ["https://accounts.google.com", "accounts.google.com"],
    audience,
    hasExpiry: true,
    sender: "email",
  };
  return { scheme: { ...GOOGLE_PUB_SUB, token }, ...namedSecrets(serviceAccounts) };
}

/** X's bodies have no id of their own; the activities inside are unique. */
export const x = sender({
  name: "x",
  signatureHeaders: ["x-twitter-webhooks-signature"],
  encoding: "base64",
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [{ from: "body-digest" }],
  type: [
    { from: "body-key", ending: "_events" },
    { from: "body-key", ending: "_event" },
  ],
  handshake: "x",
  refuseForms: true,
  notes: {
    signs: "the body",
    replay: "closed: the id is the body's digest",
    retryWindowMs: null,
    documentation: "https://docs.x.com/x-api/webhooks/quickstart",
  },
});

export const twitch = timedSender({
  name: "twitch",
  signatureHeaders: ["twitch-eventsub-message-signature"],
  layout: { layout: "plain", prefix: "sha256=" },
  signed: [{ part: "id" }, TIMESTAMP, BODY],
  timestamp: { in: "headers", names: ["twitch-eventsub-message-timestamp"], unit: "rfc3339" },
  id: { headers: ["twitch-eventsub-message-id"] },
  toleranceMs: 10 * MINUTE_MS,
  dedupeKey: [{ from: "signed-id" }],
  type: [body("subscription.type"), header("twitch-eventsub-subscription-type")],
  orderKey: { at: header("twitch-eventsub-message-timestamp"), unit: "rfc3339" },
  handshake: "twitch",
  keepHeaders: [
    "twitch-eventsub-message-id",
    "twitch-eventsub-message-type",
    "twitch-eventsub-message-timestamp",
    "twitch-eventsub-subscription-type",
    "twitch-eventsub-subscription-version",
  ],
  notes: {
    signs: "id, timestamp and body",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: null,
    documentation: "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
  },
});

export const notion = sender({
  name: "notion",
  signatureHeaders: ["x-notion-signature"],
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [body("id")],
  orderKey: { at: body("timestamp"), unit: "rfc3339" },
  handshake: "notion",
  notes: {
    signs: "the body, which holds the event's id",
    replay: "closed: the id is signed",
    retryWindowMs: DAY_MS,
    documentation: "https://developers.notion.com/reference/webhooks",
  },
});

/** Says only that something has changed, in the same words each time: every request is an event. */
export const dropbox = sender({
  name: "dropbox",
  signatureHeaders: ["x-dropbox-signature"],
  dedupeKey: [{ from: "receipt" }],
  type: [{ from: "constant", text: "change" }],
  onRepeat: "accept",
  handshake: "dropbox",
  notes: {
    signs: "the body, which names accounts and no event",
    replay: "open: a repeat means to look once more, and does no harm",
    retryWindowMs: 10 * MINUTE_MS,
    documentation: "https://www.dropbox.com/developers/reference/webhooks",
  },
});

/** The secret comes in the handshake and in the answer to the call that made the webhook: take it from there. */
export const asana = sender({
  name: "asana",
  signatureHeaders: ["x-hook-signature"],
  dedupeKey: [{ from: "body-digest" }],
  type: [body("resource.resource_type")],
  typeSuffix: body("action"),
  orderKey: { at: body("created_at"), unit: "rfc3339" },
  handshake: "asana",
  split: { by: "elements", path: "events" },
  notes: {
    signs: "the body, whose events have a time to the millisecond",
    replay: "closed: the id is the event's digest",
    retryWindowMs: DAY_MS,
    documentation: "https://developers.asana.com/docs/webhooks-guide",
  },
});

/** Change notifications. `clientState` is the secret itself; what changed has to be fetched. */
export const microsoftGraph = sender({
  name: "microsoft-graph",
  algorithm: "shared-secret",
  signatureHeaders: [],
  layout: { layout: "body", path: "value.*.clientState" },
  signed: [],
  dedupeKey: [body("id"), { from: "receipt" }],
  type: [body("changeType"), body("lifecycleEvent")],
  handshake: "microsoft-graph",
  split: { by: "elements", path: "value" },
  notes: {
    signs: "nothing: the body carries the secret",
    replay: "open: who reads one request can send any",
    retryWindowMs: 4 * HOUR_MS,
    documentation: "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
  },
});
