/**
 * Amazon SNS (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html): the message names
 * the certificate it was signed under, so the proof is that the certificate comes from Amazon's own host and is made
 * out to SNS, that the signature fits, and that the topic is one of ours, since anybody may have a topic. Nothing is fetched for a
 * message that fails a cheaper test.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, type Result } from "../core/result.ts";
import { valueAt } from "./body-fields.ts";
import { decodeBase64, encodeUtf8 } from "./encodings.ts";
import { isSameSecret } from "./fixed-time.ts";
import type { SignatureScheme } from "./scheme.ts";
import { isSnsCertificate, isSnsCertificateUrl } from "./sns-origin.ts";
import { parseRfc3339 } from "./times.ts";
import { refused, type RefusalReason, type VerifiedFacts, type VerifyFailure } from "./verify-failure.ts";

/** The text of a PEM certificate. @throws when it cannot be had */
export type FetchCertificate = (url: string) => Promise<string>;

interface SnsInput {
  readonly scheme: SignatureScheme;
  /** ARNs of the topics that may send. */
  readonly topics: readonly string[];
  readonly payload: JsonValue;
  readonly nowMs: number;
  readonly fetchCertificate: FetchCertificate | undefined;
}

const SIGNED_BY_TYPE: Readonly<Record<string, readonly string[]>> = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: [
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
  ],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};
const HASH_BY_VERSION: Readonly<Record<string, string>> = { "1": "SHA-1", "2": "SHA-256" };
export async function verifySns(input: SnsInput): Promise<Result<VerifiedFacts, VerifyFailure>> {
  const { payload, nowMs } = input;
  const text = (name: string): string | null => {
    const value = valueAt(payload, name);
    return typeof value === "string" ? value : null;
  };
  const type = text("Type") ?? "";
  const names = Object.hasOwn(SIGNED_BY_TYPE, type) ? SIGNED_BY_TYPE[type] : undefined;
  const version = text("SignatureVersion") ?? "";
  const hash = Object.hasOwn(HASH_BY_VERSION, version) ? HASH_BY_VERSION[version] : undefined;
  const signature = decodeBase64(text("Signature") ?? "");
  if (signature === null || signature.length === 0) return err(refused("signature_missing"));
  if (names === undefined || hash === undefined) return err(refused("signature_malformed"));

  const timestampMs = parseRfc3339(text("Timestamp") ?? "");
  if (timestampMs === null) return err(refused("timestamp_missing"));
  const stale = staleness(timestampMs, nowMs, input.scheme.toleranceMs ?? LIMITS.ingest.signatureToleranceMs);
  if (stale !== null) return err(refused(stale));
  let isOurs = false;
  for (const topic of input.topics) isOurs = (await isSameSecret(topic, text("TopicArn") ?? "")) || isOurs;
  if (!isOurs) return err(refused("topic_unknown"));

  const url = text("SigningCertURL") ?? "";
  if (!isSnsCertificateUrl(url)) return err(refused("certificate_url_refused"));
  const key = await certificateKey(url, hash, nowMs, input.fetchCertificate);
  if (!key.ok) return key;
  const lines = names.flatMap((name) => {
    const value = text(name);
    return value === null ? [] : [`${name}\n${value}\n`];
  });
  const isValid = await crypto.subtle.verify(
    "RSASSA-PKCS1-v1_5",
    key.value,
    signature,
    encodeUtf8(lines.join("")),
  );
  if (!isValid) return err(refused("signature_mismatch"));
  return ok({ timestampMs, id: text("MessageId"), malformedSecrets: 0 });
}

function staleness(timestampMs: number, nowMs: number, toleranceMs: number): RefusalReason | null {
  if (nowMs - timestampMs > toleranceMs) return "timestamp_too_old";
  return timestampMs - nowMs > toleranceMs ? "timestamp_in_future" : null;
}

interface CachedCertificate {
  readonly spki: Uint8Array<ArrayBuffer>;
  readonly validFromMs: number;
  readonly validToMs: number;
  readonly fetchedAtMs: number;
}

/** The oldest entry makes room. Failures are not kept: Amazon may be back with the next message. */
const certificatesByUrl = new Map<string, CachedCertificate>();

async function certificateKey(
  url: string,
  hash: string,
  nowMs: number,
  fetchCertificate: FetchCertificate | undefined,
): Promise<Result<CryptoKey, VerifyFailure>> {
  let certificate = certificatesByUrl.get(url);
  if (certificate === undefined || nowMs - certificate.fetchedAtMs > LIMITS.ingest.certificateCacheMs) {
    let pem: string;
    try {
      if (fetchCertificate === undefined) throw new TypeError("nothing to fetch it with");
      pem = await fetchCertificate(url);
    } catch {
      return err({ kind: "misconfigured", reason: "certificate_unavailable" });
    }
    const read = await readCertificate(pem, url, nowMs);
    if (read === null) return err(refused("certificate_invalid"));
    certificate = read;
    if (certificatesByUrl.size >= LIMITS.ingest.maxCachedCertificates) {
      const [oldest] = certificatesByUrl.keys();
      if (oldest !== undefined) certificatesByUrl.delete(oldest);
    }
    certificatesByUrl.set(url, certificate);
  }
  const isCurrent = nowMs >= certificate.validFromMs && nowMs <= certificate.validToMs;
  if (!isCurrent) return err(refused("certificate_invalid"));
  try {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash };
    return ok(await crypto.subtle.importKey("spki", certificate.spki, algorithm, false, ["verify"]));
  } catch {
    return err(refused("certificate_invalid"));
  }
}

/** The platform reads X.509 itself; loaded with the first SNS message, so that nobody else pays for it. */
async function readCertificate(pem: string, url: string, nowMs: number): Promise<CachedCertificate | null> {
  // One certificate and nothing before it: the reader would take it out of the middle of any text.
  if (!pem.startsWith("-----BEGIN CERTIFICATE-----")) return null;
  try {
    const { X509Certificate } = await import("node:crypto");
    const certificate = new X509Certificate(pem);
    if (!isSnsCertificate(url, certificate)) return null;
    return {
      spki: Uint8Array.from(certificate.publicKey.export({ type: "spki", format: "der" })),
      validFromMs: Date.parse(certificate.validFrom),
      validToMs: Date.parse(certificate.validTo),
      fetchedAtMs: nowMs,
    };
  } catch {
    return null;
  }
}
