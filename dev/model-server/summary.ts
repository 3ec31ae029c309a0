/** Extractive summaries: the sentences that say most, verbatim and in their order. Never writes a new one. */
import type { Analysis, Sentence } from "./nlp.ts";
import { cutText } from "./text.ts";

const MIN_CONTENT_WORDS = 3;
/** Longer sentences hold more words of every kind; they get no more than this many counted. */
const MAX_COUNTED_WORDS = 25;
const FRAGMENT_SHARE = 0.2;

export function summarise(
  analysis: Analysis,
  maxSentences: number,
  maxLength = Number.POSITIVE_INFINITY,
): string {
  const chosen: string[] = [];
  const ranked = rankSentences(analysis);
  const prose = ranked.filter((sentence) => isProse(sentence));
  // A heading reads badly in the middle of a summary.
  const closed = prose.filter((sentence) => /[.!?…"')]$/.test(sentence.text));
  const eligible = [closed, prose, ranked].find((sentences) => sentences.length > 0) ?? [];
  const top = new Set(eligible.slice(0, maxSentences));
  for (const sentence of analysis.sentences) {
    if (!top.has(sentence)) continue;
    const wanted = [...chosen, sentence.text].join(" ");
    if (chosen.length > 0 && wanted.length > maxLength) break;
    chosen.push(sentence.text);
  }
  return cutText(chosen.join(" "), maxLength);
}

/** Best first. Sentences without words of their own ("Thanks!") come last. */
export function rankSentences(analysis: Analysis): readonly Sentence[] {
  const countByLemma = new Map<string, number>();
  for (const sentence of analysis.sentences) {
    for (const lemma of contentLemmas(sentence)) countByLemma.set(lemma, (countByLemma.get(lemma) ?? 0) + 1);
  }
  const scored = analysis.sentences.map((sentence, index) => {
    const lemmas = contentLemmas(sentence);
    const weight = lemmas.reduce((sum, lemma) => sum + (countByLemma.get(lemma) ?? 0), 0);
    const counted = Math.max(Math.min(lemmas.length, MAX_COUNTED_WORDS), MIN_CONTENT_WORDS);
    // Early sentences of letters, reports and news carry the point more often than not.
    const position = 1 + 0.5 / (1 + index);
    const facts = analysis.mentions.filter((mention) => sentence.text.includes(mention.text)).length;
    const form = isProse(sentence) ? 1 : FRAGMENT_SHARE;
    return {
      sentence,
      score: (weight / counted) * Math.sqrt(counted) * position * form * (1 + 0.05 * facts),
    };
  });
  return scored.sort((left, right) => right.score - left.score).map(({ sentence }) => sentence);
}

/** Not a fragment or a bare fact ("company: Acme"). */
function isProse(sentence: Sentence): boolean {
  const hasVerb = sentence.words.some((word) => word.partOfSpeech === "VERB" || word.partOfSpeech === "AUX");
  return hasVerb && contentLemmas(sentence).length >= MIN_CONTENT_WORDS;
}

function contentLemmas(sentence: Sentence): readonly string[] {
  return sentence.words.filter((word) => word.isContent).map((word) => word.lemma);
}
