/**
 * The signature engine: proves, from the raw bytes, that a request comes from a holder of one of the active
 * secrets and is fresh. Reads schemes as data; knows no sender. Never throws for anything a request or a
 * secret contains, and never stops early at a match or a mismatch: every secret is tried on every signature.
 * Uses web standards alone, so that it runs, and is tested, wherever they are.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { verifyCertified } from "./certified.ts";
import { isEqualInFixedTime } from "./fixed-time.ts";
import { importKey, knownKey, type VerifyKey } from "./keys.ts";
import { readPresented, type Presented, type PresentedSignature } from "./layouts.ts";
import type { SignatureScheme, Verification } from "./scheme.ts";
import { signedContents, signsForm, sortedForm, type Bytes, type SignedRequest } from "./signed-content.ts";
import { publicUrlOf } from "./signed-urls.ts";
import { verifySns, type FetchCertificate } from "./sns.ts";
import { parseTimestamp } from "./times.ts";
import { refused, type RefusalReason, type VerifiedFacts, type VerifyFailure } from "./verify-failure.ts";

export interface VerifyInput extends SignedRequest {
  readonly verification: Verification;
  /** The values of the active secrets. */
  readonly secrets: readonly string[];
  readonly nowMs: number;
  /** The parsed body, for the schemes whose signature stands in it; null where there is none. */
  readonly payload?: JsonValue;
  /** For schemes whose key is a certificate. */
  readonly fetchCertificate?: FetchCertificate;
  /** For schemes whose keys are published, and the client id that they are asked for with. */
  readonly fetch?: typeof fetch;
  readonly keyClientId?: string | undefined;
}

const NO_FORM = ok("");

const VERIFY_BY_ALGORITHM = {
  ed25519: "Ed25519",
  "ecdsa-p256": { name: "ECDSA", hash: "SHA-256" },
  "rsa-sha256": "RSASSA-PKCS1-v1_5",
} as const;

export async function verifyRequest(input: VerifyInput): Promise<Result<VerifiedFacts, VerifyFailure>> {
  const { verification, secrets, headers, nowMs, payload = null } = input;
  const { scheme } = verification;
  if (secrets.length === 0) return err({ kind: "misconfigured", reason: "secret_missing" });
  if (scheme.algorithm === "sns-certificate") {
    const { fetchCertificate } = input;
    return verifySns({ scheme, topics: secrets, payload, nowMs, fetchCertificate });
  }
  if (scheme.certificate !== undefined) {
    const { certificate } = scheme;
    const { fetchCertificate, method, body } = input;
    const request = { headers, method, url: input.url, body };
    const proven = await verifyCertified({ scheme, certificate, secrets, request, nowMs, fetchCertificate });
    const fault = proven.ok ? freshnessFault(scheme, proven.value.timestampMs, nowMs) : null;
    return fault === null ? proven : err(refused(fault));
  }
  if (scheme.token !== undefined) {
    const { token } = scheme;
    const { verifyToken } = await import("./token.ts");
    const { keyClientId: clientId, body, fetch: fetcher } = input;
    const proven = await verifyToken({
      scheme,
      token,
      secrets,
      clientId,
      headers,
      body,
      nowMs,
      fetch: fetcher,
    });
    const fault = proven.ok ? freshnessFault(scheme, proven.value.timestampMs, nowMs) : null;
    return fault === null ? proven : err(refused(fault));
  }
  const { keys, malformedSecrets } = knownKeys(scheme, secrets) ?? (await importKeys(scheme, secrets));
  if (keys.length === 0) return err({ kind: "misconfigured", reason: "secret_malformed" });

  const presented = readPresented(scheme, headers, payload);
  if (!presented.ok) return err(refused(presented.error));
  const timestampMs = readTimestamp(scheme, presented.value);
  if (!timestampMs.ok) return err(refused(timestampMs.error));
  const stale = freshnessFault(scheme, timestampMs.value, nowMs);
  if (stale !== null) return err(refused(stale));
  if (keys.length * presented.value.signatures.length > LIMITS.ingest.maxSignatureChecks) {
    return err(refused("too_many_signatures"));
  }
  const url = publicUrlOf(verification.publicUrl, input.url);
  const request: SignedRequest = { headers, method: input.method, url, body: input.body };
  const form = signsForm(scheme) ? await sortedForm(request) : NO_FORM;
  if (!form.ok) return err(refused(form.error));
  const contents = signedContents(scheme, presented.value, request, { payload, form: form.value });
  if (!contents.ok) return err(refused(contents.error));

  const proven = new Set<string>();
  for (const key of keys) {
    for (const content of contents.value) {
      for (const { text } of await matching(key, presented.value.signatures, content)) proven.add(text);
    }
  }
  if (proven.size > 0) {
    const facts = { timestampMs: timestampMs.value, id: presented.value.id, malformedSecrets };
    return ok(carriesSecretInItems(scheme) ? { ...facts, provenTexts: proven } : facts);
  }
  // The unusable secret may be the one it was signed with: saying "wrong" would be a guess.
  if (malformedSecrets > 0) return err({ kind: "misconfigured", reason: "secret_malformed" });
  return err(refused("signature_mismatch"));
}

