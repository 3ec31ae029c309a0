/**
 * Requests that name the certificate they were signed under (PayPal). The proof is that it comes from the sender's own
 * host, under the path that holds nothing but certificates, and that the signature fits one of the source's secrets.
 * Nothing is fetched for a request that fails a cheaper test.
 */
import { LIMITS } from "../config/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { importRsaKey } from "./keys.ts";
import { readPresented } from "./layouts.ts";
import type { CertificateFacts, SignatureScheme } from "./scheme.ts";
import { signedContents, type SignedRequest } from "./signed-content.ts";
import type { FetchCertificate } from "./sns.ts";
import { parseTimestamp } from "./times.ts";
import { refused, type VerifiedFacts, type VerifyFailure } from "./verify-failure.ts";

interface CertifiedInput {
  readonly scheme: SignatureScheme;
  readonly certificate: CertificateFacts;
  /** PayPal: the ids of the webhooks that may send, which are part of what is signed. */
  readonly secrets: readonly string[];
  readonly request: SignedRequest;
  readonly nowMs: number;
  readonly fetchCertificate: FetchCertificate | undefined;
}

interface KnownCertificate {
  readonly key: CryptoKey;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly fetchedAtMs: number;
}

/** The oldest entry makes room. Failures are not kept: the host may be back with the next request. */
const certificatesByUrl = new Map<string, KnownCertificate>();

/** Freshness is for the caller to judge. */
export async function verifyCertified(input: CertifiedInput): Promise<Result<VerifiedFacts, VerifyFailure>> {
  const { scheme, certificate, secrets, request, nowMs } = input;
  const presented = readPresented(scheme, request.headers, null);
  if (!presented.ok) return err(refused(presented.error));
  const { signatures, timestamp, id } = presented.value;
  const timestampMs = parseTimestamp(timestamp ?? "", scheme.timestamp?.unit ?? "rfc3339");
  if (timestampMs === null) return err(refused("timestamp_malformed"));
  const url = request.headers.get(certificate.header) ?? "";
  if (!isAllowed(url, certificate)) return err(refused("certificate_url_refused"));
  const key = await keyOf(url, nowMs, input.fetchCertificate);
  if (!key.ok) return key;
  let isProven = false;
  for (const secret of secrets) {
    const contents = signedContents(scheme, presented.value, request, { payload: null, form: "", secret });
    if (!contents.ok) return err(refused(contents.error));
    for (const content of contents.value) {
      for (const { bytes } of signatures) {
        const isValid = await crypto.subtle.verify("RSASSA-PKCS1-v1_5", key.value, bytes, content);
        isProven = isValid || isProven;
      }
    }
  }
  return isProven ? ok({ timestampMs, id, malformedSecrets: 0 }) : err(refused("signature_mismatch"));
}

/** Compared as text, before anything parses it: no user, port, query, other spelling or folder above. */
function isAllowed(url: string, { prefix }: CertificateFacts): boolean {
  return url.startsWith(prefix) && /^[\w-]{1,128}$/.test(url.slice(prefix.length));
}

async function keyOf(
  url: string,
  nowMs: number,
  fetchCertificate: FetchCertificate | undefined,
): Promise<Result<CryptoKey, VerifyFailure>> {
  let known = certificatesByUrl.get(url);
  if (known === undefined || nowMs - known.fetchedAtMs > LIMITS.ingest.certificateCacheMs) {
    let pem: string;
    try {
      if (fetchCertificate === undefined) throw new TypeError("nothing to fetch it with");
      pem = await fetchCertificate(url);
    } catch {
      return err({ kind: "misconfigured", reason: "certificate_unavailable" });
    }
    const read = await readCertificate(pem, nowMs);
    if (read === null) return err(refused("certificate_invalid"));
    known = read;
    if (certificatesByUrl.size >= LIMITS.ingest.maxCachedCertificates) {
      const [oldest] = certificatesByUrl.keys();
      if (oldest !== undefined) certificatesByUrl.delete(oldest);
    }
    certificatesByUrl.set(url, known);
  }
  const isCurrent = nowMs >= known.validFromMs && nowMs <= known.validToMs;
  return isCurrent ? ok(known.key) : err(refused("certificate_invalid"));
}

async function readCertificate(pem: string, nowMs: number): Promise<KnownCertificate | null> {
  try {
    const { X509Certificate } = await import("node:crypto");
    const certificate = new X509Certificate(pem);
    const spki = Uint8Array.from(certificate.publicKey.export({ type: "spki", format: "der" }));
    return {
      key: await importRsaKey(spki),
      validFromMs: Date.parse(certificate.validFrom),
      validToMs: Date.parse(certificate.validTo),
      fetchedAtMs: nowMs,
    };
  } catch {
    return null;
  }
}
