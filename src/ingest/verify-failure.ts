/** What verification came to. Why it failed is for logs and metrics alone: the sender is told nothing but 401 or 503. */

export interface VerifiedFacts {
  /** null where the scheme signs none beside the body. */
  readonly timestampMs: number | null;
  readonly id: string | null;
  /** Secrets that could not be used. The request was proven by another one. */
  readonly malformedSecrets: number;
  /**
   * Where the items of a body each carry the secret: the secrets that are ours. An item with another one is not
   * proven, and goes no further.
   */
  readonly provenTexts?: ReadonlySet<string>;
}

export type RefusalReason =
  | "signature_missing"
  | "signature_malformed"
  | "signature_mismatch"
  | "too_many_signatures"
  | "header_too_long"
  | "signed_header_missing"
  | "signed_field_missing"
  | "body_not_json"
  | "body_digest_mismatch"
  | "topic_unknown"
  | "certificate_url_refused"
  | "certificate_invalid"
  | "token_malformed"
  | "token_refused"
  | "key_unknown"
  | "id_missing"
  | "timestamp_missing"
  | "timestamp_malformed"
  | "timestamp_too_old"
  | "timestamp_in_future";

/** `…_unavailable`: what the proof needs could not be fetched just now. */
export type MisconfiguredReason =
  | "secret_missing"
  | "secret_malformed"
  | "certificate_unavailable"
  | "keys_unavailable";

export type VerifyFailure =
  | { readonly kind: "refused"; readonly reason: RefusalReason }
  /** Nothing was proven wrong: this gateway lacks a usable secret. The sender should come back. */
  | { readonly kind: "misconfigured"; readonly reason: MisconfiguredReason };

export function refused(reason: RefusalReason): VerifyFailure {
  return { kind: "refused", reason };
}
