/**
 * The signature engine: proves, from the raw bytes, that a request comes from a holder of one of the active
 * secrets and is fresh. Reads schemes as data; knows no sender. Never throws for anything a request or a
 * secret contains, and never stops early at a match or a mismatch: every secret is tried on every signature.
 */
import { LIMITS } from "../config/limits.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { encodeUtf8 } from "./encodings.ts";
import { importKey, type VerifyKey } from "./keys.ts";
import { readPresented, type Presented, type PresentedSignature } from "./layouts.ts";
import type { SignatureScheme, Verification } from "./scheme.ts";
import { parseTimestamp } from "./times.ts";
import { refused, type RefusalReason, type VerifyFailure } from "./verify-failure.ts";

export interface VerifyInput {
  readonly verification: Verification;
  /** The values of the active secrets. */
  readonly secrets: readonly string[];
  readonly headers: Headers;
  readonly method: string;
  readonly url: string;
  /** The raw bytes, as they came. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly nowMs: number;
}

export interface VerifiedFacts {
  /** null where the scheme signs none beside the body. */
  readonly timestampMs: number | null;
  readonly id: string | null;
  /** Secrets that could not be used. The request was proven by another one. */
  readonly malformedSecrets: number;
}

export async function verifyRequest(input: VerifyInput): Promise<Result<VerifiedFacts, VerifyFailure>> {
  const { scheme } = input.verification;
  if (input.secrets.length === 0) return err({ kind: "misconfigured", reason: "secret_missing" });
  const { keys, malformedSecrets } = await importKeys(scheme, input.secrets);
  if (keys.length === 0) return err({ kind: "misconfigured", reason: "secret_malformed" });

  const presented = readPresented(scheme, input.headers);
  if (!presented.ok) return err(refused(presented.error));
  const timestampMs = readTimestamp(scheme, presented.value);
  if (!timestampMs.ok) return err(refused(timestampMs.error));
  const stale = freshnessFault(scheme, timestampMs.value, input.nowMs);
  if (stale !== null) return err(refused(stale));
  if (keys.length * presented.value.signatures.length > LIMITS.ingest.maxSignatureChecks) {
    return err(refused("too_many_signatures"));
  }
  const content = signedContent(scheme, presented.value, input);
  if (content === null) return err(refused("signed_header_missing"));

  let isProven = false;
  for (const key of keys) {
    const matches = await matchesAny(key, presented.value.signatures, content);
    isProven = matches || isProven;
  }
  if (isProven) return ok({ timestampMs: timestampMs.value, id: presented.value.id, malformedSecrets });
  // The unusable secret may be the one it was signed with: saying "wrong" would be a guess.
  if (malformedSecrets > 0) return err({ kind: "misconfigured", reason: "secret_malformed" });
  return err(refused("signature_mismatch"));
}

/** Why a proven time is not acceptable now, or null. A scheme without a tolerance accepts any. */
export function freshnessFault(
  scheme: SignatureScheme,
  timestampMs: number | null,
  nowMs: number,
): Extract<RefusalReason, "timestamp_too_old" | "timestamp_in_future"> | null {
  if (timestampMs === null || scheme.toleranceMs === undefined) return null;
  if (nowMs - timestampMs > scheme.toleranceMs) return "timestamp_too_old";
  return timestampMs - nowMs > scheme.toleranceMs ? "timestamp_in_future" : null;
}

async function importKeys(
  scheme: SignatureScheme,
  secrets: readonly string[],
): Promise<{ readonly keys: readonly VerifyKey[]; readonly malformedSecrets: number }> {
  const keys: VerifyKey[] = [];
  for (const secret of secrets) {
    const imported = await importKey(scheme, secret);
    if (imported.ok) keys.push(imported.value);
  }
  return { keys, malformedSecrets: secrets.length - keys.length };
}

function readTimestamp(scheme: SignatureScheme, presented: Presented): Result<number | null, RefusalReason> {
  if (scheme.timestamp === undefined || presented.timestamp === null) return ok(null);
  const timestampMs = parseTimestamp(presented.timestamp, scheme.timestamp.unit);
  return timestampMs === null ? err("timestamp_malformed") : ok(timestampMs);
}

/** The bytes that were signed. Where that is the body alone, the body itself: no copy. */
function signedContent(
  scheme: SignatureScheme,
  presented: Presented,
  input: VerifyInput,
): Uint8Array<ArrayBuffer> | null {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let text = "";
  for (const signed of scheme.signed) {
    switch (signed.part) {
      case "body":
        if (text !== "") chunks.push(encodeUtf8(text));
        text = "";
        chunks.push(input.body);
        break;
      case "timestamp":
        text += presented.timestamp ?? "";
        break;
      case "id":
        text += presented.id ?? "";
        break;
      case "method":
        text += input.method;
        break;
      case "url":
        text += input.url;
        break;
      case "literal":
        text += signed.text;
        break;
      case "header": {
        const value = input.headers.get(signed.name);
        if (value === null || value.length > LIMITS.ingest.maxSignatureHeaderBytes) return null;
        text += value;
        break;
      }
    }
  }
  if (text !== "") chunks.push(encodeUtf8(text));
  return concat(chunks);
}

function concat(chunks: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return joined;
}

/** One HMAC per secret, whatever the number of signatures; digests are compared in fixed time. */
async function matchesAny(
  key: VerifyKey,
  signatures: readonly PresentedSignature[],
  content: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const candidates = signatures.filter((signature) => signature.algorithm === key.algorithm);
  if (candidates.length === 0) return false;
  let isMatch = false;
  switch (key.algorithm) {
    case "hmac-sha256":
    case "hmac-sha1": {
      const digest = await crypto.subtle.sign("HMAC", key.key, content);
      for (const { bytes } of candidates) isMatch = crypto.subtle.timingSafeEqual(digest, bytes) || isMatch;
      return isMatch;
    }
    case "ed25519":
      for (const { bytes } of candidates) {
        const isValid = await crypto.subtle.verify("Ed25519", key.key, bytes, content);
        isMatch = isValid || isMatch;
      }
      return isMatch;
    case "shared-secret":
      for (const { bytes } of candidates) {
        const digest = await crypto.subtle.digest("SHA-256", bytes);
        isMatch = crypto.subtle.timingSafeEqual(digest, key.digest) || isMatch;
      }
      return isMatch;
    default:
      return unreachable(key);
  }
}
