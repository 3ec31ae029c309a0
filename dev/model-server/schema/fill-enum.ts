/**
 * Labels: the one the text speaks for most. Verdicts, levels, tiers, sentiments and languages are
 * recognised as such; all others compete by topic and by the words they share with the text.
 */
import type { JsonValue } from "../../../src/core/json.ts";
import { evidenceFor, findConcept, rankModeration } from "../evidence.ts";
import { detectLanguage, LANGUAGE_NAMES } from "../language.ts";
import { wordsOf } from "../nlp.ts";
import { clamp, splitName } from "../text.ts";
import { conceptOf, fallback, found, hasWord, type FillContext, type Filled, type Slot } from "./context.ts";
import { labelOfMention } from "./entity-labels.ts";
import { unitScore } from "./unit-score.ts";

export const LABEL_THRESHOLD = 0.5;
const MIXED_FROM = 0.05;
const SENTIMENT_FROM = 0.15;
const SHARED_WORD_SCORE = 0.3;

const NEUTRAL_LABELS =
  "none ok okay safe clean other unknown general neutral benign misc miscellaneous normal na".split(" ");
const LEVELS: readonly (readonly [words: string, from: number])[] = [
  ["critical urgent severe highest blocker p0", 0.8],
  ["high major hot strong p1", 0.55],
  ["medium moderate normal warm elevated standard mid p2", 0.3],
  ["low minor cold weak lowest minimal none p3 p4", 0],
];
const VERDICTS: readonly (readonly [words: string, from: number])[] = [
  ["block reject remove deny ban hide delete spam unsafe", 0.75],
  ["review flag escalate hold human manual queue warn", 0.45],
  ["allow approve accept publish keep pass safe", 0],
];
const TIERS: readonly (readonly [words: string, from: number])[] = [
  ["hot qualified sales sql a", 0.7],
  ["warm nurture mql maybe b", 0.45],
  ["cold unqualified disqualified reject ignore c", 0],
];

export function fillEnum(values: readonly JsonValue[], slot: Slot, context: FillContext): Filled {
  const texts = values.filter((value) => typeof value === "string");
  if (texts.length > 0) {
    const { label, score } = pickLabel(texts, slot, context);
    return score > 0 ? found(label) : fallback(label);
  }
  const numbers = values.filter((value) => typeof value === "number").sort((left, right) => left - right);
  if (numbers.length > 0) {
    const share = unitScore(slot, context) ?? 0.5;
    return found(numbers[clamp(Math.floor(share * numbers.length), 0, numbers.length - 1)] ?? 0);
  }
  return fallback(values[0] ?? null);
}

export interface PickedLabel {
  readonly label: string;
  /** 0 = nothing in the text speaks for it. */
  readonly score: number;
}

export function pickLabel(labels: readonly string[], slot: Slot, context: FillContext): PickedLabel {
  const special = pickSpecial(labels, slot, context);
  if (special !== null) return { label: special, score: 1 };
  const ranked = rankLabels(labels, slot, context);
  const neutral = labels.find((label) => isOneOf(label, NEUTRAL_LABELS));
  const [best = { label: labels[0] ?? "", score: 0 }] = ranked;
  if (neutral !== undefined && best.score < LABEL_THRESHOLD / 2) return { label: neutral, score: 1 };
  return best;
}

/** All labels by what speaks for them, best first; ties in the schema's order. */
export function rankLabels(
  labels: readonly string[],
  slot: Slot,
  context: FillContext,
): readonly PickedLabel[] {
  const lemmas = new Set(wordsOf(context.analysis).flatMap((word) => [word.lemma, word.normal]));
  return labels
    .map((label) => {
      const concept = findConcept(splitName(label));
      const evidence = concept === null ? 0 : evidenceFor(concept, context.analysis).score;
      const shared = describedWords(label, slot, context).filter((word) => lemmas.has(word)).length;
      return { label, score: evidence + SHARED_WORD_SCORE * shared };
    })
    .sort((left, right) => right.score - left.score);
}

function pickSpecial(labels: readonly string[], slot: Slot, context: FillContext): string | null {
  if (context.mention !== null && hasWord(slot, "type kind label category entity class")) {
    return labelOfMention(context.mention, labels);
  }
  if (labels.some((label) => label.toLowerCase() === "positive")) return pickSentiment(labels, context);
  if (hasWord(slot, "language lang locale")) return pickLanguage(labels, context);
  const isAbout = (scale: typeof LEVELS): boolean =>
    labels.every((label) => scale.some(([words]) => isOneOf(label, words.split(" "))));
  const concept = conceptOf(slot, context);
  const share = unitScore(slot, context) ?? 0;
  if (isAbout(VERDICTS) && concept?.kind !== "lead") {
    return pickByShare(labels, VERDICTS, rankModeration(context.analysis)[0]?.evidence.score ?? 0);
  }
  if (isAbout(TIERS) && concept?.kind === "lead") return pickByShare(labels, TIERS, share);
  if (isAbout(LEVELS)) return pickByShare(labels, LEVELS, share);
  return null;
}

/** The first label of the highest step that the share reaches; steps the schema doesn't have are passed over. */
function pickByShare(labels: readonly string[], scale: typeof LEVELS, share: number): string | null {
  const offered = scale.flatMap(([words, from]) => {
    const label = labels.find((candidate) => isOneOf(candidate, words.split(" ")));
    return label === undefined ? [] : [{ label, from }];
  });
  return (offered.find(({ from }) => share >= from) ?? offered.at(-1))?.label ?? null;
}

function pickSentiment(labels: readonly string[], context: FillContext): string | null {
  const { sentiment, sentences } = context.analysis;
  const isMixed =
    sentences.some((sentence) => sentence.sentiment > MIXED_FROM * 2) &&
    sentences.some((sentence) => sentence.sentiment < -MIXED_FROM * 2) &&
    Math.abs(sentiment) < SENTIMENT_FROM;
  const name = isMixed ? "mixed" : nameOfSentiment(sentiment);
  const matching = labels.find((label) => splitName(label).includes(name));
  const neutral = labels.find((label) => /neutral|mixed/i.test(label));
  return (
    matching ??
    neutral ??
    labels.find((label) => splitName(label).includes(sentiment < 0 ? "negative" : "positive")) ??
    null
  );
}

export function nameOfSentiment(sentiment: number): string {
  if (sentiment >= SENTIMENT_FROM) return "positive";
  return sentiment <= -SENTIMENT_FROM ? "negative" : "neutral";
}

function pickLanguage(labels: readonly string[], context: FillContext): string | null {
  const code = detectLanguage(context.analysis.text);
  const names = [code, LANGUAGE_NAMES[code] ?? code];
  return labels.find((label) => splitName(label).some((word) => names.includes(word))) ?? null;
}

function isOneOf(label: string, words: readonly string[]): boolean {
  return splitName(label).some((part) => words.includes(part));
}

/** The label's own words, and those of the phrase that explains it ("billing: money matters; bug: …"). */
function describedWords(label: string, slot: Slot, context: FillContext): readonly string[] {
  const own = splitName(label).filter((word) => word.length > 2);
  const source = `${slot.description}\n${context.prompt.instruction}`;
  const at = source.toLowerCase().indexOf(`${label.toLowerCase()}:`);
  if (at === -1) return own;
  const [phrase = ""] = source.slice(at + label.length + 1).split(/[;\n.]/);
  return [...own, ...splitName(phrase).filter((word) => word.length > 3)];
}
