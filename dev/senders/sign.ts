/**
 * Signs webhooks the way each sender does, from the senders' own documentation. Independent of the code
 * that verifies them in the gateway: the point is a check from outside.
 */
import { createHmac } from "node:crypto";

export type Body = string | Uint8Array;
export type Headers = Readonly<Record<string, string>>;

/** https://docs.stripe.com/webhooks#verify-manually : HMAC of `t.body` under the whole `whsec_…` text. */
export function signStripe(body: Body, secret: string, atSeconds: number): Headers {
  const digest = createHmac("sha256", secret).update(`${atSeconds}.`).update(body).digest("hex");
  return { "stripe-signature": `t=${atSeconds},v1=${digest}` };
}

/** https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries : HMAC of the body alone. */
export function signGithub(body: Body, secret: string): Headers {
  const digest = createHmac("sha256", secret).update(body).digest("hex");
  return { "x-hub-signature-256": `sha256=${digest}` };
}

/** https://www.standardwebhooks.com : HMAC of `id.timestamp.body` under the bytes behind `whsec_`. */
export function signStandardWebhooks(id: string, body: Body, secret: string, atSeconds: number): Headers {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${atSeconds}.`).update(body).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(atSeconds), "webhook-signature": `v1,${digest}` };
}
