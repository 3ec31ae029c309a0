/**
 * The shortest-effort text that a regular expression matches: literals, classes, groups, alternatives and
 * counts. Look-arounds, back-references and Unicode properties give null, and the caller says so.
 */
import { codePointsOf } from "../text.ts";

interface Cursor {
  readonly source: string;
  at: number;
}

const CLASS_SAMPLES: Readonly<Record<string, string>> = {
  d: "0",
  w: "a",
  s: " ",
  D: "a",
  W: "-",
  S: "a",
  n: "\n",
  t: "\t",
};
/** What to try for a negated class, and for a dot. */
const COMMON_CHARACTERS = "aA0-_ .:/".split("");
const MAX_REPEATS = 1_000;

export function samplePattern(source: string, minLength: number): string | null {
  if (source === "") return null;
  // Open-ended counts are stretched only as far as a minimum length asks for.
  for (const stretch of [0, minLength]) {
    const cursor: Cursor = { source, at: 0 };
    const sample = readAlternatives(cursor, stretch);
    if (sample === null || cursor.at < source.length) return null;
    if (codePointsOf(sample).length >= minLength || stretch === minLength) return sample;
  }
  return null;
}

function readAlternatives(cursor: Cursor, stretch: number): string | null {
  let first = readSequence(cursor, stretch);
  while (first !== null && cursor.source[cursor.at] === "|") {
    cursor.at += 1;
    // The others are read only to get past them.
    if (readSequence(cursor, stretch) === null) first = null;
  }
  return first;
}

function readSequence(cursor: Cursor, stretch: number): string | null {
  let text = "";
  while (cursor.at < cursor.source.length && !"|)".includes(cursor.source[cursor.at] ?? "")) {
    const atom = readAtom(cursor, stretch);
    if (atom === null) return null;
    text += atom.repeat(readCount(cursor, stretch));
  }
  return text;
}

function readAtom(cursor: Cursor, stretch: number): string | null {
  const character = cursor.source[cursor.at] ?? "";
  cursor.at += 1;
  switch (character) {
    case "^":
    case "$":
      return "";
    case ".":
      return "a";
    case "(":
      return readGroup(cursor, stretch);
    case "[":
      return readClass(cursor);
    case "\\":
      return readEscape(cursor);
    default:
      return character;
  }
}

function readGroup(cursor: Cursor, stretch: number): string | null {
  if (cursor.source[cursor.at] === "?") {
    const opening = /^\?(?::|<\w+>)/.exec(cursor.source.slice(cursor.at));
    if (opening === null) return null;
    cursor.at += opening[0].length;
  }
  const text = readAlternatives(cursor, stretch);
  if (cursor.source[cursor.at] !== ")") return null;
  cursor.at += 1;
  return text;
}

function readEscape(cursor: Cursor): string | null {
  const character = cursor.source[cursor.at] ?? "";
  cursor.at += 1;
  if (character === "b" || character === "B") return "";
  if (/[1-9kpPuxc]/.test(character)) return null;
  return CLASS_SAMPLES[character] ?? character;
}

function readClass(cursor: Cursor): string | null {
  const match = /^(?:\\.|[^\]\\])*\]/.exec(cursor.source.slice(cursor.at));
  if (match === null) return null;
  cursor.at += match[0].length;
  const body = match[0].slice(0, -1);
  // The engine knows classes best: ask it which plain character fits.
  const fits = new RegExp(`[${body}]`);
  const first = /^\\?([^\\^-])/.exec(body)?.[1];
  const candidates = [...COMMON_CHARACTERS, ...(first === undefined ? [] : [first])];
  const printable = Array.from({ length: 94 }, (_, index) => String.fromCharCode(33 + index));
  return [...candidates, ...printable].find((candidate) => fits.test(candidate)) ?? null;
}

function readCount(cursor: Cursor, stretch: number): number {
  const match = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(cursor.source.slice(cursor.at));
  if (match === null) return 1;
  cursor.at += match[0].length;
  const [, sign, low = "0", comma, high = ""] = match;
  const least = sign === undefined ? Number(low) : sign === "+" ? 1 : 0;
  const most = openEnd(sign, comma, high, least);
  return Math.min(Math.max(least, Math.min(stretch, most)), MAX_REPEATS);
}

function openEnd(sign: string | undefined, comma: string | undefined, high: string, least: number): number {
  if (sign === "?") return 1;
  if (sign !== undefined) return Number.POSITIVE_INFINITY;
  if (comma === "") return least;
  return high === "" ? Number.POSITIVE_INFINITY : Number(high);
}
