/**
 * What each failure is to the sender. Public and generic: a
 * document says what the sender can mend and nothing of the inside. A 401 is the same bytes whatever was
 * wrong with the signature.
 */
import { LIMITS } from "../config/limits.ts";
import { MAX_NUMBER_CHARACTERS } from "../core/exact-json.ts";
import { unreachable } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";
import { problemOfRead } from "../platform/read-body.ts";
import type { IngestFailure, MalformedReason, MediaReason } from "./failure.ts";

const RETRY_LATER = { "retry-after": String(LIMITS.ingest.retryAfterSeconds) };

const DETAIL_BY_MEDIA_REASON: Readonly<Record<MediaReason, string>> = {
  content_type: "Send application/json, a +json type, or application/x-www-form-urlencoded.",
  charset: "Send UTF-8.",
  content_encoding: "Send the body without a content coding.",
};

const DETAIL_BY_MALFORMED_REASON: Readonly<Record<MalformedReason, string>> = {
  empty: "The body is empty.",
  interrupted: "The body ended before it was complete.",
  not_utf8: "The body is not valid UTF-8.",
  not_json: "The body is not valid JSON.",
  too_deep: `The body is nested deeper than ${LIMITS.ingest.maxJsonDepth} levels.`,
  number_too_long: `A number of the body has more than ${MAX_NUMBER_CHARACTERS} characters.`,
  too_many_nodes: `The body has more than ${LIMITS.ingest.maxJsonNodes} keys and elements.`,
};

export function problemOf(failure: IngestFailure): Problem {
  switch (failure.kind) {
    case "unknown_source":
      return { status: 404, code: "unknown-source", title: "There is no such source" };
    case "method_not_allowed":
      return {
        status: 405,
        code: "method-not-allowed",
        title: "Use POST",
        headers: { allow: failure.allow },
      };
    case "handshake_refused":
      return { status: 403, code: "handshake-refused", title: "The set-up request was refused" };
    case "handshake_failed":
      return {
        status: 503,
        code: "handshake-failed",
        title: "The set-up request could not be answered",
        headers: RETRY_LATER,
      };
    case "too_many_events":
      return {
        status: 413,
        code: "too-many-events",
        title: "The body holds too many events",
        detail: `At most ${failure.maxEvents} events are taken from one body.`,
      };
    case "rate_limited":
      return {
        status: 429,
        code: "rate-limited",
        title: "Too many requests",
        headers: { "retry-after": String(LIMITS.ingest.floodRetryAfterSeconds) },
      };
    case "headers_too_large":
      return {
        status: 431,
        code: "headers-too-large",
        title: "The request's headers are too large",
        detail: `At most ${LIMITS.ingest.maxHeaders} headers of ${LIMITS.ingest.maxHeaderBytes} bytes together are read.`,
      };
    case "unsupported_media_type":
      return {
        status: 415,
        code: "unsupported-media-type",
        title: "The body's media type is not supported",
        detail: DETAIL_BY_MEDIA_REASON[failure.reason],
      };
    case "body_too_large":
    case "body_timeout":
      return problemOfRead(failure);
    case "malformed_body":
      return {
        status: 400,
        code: "malformed-body",
        title: "The body cannot be read",
        detail: DETAIL_BY_MALFORMED_REASON[failure.reason],
      };
    case "unauthorized":
      return { status: 401, code: "unauthorized", title: "The request could not be verified" };
    case "source_not_configured":
      return {
        status: 503,
        code: "source-not-configured",
        title: "The source is not ready to receive",
        headers: RETRY_LATER,
      };
    case "no_dedupe_key":
      return {
        status: 422,
        code: "no-dedupe-key",
        title: "The event carries no id",
        detail: "Without the sender's id a retry could not be told from a new event.",
      };
    case "invalid_payload":
      return {
        status: 422,
        code: "invalid-payload",
        title: "The payload does not fit the event type's schema",
        extensions: { issues: failure.issues },
      };
    case "no_room":
      return {
        status: 503,
        code: "busy",
        title: "Other large bodies are being read",
        headers: RETRY_LATER,
      };
    case "shed":
      return {
        status: 503,
        code: "overloaded",
        title: "Too many events are waiting",
        detail: "Nothing was stored. Send it again later.",
        headers: { "retry-after": String(LIMITS.ingest.shedRetryAfterSeconds) },
      };
    case "not_durable":
    case "unavailable":
      return {
        status: 503,
        code: "unavailable",
        title: "The event could not be stored in time",
        detail: "Send it again: it is recognised if it was stored after all.",
        headers: RETRY_LATER,
      };
    default:
      return unreachable(failure);
  }
}
