/** Senders of software's life, code to incident: their schemes as data, from each one's documentation. */
import { DAY_MS, HOUR_MS, MIB, MINUTE_MS } from "../../config/limits.ts";
import { body, header, sender, timedSender } from "./define-sender.ts";

export const github = sender({
  name: "github",
  signatureHeaders: ["x-hub-signature-256"],
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [header("x-github-delivery")],
  type: [header("x-github-event")],
  typeSuffix: body("action"),
  onRepeat: "refuse",
  // https://docs.github.com/webhooks/webhook-events-and-payloads#payload-cap
  maxBodyBytes: 25 * MIB,
  keepHeaders: [
    "x-github-event",
    "x-github-delivery",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
  ],
  notes: {
    signs: "the body alone; event name and delivery id come in unsigned headers",
    replay: "guarded: the same body under another delivery id is the same event",
    retryWindowMs: 0,
    documentation: "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
  },
});

/** The token is the secret itself. `X-Gitlab-Event-UUID` is shared by events that webhooks cause, so it comes second. */
export const gitlab = sender({
  name: "gitlab",
  algorithm: "shared-secret",
  signatureHeaders: ["x-gitlab-token"],
  signed: [],
  dedupeKey: [header("idempotency-key"), header("x-gitlab-event-uuid")],
  type: [header("x-gitlab-event")],
  // https://docs.gitlab.com/administration/instance_limits/ : larger ones are not sent.
  maxBodyBytes: 25 * MIB,
  keepHeaders: ["x-gitlab-event", "x-gitlab-instance", "x-gitlab-webhook-uuid", "x-gitlab-event-uuid"],
  notes: {
    signs: "nothing: the header carries the secret",
    replay: "open: who reads one request can send any",
    retryWindowMs: null,
    documentation: "https://docs.gitlab.com/user/project/integrations/webhooks/",
  },
});

/** Cloud and Data Center, which calls the request's id by another name. */
export const bitbucket = sender({
  name: "bitbucket",
  signatureHeaders: ["x-hub-signature"],
  layout: { layout: "plain", prefix: "sha256=" },
  dedupeKey: [header("x-request-uuid"), header("x-request-id")],
  type: [header("x-event-key")],
  onRepeat: "refuse",
  handshake: "bitbucket",
  keepHeaders: ["x-event-key", "x-hook-uuid", "x-request-uuid", "x-request-id", "x-attempt-number"],
  notes: {
    signs: "the body alone; event key and request id come in unsigned headers",
    replay: "guarded: the same body under another request id is the same event",
    retryWindowMs: HOUR_MS,
    documentation: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
  },
});

export const linear = timedSender({
  name: "linear",
  signatureHeaders: ["linear-signature"],
  timestamp: { in: "body", path: "webhookTimestamp", unit: "ms" },
  toleranceMs: MINUTE_MS,
  dedupeKey: [header("linear-delivery")],
  type: [body("type"), header("linear-event")],
  typeSuffix: body("action"),
  orderKey: { at: body("createdAt"), unit: "rfc3339" },
  keepHeaders: ["linear-event", "linear-delivery"],
  notes: {
    signs: "the body, which holds a timestamp; the delivery id comes in an unsigned header",
    replay: "open for the tolerance under another delivery id, closed after it",
    retryWindowMs: 7 * HOUR_MS,
    documentation: "https://linear.app/developers/webhooks",
  },
});

export const sentry = sender({
  name: "sentry",
  signatureHeaders: ["sentry-hook-signature"],
  dedupeKey: [header("request-id")],
  type: [header("sentry-hook-resource")],
  typeSuffix: body("action"),
  orderKey: { at: header("sentry-hook-timestamp"), unit: "s" },
  onRepeat: "flag",
  keepHeaders: ["sentry-hook-resource", "sentry-hook-timestamp", "request-id"],
  notes: {
    signs: "the body alone; resource, time and request id come in unsigned headers",
    replay: "flagged: the same body under another request id is a new event that says so",
    retryWindowMs: 0,
    documentation: "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
  },
});

export const vercel = sender({
  name: "vercel",
  algorithm: "hmac-sha1",
  signatureHeaders: ["x-vercel-signature"],
  dedupeKey: [body("id")],
  orderKey: { at: body("createdAt"), unit: "ms" },
  notes: {
    signs: "the body, which holds the event's id",
    replay: "closed: the id is signed",
    retryWindowMs: DAY_MS,
    documentation: "https://vercel.com/docs/webhooks/webhooks-api",
  },
});

export const pagerDuty = sender({
  name: "pagerduty",
  signatureHeaders: ["x-pagerduty-signature"],
  layout: { layout: "pairs", separator: ",", signatureKey: "v1" },
  dedupeKey: [body("event.id")],
  type: [body("event.event_type")],
  orderKey: { at: body("event.occurred_at"), unit: "rfc3339" },
  keepHeaders: ["x-webhook-id", "x-webhook-subscription"],
  notes: {
    signs: "the body, which holds the event's id",
    replay: "closed: the id is signed",
    retryWindowMs: 2 * DAY_MS,
    documentation: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
  },
});
