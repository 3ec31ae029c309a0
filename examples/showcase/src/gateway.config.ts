/**
 * The gateway's config: who sends, what is made of it, where it goes. This is the file to edit; upgrading
 * Sluice never touches it. Secrets are named here and set with `wrangler secret put NAME`.
 */
import {
  defineGateway,
  defineSource,
  github,
  httpDestination,
  openaiCompatible,
  queueDestination,
  standardWebhooks,
  stripe,
} from "sluice";
import { documentClassify, documentEntities, documentReceived, documentText } from "./pipelines/documents.ts";
import { ALLOW, fraudCheck, paymentAttempted } from "./pipelines/fraud-check.ts";
import { enquirySubmitted, leadScoring } from "./pipelines/lead-scoring.ts";
import { HOLD, liveChat } from "./pipelines/live-chat.ts";
import { chatMessage, commentCreated, moderation, uploadCreated } from "./pipelines/moderation.ts";
import { moderationV2 } from "./pipelines/moderation-v2.ts";
import { payments, stripeEvent } from "./pipelines/payments.ts";
import { issueEvent, pullRequestEvent, triage } from "./pipelines/triage.ts";

/** Payments: the order of acknowledgement, without exception. */
const stripeSource = defineSource({
  verify: stripe({ secrets: ["STRIPE_WEBHOOK_SECRET"] }),
  events: {
    "payment_intent.succeeded": stripeEvent,
    "payment_intent.payment_failed": stripeEvent,
    "invoice.paid": stripeEvent,
    "customer.subscription.updated": stripeEvent,
    "charge.dispute.created": stripeEvent,
  },
  partitionBy: ({ payload }) => payload.data.object.customer ?? null,
  priority: "high",
  policy: { ordering: "strict", onDead: "pause" },
  routes: (route) => [route("*", payments)],
});

/** A repository's events are one order; GitHub sends no usable time, so the order is that of arrival. */
const githubSource = defineSource({
  verify: github({ secrets: ["GITHUB_WEBHOOK_SECRET"] }),
  events: {
    "issues.opened": issueEvent,
    "issues.edited": issueEvent,
    "issue_comment.created": issueEvent,
    "pull_request.opened": pullRequestEvent,
  },
  partitionBy: ({ payload }) => payload.repository.full_name,
  priority: "low",
  // Whoever redelivers an event by hand sees at once what it came to, in GitHub's own list of deliveries.
  idempotency: "results",
  routes: (route) => [route("*", triage)],
});

/** A media platform's own events, signed as Standard Webhooks. */
const mediaSource = defineSource({
  verify: standardWebhooks({ secrets: ["MEDIA_WEBHOOK_SECRET"] }),
  events: {
    "comment.created": commentCreated,
    "upload.created": uploadCreated,
    "chat.message": chatMessage,
  },
  partitionBy: ({ payload }) => payload.data.author.id,
  policy: { ordering: "strict" },
  routes: (route) => [
    route("comment.created", moderation),
    route("upload.created", moderation),
    // Somebody reads along: chat goes first.
    route("chat.message", moderation, { priority: "high" }),
  ],
});

const leadsSource = defineSource({
  verify: standardWebhooks({ secrets: ["LEADS_WEBHOOK_SECRET"] }),
  events: { "enquiry.submitted": enquirySubmitted },
  partitionBy: ({ payload }) => payload.data.email,
  policy: { ordering: "strict" },
  routes: (route) => [route("enquiry.submitted", leadScoring)],
});

const documentsSource = defineSource({
  verify: standardWebhooks({ secrets: ["DOCUMENTS_WEBHOOK_SECRET"] }),
  events: { "document.received": documentReceived },
  partitionBy: ({ payload }) => payload.data.customer_id,
  // A scanned book is a large event: it waits in R2 until it is worked on.
  maxBodyBytes: 25 * 1_024 * 1_024,
  policy: { ordering: "strict" },
  routes: (route) => [route("document.received", documentText)],
});

/** The checkout waits: allowed, and looked at by a person afterwards, when there is no judgement within 800 ms. */
const checkoutSource = defineSource({
  verify: standardWebhooks({ secrets: ["CHECKOUT_WEBHOOK_SECRET"] }),
  events: { "payment.attempted": paymentAttempted },
  partitionBy: ({ payload }) => payload.data.customer_id,
  priority: "high",
  onInvalid: "reject",
  routes: (route) => [
    route("payment.attempted", fraudCheck, { mode: "sync", deadlineMs: 800, default: ALLOW }),
  ],
});

/** A live stream's chat waits as well, not as long, and what is not judged in time is held. */
const liveSource = defineSource({
  verify: standardWebhooks({ secrets: ["MEDIA_WEBHOOK_SECRET"] }),
  events: { "chat.message": chatMessage },
  partitionBy: ({ payload }) => payload.data.author.id,
  priority: "high",
  routes: (route) => [route("chat.message", liveChat, { mode: "sync", deadlineMs: 500, default: HOLD })],
});

export default defineGateway({
  sources: {
    stripe: stripeSource,
    github: githubSource,
    media: mediaSource,
    leads: leadsSource,
    documents: documentsSource,
    checkout: checkoutSource,
    live: liveSource,
  },
  // Reached by `emit` alone; and the next moderation, which runs in shadow until it is routed to.
  pipelines: [documentEntities, documentClassify, moderationV2],
  // The pages that may read streams: the chat page of `npm run dev`, then your own.
  api: { corsOrigins: [{ variable: "PAGE_ORIGIN" }] },
  models: {
    // The embedded stand-in. For a real model: its base URL, its name, its key's binding, its limits.
    fast: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "sluice-standin-1",
      apiKey: "MODEL_API_KEY",
      limits: { requestsPerMinute: 3_000, maxConcurrent: 20 },
      // Invented: the stand-in costs nothing.
      price: { inputPerMillion: 0.25, outputPerMillion: 2 },
      structuredOutput: true,
    }),
    // A smaller and cheaper one, for a shadow to try.
    small: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "sluice-standin-1-mini",
      apiKey: "MODEL_API_KEY",
      limits: { requestsPerMinute: 3_000, maxConcurrent: 20 },
      price: { inputPerMillion: 0.05, outputPerMillion: 0.4 },
      structuredOutput: true,
    }),
    // For chat clients: their streams are the endpoint's own bytes, at little more than a pipe's cost.
    chat: openaiCompatible({
      baseUrl: { variable: "MODEL_BASE_URL" },
      model: "sluice-standin-1",
      apiKey: "MODEL_API_KEY",
      limits: { requestsPerMinute: 3_000, maxConcurrent: 20 },
      price: { inputPerMillion: 0.25, outputPerMillion: 2 },
      verbatim: true,
    }),
  },
  destinations: {
    books: httpDestination({ url: { variable: "BOOKS_URL" }, secret: "DELIVERY_SECRET" }),
    tracker: httpDestination({ url: { variable: "TRACKER_URL" }, secret: "DELIVERY_SECRET" }),
    crm: httpDestination({ url: { variable: "CRM_URL" }, secret: "DELIVERY_SECRET" }),
    archive: httpDestination({ url: { variable: "ARCHIVE_URL" }, secret: "DELIVERY_SECRET" }),
    verdicts: queueDestination({ binding: "VERDICTS" }),
  },
});
