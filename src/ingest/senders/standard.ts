/** Standard Webhooks, any scheme of the same facts, and senders that sign nothing at all. */
import { ConfigError } from "../../config/config-error.ts";
import { DAY_MS } from "../../config/limits.ts";
import type { SignatureScheme, Verification } from "../scheme.ts";
import {
  BODY,
  completeScheme,
  literal,
  TIMESTAMP,
  timedSender,
  verification,
  type SchemeFacts,
  type SenderOptions,
  namedSecrets,
  type SecretOption,
} from "./define-sender.ts";

const DOT = literal(".");

/** Svix, OpenAI, Clerk, Resend and every other sender that follows the specification. */
export const standardWebhooks = timedSender({
  name: "standard-webhooks",
  encoding: "base64",
  keyEncoding: "standard-webhooks",
  signatureHeaders: ["webhook-signature", "svix-signature"],
  layout: { layout: "versioned", algorithmByVersion: { v1: "hmac-sha256", v1a: "ed25519" } },
  signed: [{ part: "id" }, DOT, TIMESTAMP, DOT, BODY],
  timestamp: { in: "headers", names: ["webhook-timestamp", "svix-timestamp"], unit: "s" },
  id: { headers: ["webhook-id", "svix-id"] },
  dedupeKey: [{ from: "signed-id" }],
  orderKey: { at: { from: "body", path: "timestamp" }, unit: "rfc3339" },
  keepHeaders: ["webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp"],
  notes: {
    signs: "id, timestamp and body",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    // Senders differ: Svix goes on for about 28 h, OpenAI for 72 h.
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://www.standardwebhooks.com",
  },
});

/** The facts of a scheme under the names `SignatureScheme` gives them; only the header has no default. */
type CustomOptions = SenderOptions & Omit<SchemeFacts, "name"> & Partial<Pick<SchemeFacts, "name">>;

/**
 * Any scheme of the same facts. By default: HMAC-SHA256 in hex over the body, the dedupe key in
 * `Idempotency-Key`, the type in the body's `type`.
 * @throws ConfigError when the signed content names something the scheme does not say where to find
 */
export function custom(options: CustomOptions): Verification {
  const { secrets, publicUrl, onRepeat, ...facts } = options;
  const scheme = completeScheme({ name: "custom", ...facts });
  checkScheme(scheme);
  return verification(scheme, {
    secrets,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(onRepeat === undefined ? {} : { onRepeat }),
  });
}

export interface UnsignedOptions {
  readonly iUnderstand: "nothing in these requests is signed";
  /** Names of bindings that hold the token; for `basic`, `user:password`. */
  readonly secrets: readonly SecretOption[];
  /**
   * Where the token stands. A header of its own also serves a client certificate's fingerprint, where the zone adds
   * it (`cf-client-cert-sha256`) and strips it from what clients send.
   */
  readonly by: "bearer" | "basic" | { readonly header: string };
  readonly dedupeKey?: SignatureScheme["dedupeKey"];
  readonly type?: SignatureScheme["type"];
  readonly orderKey?: SignatureScheme["orderKey"];
  readonly keepHeaders?: readonly string[];
}

/**
 * For your own apps that cannot sign: who reads one request can send any other. The gateway's log says so at every
 * start. The dedupe key is `Idempotency-Key`, unless said otherwise.
 */
export function unsigned(options: UnsignedOptions): Verification {
  const { by, secrets, dedupeKey, type, orderKey, keepHeaders } = options;
  const scheme = completeScheme({
    name: "unsigned",
    algorithm: "shared-secret",
    signed: [],
    ...placeOf(by),
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
    ...(type === undefined ? {} : { type }),
    ...(orderKey === undefined ? {} : { orderKey }),
    ...(keepHeaders === undefined ? {} : { keepHeaders }),
    notes: {
      signs: "nothing: a header carries the secret",
      replay: "open: who reads one request can send any",
      retryWindowMs: null,
      documentation: "https://www.rfc-editor.org/rfc/rfc6750",
    },
  });
  return { scheme, ...namedSecrets(secrets) };
}

function placeOf(
  by: UnsignedOptions["by"],
): Pick<SignatureScheme, "signatureHeaders" | "layout"> & Partial<SignatureScheme> {
  if (by === "bearer") {
    return { signatureHeaders: ["authorization"], layout: { layout: "plain", prefix: "Bearer " } };
  }
  if (by === "basic") {
    const layout = { layout: "plain", prefix: "Basic " } as const;
    return { signatureHeaders: ["authorization"], layout, encoding: "base64" };
  }
  return { signatureHeaders: [by.header], layout: { layout: "plain" } };
}

function checkScheme(scheme: SignatureScheme): void {
  const key = `custom scheme "${scheme.name}"`;
  const parts = new Set(scheme.signed.map((part) => part.part));
  if (scheme.signatureHeaders.length === 0 && scheme.layout.layout !== "body") {
    throw new ConfigError(key, "signatureHeaders is empty", "Name the header that carries the signature");
  }
  if (parts.has("timestamp") && (scheme.timestamp === undefined || scheme.timestamp.in === "body")) {
    throw new ConfigError(
      key,
      "the signed content has a timestamp, but none is sent beside the body",
      'Set `timestamp` to { in: "headers" } or { in: "signature" }',
    );
  }
  if (parts.has("id") && scheme.id === undefined) {
    throw new ConfigError(
      key,
      "the signed content has an id, but `id` is not set",
      "Name its header in `id`",
    );
  }
  if (scheme.timestamp?.in === "signature" && scheme.layout.layout !== "pairs") {
    throw new ConfigError(
      key,
      'only the layout "pairs" carries a timestamp in the signature header',
      'Set `layout` to { layout: "pairs" }, or name the timestamp\'s own header',
    );
  }
  if (scheme.encoding === "text" && scheme.algorithm !== "shared-secret") {
    throw new ConfigError(key, 'the encoding "text" fits shared secrets only', 'Use "hex" or "base64"');
  }
  if (scheme.signed.length === 0 && scheme.algorithm !== "shared-secret") {
    throw new ConfigError(key, "nothing is signed", 'Leave `signed` out, or list { part: "body" }');
  }
}
