/**
 * A signature scheme as data: what is signed, with what, and where the facts of an event are found.
 * One engine (`verify.ts`) reads it; nothing here runs. Each sender's own entry names its documentation.
 */

/** Where a fact is found in a request. */
export type FactPath =
  | { readonly from: "header"; readonly name: string }
  /** Dotted (`data.id`); a number picks an element of an array. Of a split body, the path starts in the item. */
  | { readonly from: "body"; readonly path: string }
  /** The id inside the signed content. */
  | { readonly from: "signed-id" }
  /** Several paths that only together name the event; absent when one of them is. */
  | { readonly from: "joined"; readonly paths: readonly FactPath[] }
  /** The name of the body's first key with this ending (X's `tweet_create_events`), or that is not this one. */
  | { readonly from: "body-key"; readonly ending?: string; readonly except?: string }
  /**
   * SHA-256 of the body, of a split body of the item. For senders that give no id and whose bodies are unique by
   * nature; never a default.
   */
  | { readonly from: "body-digest" }
  /** A new id for every request: a repeat is a new event. For senders that repeat identical bodies by design. */
  | { readonly from: "receipt" }
  /** The same for every request of the sender. */
  | { readonly from: "constant"; readonly text: string };

/** One piece of the signed content, in order. Timestamp and id count as they were sent, byte for byte. */
export type SignedPart =
  | { readonly part: "body" }
  | { readonly part: "timestamp" }
  | { readonly part: "id" }
  | { readonly part: "method" }
  /**
   * The full URL as this Worker saw it, or as the source's `publicUrl` says. `twilio`: any of the spellings that
   * Twilio signs, with and without a port. `hubspot`: with the percent-encodings undone that HubSpot undoes.
   */
  | { readonly part: "url"; readonly variant?: "twilio" | "hubspot" }
  /** Twilio: a form's fields sorted by name, name and value joined; of any other body, whose digest must then be in the URL, nothing. */
  | { readonly part: "sorted-form" }
  /** The secret itself, where it is an id that both sides know (PayPal's of the webhook). */
  | { readonly part: "secret" }
  /** The body's CRC-32 in decimal: PayPal signs that in its stead. */
  | { readonly part: "body-crc32" }
  /** A text of the body, dotted path. */
  | { readonly part: "field"; readonly path: string }
  | { readonly part: "header"; readonly name: string }
  | { readonly part: "literal"; readonly text: string };

export type SignatureAlgorithm =
  | "hmac-sha256"
  | "hmac-sha512"
  | "hmac-sha1"
  /** RSASSA-PKCS1-v1_5 over SHA-256, with a public key. */
  | "rsa-sha256"
  | "ed25519"
  | "ecdsa-p256"
  /** Nothing is signed: the request carries the secret itself (a bearer token, Basic credentials). */
  | "shared-secret"
  /** A JSON Web Token, by what the scheme's `token` says (`token.ts`). */
  | "jwt"
  /** Amazon SNS: RSA under a certificate that the message names (`sns.ts`). */
  | "sns-certificate";

/** `text` is for shared secrets that are sent as they are; `base64-der` for ECDSA signatures in ASN.1. */
export type SignatureEncoding = "hex" | "base64" | "base64-der" | "text";

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
    }
  /** Inside the body: the one value along a dotted path, where `*` is every element and all must be the same. */
  | { readonly layout: "body"; readonly path: string };

/** How a secret's text becomes key bytes. */
export type KeyEncoding =
  | "utf8"
  | "hex"
  /** Standard Webhooks: `whsec_` (HMAC-SHA256) or `whpk_` (Ed25519 public key), then base64; and as vendors show it. */
  | "standard-webhooks"
  /** A public key as base64 of its SubjectPublicKeyInfo, with the lines of PEM around it or without. */
  | "base64-spki";

export type TimestampUnit = "s" | "ms" | "rfc3339";

/** Where the proven time of a request stands. */
export type SignedTimestamp =
  | { readonly in: "headers"; readonly names: readonly string[]; readonly unit: TimestampUnit }
  /** A pair of the signature header itself, as in Stripe's `t=`. */
  | { readonly in: "signature"; readonly key: string; readonly unit: TimestampUnit }
  /** In the body, which is signed: checked once the body is parsed. */
  | { readonly in: "body"; readonly path: string; readonly unit: TimestampUnit };

