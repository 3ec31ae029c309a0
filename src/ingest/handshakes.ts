/**
 * Senders' set-up dialogues, and pings that carry no event: answered at the edge, never queued. Those that carry a signature are answered only
 * once it is verified. Nothing here signs a text of the caller's choice that could be the body of an event.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { nameAt, valueAt } from "./body-fields.ts";
import { encodeUtf8 } from "./encodings.ts";
import { isSameSecret } from "./fixed-time.ts";
import type { HandshakeName } from "./scheme.ts";
import { declaredLength } from "../platform/read-body.ts";
import { isSnsConfirmationUrl } from "./sns-origin.ts";

export interface HandshakeAnswer {
  readonly status: 200 | 204;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** null: the request is no handshake. */
type Answered = Result<HandshakeAnswer | null, "handshake_refused" | "handshake_failed">;

export interface HandshakeContext {
  /** The active secrets that are set; the first one answers. */
  readonly secrets: readonly string[];
  readonly tokens: readonly string[];
  readonly confirmSubscriptions: boolean;
  readonly fetch: typeof fetch;
}

const NOT_A_HANDSHAKE = ok(null);
const REFUSED = err("handshake_refused" as const);
/** To a ping: a sign of life. */
const NOTHING_TO_SAY: HandshakeAnswer = { status: 200, headers: {}, body: null };
/** What a sender makes up for a challenge. Without braces, brackets and quotes it is the text of no event. */
const CHALLENGE = /^[\w.~:/+= -]{1,512}$/;

/** WooCommerce's ping names its webhook, by number, and nothing else. */
const WOO_PING = /^webhook_id=\d{1,20}$/;
const MAX_WOO_PING_BYTES = 32;

/** The method that a dialogue comes with beside POST; null when there is none. */
export function handshakeMethod(name: HandshakeName | undefined): "GET" | "HEAD" | null {
  if (name === "intercom") return "HEAD";
  return name === "meta" || name === "x" || name === "dropbox" || name === "slack" ? "GET" : null;
}

/** Whether an unsigned POST may be part of a dialogue, so that its body is worth a look. */
export function mayBeUnsignedPost(name: HandshakeName | undefined, headers: Headers): boolean {
  if (name === "woocommerce") return isWooPingHead(headers);
  return name === "asana" || name === "microsoft-graph";
}

function isWooPingHead(headers: Headers): boolean {
  const sizeBytes = declaredLength(headers);
  const isForm = headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") === true;
  return isForm && sizeBytes > 0 && sizeBytes <= MAX_WOO_PING_BYTES && !headers.has("x-wc-webhook-signature");
}

/** Before anything is verified: the dialogues that carry no signature. */
export async function answerUnsigned(
  name: HandshakeName,
  request: Request,
  context: HandshakeContext,
): Promise<Answered> {
  const query = new URL(request.url).searchParams;
  switch (name) {
    case "meta": {
      if (request.method !== "GET") return NOT_A_HANDSHAKE;
      const isOurs = await isOneOf(query.get("hub.verify_token") ?? "", context.tokens);
      return query.get("hub.mode") === "subscribe" && isOurs ? echo(query.get("hub.challenge")) : REFUSED;
    }
    case "x": {
      if (request.method !== "GET") return NOT_A_HANDSHAKE;
      const token = query.get("crc_token") ?? "";
      const [secret] = context.secrets;
      // The answer is this text's signature, which as a body must be worth nothing (the scheme takes no forms).
      if (secret === undefined || !CHALLENGE.test(token) || isJson(token)) return REFUSED;
      const digest = btoa(String.fromCharCode(...(await hmacSha256(secret, token))));
      return ok(json({ response_token: `sha256=${digest}` }));
    }
    case "dropbox":
      return request.method === "GET" ? echo(query.get("challenge")) : NOT_A_HANDSHAKE;
    case "intercom":
      return request.method === "HEAD" ? ok(NOTHING_TO_SAY) : NOT_A_HANDSHAKE;
    case "slack":
      // Slack looks whether the certificate is good: https://docs.slack.dev/interactivity/implementing-slash-commands
      if (request.method !== "GET") return NOT_A_HANDSHAKE;
      return query.get("ssl_check") === "1" ? ok(NOTHING_TO_SAY) : REFUSED;
    case "woocommerce": {
      if (!isWooPingHead(request.headers)) return NOT_A_HANDSHAKE;
      // A copy: what is no ping is read, and refused, like any other request.
      const isPing = WOO_PING.test(new TextDecoder().decode(await request.clone().arrayBuffer()));
      if (isPing) await request.body?.cancel();
      return isPing ? ok(NOTHING_TO_SAY) : NOT_A_HANDSHAKE;
    }
    case "microsoft-graph": {
      const token = query.get("validationToken");
      return token === null ? NOT_A_HANDSHAKE : echo(token);
    }
    case "asana": {
      const secret = request.headers.get("x-hook-secret");
      if (secret === null || request.headers.has("x-hook-signature")) return NOT_A_HANDSHAKE;
      if (!CHALLENGE.test(secret)) return REFUSED;
      return ok({ status: 200, headers: { "x-hook-secret": secret }, body: null });
    }
    case "aws-sns":
    case "bitbucket":
    case "discord":
    case "notion":
    case "twitch":
    case "zoom":
      return NOT_A_HANDSHAKE;
    default:
      return unreachable(name);
  }
}

