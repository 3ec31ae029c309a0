/**
 * The bytes that were signed, put together from a request as its scheme says. Where a URL has several spellings,
 * several contents: the signature must fit one of them.
 */
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import { nameAt } from "./body-fields.ts";
import { crc32 } from "./crc32.ts";
import { encodeUtf8, sha256Hex } from "./encodings.ts";
import { isSameSecret } from "./fixed-time.ts";
import type { Presented } from "./layouts.ts";
import type { SignatureScheme, SignedPart } from "./scheme.ts";
import { hubspotUrl, twilioUrls } from "./signed-urls.ts";
import type { RefusalReason } from "./verify-failure.ts";

/** Of forms: what is no UTF-8 fits no signature, and parsing refuses it later. */
const decoder = new TextDecoder();

export type Bytes = Uint8Array<ArrayBuffer>;

export interface SignedRequest {
  readonly headers: Headers;
  readonly method: string;
  readonly url: string;
  /** The raw bytes, as they came. */
  readonly body: Bytes;
}

/** What a signed content may need beside the request itself. */
interface ReadBody {
  readonly payload: JsonValue;
  /** What `sortedForm` made of the body, for the schemes that sign that. */
  readonly form: string;
  /** For the schemes that sign it along. */
  readonly secret?: string;
}

/** Where the signed content is the body alone, the body itself: no copy. */
export function signedContents(
  scheme: SignatureScheme,
  presented: Presented,
  request: SignedRequest,
  read: ReadBody,
): Result<readonly Bytes[], RefusalReason> {
  const contents: Bytes[] = [];
  for (const url of urlsOf(scheme, request.url)) {
    const chunks: Bytes[] = [];
    let text = "";
    for (const signed of scheme.signed) {
      if (signed.part === "body") {
        if (text !== "") chunks.push(encodeUtf8(text));
        text = "";
        chunks.push(request.body);
        continue;
      }
      const piece = textOf(signed, presented, request, url, read);
      if (!piece.ok) return piece;
      text += piece.value;
    }
    if (text !== "" || chunks.length === 0) chunks.push(encodeUtf8(text));
    contents.push(concat(chunks));
  }
  return ok(contents);
}

export function signsForm(scheme: SignatureScheme): boolean {
  return scheme.signed.some(({ part }) => part === "sorted-form");
}

function urlsOf(scheme: SignatureScheme, url: string): readonly string[] {
  const isTwilio = scheme.signed.some((signed) => signed.part === "url" && signed.variant === "twilio");
  return isTwilio ? twilioUrls(url) : [url];
}

function textOf(
  signed: Exclude<SignedPart, { readonly part: "body" }>,
  presented: Presented,
  request: SignedRequest,
  url: string,
  { payload, form, secret = "" }: ReadBody,
): Result<string, RefusalReason> {
  switch (signed.part) {
    case "timestamp":
      return ok(presented.timestamp ?? "");
    case "id":
      return ok(presented.id ?? "");
    case "method":
      return ok(request.method);
    case "url":
      return ok(signed.variant === "hubspot" ? hubspotUrl(url) : url);
    case "sorted-form":
      return ok(form);
    case "secret":
      return ok(secret);
    case "body-crc32":
      return ok(String(crc32(request.body)));
    case "literal":
      return ok(signed.text);
    case "field": {
      const value = nameAt(payload, signed.path);
      return value === null ? err("signed_field_missing") : ok(String(value));
    }
    case "header": {
      const value = request.headers.get(signed.name);
      const isUsable = value !== null && value.length <= LIMITS.ingest.maxSignatureHeaderBytes;
      return isUsable ? ok(value) : err("signed_header_missing");
    }
    default:
      return unreachable(signed);
  }
}

/**
 * https://www.twilio.com/docs/usage/webhooks/webhooks-security : of a form its fields, sorted by name (a name's
 * values once each, sorted too); of any other body nothing, but then the signed URL holds the body's digest.
 */
export async function sortedForm(request: SignedRequest): Promise<Result<string, RefusalReason>> {
  const expected = new URL(request.url).searchParams.get("bodySHA256");
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (expected === null && type === "application/x-www-form-urlencoded") {
    const valuesByName = new Map<string, Set<string>>();
    for (const [name, value] of new URLSearchParams(decoder.decode(request.body))) {
      const values = valuesByName.get(name);
      if (values === undefined) valuesByName.set(name, new Set([value]));
      else values.add(value);
    }
    const sorted = [...valuesByName].sort(([left], [right]) => (left < right ? -1 : 1));
    return ok(sorted.flatMap(([name, values]) => [...values].sort().map((value) => name + value)).join(""));
  }
  const isExpected = expected !== null && (await isSameSecret(await sha256Hex(request.body), expected));
  return isExpected ? ok("") : err("body_digest_mismatch");
}

function concat(chunks: readonly Bytes[]): Bytes {
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
