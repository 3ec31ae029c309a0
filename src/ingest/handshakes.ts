/**
 * Senders' set-up dialogues: answered at the edge, never queued. Those that carry a signature are answered only
 * once it is verified. Nothing here signs a text of the caller's choice that could be the body of an event.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { nameAt, valueAt } from "./body-fields.ts";
import { encodeUtf8 } from "./encodings.ts";
import { isSameSecret } from "./fixed-time.ts";
import type { HandshakeName } from "./scheme.ts";
import { isSnsUrl } from "./sns.ts";

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
/** What a sender makes up for a challenge. Without braces, brackets and quotes it is the text of no event. */
const CHALLENGE = /^[\w.~:/+= -]{1,512}$/;

/** Whose dialogue comes with a GET. */
export function hasGetHandshake(name: HandshakeName | undefined): boolean {
  return name === "meta" || name === "x" || name === "dropbox";
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
    case "discord":
    case "slack":
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
    case "slack":
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
      return isAsked && context.confirmSubscriptions
        ? confirm(String(nameAt(payload, "SubscribeURL") ?? ""), context.fetch)
        : NOT_A_HANDSHAKE;
    }
    case "asana":
    case "dropbox":
    case "meta":
    case "microsoft-graph":
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

/** The URL was signed, and its host is Amazon's all the same. */
async function confirm(url: string, fetcher: typeof fetch): Promise<Answered> {
  if (!isSnsUrl(url)) return REFUSED;
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