/** A sender's set-up dialogue, answered at the edge and never queued (`handshakes.ts`). */
export type HandshakeName =
  | "asana"
  | "aws-sns"
  | "bitbucket"
  | "discord"
  | "dropbox"
  | "intercom"
  | "meta"
  | "microsoft-graph"
  | "notion"
  | "slack"
  | "twitch"
  | "woocommerce"
  | "x"
  | "zoom";

/** How one body becomes several events (`split.ts`). */
export type BodySplit =
  /** The elements of the array along a dotted path; `""` is the body itself. */
  | { readonly by: "elements"; readonly path: string }
  /** Mailgun: every element of `event-data`, with the body's one signature and its place among the others. */
  | { readonly by: "mailgun" }
  /** Meta: every message, status and change by itself, in the shape of the whole. */
  | { readonly by: "meta" };

/**
 * A repeat of the signed bytes under another id. `refuse`: the same event. `flag`: a new event that says which one it
 * repeats (`repeatOf`). `accept`: a new event, unmarked.
 */
export type OnRepeat = "refuse" | "flag" | "accept";

/** A certificate that a request names, and the only place it may come from: this text, and a plain name behind it. */
export interface CertificateFacts {
  readonly header: string;
  readonly prefix: string;
}

export type TokenAlgorithm = "RS256" | "ES256";

/** Where a token's key comes from. The URL is the scheme's, never the token's. */
export type KeySource =
  /** A published JWK Set. */
  | { readonly by: "jwks"; readonly url: string }
  /** One key at a time, by its id, for the sender's customers (Plaid). */
  | { readonly by: "key-id"; readonly url: string };

/** What a token has to be. Everything that decides about trust is here, and none of it in the token. */
export interface TokenFacts {
  readonly algorithm: TokenAlgorithm;
  readonly keys: KeySource;
  readonly issuers?: readonly string[];
  readonly audience?: string;
  /** It ends by itself, and has to say when. */
  readonly hasExpiry: boolean;
  /** `email`: its verified e-mail address has to be the value of one of the source's `secrets`. */
  readonly sender?: "email";
  /** The claim that holds the SHA-256 of the body, in hex. Without one the body is not proven. */
  readonly bodyDigestClaim?: string;
}

/** What a deployer should know of a sender, and what the dedupe horizon is measured against. */
export interface SenderNotes {
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
  /** Tried in order; the first that is present counts (`webhook-signature`, `svix-signature`). Empty for `body`. */
  readonly signatureHeaders: readonly string[];
  readonly layout: SignatureLayout;
  readonly signed: readonly SignedPart[];
  /** Of `rsa-sha256` under a certificate that the request names (`certified.ts`). */
  readonly certificate?: CertificateFacts;
  /** Of the algorithm `jwt`. */
  readonly token?: TokenFacts;
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
  /** Where replay is open: what a repeat of the signed bytes under another id is. A source may say otherwise. */
  readonly onRepeat?: OnRepeat;
  readonly handshake?: HandshakeName;
  readonly split?: BodySplit;
  /** The sender never sends forms, and its handshake would sign one (`handshakes.ts`). */
  readonly refuseForms?: boolean;
  /** Media types beside JSON whose body is JSON all the same: SNS says `text/plain`. */
  readonly jsonTypes?: readonly string[];
  /** How large its bodies get, where the sender says more than the default cap. A source may say otherwise. */
  readonly maxBodyBytes?: number;
  /** Request headers worth keeping for pipelines. Those that carry signatures are never kept. */
  readonly keepHeaders: readonly string[];
  readonly notes?: SenderNotes;
}

/** What a source says about its sender: the scheme and the names of the bindings that hold its active secrets. */
export interface Verification {
  readonly scheme: SignatureScheme;
  /** Secret bindings, never secrets. Several are active at once while one is rotated. */
  readonly secrets: readonly string[];
  /** When some of them end, by binding, in ms since the epoch. */
  readonly secretEndsAtMs?: Readonly<Record<string, number>>;
  /** The URL the sender was given, where a proxy changes it on the way; its query is the request's own. */
  readonly publicUrl?: string;
  /** Bindings that hold the tokens a handshake is answered for (Meta's verify token). */
  readonly handshakeTokens?: readonly string[];
  /** The binding that holds the client id which a sender's keys are asked for with (Plaid). */
  readonly keyClientId?: string;
  /** SNS: a verified subscription is confirmed by fetching the URL it names. */
  readonly confirmSubscriptions?: boolean;
}
