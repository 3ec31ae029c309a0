/** Numbers: scores by concept, counts by counting, amounts from the text; always inside the schema's bounds. */
import type { JsonObject } from "../../../src/core/json.ts";
import { findConcept } from "../evidence.ts";
import { wordsOf } from "../nlp.ts";
import { clamp, roundTo } from "../text.ts";
import {
  conceptOf,
  fallback,
  found,
  hasWord,
  nameWords,
  type FillContext,
  type Filled,
  type Slot,
} from "./context.ts";
import { fieldFor } from "./fields.ts";
import { numberOf } from "./resolve.ts";
import { unitScore } from "./unit-score.ts";

const WORDS_PER_MINUTE = 200;
/** More digits than a lexicon can mean. */
const DIGITS = 3;
/** Beyond this it is zod's way of saying "any integer", not a bound. */
const REAL_BOUND = Number.MAX_SAFE_INTEGER;

interface Range {
  readonly low: number | undefined;
  readonly high: number | undefined;
  readonly step: number | undefined;
  readonly isInteger: boolean;
}

export function fillNumber(schema: JsonObject, slot: Slot, context: FillContext): Filled {
  const range = rangeOf(schema);
  const raw = measure(range, slot, context);
  const value = fit(raw ?? range.low ?? 0, range);
  if (value === null) {
    context.problems.push(`${slot.path}: no number is within the bounds`);
    return fallback(0);
  }
  return raw === null ? fallback(value) : found(value);
}

function measure(range: Range, slot: Slot, context: FillContext): number | null {
  if (hasWord(slot, "sentiment polarity")) return scaleSentiment(context.analysis.sentiment, range);
  const counted = count(slot, context);
  if (counted !== null) return counted;
  const own = findConcept(nameWords(slot));
  const field = numericField(slot, context);
  if (own === null && field !== null) return field;
  const isScore =
    own !== null ||
    hasWord(
      slot,
      "score rating level severity intensity value confidence certainty probability likelihood stars tone",
    );
  const share =
    isScore || (conceptOf(slot, context) !== null && range.high !== undefined)
      ? unitScore(slot, context)
      : null;
  if (share !== null) {
    const low = range.low ?? 0;
    const high = range.high ?? (range.isInteger || conceptOf(slot, context)?.kind === "lead" ? 100 : 1);
    return low + share * (high - low);
  }
  if (hasWord(slot, "amount price cost total budget sum revenue fee value")) return firstAmount(context);
  return field;
}

function scaleSentiment(sentiment: number, range: Range): number {
  if ((range.low ?? -1) < 0) return sentiment * Math.min(Math.abs(range.low ?? -1), range.high ?? 1);
  const low = range.low ?? 0;
  return low + ((sentiment + 1) / 2) * ((range.high ?? 1) - low);
}

function count(slot: Slot, context: FillContext): number | null {
  const { sentences, mentions, text } = context.analysis;
  const words = wordsOf(context.analysis).filter((word) => /[\p{L}\p{N}]/u.test(word.text)).length;
  if (hasWord(slot, "minutes") && hasWord(slot, "reading read")) return Math.ceil(words / WORDS_PER_MINUTE);
  if (!hasWord(slot, "count number total length num")) return null;
  if (hasWord(slot, "word words")) return words;
  if (hasWord(slot, "sentence sentences")) return sentences.length;
  if (hasWord(slot, "entity entities mention mentions")) return mentions.length;
  if (hasWord(slot, "character characters length")) return text.length;
  if (hasWord(slot, "question questions"))
    return sentences.filter((sentence) => sentence.text.endsWith("?")).length;
  return null;
}

function numericField(slot: Slot, context: FillContext): number | null {
  const field = fieldFor(slot, context);
  const value = typeof field === "string" ? parseAmount(field) : field;
  return typeof value === "number" ? value : null;
}

function firstAmount(context: FillContext): number | null {
  const money = context.analysis.mentions.find((mention) => mention.type === "money");
  return money === undefined ? null : parseAmount(money.text);
}

function parseAmount(text: string): number | null {
  const [match, digits = ""] = /(-?\d[\d,]*(?:\.\d+)?)/.exec(text) ?? [];
  if (match === undefined) return null;
  const scale = /million|\dm\b/i.test(text) ? 1e6 : /thousand|\dk\b/i.test(text) ? 1e3 : 1;
  const value = Number(digits.replaceAll(",", "")) * scale;
  return Number.isFinite(value) ? value : null;
}

function rangeOf(schema: JsonObject): Range {
  const isInteger = schema["type"] === "integer";
  const nudge = 10 ** -DIGITS;
  const real = (bound: number | undefined): number | undefined =>
    bound === undefined || Math.abs(bound) >= REAL_BOUND ? undefined : bound;
  const above = numberOf(schema, "exclusiveMinimum");
  const below = numberOf(schema, "exclusiveMaximum");
  return {
    isInteger,
    step: numberOf(schema, "multipleOf"),
    low: largest(
      real(numberOf(schema, "minimum")),
      above === undefined ? undefined : real(isInteger ? Math.floor(above) + 1 : above + nudge),
    ),
    high: smallest(
      real(numberOf(schema, "maximum")),
      below === undefined ? undefined : real(isInteger ? Math.ceil(below) - 1 : below - nudge),
    ),
  };
}

function largest(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.max(left, right);
}

function smallest(left: number | undefined, right: number | undefined): number | undefined {
  return left === undefined || right === undefined ? (left ?? right) : Math.min(left, right);
}

/** The nearest number the schema allows, or null when its bounds leave none. */
function fit(value: number, range: Range): number | null {
  const low = range.low ?? Number.NEGATIVE_INFINITY;
  const high = range.high ?? Number.POSITIVE_INFINITY;
  const step = range.step ?? (range.isInteger ? 1 : undefined);
  const inside = clamp(value, low, high);
  if (step === undefined) return low > high ? null : clamp(roundTo(inside, DIGITS), low, high);
  const whole = range.isInteger && !Number.isInteger(step) ? Math.ceil(step) : step;
  const candidates = [Math.round(inside / whole), Math.ceil(low / whole), Math.floor(high / whole)];
  const fitting = candidates
    .map((steps) => roundTo(steps * whole, 9))
    .find((candidate) => candidate >= low && candidate <= high);
  return fitting === undefined || !Number.isFinite(fitting) ? null : fitting;
}
