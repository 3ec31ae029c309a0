/** Formats, patterns and lengths of strings. Finds a value in the text first, and makes one up last. */
import type { JsonObject } from "../../../src/core/json.ts";
import { codePointsOf, cutText } from "../text.ts";
import type { FillContext, Slot } from "./context.ts";
import { mentionsOf } from "./entity-labels.ts";
import { fieldFor } from "./fields.ts";
import { samplePattern } from "./pattern-sample.ts";
import { numberOf, textOf } from "./resolve.ts";

/** Valid and plainly no one's: reserved names, the epoch, the nil of things. */
const PLACEHOLDERS: Readonly<Record<string, readonly string[]>> = {
  email: ["unknown@example.com"],
  uri: ["https://example.com/"],
  url: ["https://example.com/"],
  date: ["1970-01-01"],
  "date-time": ["1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00"],
  time: ["00:00:00", "00:00:00Z"],
  duration: ["PT0S", "P1D"],
  uuid: ["00000000-0000-4000-8000-000000000000"],
  guid: ["00000000-0000-4000-8000-000000000000"],
  ipv4: ["192.0.2.1"],
  ipv6: ["2001:db8::1"],
  cidrv4: ["192.0.2.0/24"],
  cidrv6: ["2001:db8::/32"],
  hostname: ["example.com"],
  base64: ["AAAA"],
  base64url: ["AAAA"],
  e164: ["+15550100000"],
};

export function formatOf(schema: JsonObject): string | null {
  const format = textOf(schema, "format");
  return Object.hasOwn(PLACEHOLDERS, format) ? format : null;
}

export function valueForFormat(format: string | null, slot: Slot, context: FillContext): string | null {
  const field = fieldFor(slot, context);
  switch (format) {
    case "email":
      return mentionsOf(["email"], context.analysis)[0]?.text ?? null;
    case "uri":
    case "url":
      return mentionsOf(["url"], context.analysis)[0]?.text ?? null;
    case "date":
      return typeof field === "string" ? (isoDate(field) ?? firstDate(context)) : firstDate(context);
    case "date-time": {
      const date = typeof field === "string" ? (isoDate(field) ?? firstDate(context)) : firstDate(context);
      return date === null ? null : `${date}T00:00:00Z`;
    }
    case null:
      return null;
    default:
      return typeof field === "string" ? field : null;
  }
}

function firstDate(context: FillContext): string | null {
  const literal = /\b\d{4}-\d\d-\d\d\b/.exec(context.analysis.text)?.[0];
  if (literal !== undefined) return isoDate(literal);
  for (const { text } of mentionsOf(["date"], context.analysis)) {
    const date = isoDate(text);
    if (date !== null) return date;
  }
  return null;
}

/** Only dates that name their year: the stand-in has no calendar to complete the others with. */
function isoDate(text: string): string | null {
  if (!/\b\d{4}\b/.test(text)) return null;
  const atMs = Date.parse(`${text.replace(/(\d)(?:st|nd|rd|th)\b/g, "$1")} UTC`);
  const plainMs = Number.isNaN(atMs) ? Date.parse(text) : atMs;
  return Number.isNaN(plainMs) ? null : new Date(plainMs).toISOString().slice(0, 10);
}

/** The wanted text made valid, or the nearest valid one; null when there is none to be made. */
export function fitString(
  wanted: string,
  schema: JsonObject,
  format: string | null,
  context: FillContext,
): string | null {
  const pattern = compilePattern(textOf(schema, "pattern"));
  const minLength = numberOf(schema, "minLength") ?? 0;
  const maxLength = numberOf(schema, "maxLength") ?? Number.POSITIVE_INFINITY;
  const isValid = (text: string): boolean =>
    codePointsOf(text).length >= minLength &&
    text.length <= maxLength &&
    (pattern === null || pattern.test(text)) &&
    (format === null || looksLike(format, text));
  const sized = format === null ? padText(cutText(wanted, maxLength), minLength, maxLength) : wanted;
  if (isValid(sized)) return sized;
  if (pattern !== null && format === null) {
    const inText = findPattern(pattern, context.analysis.text).find(isValid);
    if (inText !== undefined) return inText;
  }
  const made = format === null ? [] : (PLACEHOLDERS[format] ?? []);
  const sampled = samplePattern(textOf(schema, "pattern"), minLength);
  return [...made, ...(sampled === null ? [] : [sampled])].find(isValid) ?? null;
}

/** A text may hold what the pattern wants whole ("order ABC-1234" for ^[A-Z]{3}-\d{4}$). */
function findPattern(pattern: RegExp, text: string): readonly string[] {
  const loose = compilePattern(pattern.source.replace(/^\^/, "").replace(/(?<!\\)\$$/, ""));
  return loose === null ? [] : [...text.matchAll(new RegExp(loose.source, "gu"))].map(([match]) => match);
}

function compilePattern(source: string): RegExp | null {
  if (source === "") return null;
  try {
    return new RegExp(source, "u");
  } catch {
    // Not every pattern in use is valid with the `u` flag.
    return new RegExp(source);
  }
}

function padText(text: string, minLength: number, maxLength: number): string {
  const missing = minLength - codePointsOf(text).length;
  if (missing <= 0) return text;
  const filler = text === "" ? "-" : ` ${text}`;
  const repeats = Math.ceil(missing / codePointsOf(filler).length);
  const padded = codePointsOf(text + filler.repeat(repeats))
    .slice(0, minLength)
    .join("");
  return padded.length <= maxLength ? padded : "-".repeat(minLength);
}

function looksLike(format: string, text: string): boolean {
  switch (format) {
    case "email":
      return /^[^\s@]+@[^\s@]+\.[A-Za-z]{2,}$/.test(text);
    case "uri":
    case "url":
      return URL.canParse(text);
    case "date":
      return /^\d{4}-\d\d-\d\d$/.test(text);
    case "date-time":
      return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text);
    case "uuid":
    case "guid":
      return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
    default:
      // The rest are only ever placeholders or a field of that name; the pattern zod writes beside them decides.
      return !/\s/.test(text) && text !== "";
  }
}
