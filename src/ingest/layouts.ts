/**
 * Reads what a request presents: its signatures, decoded, and the timestamp and id that were signed with
 * them. Strict: what does not parse is refused, and a header that was sent twice (the platform joins the
 * values with ", ") fits no layout. Verifies nothing.
 */
import { LIMITS } from "../config/limits.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { decodeBase64, decodeHex, encodeUtf8 } from "./encodings.ts";
import type { SignatureAlgorithm, SignatureEncoding, SignatureScheme } from "./scheme.ts";
import type { RefusalReason } from "./verify-failure.ts";

export interface PresentedSignature {
  readonly algorithm: SignatureAlgorithm;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Presented {
  readonly signatures: readonly PresentedSignature[];
  /** As sent: these texts are part of the signed content. */
  readonly timestamp: string | null;
  readonly id: string | null;
}

const BYTES_BY_ALGORITHM: Readonly<Record<SignatureAlgorithm, number | null>> = {
  "hmac-sha256": 32,
  "hmac-sha1": 20,
  ed25519: 64,
  "shared-secret": null,
};

const PAIR_KEY = /^[A-Za-z0-9_-]+$/;

export function readPresented(scheme: SignatureScheme, headers: Headers): Result<Presented, RefusalReason> {
  const header = firstHeader(headers, scheme.signatureHeaders);
  if (!header.ok) return header;
  if (header.value === null || header.value === "") return err("signature_missing");
  const id = firstHeader(headers, scheme.id?.headers ?? []);
  if (!id.ok) return id;
  if (scheme.id !== undefined && !id.value) return err("id_missing");
  const read = readLayout(scheme, header.value);
  if (!read.ok) return read;
  const { timestamp: timestampSource } = scheme;
  let timestamp = read.value.timestamp;
  if (timestampSource?.in === "headers") {
    const sent = firstHeader(headers, timestampSource.names);
    if (!sent.ok) return sent;
    timestamp = sent.value;
  }
  if (timestampSource !== undefined && timestampSource.in !== "body" && !timestamp) {
    return err("timestamp_missing");
  }
  return ok({ signatures: read.value.signatures, timestamp, id: id.value });
}

interface ReadLayout {
  readonly signatures: readonly PresentedSignature[];
  readonly timestamp: string | null;
}

function readLayout(scheme: SignatureScheme, header: string): Result<ReadLayout, RefusalReason> {
  switch (scheme.layout.layout) {
    case "plain": {
      const prefix = scheme.layout.prefix ?? "";
      if (!header.startsWith(prefix)) return err("signature_malformed");
      return decodeAll(scheme.encoding, [[scheme.algorithm, header.slice(prefix.length)]], null);
    }
    case "pairs":
      return readPairs(scheme, scheme.layout, header);
    case "versioned": {
      const { algorithmByVersion } = scheme.layout;
      const texts: [SignatureAlgorithm, string][] = [];
      for (const token of header.split(" ")) {
        const comma = token.indexOf(",");
        if (comma <= 0) return err("signature_malformed");
        const version = token.slice(0, comma);
        const algorithm = Object.hasOwn(algorithmByVersion, version)
          ? algorithmByVersion[version]
          : undefined;
        if (algorithm !== undefined) texts.push([algorithm, token.slice(comma + 1)]);
      }
      return decodeAll(scheme.encoding, texts, null);
    }
    default:
      return unreachable(scheme.layout);
  }
}

function readPairs(
  scheme: SignatureScheme,
  layout: { readonly separator: string; readonly signatureKey: string },
  header: string,
): Result<ReadLayout, RefusalReason> {
  const timestampKey = scheme.timestamp?.in === "signature" ? scheme.timestamp.key : null;
  const texts: [SignatureAlgorithm, string][] = [];
  let timestamp: string | null = null;
  for (const pair of header.split(layout.separator)) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals);
    if (equals <= 0 || !PAIR_KEY.test(key)) return err("signature_malformed");
    const value = pair.slice(equals + 1);
    if (key === layout.signatureKey) {
      texts.push([scheme.algorithm, value]);
    } else if (key === timestampKey) {
      // Two timestamps leave open which of them was checked and which was signed.
      if (timestamp !== null) return err("timestamp_malformed");
      timestamp = value;
    }
  }
  return decodeAll(scheme.encoding, texts, timestamp);
}

/** One signature that does not decode refuses all: a real sender never sends one. */
function decodeAll(
  encoding: SignatureEncoding,
  texts: readonly (readonly [SignatureAlgorithm, string])[],
  timestamp: string | null,
): Result<ReadLayout, RefusalReason> {
  if (texts.length === 0) return err("signature_missing");
  if (texts.length > LIMITS.ingest.maxSignatureChecks) return err("too_many_signatures");
  const signatures: PresentedSignature[] = [];
  for (const [algorithm, text] of texts) {
    const bytes = decode(encoding, text);
    const length = BYTES_BY_ALGORITHM[algorithm];
    if (bytes === null || bytes.length === 0) return err("signature_malformed");
    if (length !== null && bytes.length !== length) return err("signature_malformed");
    signatures.push({ algorithm, bytes });
  }
  return ok({ signatures, timestamp });
}

function decode(encoding: SignatureEncoding, text: string): Uint8Array<ArrayBuffer> | null {
  switch (encoding) {
    case "hex":
      return decodeHex(text);
    case "base64":
      return decodeBase64(text);
    case "text":
      return encodeUtf8(text);
    default:
      return unreachable(encoding);
  }
}

/** null when none of the headers is present. */
function firstHeader(headers: Headers, names: readonly string[]): Result<string | null, RefusalReason> {
  for (const name of names) {
    const value = headers.get(name);
    if (value === null) continue;
    return value.length > LIMITS.ingest.maxSignatureHeaderBytes ? err("header_too_long") : ok(value);
  }
  return ok(null);
}
