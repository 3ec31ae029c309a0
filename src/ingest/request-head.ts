/**
 * What a request's head alone is refused for: cheap, before its body is read, before anything is counted against its
 * sender and before any signature is looked at. Judges no signature; one that is not there at all needs no judge.
 */
import { LIMITS } from "../config/limits.ts";
import type { Source } from "../config/define-source.ts";
import { err, type Result } from "../core/result.ts";
import { declaredLength } from "../platform/read-body.ts";
import type { IngestFailure } from "./failure.ts";
import { handshakeMethod, mayBeUnsignedPost } from "./handshakes.ts";
import { bodyFormatOf, type BodyFormat } from "./parse-body.ts";
import type { SignatureScheme } from "./scheme.ts";

/** null: nothing speaks against reading on. */
export function refusalOfHead(source: Source, request: Request): IngestFailure | null {
  const { scheme } = source.verify;
  const method = handshakeMethod(scheme.handshake);
  const allowed = method === null ? ["POST"] : [method, "POST"];
  if (!allowed.includes(request.method)) return { kind: "method_not_allowed", allow: allowed.join(", ") };
  if (hasTooLargeHead(request.headers)) return { kind: "headers_too_large" };
  const { maxBytes } = bodyBoundsOf(source, request.headers);
  if (declaredLength(request.headers) > maxBytes) return { kind: "body_too_large", maxBytes };
  const mustBeSigned = request.method === "POST" && !mayBeUnsignedPost(scheme.handshake, request.headers);
  if (mustBeSigned && lacksSignature(scheme, request.headers)) {
    const format = acceptedFormat(scheme, request.headers);
    return format.ok ? { kind: "unauthorized", reason: "signature_missing" } : format.error;
  }
  return null;
}

export function acceptedFormat(scheme: SignatureScheme, headers: Headers): Result<BodyFormat, IngestFailure> {
  const format = bodyFormatOf(headers, scheme.jsonTypes);
  if (!format.ok) return err({ kind: "unsupported_media_type", reason: format.error });
  const isRefused = format.value === "form" && scheme.refuseForms === true;
  return isRefused ? err({ kind: "unsupported_media_type", reason: "content_type" }) : format;
}

interface BodyBounds {
  readonly maxBytes: number;
  /** What a byte of it may hold alive at its peak. */
  readonly liveFactor: number;
}

/** A sender that does not retry has lost what is refused: its own word on its bodies is the default. */
export function bodyBoundsOf({ maxBodyBytes, verify: { scheme } }: Source, headers: Headers): BodyBounds {
  const { defaultBodyBytes, json, rewritten } = LIMITS.ingest;
  const bounds = isRewritten(scheme, headers) ? rewritten : json;
  const maxBytes = Math.min(maxBodyBytes ?? scheme.maxBodyBytes ?? defaultBodyBytes, bounds.maxBodyBytes);
  return { maxBytes, liveFactor: bounds.liveFactor };
}

/** Forms become JSON; a body with items is cut, and one that carries its secret goes on without: all exist twice for a while. */
function isRewritten(scheme: SignatureScheme, headers: Headers): boolean {
  if (scheme.split !== undefined || scheme.layout.layout === "body") return true;
  const format = bodyFormatOf(headers, scheme.jsonTypes);
  return format.ok && format.value === "form";
}

/** Counted until a bound is passed, so that a hostile head costs no more than the bound. */
function hasTooLargeHead(headers: Headers): boolean {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of headers) {
    bytes += name.length + value.length;
    if (++count > LIMITS.ingest.maxHeaders || bytes > LIMITS.ingest.maxHeaderBytes) return true;
  }
  return false;
}

function lacksSignature(scheme: SignatureScheme, headers: Headers): boolean {
  return scheme.layout.layout !== "body" && scheme.signatureHeaders.every((name) => !headers.has(name));
}