/** After the request was verified. */
export async function answerSigned(
  name: HandshakeName,
  request: { readonly headers: Headers; readonly payload: JsonValue },
  context: HandshakeContext,
): Promise<Answered> {
  const { payload, headers } = request;
  switch (name) {
    case "bitbucket": {
      // Data Center's test button. The body says so too: the header alone, which is not signed, silences no event.
      const isPing = headers.get("x-event-key") === "diagnostics:ping" && valueAt(payload, "test") === true;
      return isPing ? ok(NOTHING_TO_SAY) : NOT_A_HANDSHAKE;
    }
    case "intercom":
      return nameAt(payload, "topic") === "ping" ? ok(NOTHING_TO_SAY) : NOT_A_HANDSHAKE;
    case "notion": {
      // Sent again for a webhook whose token, which is the secret, is already known here.
      const isToken = nameAt(payload, "verification_token") !== null && nameAt(payload, "id") === null;
      return isToken ? ok(NOTHING_TO_SAY) : NOT_A_HANDSHAKE;
    }
    case "slack":
      if (nameAt(payload, "ssl_check") === "1") return ok(NOTHING_TO_SAY);
      return nameAt(payload, "type") === "url_verification"
        ? echo(nameAt(payload, "challenge"))
        : NOT_A_HANDSHAKE;
    case "twitch":
      return headers.get("twitch-eventsub-message-type") === "webhook_callback_verification"
        ? echo(nameAt(payload, "challenge"))
        : NOT_A_HANDSHAKE;
    case "discord": {
      const type = valueAt(payload, "type");
      // A webhook event of type 1 has its `event`; an interaction of type 1 is the ping.
      if (type === 1 && valueAt(payload, "event") === undefined) return ok(json({ type: 1 }));
      return type === 0 ? ok({ status: 204, headers: {}, body: null }) : NOT_A_HANDSHAKE;
    }
    case "zoom": {
      if (nameAt(payload, "event") !== "endpoint.url_validation") return NOT_A_HANDSHAKE;
      const plainToken = String(nameAt(payload, "payload.plainToken") ?? "");
      const [secret] = context.secrets;
      if (secret === undefined || !CHALLENGE.test(plainToken)) return REFUSED;
      const encryptedToken = hex(await hmacSha256(secret, plainToken));
      return ok(json({ plainToken, encryptedToken }));
    }
    case "aws-sns": {
      const isAsked = nameAt(payload, "Type") === "SubscriptionConfirmation";
      return isAsked && context.confirmSubscriptions ? confirm(payload, context.fetch) : NOT_A_HANDSHAKE;
    }
    case "asana":
    case "dropbox":
    case "meta":
    case "microsoft-graph":
    case "woocommerce":
    case "x":
      return NOT_A_HANDSHAKE;
    default:
      return unreachable(name);
  }
}

function echo(challenge: string | number | null): Answered {
  const text = String(challenge ?? "");
  if (text === "" || text.length > LIMITS.ingest.maxChallengeCharacters) return REFUSED;
  return ok({ status: 200, headers: PLAIN_TEXT, body: text });
}

/** Nobody's browser takes an echoed text for a page. */
const PLAIN_TEXT = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

function json(value: JsonValue): HandshakeAnswer {
  return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The URL was signed. It must be Amazon's all the same, and confirm the topic that was proven to be ours. */
async function confirm(payload: JsonValue, fetcher: typeof fetch): Promise<Answered> {
  const url = String(nameAt(payload, "SubscribeURL") ?? "");
  if (!isSnsConfirmationUrl(url, String(nameAt(payload, "TopicArn") ?? ""))) return REFUSED;
  try {
    const signal = AbortSignal.timeout(LIMITS.ingest.senderFetchMs);
    const response = await fetcher(url, { redirect: "manual", signal });
    await response.body?.cancel();
    return response.ok
      ? ok({ status: 200, headers: PLAIN_TEXT, body: "confirmed" })
      : err("handshake_failed");
  } catch {
    return err("handshake_failed");
  }
}

/** Every token is compared, so that the time does not tell which one it was. */
async function isOneOf(text: string, tokens: readonly string[]): Promise<boolean> {
  let isOurs = false;
  for (const token of tokens) isOurs = (await isSameSecret(text, token)) || isOurs;
  return isOurs;
}

async function hmacSha256(secret: string, text: string): Promise<Uint8Array> {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encodeUtf8(secret), hmac, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, encodeUtf8(text)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
