/**
 * What a verified request says of itself, found where its scheme says: dedupe key, type, order key, signed
 * body time. A fact that is missing or does not parse is null; nothing is made up, and a body's digest is an id
 * only where the scheme says so.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { unreachable } from "../core/result.ts";
import { nameAt } from "./body-fields.ts";
import { encodeUtf8, sha256Hex } from "./encodings.ts";
import type { FactPath, SignatureScheme, SignedTimestamp } from "./scheme.ts";
import { parseTimeFact } from "./times.ts";

export interface FactSource {
  readonly headers: Headers;
  readonly payload: JsonValue;
  readonly signedId: string | null;
  /** SHA-256 of the body, or of the item of a split one; null where the scheme does not ask for it. */
  readonly bodyDigest?: string | null;
  /** New for every request; only where the scheme asks for it. */
  readonly receiptId?: string;
}

export interface SchemeFacts {
  readonly dedupeKey: string | null;
  readonly type: string;
  readonly orderKey: number | null;
}

/** The type of an event that names none. A source may declare it, or `*`. */
export const UNKNOWN_TYPE = "unknown";

export function needsBodyDigest(scheme: SignatureScheme): boolean {
  return scheme.dedupeKey.some(usesBodyDigest);
}

function usesBodyDigest(path: FactPath): boolean {
  return path.from === "joined" ? path.paths.some(usesBodyDigest) : path.from === "body-digest";
}

export function needsReceipt(scheme: SignatureScheme): boolean {
  return scheme.dedupeKey.some((path) => path.from === "receipt");
}

export function readSchemeFacts(scheme: SignatureScheme, source: FactSource): SchemeFacts {
  const dedupeKey = firstName(scheme.dedupeKey, source);
  return {
    dedupeKey: dedupeKey === null ? null : String(dedupeKey),
    type: readType(scheme, source),
    orderKey: readOrderKey(scheme, source),
  };
}

/** The proven time inside the body, for schemes that keep it there. */
export function readBodyTimestamp(
  timestamp: Extract<SignedTimestamp, { readonly in: "body" }>,
  source: FactSource,
): number | null {
  const value = readFact({ from: "body", path: timestamp.path }, source);
  return value === null ? null : parseTimeFact(value, timestamp.unit);
}

/** True of nearly every sender's ids: short, and not with half a surrogate pair, which has no UTF-8 of its own. */
export function isPlainKey(dedupeKey: string): boolean {
  return dedupeKey.length <= LIMITS.ingest.maxDedupeKeyCharacters && dedupeKey.isWellFormed();
}

/** What is not plain becomes a digest, so that rows and ids stay bounded and keys that differ stay apart. */
export async function boundDedupeKey(dedupeKey: string): Promise<string> {
  if (isPlainKey(dedupeKey)) return dedupeKey;
  // JSON escapes such a half; UTF-8 has one replacement for all of them.
  const text = dedupeKey.isWellFormed() ? dedupeKey : JSON.stringify(dedupeKey);
  return `sha256:${await sha256Hex(encodeUtf8(text))}`;
}

/** Only the scheme's own list and what a source needs beside it, never a signature, names in lower case; beyond the cap headers are left out. */
export function keptHeaders(
  scheme: SignatureScheme,
  headers: Headers,
  also: readonly string[] = [],
): Record<string, string> {
  const kept: Record<string, string> = {};
  const signatureHeaders = new Set(scheme.signatureHeaders.map((name) => name.toLowerCase()));
  let leftBytes: number = LIMITS.ingest.maxKeptHeaderBytes;
  for (const listed of [...also, ...scheme.keepHeaders]) {
    const name = listed.toLowerCase();
    const value = signatureHeaders.has(name) ? null : headers.get(name);
    if (value === null) continue;
    const sizeBytes = name.length + encodeUtf8(value).length;
    if (sizeBytes > leftBytes) continue;
    leftBytes -= sizeBytes;
    kept[name] = value;
  }
  return kept;
}

function readType(scheme: SignatureScheme, source: FactSource): string {
  const type = firstFact(scheme.type, source);
  if (type === null) return UNKNOWN_TYPE;
  const suffix = scheme.typeSuffix ? readFact(scheme.typeSuffix, source) : null;
  const full = suffix === null ? String(type) : `${type}.${suffix}`;
  return full.slice(0, LIMITS.ingest.maxTypeCharacters);
}

function readOrderKey(scheme: SignatureScheme, source: FactSource): number | null {
  if (scheme.orderKey === undefined) return null;
  const value = readFact(scheme.orderKey.at, source);
  if (value === null) return null;
  if (scheme.orderKey.unit !== "sequence") return parseTimeFact(value, scheme.orderKey.unit);
  if (typeof value === "string" && !/^\d{1,16}$/.test(value)) return null;
  const sequence = Number(value);
  return Number.isSafeInteger(sequence) && sequence >= 0 ? sequence : null;
}

function firstFact(paths: readonly FactPath[], source: FactSource): string | number | null {
  for (const path of paths) {
    const value = readFact(path, source);
    if (value !== null) return value;
  }
  return null;
}

/** The first that names the event and no other. A number that JSON cannot hold exactly may be several ids: it is none. */
function firstName(paths: readonly FactPath[], source: FactSource): string | number | null {
  for (const path of paths) {
    const value = readName(path, source);
    if (value !== null) return value;
  }
  return null;
}

function readName(path: FactPath, source: FactSource): string | number | null {
  const value = readFact(path, source);
  return typeof value === "number" && !Number.isSafeInteger(value) ? null : value;
}

function readFact(path: FactPath, source: FactSource): string | number | null {
  switch (path.from) {
    case "signed-id":
      return source.signedId;
    case "header": {
      const value = source.headers.get(path.name);
      // A header that was sent twice arrives joined: which of the two counts is nobody's guess.
      const isUsable =
        value !== null &&
        value !== "" &&
        !value.includes(", ") &&
        value.length <= LIMITS.ingest.maxSignatureHeaderBytes;
      return isUsable ? value : null;
    }
    case "body":
      return nameAt(source.payload, path.path);
    case "joined":
      return readJoined(path.paths, source);
    case "body-key":
      return readBodyKey(path, source.payload);
    case "body-digest":
      return source.bodyDigest ?? null;
    case "receipt":
      return source.receiptId ?? null;
    case "constant":
      return path.text;
    default:
      return unreachable(path);
  }
}

function readJoined(paths: readonly FactPath[], source: FactSource): string | null {
  const values = paths.map((path) => readName(path, source));
  // JSON keeps the parts apart, whatever they contain.
  return values.includes(null) ? null : JSON.stringify(values);
}

function readBodyKey(
  { ending, except }: { readonly ending?: string; readonly except?: string },
  payload: JsonValue,
): string | null {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return null;
  const isWanted = (key: string) => key !== except && key.endsWith(ending ?? "");
  return Object.keys(payload).find(isWanted) ?? null;
}
