/**
 * From raw, verified bytes to a payload: JSON, or a form that becomes an object of strings. The text that
 * goes on in the envelope is always JSON, so that nobody after ingest needs to know how it was sent.
 */
import { LIMITS } from "../config/limits.ts";
import { NumberTooLongError, parseExactJson } from "../core/exact-json.ts";
import { decodeJsonText, forgetLastMatch } from "../core/json-text.ts";
import type { JsonValue } from "../core/json.ts";
import { err, ok, type Result } from "../core/result.ts";
import { encodeUtf8 } from "./encodings.ts";
import type { MalformedReason, MediaReason } from "./failure.ts";
import { exceededJsonBound } from "./json-bounds.ts";

export type BodyFormat = "json" | "form";

export interface ParsedBody {
  /** A number that a double cannot hold is the text of its digits. */
  readonly payload: JsonValue;
  /** JSON. Of a JSON body, the text as it came (without a byte order mark); of a large one some letters may be escaped. */
  readonly text: string;
  /** The same text in UTF-8; of a JSON body a view of what was read, not a copy. */
  readonly jsonBytes: Uint8Array<ArrayBuffer>;
}

const JSON_TYPE = /^application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)$/;
/** As nearly every sender writes it. */
const COMMON_JSON_TYPES = new Set(["application/json", "application/json; charset=utf-8"]);
const JSON_FORMAT = ok("json" as const);
const FORM_TYPE = "application/x-www-form-urlencoded";
const BOUNDS = { maxDepth: LIMITS.ingest.maxJsonDepth, maxNodes: LIMITS.ingest.maxJsonNodes };

const REPLACEMENT = "\ufffd";

/** `fatal`: a replacement character would be a silent change of what was signed. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** @param jsonTypes further media types whose body is JSON all the same */
export function bodyFormatOf(
  headers: Headers,
  jsonTypes: readonly string[] = [],
): Result<BodyFormat, MediaReason> {
  const coding = headers.get("content-encoding");
  if (coding !== null && coding.toLowerCase() !== "identity") return err("content_encoding");
  const header = headers.get("content-type") ?? "";
  if (COMMON_JSON_TYPES.has(header)) return JSON_FORMAT;
  if (header.length > LIMITS.ingest.maxContentTypeCharacters) return err("content_type");
  const [mediaType = "", ...parameters] = header.toLowerCase().split(";");
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=", 2);
    const isUtf8 = /^"?utf-?8"?$/.test(value.trim());
    if (name.trim() === "charset" && !isUtf8) return err("charset");
  }
  if (JSON_TYPE.test(mediaType.trim()) || jsonTypes.includes(mediaType.trim())) return ok("json");
  return mediaType.trim() === FORM_TYPE ? ok("form") : err("content_type");
}

export function parseBody(
  body: Uint8Array<ArrayBuffer>,
  format: BodyFormat,
): Result<ParsedBody, MalformedReason> {
  if (body.length === 0) return err("empty");
  let text: string;
  try {
    text = format === "json" ? decodeJsonText(body) : decoder.decode(body);
  } catch {
    return err("not_utf8");
  }
  return format === "json" ? parseJson(text, withoutByteOrderMark(body)) : parseForm(text);
}

function parseJson(text: string, jsonBytes: Uint8Array<ArrayBuffer>): Result<ParsedBody, MalformedReason> {
  const exceeded = exceededJsonBound(text, BOUNDS);
  if (exceeded !== null) return err(exceeded);
  try {
    return ok({ payload: parseExactJson(text), text, jsonBytes });
  } catch (thrown) {
    // The parser's message quotes the payload.
    return err(thrown instanceof NumberTooLongError ? "number_too_long" : "not_json");
  }
}

/** The decoder drops the mark from the text, so the bytes that go with it must not have it either. */
function withoutByteOrderMark(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const hasMark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
  return hasMark ? body.subarray(3) : body;
}

/**
 * https://url.spec.whatwg.org/#urlencoded-parsing. Of a name that comes twice the last value counts. A form
 * whose only field is `payload` is JSON in a wrapper, as Slack and GitHub send it: the wrapper goes.
 */
function parseForm(text: string): Result<ParsedBody, MalformedReason> {
  let fields = 1;
  for (let at = text.indexOf("&"); at !== -1; at = text.indexOf("&", at + 1)) fields++;
  if (fields > BOUNDS.maxNodes) return err("too_many_nodes");
  const pairs = [...new URLSearchParams(text)];
  const isReplaced = pairs.some((pair) => pair.some((part) => part.includes(REPLACEMENT)));
  if (isReplaced && !isEscapedUtf8(text)) return err("not_utf8");
  const payload = Object.fromEntries(pairs);
  const wrapped = Object.keys(payload).length === 1 ? payload["payload"] : undefined;
  if (wrapped !== undefined && isContainer(wrapped)) return parseJson(wrapped, encodeUtf8(wrapped));
  const json = JSON.stringify(payload);
  return ok({ payload, text: json, jsonBytes: encodeUtf8(json) });
}

function isContainer(json: string): boolean {
  const isOne = /^\s*[{[]/.test(json);
  forgetLastMatch();
  return isOne;
}

/** What is percent-encoded must be UTF-8 too: the URL standard's parser replaces what is not, and says nothing of it. */
function isEscapedUtf8(text: string): boolean {
  try {
    for (const [escapes] of text.matchAll(/(?:%[0-9a-f]{2})+/gi)) decodeURIComponent(escapes);
    return true;
  } catch {
    return false;
  }
}
