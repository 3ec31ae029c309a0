/** Every sender the front door knows, with the names of its own bindings: for tests, samples and docs/senders.md. */
import type { Verification } from "../../src/ingest/scheme.ts";
import {
  discord,
  intercom,
  line,
  meta,
  slack,
  telegram,
  twilio,
  zoom,
} from "../../src/ingest/senders/chat.ts";
import {
  bitbucket,
  github,
  gitlab,
  linear,
  pagerDuty,
  sentry,
  vercel,
} from "../../src/ingest/senders/code.ts";
import { calendly, shopify, typeform, wooCommerce } from "../../src/ingest/senders/commerce.ts";
import type { SenderOptions } from "../../src/ingest/senders/define-sender.ts";
import { hubspot, mailgun, sendgrid, zendesk } from "../../src/ingest/senders/mail.ts";
import {
  lemonSqueezy,
  paddle,
  paypal,
  paystack,
  plaid,
  razorpay,
  square,
  stripe,
} from "../../src/ingest/senders/payments.ts";
import {
  asana,
  awsSns,
  dropbox,
  googlePubSub,
  microsoftGraph,
  notion,
  twitch,
  x,
} from "../../src/ingest/senders/platforms.ts";
import { standardWebhooks, unsigned } from "../../src/ingest/senders/standard.ts";

/** What the samples' tokens say; a config says its own. */
const GOOGLE_AUDIENCE = "https://sluice.test/in/google-pub-sub";

/** The name that a config imports a builder by, and the builder. */
type Builder = readonly [string, (options: SenderOptions) => Verification];

const BUILDERS: readonly Builder[] = [
  ["stripe", stripe],
  ["paddle", paddle],
  ["square", square],
  ["razorpay", razorpay],
  ["paystack", paystack],
  ["paypal", ({ secrets }) => paypal({ webhookIds: secrets })],
  ["plaid", (options) => plaid({ ...options, clientId: "PLAID_CLIENT_ID" })],
  ["lemonSqueezy", lemonSqueezy],
  ["shopify", shopify],
  ["wooCommerce", wooCommerce],
  ["typeform", typeform],
  ["calendly", calendly],
  ["github", github],
  ["gitlab", gitlab],
  ["bitbucket", bitbucket],
  ["linear", linear],
  ["sentry", sentry],
  ["vercel", vercel],
  ["pagerDuty", pagerDuty],
  ["slack", slack],
  ["discord", discord],
  ["meta", (options) => meta({ ...options, verifyTokens: ["META_VERIFY_TOKEN"] })],
  ["zoom", zoom],
  ["twilio", twilio],
  ["intercom", intercom],
  ["line", line],
  ["telegram", telegram],
  ["hubspot", hubspot],
  ["sendgrid", sendgrid],
  ["mailgun", mailgun],
  ["zendesk", zendesk],
  ["awsSns", ({ secrets }) => awsSns({ topics: secrets })],
  ["googlePubSub", ({ secrets }) => googlePubSub({ audience: GOOGLE_AUDIENCE, serviceAccounts: secrets })],
  ["x", x],
  ["twitch", twitch],
  ["notion", notion],
  ["dropbox", dropbox],
  ["asana", asana],
  ["microsoftGraph", microsoftGraph],
  ["standardWebhooks", standardWebhooks],
  [
    "unsigned",
    ({ secrets }) => unsigned({ iUnderstand: "nothing in these requests is signed", by: "bearer", secrets }),
  ],
];

export interface CatalogueEntry {
  readonly name: string;
  /** As a config imports it from `sluice`. */
  readonly builder: string;
  /** The binding that holds its secret. */
  readonly binding: string;
  readonly verify: Verification;
}

export const CATALOGUE: readonly CatalogueEntry[] = BUILDERS.map(([builder, build]) => {
  const { name } = build({ secrets: ["ANY"] }).scheme;
  const binding = `${name.toUpperCase().replaceAll("-", "_")}_SECRET`;
  return { name, builder, binding, verify: build({ secrets: [binding] }) };
});
