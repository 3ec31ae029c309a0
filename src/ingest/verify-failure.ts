/** Why a request was not verified: for logs and metrics alone. The sender is told nothing but 401 or 503. */

export type RefusalReason =
  | "signature_missing"
  | "signature_malformed"
  | "signature_mismatch"
  | "too_many_signatures"
  | "header_too_long"
  | "signed_header_missing"
  | "id_missing"
  | "timestamp_missing"
  | "timestamp_malformed"
  | "timestamp_too_old"
  | "timestamp_in_future";

export type VerifyFailure =
  | { readonly kind: "refused"; readonly reason: RefusalReason }
  /** Nothing was proven wrong: this gateway lacks a usable secret. The sender should come back. */
  | { readonly kind: "misconfigured"; readonly reason: "secret_missing" | "secret_malformed" };

export function refused(reason: RefusalReason): VerifyFailure {
  return { kind: "refused", reason };
}
