/**
 * Says of any request whether the holder of a sender's secret can have sent it: the signature of what stands there
 * is made anew, from each sender's documentation, and looked for in the request. Shares nothing with the code under
 * test. How a signature is spelled is not its business: who has the right one is no forger.
 */
import { unreachable } from "../../src/core/result.ts";
import { headerOf, type FuzzRequest } from "./request.ts";
import type { Keyring } from "./keyring.ts";
import {
  ecdsaVerifyDer,
  ed25519Sign,
  fromBase64,
  hmac,
  rsaSign,
  toBase64,
  toHex,
  utf8,
  type Bytes,
  type Hash,
} from "../senders/webcrypto.ts";

export interface OracleInput {
  readonly sender: string;
  readonly request: FuzzRequest;
  /** Scheme and host under which the request was sent. */
  readonly origin: string;
  readonly nowMs: number;
  readonly keyring: Keyring;
}

interface Sight extends OracleInput {
  header(name: string): string;
  readonly url: string;
  readonly body: Bytes;
  readonly json: unknown;
}

/** What is signed, and where the signature stands. */
interface Documented {
  readonly by: Hash | "ed25519" | "ecdsa" | "rsa" | "secret";
  readonly key?: "base64";
  presented(sight: Sight): string;
  content?(sight: Sight): readonly (string | Bytes)[];
  /** The signed time, in milliseconds; NaN for none that can be read. */
  timeMs?(sight: Sight): number;
  readonly toleranceMs?: number;
}

/** Clocks go on while a request is under way. */
const GRACE_MS = 5_000;
const FIVE_MINUTES_MS = 300_000;

export async function isGenuine(input: OracleInput): Promise<boolean> {
  const { documented, sight } = look(input);
  const { toleranceMs = FIVE_MINUTES_MS } = documented;
  const ageMs = input.nowMs - (documented.timeMs?.(sight) ?? input.nowMs);
  // Also of what is no number.
  if (!(Math.abs(ageMs) <= toleranceMs + GRACE_MS)) return false;
  const presented = documented.presented(sight);
  if (documented.by === "secret") return presented.includes(input.keyring.signing(input.sender));
  if (documented.by === "ecdsa") {
    return ecdsaVerifyDer(input.keyring.ecdsaPublicKey, presented, contentOf(documented, sight));
  }
  const signature = await signatureOf(input);
  return signature !== null && holds(presented, signature);
}

/** What the sender would sign this very request with; null where that cannot be said beforehand. */
export async function signatureOf(input: OracleInput): Promise<Bytes | null> {
  const { documented, sight } = look(input);
  const secret = input.keyring.signing(input.sender);
  const content = contentOf(documented, sight);
  switch (documented.by) {
    case "SHA-1":
    case "SHA-256":
    case "SHA-512": {
      const key = documented.key === "base64" ? fromBase64(secret.replace("whsec_", "")) : secret;
      return hmac(documented.by, key, content);
    }
    case "ed25519":
      return ed25519Sign(secret, content);
    case "rsa": {
      const hash = textAt(sight.json, "SignatureVersion") === "1" ? "SHA-1" : "SHA-256";
      return rsaSign(hash, secret, content);
    }
    case "ecdsa":
    case "secret":
      return null;
    default:
      return unreachable(documented.by);
  }
}

function look(input: OracleInput): { readonly documented: Documented; readonly sight: Sight } {
  const documented = DOCUMENTED[input.sender];
  if (documented === undefined) throw new Error(`the oracle knows no ${input.sender}`);
  const { request } = input;
  const sight: Sight = {
    ...input,
    // HTTP has no white space around a value.
    header: (name) => (headerOf(request, name) ?? "").replaceAll(/^[ \t]+|[ \t]+$/g, ""),
    // As it arrives: without the detours that clients and servers take out of a path.
    url: new URL(input.origin + request.path).href,
    body: request.body,
    json: jsonOf(request.body),
  };
  return { documented, sight };
}

function contentOf(documented: Documented, sight: Sight): Bytes {
  return joined(documented.content?.(sight) ?? []);
}

/** In hex of either case, or in base64. */
function holds(presented: string, signature: Bytes): boolean {
  return presented.toLowerCase().includes(toHex(signature)) || presented.includes(toBase64(signature));
}

const body = ({ body: bytes }: Sight) => [bytes];

function ofBody(header: string, by: Hash = "SHA-256"): Documented {
  return { by, presented: (sight) => sight.header(header), content: body };
}

function ofSecret(header: string): Documented {
  return { by: "secret", presented: (sight) => sight.header(header) };
}

