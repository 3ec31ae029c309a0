/** Senders' times as milliseconds since the epoch. What does not parse is null, never a guess. */
import type { TimestampUnit } from "./scheme.ts";

/** The range of a JavaScript date; beyond it a number is no time. */
const MAX_TIME_MS = 8_640_000_000_000_000;
const DIGITS = /^\d{1,16}$/;
const DECIMAL = /^\d{1,16}(?:\.\d{1,9})?$/;
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/** A timestamp that is part of the signed content: whole numbers only, as every sender writes them. */
export function parseTimestamp(text: string, unit: TimestampUnit): number | null {
  if (unit === "rfc3339") return parseRfc3339(text);
  return DIGITS.test(text) ? inRange(Number(text) * (unit === "s" ? 1_000 : 1)) : null;
}

/** A time found in a body or a header: seconds may have a fraction, numbers may come as text. */
export function parseTimeFact(value: string | number, unit: TimestampUnit): number | null {
  if (unit === "rfc3339") return typeof value === "string" ? parseRfc3339(value) : null;
  if (typeof value === "string" && !DECIMAL.test(value)) return null;
  return inRange(Math.round(Number(value) * (unit === "s" ? 1_000 : 1)));
}

/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6; a leap second counts as the next minute's first. */
export function parseRfc3339(text: string): number | null {
  const match = RFC3339.exec(text);
  if (!match) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  if (hour > 23 || minute > 59 || second > 60) return null;
  const midnightMs = Date.UTC(year, month - 1, day);
  const date = new Date(midnightMs);
  // Date.UTC rolls the 31st of a short month over, and reads years below 100 as 19xx.
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day)
    return null;
  const offsetHours = Number(match[9] ?? 0);
  const offsetMinutes = Number(match[10] ?? 0);
  if (offsetHours > 23 || offsetMinutes > 59) return null;
  const offsetMs = (match[8] === "-" ? -1 : 1) * (offsetHours * 60 + offsetMinutes) * 60_000;
  const fractionMs = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  return inRange(midnightMs + ((hour * 60 + minute) * 60 + second) * 1_000 + fractionMs - offsetMs);
}

function inRange(timeMs: number): number | null {
  return timeMs >= 0 && timeMs <= MAX_TIME_MS ? timeMs : null;
}
