/** Verifications by our engine and by the senders' own packages, over and over inside one Worker. */
import { verify as verifyGithub } from "@octokit/webhooks-methods";
import { verifyKey } from "discord-interactions";
import { verifyWebhookSignature } from "@notionhq/client";
import { Paddle } from "@paddle/paddle-node-sdk";
import eventWebhook from "@sendgrid/eventwebhook";
import { isValidSlackRequest } from "@slack/bolt/dist/receivers/verify-request.js";
import { WebhooksHelper } from "square";
import { Webhook } from "standardwebhooks";
import { Stripe } from "stripe";
import { Webhook as SvixWebhook } from "svix";
import { validateRequest } from "twilio/lib/webhooks/webhooks.js";
import { CATALOGUE } from "../../../dev/senders/catalogue.ts";
import { verifyRequest } from "../../../src/ingest/verify.ts";
import type { VerifyWork } from "../verifications.ts";

const paddle = new Paddle("unused");
const sendgrid = new eventWebhook.EventWebhook();
const stripeProvider = Stripe.createSubtleCryptoProvider();
const TOLERANCE_SECONDS = 300;

type Verdict = (work: VerifyWork) => Promise<boolean>;

/** As each package is used: what can be made once, is. */
const PACKAGES: Readonly<Record<string, Verdict>> = {
  stripe: async ({ body, headers, secret }) => {
    const header = headers["stripe-signature"] ?? "";
    const { webhooks } = Stripe;
    return (
      (await webhooks.signature?.verifyHeaderAsync(
        body,
        header,
        secret,
        TOLERANCE_SECONDS,
        stripeProvider,
      )) ?? false
    );
  },
  octokit: ({ body, headers, secret }) => verifyGithub(secret, body, headers["x-hub-signature-256"] ?? ""),
  // They throw at what is wrong.
  standardwebhooks: async ({ body, headers, secret }) => {
    opened(secret, (own) => new Webhook(own)).verify(body, headers);
    return true;
  },
  svix: async ({ body, headers, secret }) => {
    opened(secret, (own) => new SvixWebhook(own)).verify(body, headers);
    return true;
  },
  "discord-interactions": ({ body, headers, secret }) =>
    verifyKey(body, headers["x-signature-ed25519"] ?? "", headers["x-signature-timestamp"] ?? "", secret),
  notion: ({ body, headers, secret }) =>
    verifyWebhookSignature({ body, signature: headers["x-notion-signature"], verificationToken: secret }),
  paddle: ({ body, headers, secret }) =>
    paddle.webhooks.isSignatureValid(body, secret, headers["paddle-signature"] ?? ""),
  square: ({ body, headers, secret, url }) =>
    WebhooksHelper.verifySignature({
      requestBody: body,
      signatureHeader: headers["x-square-hmacsha256-signature"] ?? "",
      signatureKey: secret,
      notificationUrl: url,
    }),
  // Theirs is given the form's fields, which are part of ours.
  twilio: async ({ body, headers, secret, url }) => {
    const fields = Object.fromEntries(new URLSearchParams(body));
    return validateRequest(secret, headers["x-twilio-signature"] ?? "", url, fields);
  },
  sendgrid: async ({ body, headers, secret }) =>
    sendgrid.verifySignature(
      opened(secret, (own) => sendgrid.convertPublicKeyToECDSA(own)),
      body,
      headers["x-twilio-email-event-webhook-signature"] ?? "",
      headers["x-twilio-email-event-webhook-timestamp"] ?? "",
    ),
  slack: async ({ body, headers, secret }) =>
    isValidSlackRequest({
      signingSecret: secret,
      body,
      headers: {
        "x-slack-signature": headers["x-slack-signature"] ?? "",
        "x-slack-request-timestamp": Number(headers["x-slack-request-timestamp"]),
      },
    }),
};

let last: { readonly secret: string; readonly make: unknown; readonly value: unknown } | undefined;

function opened<Value>(secret: string, make: (secret: string) => Value): Value {
  if (last?.secret !== secret || last.make !== make.toString()) {
    last = { secret, make: make.toString(), value: make(secret) };
  }
  return last.value as Value; // made by the same function
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return new Response(null);
    const work = await request.json<VerifyWork>();
    const verify = work.by === "ours" ? ours(work) : PACKAGES[work.by];
    if (verify === undefined) return new Response(null, { status: 404 });
    let proven = 0;
    for (let n = 0; n < work.count; n++) proven += (await verify(work)) ? 1 : 0;
    return Response.json({ proven });
  },
};

function ours({ sender, body, headers, secret, url }: VerifyWork): Verdict {
  const verification = CATALOGUE.find(({ name }) => name === sender)?.verify;
  if (verification === undefined) throw new Error(`no sender is called ${sender}`);
  const bytes = new TextEncoder().encode(body);
  const input = {
    verification,
    secrets: [secret],
    headers: new Headers(headers),
    method: "POST",
    url,
    body: Uint8Array.from(bytes),
    nowMs: Date.now(),
  };
  return async () => (await verifyRequest(input)).ok;
}
