/**
 * Lexicons are lists of weighted patterns over words; this compiles and finds them. A pattern is words by
 * surface or lemma: `a|b` is either, `@set` any word of a set, `~` up to three words in between. Found in
 * one sentence at a time; a negated match keeps a fifth of its weight.
 */
import { escapePattern } from "./text.ts";
import type { Analysis, Sentence, Word } from "./nlp.ts";

export interface LexiconEntry {
  readonly pattern: string;
  /** What one match is worth, 0 … 1; below 0 it speaks against. */
  readonly weight: number;
  /** What to call it in reasons. Default: the words that matched. */
  readonly reason?: string;
}

export interface Lexicon {
  readonly entriesByFirstWord: ReadonlyMap<string, readonly CompiledEntry[]>;
}

export interface Match {
  readonly weight: number;
  /** Verbatim from the text. */
  readonly term: string;
  /** What to call it; matches with the same reason are one signal. */
  readonly reason: string;
}

interface CompiledEntry {
  readonly steps: readonly Step[];
  readonly entry: LexiconEntry;
}

type Step = { readonly kind: "word"; readonly words: ReadonlySet<string> } | { readonly kind: "gap" };

const MAX_GAP_WORDS = 3;
const NEGATED_SHARE = 0.2;
/** These mean what they mean because of their negation. */
const NEGATIVE_PATTERN = /\b(?:no|not|never|nobody|without)\b/;
/** Repeating a word makes a text longer, not worse. */
const MAX_MATCHES_PER_ENTRY = 2;

export type WordSets = Readonly<Record<string, readonly string[]>>;

export function words(list: string): readonly string[] {
  return list.trim().split(/\s+/);
}

/** Pattern and weight as pairs: lexicons stay readable as tables. */
export function compileLexicon(
  table: readonly (readonly [pattern: string, weight: number, reason?: string])[],
  sets: WordSets = {},
): Lexicon {
  const entriesByFirstWord = new Map<string, CompiledEntry[]>();
  for (const [pattern, weight, reason] of table) {
    const steps = pattern.split(" ").map((step) => compileStep(step, sets));
    const [first] = steps;
    if (first?.kind !== "word") throw new Error(`a pattern starts with a word: ${pattern}`);
    const entry: LexiconEntry = reason === undefined ? { pattern, weight } : { pattern, weight, reason };
    for (const word of first.words) {
      const entries = entriesByFirstWord.get(word) ?? [];
      entries.push({ steps, entry });
      entriesByFirstWord.set(word, entries);
    }
  }
  return { entriesByFirstWord };
}

export function findMatches(analysis: Analysis, lexicon: Lexicon): readonly Match[] {
  const matchesByEntry = new Map<LexiconEntry, Match[]>();
  for (const sentence of analysis.sentences) {
    sentence.words.forEach((word, start) => {
      for (const { steps, entry } of candidates(lexicon, word)) {
        const end = matchSteps(sentence.words, start, steps, 0);
        if (end === null) continue;
        const matches = matchesByEntry.get(entry) ?? [];
        if (matches.length < MAX_MATCHES_PER_ENTRY) matches.push(toMatch(entry, sentence, start, end));
        matchesByEntry.set(entry, matches);
      }
    });
  }
  return [...matchesByEntry.values()].flat();
}

function compileStep(step: string, sets: WordSets): Step {
  if (step === "~") return { kind: "gap" };
  const alternatives = step.split("|").flatMap((word) => {
    if (!word.startsWith("@")) return [word];
    const set = sets[word.slice(1)];
    if (set === undefined) throw new Error(`no such word set: ${word}`);
    return set;
  });
  return { kind: "word", words: new Set(alternatives) };
}

function candidates(lexicon: Lexicon, word: Word): ReadonlySet<CompiledEntry> {
  return new Set([
    ...(lexicon.entriesByFirstWord.get(word.normal) ?? []),
    ...(lexicon.entriesByFirstWord.get(word.lemma) ?? []),
  ]);
}

/** The index after the last word that matched, or null. */
function matchSteps(
  sentence: readonly Word[],
  at: number,
  steps: readonly Step[],
  stepIndex: number,
): number | null {
  const step = steps[stepIndex];
  if (step === undefined) return at;
  if (step.kind === "gap") {
    for (let skipped = 0; skipped <= MAX_GAP_WORDS; skipped += 1) {
      const end = matchSteps(sentence, at + skipped, steps, stepIndex + 1);
      if (end !== null) return end;
    }
    return null;
  }
  const word = sentence[at];
  if (word === undefined || !(step.words.has(word.normal) || step.words.has(word.lemma))) return null;
  return matchSteps(sentence, at + 1, steps, stepIndex + 1);
}

function toMatch(entry: LexiconEntry, sentence: Sentence, start: number, end: number): Match {
  const matched = sentence.words.slice(start, end);
  const isNegated = matched.some((word) => word.negated) && !NEGATIVE_PATTERN.test(entry.pattern);
  const term = verbatim(sentence.text, matched);
  const weight = isNegated ? entry.weight * NEGATED_SHARE : entry.weight;
  return { weight, term, reason: entry.reason ?? term };
}

/** The words as they stand in the text, with the spaces it has between them. */
export function verbatim(text: string, matched: readonly Word[]): string {
  const parts = matched.map((word) => word.text).filter((part) => part !== "");
  const found = new RegExp(parts.map((part) => escapePattern(part)).join("\\s*")).exec(text);
  return found?.[0] ?? parts.join(" ");
}
