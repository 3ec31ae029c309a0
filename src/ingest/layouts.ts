/**
 * Reads what a request presents: its signatures, decoded, and the timestamp and id that were signed with
 * them. Strict about each value: what does not parse is no signature. Lenient about the list: a value that does
 * not parse is passed over, as senders' own packages do, so that it cannot spoil a right one beside it. Two
 * timestamps are refused. Verifies nothing.
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
  /** As sent, before it was decoded. */
  readonly text: string;
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
  "hmac-sha512": 64,
  "hmac-sha1": 20,
  ed25519: 64,
  "ecdsa-p256": 64,
  // As long as the key.
  "rsa-sha256": null,
  "shared-secret": null,
  jwt: null,
  "sns-certificate": null,
};

/** @param payload the parsed body, for schemes whose signature stands in it */
export function readPresented(
  scheme: SignatureScheme,
  headers: Headers,
  payload: JsonValue,
): Result<Presented, RefusalReason> {
  if (scheme.layout.layout === "body") return readFromBody(scheme, scheme.layout.path, payload);
  const header = firstHeader(headers, scheme.signatureHeaders);
  if (!header.ok) return header;
  if (header.value === null) return err("signature_missing");
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

/** The items of a body may carry different secrets. The engine says which of them prove something. */
function readFromBody(
  scheme: SignatureScheme,
  path: string,
  payload: JsonValue,
): Result<Presented, RefusalReason> {
  const values = [...new Set(valuesAt(payload, path))];
  if (values.every((value) => value === undefined || value === null || value === "")) {
    return err("signature_missing");
  }
  const texts = values.filter((value) => typeof value === "string");
  if (texts.some((text) => text.length > LIMITS.ingest.maxSignatureHeaderBytes)) {
    return err("header_too_long");
  }
  if (texts.length === 0) return err("signature_malformed");
  const read = decodeAll(
    scheme.encoding,
    texts.map((text) => [scheme.algorithm, text]),
    null,
  );
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
        const version = token.slice(0, Math.max(0, comma));
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
    const key = pair.slice(0, Math.max(0, equals));
    const value = pair.slice(equals + 1);
    if (key === layout.signatureKey) {
      texts.push([scheme.algorithm, value]);
      // Trimmed: the platform joins a header that was sent twice with ", ".
    } else if (key.trim() === timestampKey) {
      // Two timestamps leave open which of them was checked and which was signed.
      if (timestamp !== null) return err("timestamp_malformed");
      timestamp = value;
    }
  }
  return decodeAll(scheme.encoding, texts, timestamp);
}

/** @returns those that decode. Some senders' headers hold others: signatures of schemes to come, or fillers. */
function decodeAll(
  encoding: SignatureEncoding,
  texts: readonly (readonly [SignatureAlgorithm, string])[],
  timestamp: string | null,
): Result<ReadLayout, RefusalReason> {
  if (texts.length === 0) return err("signature_missing");
  const signatures: PresentedSignature[] = [];
  for (const [algorithm, text] of texts) {
    const bytes = decode(encoding, text);
    const length = BYTES_BY_ALGORITHM[algorithm] ?? bytes?.length;
    if (bytes !== null && bytes.length > 0 && bytes.length === length) {
      signatures.push({ algorithm, text, bytes });
    }
  }
  if (signatures.length === 0) return err("signature_malformed");
  if (signatures.length > LIMITS.ingest.maxSignatureChecks) return err("too_many_signatures");
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

/** null when none of the headers is present; one without a value counts as absent while another has one. */
function firstHeader(headers: Headers, names: readonly string[]): Result<string | null, RefusalReason> {
  for (const name of names) {
    const value = headers.get(name);
    if (value === null || value === "") continue;
    return value.length > LIMITS.ingest.maxSignatureHeaderBytes ? err("header_too_long") : ok(value);
  }
  return ok(null);
}
