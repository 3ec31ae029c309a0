/** Software's life and people's forms, as each one's documentation describes its signature. */
import { iso, seconds, type SenderSigner } from "./signer.ts";
import { hmacBase64, hmacHex } from "./webcrypto.ts";

/** https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries */
const github: SenderSigner = {
  name: "github",
  types: ["issues.opened", "pull_request.closed"],
  sample: ({ id, type }) => ({
    action: type.split(".")[1] ?? "",
    issue: { number: 7, title: `Something broke in ${id}` },
    repository: { full_name: "octo/example" },
  }),
  sign: async ({ body, secret, id, type }) => ({
    headers: {
      "x-hub-signature-256": `sha256=${await hmacHex("SHA-256", secret, body)}`,
      "x-github-event": type.split(".")[0] ?? type,
      "x-github-delivery": id,
    },
  }),
  signature: "x-hub-signature-256",
  unsignedHeaders: ["x-github-event", "x-github-delivery"],
};

/** https://docs.gitlab.com/user/project/integrations/webhooks/ */
const gitlab: SenderSigner = {
  name: "gitlab",
  types: ["Push Hook", "Issue Hook"],
  sample: () => ({ object_kind: "push", project: { path_with_namespace: "group/example" } }),
  sign: async ({ secret, id, type }) => ({
    headers: {
      "x-gitlab-token": secret,
      "x-gitlab-event": type,
      "x-gitlab-event-uuid": `uuid-${id}`,
      "idempotency-key": id,
    },
  }),
  signature: "x-gitlab-token",
  unsignedHeaders: ["x-gitlab-event", "idempotency-key"],
  bodyUnsigned: true,
};

/** https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/ */
const bitbucket: SenderSigner = {
  name: "bitbucket",
  types: ["repo:push", "pullrequest:created"],
  sample: ({ id }) => ({ repository: { full_name: "team/example" }, push: { changes: [{ id }] } }),
  sign: async ({ body, secret, id, type }) => ({
    headers: {
      "x-hub-signature": `sha256=${await hmacHex("SHA-256", secret, body)}`,
      "x-event-key": type,
      "x-request-uuid": id,
    },
  }),
  signature: "x-hub-signature",
  unsignedHeaders: ["x-event-key", "x-request-uuid"],
};

/** https://linear.app/developers/webhooks */
const linear: SenderSigner = {
  name: "linear",
  types: ["Issue.update", "Comment.create"],
  sample: ({ id, type, atMs }) => ({
    action: type.split(".")[1] ?? "",
    type: type.split(".")[0] ?? "",
    createdAt: iso(atMs),
    data: { id: `issue-${id}`, title: "Something broke" },
    webhookTimestamp: atMs,
  }),
  sign: async ({ body, secret, id, type }) => ({
    headers: {
      "linear-signature": await hmacHex("SHA-256", secret, body),
      "linear-delivery": id,
      "linear-event": type.split(".")[0] ?? type,
    },
  }),
  signature: "linear-signature",
  unsignedHeaders: ["linear-delivery", "linear-event"],
};

/** https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ */
const sentry: SenderSigner = {
  name: "sentry",
  types: ["issue.created", "event_alert.triggered"],
  sample: ({ type }) => ({
    action: type.split(".")[1] ?? "",
    installation: { uuid: "7a485448-a9e2-4c85-8a3c-4f44175783c9" },
    data: { issue: { id: "1170820242", title: "TypeError" } },
  }),
  sign: async ({ body, secret, id, type, atMs }) => ({
    headers: {
      "sentry-hook-signature": await hmacHex("SHA-256", secret, body),
      "sentry-hook-resource": type.split(".")[0] ?? type,
      "sentry-hook-timestamp": String(seconds(atMs)),
      "request-id": id,
    },
  }),
  signature: "sentry-hook-signature",
  unsignedHeaders: ["sentry-hook-resource", "sentry-hook-timestamp", "request-id"],
};

/** https://vercel.com/docs/webhooks/webhooks-api */
const vercel: SenderSigner = {
  name: "vercel",
  types: ["deployment.created"],
  sample: ({ id, type, atMs }) => ({ id, type, createdAt: atMs, payload: { project: { id: "prj_1" } } }),
  sign: async ({ body, secret }) => ({
    headers: { "x-vercel-signature": await hmacHex("SHA-1", secret, body) },
  }),
  signature: "x-vercel-signature",
};

/** https://developer.pagerduty.com/docs/verifying-webhook-signatures */
const pagerDuty: SenderSigner = {
  name: "pagerduty",
  types: ["incident.triggered"],
  sample: ({ id, type, atMs }) => ({
    event: { id, event_type: type, occurred_at: iso(atMs), data: { id: "PGR0VU2", type: "incident" } },
  }),
  sign: async ({ body, secret }) => ({
    headers: {
      "x-pagerduty-signature": `v1=${await hmacHex("SHA-256", secret, body)}`,
      "x-webhook-id": "subscription-1",
    },
  }),
  signature: "x-pagerduty-signature",
  unsignedHeaders: ["x-webhook-id"],
};

/** https://www.typeform.com/developers/webhooks/secure-your-webhooks/ */
const typeform: SenderSigner = {
  name: "typeform",
  types: ["form_response"],
  sample: ({ id, type, atMs }) => ({
    event_id: id,
    event_type: type,
    form_response: { form_id: "lT4Z3j", token: "a3a12ec67a1365927098a606107fac15", submitted_at: iso(atMs) },
  }),
  sign: async ({ body, secret }) => ({
    headers: { "typeform-signature": `sha256=${await hmacBase64("SHA-256", secret, body)}` },
  }),
  signature: "typeform-signature",
};

/** https://developer.calendly.com/api-docs/ZG9jOjM2MzE2MDM4-webhook-signatures */
const calendly: SenderSigner = {
  name: "calendly",
  types: ["invitee.created", "invitee.canceled"],
  sample: ({ id, type, atMs }) => ({
    event: type,
    created_at: iso(atMs),
    payload: { uri: `https://api.calendly.com/invitees/${id}`, email: "ada@example.com" },
  }),
  sign: async ({ body, secret, atMs }) => {
    const digest = await hmacHex("SHA-256", secret, `${seconds(atMs)}.${body}`);
    return { headers: { "calendly-webhook-signature": `t=${seconds(atMs)},v1=${digest}` } };
  },
  signature: "calendly-webhook-signature",
};

export const CODE_SENDERS = [
  github,
  gitlab,
  bitbucket,
  linear,
  sentry,
  vercel,
  pagerDuty,
  typeform,
  calendly,
];
