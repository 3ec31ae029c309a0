/**
 * One text for one meaning: what cache keys are hashed from. Key order, Unicode form and the way a number
 * was written make no difference; anything else does. For hashing and comparing, never for sending.
 *
 * After RFC 8785 (JCS), with one addition: strings are brought to NFC.
 */
import type { JsonValue } from "./json.ts";

/**
 * Numbers that JSON does not know (NaN, infinities) are written by name: they can come out of a config and
 * must not meet `null`. Keys that are equal only after normalisation are all kept, in a fixed order.
 */
export function canonicalJson(value: JsonValue): string {
  if (typeof value === "string") return JSON.stringify(value.normalize("NFC"));
  if (typeof value === "number") return canonicalNumber(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => canonicalJson(item)).join(",")}]`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => ({ key, text: `${canonicalJson(key)}:${canonicalJson(item)}` }));
  entries.sort((left, right) => compareKeys(left.key, right.key));
  return `{${entries.map((entry) => entry.text).join(",")}}`;
}

/** JavaScript's own shortest form is the canonical one; only minus zero needs a hand. */
function canonicalNumber(value: number): string {
  return Number.isFinite(value) ? JSON.stringify(value === 0 ? 0 : value) : String(value);
}

/** By UTF-16 code units, as RFC 8785 asks; the raw key decides between keys of one normal form. */
function compareKeys(left: string, right: string): number {
  return compare(left.normalize("NFC"), right.normalize("NFC")) || compare(left, right);
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
