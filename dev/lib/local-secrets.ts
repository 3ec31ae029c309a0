/** Values for the secrets that the showcase names, for local use alone. A deployment sets its own with `wrangler secret put`. */
import { DEMO_SECRETS } from "../senders/sample.ts";
import { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN, LOCAL_DELIVERY_SECRET } from "./local-tokens.ts";

export { LOCAL_ADMIN_TOKEN, LOCAL_API_TOKEN, LOCAL_DELIVERY_SECRET } from "./local-tokens.ts";

export const LOCAL_CHECKOUT_SECRET = `whsec_${Buffer.from("local checkout secret, 24 bytes").toString("base64")}`;

export const LOCAL_SECRETS: Readonly<Record<string, string>> = {
  STRIPE_WEBHOOK_SECRET: DEMO_SECRETS.stripe,
  GITHUB_WEBHOOK_SECRET: DEMO_SECRETS.github,
  MEDIA_WEBHOOK_SECRET: DEMO_SECRETS.media,
  LEADS_WEBHOOK_SECRET: DEMO_SECRETS.leads,
  DOCUMENTS_WEBHOOK_SECRET: DEMO_SECRETS.documents,
  CHECKOUT_WEBHOOK_SECRET: LOCAL_CHECKOUT_SECRET,
  MODEL_API_KEY: "local-model-key",
  DELIVERY_SECRET: LOCAL_DELIVERY_SECRET,
  SLUICE_API_TOKEN: LOCAL_API_TOKEN,
  SLUICE_ADMIN_TOKEN: LOCAL_ADMIN_TOKEN,
};