/** Why a proven time is not acceptable now, or null. A scheme without a tolerance accepts any. */
export function freshnessFault(
  scheme: Pick<SignatureScheme, "toleranceMs">,
  timestampMs: number | null,
  nowMs: number,
): Extract<RefusalReason, "timestamp_too_old" | "timestamp_in_future"> | null {
  if (timestampMs === null || scheme.toleranceMs === undefined) return null;
  if (nowMs - timestampMs > scheme.toleranceMs) return "timestamp_too_old";
  return timestampMs - nowMs > scheme.toleranceMs ? "timestamp_in_future" : null;
}

interface Keys {
  readonly keys: readonly VerifyKey[];
  readonly malformedSecrets: number;
}

/** null unless all of them were imported before, which is so for all but an isolate's first requests. */
function knownKeys(scheme: SignatureScheme, secrets: readonly string[]): Keys | null {
  const keys: VerifyKey[] = [];
  for (const secret of secrets) {
    const key = knownKey(scheme, secret);
    if (key === undefined) return null;
    keys.push(key);
  }
  return { keys, malformedSecrets: 0 };
}

async function importKeys(scheme: SignatureScheme, secrets: readonly string[]): Promise<Keys> {
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

/** Items of one body, each with the secret itself (Microsoft Graph): every one is proven by itself. */
export function carriesSecretInItems({ algorithm, layout }: SignatureScheme): boolean {
  return algorithm === "shared-secret" && layout.layout === "body" && layout.path.includes("*");
}

/** The signatures that the key proves. One HMAC per secret, whatever their number; digests are compared in fixed time. */
async function matching(
  key: VerifyKey,
  signatures: readonly PresentedSignature[],
  content: Bytes,
): Promise<readonly PresentedSignature[]> {
  const candidates = signatures.filter((signature) => signature.algorithm === key.algorithm);
  if (candidates.length === 0) return [];
  switch (key.algorithm) {
    case "hmac-sha256":
    case "hmac-sha512":
    case "hmac-sha1": {
      const digest = new Uint8Array(await crypto.subtle.sign("HMAC", key.key, content));
      return candidates.filter(({ bytes }) => isEqualInFixedTime(digest, bytes));
    }
    case "ed25519":
    case "ecdsa-p256":
    case "rsa-sha256": {
      const algorithm = VERIFY_BY_ALGORITHM[key.algorithm];
      const valid: PresentedSignature[] = [];
      for (const candidate of candidates) {
        if (await crypto.subtle.verify(algorithm, key.key, candidate.bytes, content)) valid.push(candidate);
      }
      return valid;
    }
    case "shared-secret": {
      const valid: PresentedSignature[] = [];
      for (const candidate of candidates) {
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", candidate.bytes));
        if (isEqualInFixedTime(digest, key.digest)) valid.push(candidate);
      }
      return valid;
    }
    default:
      return unreachable(key);
  }
}
