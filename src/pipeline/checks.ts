/**
 * Checks a deployer puts on a model's output, beyond its schema. Each returns why the output fails, or null.
 * A reason names bounds and allowed values, never the value that was found: it is stored and shown.
 */
import type { OutputCheck } from "../config/define-pipeline.ts";
import { stripInvisible } from "../core/prompt-safety.ts";
import { findSecret } from "../core/secret-patterns.ts";
import { urlsInText } from "../core/urls-in-text.ts";

/** Both bounds belong to the range. Not a number is outside. */
export function inRange<Input, Output>(
  select: (output: Output) => number | readonly number[],
  min: number,
  max: number,
): OutputCheck<Input, Output> {
  return (output) => {
    const found = select(output);
    const numbers = typeof found === "number" ? [found] : found;
    return numbers.every((number) => number >= min && number <= max)
      ? null
      : `a number is not between ${min} and ${max}`;
  };
}

/** For vocabularies that are known only when the event is: what the schema can list belongs in a `z.enum`. */
export function oneOf<Input, Output, Value extends string | number | boolean | null>(
  select: (output: Output) => Value | readonly Value[],
  values: readonly Value[] | ((input: Input) => readonly Value[]),
): OutputCheck<Input, Output> {
  return (output, input) => {
    const allowed = new Set<unknown>(typeof values === "function" ? values(input) : values);
    const found = select(output);
    const all: readonly unknown[] = Array.isArray(found) ? found : [found];
    return all.every((value) => allowed.has(value)) ? null : "a value is not one of the allowed ones";
  };
}

/**
 * Every quoted fact must occur in the source text. Case, white space, typographic quotation marks and
 * invisible characters make no difference. A quoted number must be a whole number of the source: 100 is
 * not found in 1000.
 */
export function grounded<Input, Output>(
  selectQuotes: (output: Output) => string | readonly string[],
  selectSource: (input: Input) => string | readonly string[],
): OutputCheck<Input, Output> {
  return (output, input) => {
    const sources = toList(selectSource(input)).map(comparable);
    const quotes = toList(selectQuotes(output)).map(comparable);
    const missing = quotes.findIndex((quote) => !sources.some((source) => occursIn(quote, source)));
    return missing < 0 ? null : `quote ${missing + 1} of ${quotes.length} does not occur in the input`;
  };
}

function toList(value: string | readonly string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}

function comparable(text: string): string {
  return stripInvisible(text)
    .replace(/[\u2018\u2019\u201A\u2032]/gu, "'")
    .replace(/[\u201C-\u201E\u2033\u00AB\u00BB]/gu, '"')
    .replace(/\s+/gu, " ")
    .trim()
    .toLowerCase();
}

const NUMBER_BEFORE = /\p{N}[.,]?$/u;
const NUMBER_AFTER = /^[.,]?\p{N}/u;
const STARTS_WITH_NUMBER = /^\p{N}/u;
const ENDS_WITH_NUMBER = /\p{N}$/u;
/** What `NUMBER_BEFORE` and `NUMBER_AFTER` look at: a separator and a digit, which may be a surrogate pair. */
const NEIGHBOUR_CHARACTERS = 3;

function occursIn(quote: string, source: string): boolean {
  if (quote === "") return false;
  for (let at = source.indexOf(quote); at >= 0; at = source.indexOf(quote, at + 1)) {
    const end = at + quote.length;
    const cutBefore =
      STARTS_WITH_NUMBER.test(quote) &&
      NUMBER_BEFORE.test(source.slice(Math.max(0, at - NEIGHBOUR_CHARACTERS), at));
    const cutAfter =
      ENDS_WITH_NUMBER.test(quote) && NUMBER_AFTER.test(source.slice(end, end + NEIGHBOUR_CHARACTERS));
    if (!cutBefore && !cutAfter) return true;
  }
  return false;
}

/**
 * Every address in the texts leads to one of these hosts (`example.com`, or `.example.com` for what is below it).
 * What a model invents, or was told to put there, stops here. A function gets the input: `urlsInText` has its hosts.
 */
export function urlsFrom<Input, Output>(
  select: (output: Output) => string | readonly string[],
  hosts: readonly string[] | ((input: Input) => readonly string[]),
): OutputCheck<Input, Output> {
  return (output, input) => {
    const allowed = typeof hosts === "function" ? hosts(input) : hosts;
    const isAllowed = (host: string) =>
      allowed.some((one) => host === one || (one.startsWith(".") && host.endsWith(one)));
    for (const text of toList(select(output))) {
      const found = urlsInText(text);
      if (found.hasOther) return "an address is not a plain web address";
      if (!found.hosts.every(isAllowed)) return "an address leads to a host that is not allowed";
    }
    return null;
  };
}

/** No text holds what looks like a credential. Default: every text of the output is looked at. */
export function noSecrets<Input, Output>(
  select: (output: Output) => string | readonly string[] = (output) => JSON.stringify(output) ?? "",
): OutputCheck<Input, Output> {
  return (output) => {
    const kind = toList(select(output))
      .map(findSecret)
      .find((found) => found !== null);
    return kind === undefined ? null : `a text holds what looks like a secret (${kind})`;
  };
}
