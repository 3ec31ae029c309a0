/**
 * How much a text looks like an instruction to the model that reads it. A heuristic over a lexicon: it sees known
 * ways of saying it, in English and a few more languages, also behind look-alike letters, letter spacing and
 * base64. It does not understand a text, so it misses what is merely meant, and a text *about* injection looks
 * like one. Never the only defence: docs/models.md has its measured catch rate.
 */
import { INJECTION_RULES } from "./injection-lexicon.ts";
import { stripInvisible } from "./prompt-safety.ts";

export interface InjectionScore {
  /** 0 to 1. */
  readonly score: number;
  /** Names of the rules that matched. Holds nothing of the text. */
  readonly rules: readonly string[];
}

/** A text longer than this is read in part: its beginning and its end, where instructions are put. */
const MAX_CHARACTERS = 40_000;
const MAX_ENCODED_PIECES = 8;
/** Shorter pieces hold no sentence. */
const ENCODED = /[A-Za-z0-9+/]{32,4000}={0,2}/g;
/** What a reader does not see but a model does: tag characters spell out ASCII. */
const HIDDEN = /[\u{E0020}-\u{E007E}]{4,}/u;
/** `i g n o r e`: single letters, one separator between each. */
const SPACED_OUT = /\b(?:\p{L}[ .\-_]){3,}\p{L}\b(?:[ .\-_]{1,4}(?:\p{L}[ .\-_])+\p{L}\b)*/gu;
/** Cyrillic and Greek letters that pass for Latin ones. */
const LOOK_ALIKE: Readonly<Record<string, string>> = Object.fromEntries(
  (
    "а:a е:e о:o р:p с:c у:y х:x і:i ј:j ѕ:s ԁ:d һ:h ӏ:l ԛ:q ԝ:w " +
    "α:a ε:e ν:v ο:o ρ:p τ:t υ:u χ:x κ:k ι:i β:b"
  )
    .split(" ")
    .map((pair) => pair.split(":", 2)),
);

const MIXED_WORD = /[a-z\u0370-\u052F]*[\u0370-\u052F][a-z\u0370-\u052F]*/gu;

export function scoreInjection(texts: readonly string[]): InjectionScore {
  const matched = new Map<string, number>();
  for (const text of texts) {
    const read = ends(text);
    if (HIDDEN.test(read)) matched.set("hidden_text", 0.9);
    const plain = normalise(read);
    collect(plain, matched);
    collect(reversed(plain), matched);
    if (DIGIT_IN_WORD.test(plain)) collect(unleet(plain), matched);
    for (const decoded of decodePieces(read)) collect(normalise(decoded), matched);
  }
  // Independent hints add up the way chances do: two of a half are three quarters.
  const clean = [...matched.values()].reduce((left, weight) => left * (1 - weight), 1);
  return { score: Math.round((1 - clean) * 100) / 100, rules: [...matched.keys()] };
}

const DIGIT_IN_WORD = /[a-z][013457]|[013457][a-z]/;
const LETTER_BY_DIGIT: Readonly<Record<string, string>> = { 0: "o", 1: "i", 3: "e", 4: "a", 5: "s", 7: "t" };

function unleet(text: string): string {
  return text.replace(/[013457]/g, (digit) => LETTER_BY_DIGIT[digit] ?? digit);
}

/** Patterns that matter here are of plain letters: what else is turned round may break. */
function reversed(text: string): string {
  return text.split("").toReversed().join("");
}

function collect(text: string, matched: Map<string, number>): void {
  for (const { name, weight, pattern } of INJECTION_RULES) {
    const known = matched.get(name) ?? 0;
    if (weight > known && pattern.test(text)) matched.set(name, weight);
  }
}

function ends(text: string): string {
  if (text.length <= MAX_CHARACTERS) return text;
  const half = MAX_CHARACTERS / 2;
  return `${text.slice(0, half)}\n${text.slice(-half)}`;
}

function normalise(text: string): string {
  const visible = joinSpaced(stripInvisible(text).normalize("NFKC").toLowerCase());
  // Only in words that also have Latin letters: real Russian and Greek stay as they are.
  const mixed = visible.replace(MIXED_WORD, (word) =>
    /[a-z]/.test(word) ? word.replace(/[\u0370-\u052F]/gu, (letter) => LOOK_ALIKE[letter] ?? letter) : word,
  );
  return mixed.replace(/[\u2018\u2019]/gu, "'").replace(/\s+/gu, " ");
}

/** More than one separator, or another one than stands between the letters, ends a word. */
function joinSpaced(text: string): string {
  return text.replace(SPACED_OUT, (run) => {
    const within = run.charAt(1);
    const words = run.replaceAll(/[ .\-_]{2,}/g, "\n").replaceAll(within, "");
    return words.replaceAll(/[\n .\-_]/g, " ");
  });
}

function decodePieces(text: string): string[] {
  const pieces = [...text.matchAll(ENCODED)].slice(0, MAX_ENCODED_PIECES);
  return pieces.flatMap(([piece]) => {
    try {
      const decoded = atob(piece);
      return /^[\t\n\r\x20-\x7e]+$/.test(decoded) ? [decoded] : [];
    } catch {
      return [];
    }
  });
}
