/**
 * A signature scheme as data: what is signed, with what, and where the facts of an event are found.
 * One engine (`verify.ts`) reads it; nothing here runs. Each sender's own entry names its documentation.
 */

/** Where a fact is found in a request. */
export type FactPath =
  | { readonly from: "header"; readonly name: string }
  /** Dotted (`data.id`); a number picks an element of an array. */
  | { readonly from: "body"; readonly path: string }
  /** The id inside the signed content. */
  | { readonly from: "signed-id" };

/** One piece of the signed content, in order. Timestamp and id count as they were sent, byte for byte. */
export type SignedPart =
  | { readonly part: "body" }
  | { readonly part: "timestamp" }
  | { readonly part: "id" }
  | { readonly part: "method" }
  /** The full URL as this Worker saw it. */
  | { readonly part: "url" }
  | { readonly part: "header"; readonly name: string }
  | { readonly part: "literal"; readonly text: string };

export type SignatureAlgorithm =
  | "hmac-sha256"
  | "hmac-sha1"
  | "ed25519"
  /** Nothing is signed: the header carries the secret itself (a bearer token, Basic credentials). */
  | "shared-secret";

/** `text` is for shared secrets that are sent as they are. */
export type SignatureEncoding = "hex" | "base64" | "text";

/** How signatures are laid out in their header. */
type SignatureLayout =
  /** The whole value, after an optional prefix such as `sha256=`. */
  | { readonly layout: "plain"; readonly prefix?: string }
  /** `t=…,v1=…`: pairs. Several may carry `signatureKey`; any one of them may match. */
  | { readonly layout: "pairs"; readonly separator: "," | ";"; readonly signatureKey: string }
  /** Standard Webhooks: `v1,<base64> v1a,<base64>`, separated by spaces. Unknown versions are passed over. */
  | {
      readonly layout: "versioned";
      readonly algorithmByVersion: Readonly<Record<string, SignatureAlgorithm>>;
    };

/** How a secret's text becomes key bytes. */
export type KeyEncoding =
  | "utf8"
  | "hex"
  /** Standard Webhooks: `whsec_` (HMAC-SHA256) or `whpk_` (Ed25519 public key), then base64. */
  | "standard-webhooks";

export type TimestampUnit = "s" | "ms" | "rfc3339";

/** Where the proven time of a request stands. */
export type SignedTimestamp =
  | { readonly in: "headers"; readonly names: readonly string[]; readonly unit: TimestampUnit }
  /** A pair of the signature header itself, as in Stripe's `t=`. */
  | { readonly in: "signature"; readonly key: string; readonly unit: TimestampUnit }
  /** In the body, which is signed: checked once the body is parsed. */
  | { readonly in: "body"; readonly path: string; readonly unit: TimestampUnit };

/** What a deployer should know of a sender, and what the dedupe horizon is measured against. */
interface SenderNotes {
  /** What the signature proves. */
  readonly signs: string;
  /** What stands against a captured request that is sent again. */
  readonly replay: string;
  /** How long the sender goes on trying; 0 when it does not retry, null when it does not say. */
  readonly retryWindowMs: number | null;
  readonly documentation: string;
}

export interface SignatureScheme {
  readonly name: string;
  readonly algorithm: SignatureAlgorithm;
  readonly encoding: SignatureEncoding;
  readonly keyEncoding: KeyEncoding;
  /** Tried in order; the first that is present counts (`webhook-signature`, `svix-signature`). */
  readonly signatureHeaders: readonly string[];
  readonly layout: SignatureLayout;
  readonly signed: readonly SignedPart[];
  readonly timestamp?: SignedTimestamp;
  /** Headers that carry the signed id; the first that is present counts. */
  readonly id?: { readonly headers: readonly string[] };
  /** How old, or how far in the future, a signed timestamp may be. */
  readonly toleranceMs?: number;
  /** The first that is present counts. */
  readonly dedupeKey: readonly FactPath[];
  /** The first that is present counts. */
  readonly type: readonly FactPath[];
  /** Joined to the type with a dot when present: GitHub's `issues` + `opened`. */
  readonly typeSuffix?: FactPath;
  readonly orderKey?: { readonly at: FactPath; readonly unit: TimestampUnit | "sequence" };
  /** True when everything that identifies the event is signed: a captured request cannot return under a fresh id. */
  readonly replayClosed: boolean;
  /** Request headers worth keeping for pipelines. Those that carry signatures are never kept. */
  readonly keepHeaders: readonly string[];
  readonly notes?: SenderNotes;
}

/** What a source says about its sender: the scheme and the names of the bindings that hold its active secrets. */
export interface Verification {
  readonly scheme: SignatureScheme;
  /** Secret bindings, never secrets. Several are active at once while one is rotated. */
  readonly secrets: readonly string[];
}
