/**
 * The package `sluice`: `defineGateway` and the builders that a config is made of. Needs no platform, so that a config can
 * be read and tested anywhere. Beside it: `sluice/worker` (what a Worker exports), `sluice/testing`, `sluice/anthropic`,
 * `sluice/google`. Everything behind these entries may change.
 */
export { defineGateway } from "./config/define-gateway.ts";
export type { GatewayOptions } from "./config/gateway-options.ts";
export { defineSource, type SourceOptions } from "./config/define-source.ts";
export { id } from "./config/id-schema.ts";
export { versioned } from "./config/event-schemas.ts";
export { definePipeline, type PipelineOptions } from "./config/define-pipeline.ts";
export { httpDestination, queueDestination } from "./config/define-destination.ts";
export { openaiCompatible } from "./models/openai-compatible.ts";
export { discord, intercom, line, meta, slack, telegram, twilio, zoom } from "./ingest/senders/chat.ts";
export { bitbucket, github, gitlab, linear, pagerDuty, sentry, vercel } from "./ingest/senders/code.ts";
export { calendly, shopify, typeform, wooCommerce } from "./ingest/senders/commerce.ts";
export { hubspot, mailgun, sendgrid, zendesk } from "./ingest/senders/mail.ts";
export {
  lemonSqueezy,
  paddle,
  paypal,
  paystack,
  plaid,
  razorpay,
  square,
  stripe,
} from "./ingest/senders/payments.ts";
export {
  asana,
  awsSns,
  dropbox,
  googlePubSub,
  microsoftGraph,
  notion,
  twitch,
  x,
} from "./ingest/senders/platforms.ts";
export { custom, standardWebhooks, unsigned } from "./ingest/senders/standard.ts";
export type { LocationHint } from "./core/homes.ts";
export { urlsInText } from "./core/urls-in-text.ts";
export { grounded, inRange, noSecrets, oneOf, urlsFrom } from "./pipeline/checks.ts";
export { PermanentError } from "./pipeline/permanent-error.ts";
