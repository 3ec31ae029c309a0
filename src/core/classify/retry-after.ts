/**
 * Times in HTTP headers, turned into waits. Strict: JavaScript's own date parser reads almost anything
 * as a date, and a header that is not what the specifications allow counts as absent. Never reads a clock.
 */

/** A wait in ms, at most the caller's maximum. `clamped` is true when the header asked for more. */
export interface Wait {
  readonly waitMs: number;
  readonly clamped: boolean;
}

/** Reads a header by its lower-case name. */
export type HeaderReader = (name: string) => string | null | undefined;

const DECIMAL = /^\d{1,15}(\.\d{1,9})?$/;
/** IMF-fixdate, the only form RFC 9110 lets a sender generate. */
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** `retry-after-ms`, else `retry-after` in seconds (floats are seen) or as an HTTP date. A date in the past is 0. */
export function readRetryAfter(header: HeaderReader, nowMs: number, maxMs: number): Wait | undefined {
  const milliseconds = parseDecimal(header("retry-after-ms"));
  if (milliseconds !== undefined) return clampWait(milliseconds, maxMs);
  const text = header("retry-after");
  const seconds = parseDecimal(text);
  if (seconds !== undefined) return clampWait(seconds * 1_000, maxMs);
  const at = parseTime(text, HTTP_DATE);
  return at === undefined ? undefined : clampWait(at - nowMs, maxMs);
}

export function parseRfc3339(text: string | null | undefined): number | undefined {
  return parseTime(text, RFC_3339);
}

/** A number without sign or exponent; anything else is undefined. */
export function parseDecimal(text: string | null | undefined): number | undefined {
  const trimmed = text?.trim() ?? "";
  return DECIMAL.test(trimmed) ? Number(trimmed) : undefined;
}

export function clampWait(waitMs: number, maxMs: number): Wait {
  return { waitMs: Math.ceil(Math.min(Math.max(0, waitMs), maxMs)), clamped: waitMs > maxMs };
}

function parseTime(text: string | null | undefined, form: RegExp): number | undefined {
  const trimmed = text?.trim() ?? "";
  if (!form.test(trimmed)) return undefined;
  const atMs = Date.parse(trimmed);
  return Number.isNaN(atMs) ? undefined : atMs;
}
