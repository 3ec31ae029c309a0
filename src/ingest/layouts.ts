/**
 * Reads what a request presents: its signatures, decoded, and the timestamp and id that were signed with
 * them. Strict: what does not parse is refused, and a header that was sent twice (the platform joins the
 * values with ", ") fits no layout. Verifies nothing.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { nameAt, valuesAt } from "./body-fields.ts";
import { ecdsaSignatureFromDer } from "./der.ts";
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
  "ecdsa-p256": 64,
  "shared-secret": null,
  "sns-certificate": null,
};

const PAIR_KEY = /^[A-Za-z0-9_-]+$/;

/** @param payload the parsed body, for schemes whose signature stands in it */
export function readPresented(
  scheme: SignatureScheme,
  headers: Headers,
  payload: JsonValue,
): Result<Presented, RefusalReason> {
  if (scheme.layout.layout === "body") return readFromBody(scheme, scheme.layout.path, payload);
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

/** Several places of a body, such as its items, must all hold the same text: which of two counts is nobody's guess. */
function readFromBody(
  scheme: SignatureScheme,
  path: string,
  payload: JsonValue,
): Result<Presented, RefusalReason> {
  const values = new Set(valuesAt(payload, path));
  const [text] = values;
  if (values.size === 0 || text === undefined || text === null || text === "") {
    return err("signature_missing");
  }
  if (values.size > 1 || typeof text !== "string") return err("signature_malformed");
  if (text.length > LIMITS.ingest.maxSignatureHeaderBytes) return err("header_too_long");
  const read = decodeAll(scheme.encoding, [[scheme.algorithm, text]], null);
  if (!read.ok) return read;
  const { timestamp } = scheme;
  const sent = timestamp?.in === "body" ? nameAt(payload, timestamp.path) : null;
  if (timestamp !== undefined && sent === null) return err("timestamp_missing");
  return ok({
    signatures: read.value.signatures,
    timestamp: sent === null ? null : String(sent),
    id: null,
  });
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
    case "body":
      return err("signature_missing");
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
    case "base64-der": {
      const der = decodeBase64(text);
      return der === null ? null : ecdsaSignatureFromDer(der);
    }
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
