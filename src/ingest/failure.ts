/**
 * Everything that keeps a request from being accepted, as one union. `problem.ts` maps it to the wire,
 * `reasonOf` to logs and metrics; nothing else interprets it.
 */
import { unreachable } from "../core/result.ts";
import type { MisconfiguredReason, RefusalReason } from "./verify-failure.ts";

export type MediaReason = "content_type" | "charset" | "content_encoding";

export type MalformedReason =
  | "empty"
  | "interrupted"
  | "not_utf8"
  | "not_json"
  | "too_deep"
  | "too_many_nodes"
  | "number_too_long";

/** Where a payload breaks its schema. Paths and zod's codes only: messages may quote values. */
export interface PayloadIssue {
  readonly path: string;
  readonly code: string;
}

export type IngestFailure =
  | { readonly kind: "unknown_source" }
  | { readonly kind: "method_not_allowed"; readonly allow: string }
  | { readonly kind: "headers_too_large" }
  | { readonly kind: "rate_limited" }
  | { readonly kind: "unsupported_media_type"; readonly reason: MediaReason }
  | { readonly kind: "body_too_large"; readonly maxBytes: number }
  | { readonly kind: "body_timeout" }
  | { readonly kind: "malformed_body"; readonly reason: MalformedReason }
  | { readonly kind: "unauthorized"; readonly reason: RefusalReason }
  | { readonly kind: "source_not_configured"; readonly reason: MisconfiguredReason }
  /** The set-up dialogue asked for something that was not given: a wrong verify token, an unusable challenge. */
  | { readonly kind: "handshake_refused" }
  /** What the dialogue asks for could not be done just now. */
  | { readonly kind: "handshake_failed" }
  | { readonly kind: "too_many_events"; readonly maxEvents: number }
  | { readonly kind: "no_dedupe_key" }
  | { readonly kind: "invalid_payload"; readonly issues: readonly PayloadIssue[] }
  /** Other large bodies fill the isolate's memory. */
  | { readonly kind: "no_room" }
  /** The lanes are too deep. Nothing was written. */
  | { readonly kind: "shed" }
  | { readonly kind: "not_durable"; readonly reason: "too_slow" | "failed" | "refused" | "incomplete" }
  | { readonly kind: "unavailable" };

/** A stable word for logs and metric labels. */
export function reasonOf(failure: IngestFailure): string {
  switch (failure.kind) {
    case "unauthorized":
    case "source_not_configured":
      return failure.reason;
    case "unsupported_media_type":
    case "malformed_body":
    case "not_durable":
      return `${failure.kind}:${failure.reason}`;
    case "unknown_source":
    case "method_not_allowed":
    case "handshake_refused":
    case "handshake_failed":
    case "too_many_events":
    case "rate_limited":
    case "headers_too_large":
    case "body_too_large":
    case "body_timeout":
    case "no_dedupe_key":
    case "no_room":
    case "shed":
    case "invalid_payload":
    case "unavailable":
      return failure.kind;
    default:
      return unreachable(failure);
  }
}