/** `t=1,v1=…`: everything after `name=` up to the next separator. */
function pair(sight: Sight, header: string, name: string): string {
  const pairs = sight.header(header).split(/[,;]/);
  return pairs.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

function inPairs(header: string, timeName: string, separator: string): Documented {
  const time = (sight: Sight) => pair(sight, header, timeName);
  return {
    by: "SHA-256",
    presented: (sight) => sight.header(header),
    content: (sight) => [time(sight), separator, sight.body],
    timeMs: (sight) => Number(time(sight)) * 1_000,
  };
}

function timed(
  header: string,
  timeHeader: string,
  options: Partial<Documented> & { readonly before?: string; readonly after?: string } = {},
): Documented {
  const { before = "", after = "", ...others } = options;
  return {
    by: "SHA-256",
    presented: (sight) => sight.header(header),
    content: (sight) => [before, sight.header(timeHeader), after, sight.body],
    timeMs: (sight) => Number(sight.header(timeHeader)) * 1_000,
    ...others,
  };
}

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

const DOCUMENTED: Readonly<Record<string, Documented>> = {
  stripe: inPairs("stripe-signature", "t", "."),
  paddle: inPairs("paddle-signature", "ts", ":"),
  calendly: inPairs("calendly-webhook-signature", "t", "."),
  square: {
    ...ofBody("x-square-hmacsha256-signature"),
    content: ({ url, body: bytes }) => [url, bytes],
  },
  razorpay: ofBody("x-razorpay-signature"),
  paystack: ofBody("x-paystack-signature", "SHA-512"),
  "lemon-squeezy": ofBody("x-signature"),
  shopify: {
    ...ofBody(""),
    presented: (sight) => `${sight.header("x-shopify-hmac-sha256")} ${sight.header("shopify-hmac-sha256")}`,
  },
  woocommerce: ofBody("x-wc-webhook-signature"),
  typeform: ofBody("typeform-signature"),
  github: ofBody("x-hub-signature-256"),
  gitlab: ofSecret("x-gitlab-token"),
  bitbucket: ofBody("x-hub-signature"),
  linear: {
    ...ofBody("linear-signature"),
    timeMs: ({ json }) => Number(at(json, "webhookTimestamp")),
    toleranceMs: 60_000,
  },
  sentry: ofBody("sentry-hook-signature"),
  vercel: ofBody("x-vercel-signature", "SHA-1"),
  pagerduty: ofBody("x-pagerduty-signature"),
  slack: timed("x-slack-signature", "x-slack-request-timestamp", { before: "v0:", after: ":" }),
  zoom: timed("x-zm-signature", "x-zm-request-timestamp", { before: "v0:", after: ":" }),
  discord: timed("x-signature-ed25519", "x-signature-timestamp", { by: "ed25519" }),
  meta: ofBody("x-hub-signature-256"),
  twilio: {
    ...ofBody("x-twilio-signature", "SHA-1"),
    content: ({ url, body: bytes }) => {
      const fields = [...new URLSearchParams(new TextDecoder().decode(bytes))];
      const sorted = fields.toSorted(([left], [right]) => (left < right ? -1 : Number(left > right)));
      return [url, sorted.map(([name, value]) => name + value).join("")];
    },
  },
  intercom: ofBody("x-hub-signature", "SHA-1"),
  line: ofBody("x-line-signature"),
  telegram: ofSecret("x-telegram-bot-api-secret-token"),
  hubspot: timed("x-hubspot-signature-v3", "x-hubspot-request-timestamp", {
    content: (sight) => [
      sight.request.method,
      sight.url.replaceAll(/%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi, decodeURIComponent),
      sight.body,
      sight.header("x-hubspot-request-timestamp"),
    ],
    timeMs: (sight) => Number(sight.header("x-hubspot-request-timestamp")),
  }),
  sendgrid: timed("x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp", {
    by: "ecdsa",
  }),
  mailgun: {
    by: "SHA-256",
    presented: ({ json }) => textAt(json, "signature.signature"),
    content: ({ json }) => [textAt(json, "signature.timestamp"), textAt(json, "signature.token")],
    timeMs: ({ json }) => Number(textAt(json, "signature.timestamp")) * 1_000,
  },
  zendesk: timed("x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp", {
    timeMs: (sight) => Date.parse(sight.header("x-zendesk-webhook-signature-timestamp")),
  }),
  "aws-sns": {
    by: "rsa",
    presented: ({ json }) => textAt(json, "Signature"),
    content: ({ json }) => {
      const isNotification = textAt(json, "Type") === "Notification";
      const unsigned = isNotification ? ["SubscribeURL", "Token"] : ["Subject"];
      const names = SNS_SIGNED.filter((name) => !unsigned.includes(name) && at(json, name) !== undefined);
      return names.map((name) => `${name}\n${textAt(json, name)}\n`);
    },
    timeMs: ({ json }) => Date.parse(textAt(json, "Timestamp")),
    toleranceMs: 3_600_000,
  },
  x: ofBody("x-twitter-webhooks-signature"),
  twitch: timed("twitch-eventsub-message-signature", "twitch-eventsub-message-timestamp", {
    content: (sight) => [
      sight.header("twitch-eventsub-message-id"),
      sight.header("twitch-eventsub-message-timestamp"),
      sight.body,
    ],
    timeMs: (sight) => Date.parse(sight.header("twitch-eventsub-message-timestamp")),
    toleranceMs: 600_000,
  }),
  notion: ofBody("x-notion-signature"),
  dropbox: ofBody("x-dropbox-signature"),
  asana: ofBody("x-hook-signature"),
  "microsoft-graph": {
    by: "secret",
    presented: ({ json }) => textAt(json, "value.0.clientState"),
  },
  "standard-webhooks": timed("webhook-signature", "webhook-timestamp", {
    key: "base64",
    content: (sight) => [`${sight.header("webhook-id")}.${sight.header("webhook-timestamp")}.`, sight.body],
  }),
  unsigned: ofSecret("authorization"),
};

function joined(pieces: readonly (string | Bytes)[]): Bytes {
  const bytes = pieces.map((piece) => (typeof piece === "string" ? utf8(piece) : piece));
  const whole = new Uint8Array(bytes.reduce((sum, piece) => sum + piece.length, 0));
  let offset = 0;
  for (const piece of bytes) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

function jsonOf(bytes: Bytes): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

function at(json: unknown, path: string): unknown {
  let value = json;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function textAt(json: unknown, path: string): string {
  const value = at(json, path);
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}
