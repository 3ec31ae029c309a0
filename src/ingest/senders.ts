/**
 * The senders, one entry of data each, and `custom` for everyone else's. Builders take the names of the
 * bindings that hold the secrets, never a secret.
 */
import { ConfigError } from "../config/check-gateway.ts";
import { DAY_MS, LIMITS } from "../config/limits.ts";
import type { FactPath, SignatureScheme, SignedPart, Verification } from "./scheme.ts";

interface SenderOptions {
  /** Names of secret bindings. List the old and the new one while a secret is rotated. */
  readonly secrets: readonly string[];
}

interface TimedSenderOptions extends SenderOptions {
  /** How old, or how far in the future, the signed timestamp may be. */
  readonly toleranceMs?: number;
}

const BODY: SignedPart = { part: "body" };
const TIMESTAMP: SignedPart = { part: "timestamp" };
const DOT: SignedPart = { part: "literal", text: "." };

const STRIPE: SignatureScheme = {
  name: "stripe",
  algorithm: "hmac-sha256",
  encoding: "hex",
  // The whole `whsec_…` text is the key.
  keyEncoding: "utf8",
  signatureHeaders: ["stripe-signature"],
  layout: { layout: "pairs", separator: ",", signatureKey: "v1" },
  signed: [TIMESTAMP, DOT, BODY],
  timestamp: { in: "signature", key: "t", unit: "s" },
  toleranceMs: LIMITS.ingest.signatureToleranceMs,
  dedupeKey: [{ from: "body", path: "id" }],
  type: [{ from: "body", path: "type" }],
  orderKey: { at: { from: "body", path: "created" }, unit: "s" },
  replayClosed: true,
  keepHeaders: [],
  notes: {
    signs: "timestamp and body, which holds the event's id",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://docs.stripe.com/webhooks",
  },
};

const GITHUB: SignatureScheme = {
  name: "github",
  algorithm: "hmac-sha256",
  encoding: "hex",
  keyEncoding: "utf8",
  signatureHeaders: ["x-hub-signature-256"],
  layout: { layout: "plain", prefix: "sha256=" },
  signed: [BODY],
  dedupeKey: [{ from: "header", name: "x-github-delivery" }],
  type: [{ from: "header", name: "x-github-event" }],
  typeSuffix: { from: "body", path: "action" },
  replayClosed: false,
  keepHeaders: [
    "x-github-event",
    "x-github-delivery",
    "x-github-hook-id",
    "x-github-hook-installation-target-id",
    "x-github-hook-installation-target-type",
  ],
  notes: {
    signs: "the body alone; event name and delivery id come in unsigned headers",
    replay: "open: a captured request can return under another delivery id",
    retryWindowMs: 0,
    documentation: "https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries",
  },
};

const STANDARD_WEBHOOKS: SignatureScheme = {
  name: "standard-webhooks",
  algorithm: "hmac-sha256",
  encoding: "base64",
  keyEncoding: "standard-webhooks",
  signatureHeaders: ["webhook-signature", "svix-signature"],
  layout: { layout: "versioned", algorithmByVersion: { v1: "hmac-sha256", v1a: "ed25519" } },
  signed: [{ part: "id" }, DOT, TIMESTAMP, DOT, BODY],
  timestamp: { in: "headers", names: ["webhook-timestamp", "svix-timestamp"], unit: "s" },
  id: { headers: ["webhook-id", "svix-id"] },
  toleranceMs: LIMITS.ingest.signatureToleranceMs,
  dedupeKey: [{ from: "signed-id" }],
  type: [{ from: "body", path: "type" }],
  orderKey: { at: { from: "body", path: "timestamp" }, unit: "rfc3339" },
  replayClosed: true,
  keepHeaders: ["webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp"],
  notes: {
    signs: "id, timestamp and body",
    replay: "closed: tolerance on the signed timestamp, and the signed id",
    // Senders differ: Svix goes on for about 28 h, OpenAI for 72 h.
    retryWindowMs: 3 * DAY_MS,
    documentation: "https://www.standardwebhooks.com",
  },
};

export function stripe(options: TimedSenderOptions): Verification {
  return timed(STRIPE, options);
}

export function github(options: SenderOptions): Verification {
  return { scheme: GITHUB, secrets: options.secrets };
}

/** Svix, OpenAI, Clerk, Resend and every other sender that follows the specification. */
export function standardWebhooks(options: TimedSenderOptions): Verification {
  return timed(STANDARD_WEBHOOKS, options);
}

/** The facts of a scheme under the names `SignatureScheme` gives them; only the header has no default. */
type CustomOptions = SenderOptions &
  Pick<SignatureScheme, "signatureHeaders"> &
  Partial<Omit<SignatureScheme, "signatureHeaders" | "replayClosed">>;

/**
 * Any scheme of the same facts. By default: HMAC-SHA256 in hex over the body, the dedupe key in
 * `Idempotency-Key`, the type in the body's `type`.
 * @throws ConfigError when the signed content names something the scheme does not say where to find
 */
export function custom(options: CustomOptions): Verification {
  const { secrets, ...facts } = options;
  const scheme = {
    name: "custom",
    algorithm: "hmac-sha256",
    encoding: facts.algorithm === "shared-secret" ? "text" : "hex",
    keyEncoding: "utf8",
    layout: { layout: "plain" },
    signed: [BODY],
    dedupeKey: [{ from: "header", name: "idempotency-key" }],
    type: [{ from: "body", path: "type" }],
    keepHeaders: [],
    ...(facts.timestamp ? { toleranceMs: LIMITS.ingest.signatureToleranceMs } : {}),
    ...facts,
  } satisfies Omit<SignatureScheme, "replayClosed">;
  checkScheme(scheme);
  return { scheme: { ...scheme, replayClosed: isReplayClosed(scheme) }, secrets };
}

function timed(scheme: SignatureScheme, options: TimedSenderOptions): Verification {
  const toleranceMs = options.toleranceMs ?? scheme.toleranceMs ?? LIMITS.ingest.signatureToleranceMs;
  return { scheme: { ...scheme, toleranceMs }, secrets: options.secrets };
}

type SchemeFacts = Omit<SignatureScheme, "replayClosed">;

function checkScheme(scheme: SchemeFacts): void {
  const key = `custom scheme "${scheme.name}"`;
  const parts = new Set(scheme.signed.map((part) => part.part));
  if (scheme.signatureHeaders.length === 0) {
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
}

/** A shared secret signs nothing, so every fact of such a request could be another's. */
function isReplayClosed(scheme: SchemeFacts): boolean {
  const isProven = (path: FactPath): boolean => {
    if (path.from === "body") return scheme.signed.some((part) => part.part === "body");
    if (path.from === "signed-id") return scheme.signed.some((part) => part.part === "id");
    const name = path.name.toLowerCase();
    return scheme.signed.some(
      (part) =>
        (part.part === "header" && part.name.toLowerCase() === name) ||
        (part.part === "id" && scheme.id?.headers.some((header) => header.toLowerCase() === name)),
    );
  };
  return scheme.algorithm !== "shared-secret" && scheme.dedupeKey.every(isProven);
}
