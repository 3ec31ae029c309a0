/**
 * JSON whose numbers arrive exactly. JavaScript's numbers are doubles: an integer beyond 2^53 is rounded, and two customers with
 * neighbouring ids become one. Here a number that a double cannot hold becomes the text of its digits, as it was written.
 * Pure. The source text of a number is given to a reviver by https://tc39.es/proposal-json-parse-with-source/.
 */
import { endOfString, forgetLastMatch } from "./json-text.ts";
import type { JsonValue } from "./json.ts";

/** Longer numbers are refused: no sender means one, and comparing them costs time. */
export const MAX_NUMBER_CHARACTERS = 1_000;

/** Thrown where a number is longer than that. */
export class NumberTooLongError extends Error {
  constructor() {
    super(`a number of the body has more than ${MAX_NUMBER_CHARACTERS} characters`);
  }
}

/**
 * Finds bodies that may hold such a number: sixteen digits and points in a row, or an exponent of two digits. Most have none and are read by the plain parser. Digits inside a text are found as well; they only cost time.
 */
const MAY_BE_INEXACT = /\d(?:[\d.]{15}|[eE][+-]?\d{2})/;
/** What a double always holds: 15 digits. What it may hold: 17. https://en.wikipedia.org/wiki/Double-precision_floating-point_format */
const MAX_DOUBLE_DIGITS = 17;
const QUOTE = 0x22;
/** The shortest is infinite: `1e999`. */
const MIN_INEXACT_CHARACTERS = 4;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

interface Source {
  /** Of a number, a text, a boolean or null; absent for objects and arrays. */
  readonly source?: string;
}

// The two functions of the proposal, which the language's types do not have yet. V8 has both, in workerd and in Node from 22 on.
declare global {
  interface JSON {
    parse(text: string, reviver: (key: string, value: JsonValue, context: Source) => unknown): JsonValue;
    rawJSON(text: string): unknown;
  }
}

/**
 * @returns the value, an inexact number as the text of its digits: `115310627314723954` is `"115310627314723954"`
 * @throws SyntaxError when it is no JSON
 * @throws NumberTooLongError when a number is longer than `MAX_NUMBER_CHARACTERS`
 * @example parseExactJson('{"id":115310627314723954,"total":12.5}') // { id: "115310627314723954", total: 12.5 }
 */
export function parseExactJson(text: string): JsonValue {
  if (!mayBeInexact(text) || !holdsInexact(text)) return JSON.parse(text) as JsonValue; // what JSON.parse returns is JSON
  return JSON.parse(text, (_key: string, value: JsonValue, { source }: Source) =>
    typeof value === "number" && source !== undefined && !isExact(source, value) ? copyOf(source) : value,
  );
}

function mayBeInexact(text: string): boolean {
  const isFound = MAY_BE_INEXACT.test(text);
  if (isFound) forgetLastMatch();
  return isFound;
}

/** Looks at the numbers alone: the digits of a hash are found often, and a reviver takes a place in memory for each value. */
function holdsInexact(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) === QUOTE) {
      at = endOfString(text, at + 1);
      continue;
    }
    const start = at;
    while (isOfNumber(text.charCodeAt(at))) at++;
    if (at - start < MIN_INEXACT_CHARACTERS) {
      if (at > start) at--;
      continue;
    }
    const source = text.slice(start, at--);
    // What is no number is no JSON: the parser says so.
    if (!NUMBER.test(source) || source.length > MAX_NUMBER_CHARACTERS || !isExact(source, Number(source)))
      return true;
  }
  return false;
}

function isOfNumber(code: number): boolean {
  // Digits, "+", "-", "." and the two letters of an exponent.
  return (
    (code >= 0x30 && code <= 0x39) ||
    code === 0x2b ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x45 ||
    code === 0x65
  );
}

/** The parser's own source is a window on the whole text, which would stay in memory as long as the number. */
function copyOf(source: string): string {
  return String(JSON.parse(`"${source}"`));
}

/**
 * Cuts or changes a JSON text and writes it again, every number with the digits it had.
 * @param change is given the value with some numbers as opaque members, to be passed on as they are
 * @throws SyntaxError when it is no JSON
 */
export function rewriteJson<Changed>(text: string, change: (value: JsonValue) => Changed): Changed {
  if (!mayBeInexact(text)) return change(JSON.parse(text) as JsonValue); // as above
  const kept = JSON.parse(text, (_key: string, value: JsonValue, { source }: Source) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? JSON.rawJSON(source)
      : value,
  );
  return change(kept);
}

/** @throws NumberTooLongError */
function isExact(source: string, value: number): boolean {
  if (source.length > MAX_NUMBER_CHARACTERS) throw new NumberTooLongError();
  if (!Number.isFinite(value)) return false;
  const isInteger = /^-?\d+$/.test(source);
  // Also those beyond 2^53 that a double happens to hold: a sender's ids are of one type, not of two.
  if (isInteger) return Number.isSafeInteger(value);
  const written = significant(source);
  if (written.digits.length > MAX_DOUBLE_DIGITS) return false;
  const held = significant(value === 0 ? "0" : value.toPrecision(Math.max(1, written.digits.length)));
  return held.digits === written.digits && held.exponent === written.exponent;
}

/** A decimal as its digits without zeros at either end, and the power of ten of the last one. Zero has no digits. */
function significant(text: string): { readonly digits: string; readonly exponent: number } {
  const [, whole = "", fraction = "", power = "0"] = NUMBER.exec(text) ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return { digits: "", exponent: 0 };
  return { digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}
