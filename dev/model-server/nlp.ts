/**
 * The embedded language model: wink-nlp with its small English model. Everything the stand-in knows about
 * a text comes from here. Never decides what a text means for a schema, and keeps nothing between calls.
 */
// oxlint-disable typescript/unbound-method -- wink's `its` helpers are plain functions; its typings declare them as methods.
import model from "wink-eng-lite-web-model";
import winkNLP, { type ItemEntity, type ItemSentence, type ItemToken } from "wink-nlp";
import { findMentions, type Mention } from "./mentions.ts";
import { roundTo } from "./text.ts";

export interface Word {
  /** As written. */
  readonly text: string;
  /** Lower case, contractions resolved. */
  readonly normal: string;
  readonly lemma: string;
  readonly partOfSpeech: string;
  readonly negated: boolean;
  /** Carries meaning of its own: no stop word, no punctuation, no bare number. */
  readonly isContent: boolean;
}

export interface Sentence {
  readonly text: string;
  readonly words: readonly Word[];
  /** −1 … 1. */
  readonly sentiment: number;
}

export interface Analysis {
  readonly text: string;
  readonly sentences: readonly Sentence[];
  /** −1 … 1. */
  readonly sentiment: number;
  readonly mentions: readonly Mention[];
}

const MIN_CONTENT_WORDS = 3;

const reader = winkNLP(model);
const { its } = reader;
// The typings give `lemma` a third argument that `out` does not accept; wink passes it all the same.
const lemmaOf = its.lemma as typeof its.normal;
/** Without a pipe only the tokenizer runs: counting is twice as fast. */
const tokenizer = winkNLP(model, []);

/** Usage is counted in wink's tokens: words, numbers, punctuation. No provider's tokens are like it. */
export function countTokens(text: string): number {
  return text === "" ? 0 : tokenizer.readDoc(text).tokens().length();
}

export function analyse(text: string): Analysis {
  // wink reads on over an empty line when no full stop ends the one before.
  const paragraphs = text.split(/\n\s*\n/).map((paragraph) => readParagraph(paragraph));
  const sentences = paragraphs.flatMap((paragraph) => paragraph.sentences);
  const entities = paragraphs.flatMap((paragraph) => paragraph.entities);
  return {
    text,
    sentences,
    sentiment: meanSentiment(sentences),
    mentions: findMentions(text, sentences, entities),
  };
}

interface Paragraph {
  readonly sentences: readonly Sentence[];
  readonly entities: readonly Mention[];
}

function readParagraph(text: string): Paragraph {
  const document = reader.readDoc(text);
  const sentences: Sentence[] = [];
  document.sentences().each((sentence: ItemSentence) => {
    const sentenceText = sentence.out().replace(/\s+/g, " ").trim();
    if (sentenceText === "") return;
    const words: Word[] = [];
    sentence.tokens().each((token: ItemToken) => {
      if (token.out(its.pos) !== "SPACE") words.push(...splitContraction(readToken(token)));
    });
    sentences.push({ text: sentenceText, words, sentiment: toNumber(sentence.out(its.sentiment)) });
  });
  const entities: Mention[] = [];
  document.entities().each((entity: ItemEntity) => {
    const detail = entity.out(its.detail);
    if (typeof detail !== "string") entities.push({ text: detail.value, type: detail.type.toLowerCase() });
  });
  return { sentences, entities };
}

function readToken(token: ItemToken): Word {
  return {
    text: token.out(),
    normal: token.out(its.normal),
    lemma: token.out(lemmaOf),
    partOfSpeech: token.out(its.pos),
    negated: token.out(its.negationFlag) === true,
    isContent: token.out(its.type) === "word" && token.out(its.stopWordFlag) === false,
  };
}

/** As wink does for a document, but facts and fragments ("email: …") don't water it down. */
function meanSentiment(sentences: readonly Sentence[]): number {
  const isFull = (sentence: Sentence): boolean =>
    sentence.words.filter((word) => word.isContent).length >= MIN_CONTENT_WORDS || sentence.sentiment !== 0;
  const counted = sentences.filter(isFull);
  const sum = counted.reduce((total, sentence) => total + sentence.sentiment, 0);
  return counted.length === 0 ? 0 : roundTo(sum / counted.length, 3);
}

export function wordsOf(analysis: Analysis): readonly Word[] {
  return analysis.sentences.flatMap((sentence) => sentence.words);
}

/** Words that carry meaning, by how often they occur, most frequent first. */
export function keywordsOf(analysis: Analysis): readonly string[] {
  const countByLemma = new Map<string, number>();
  for (const word of wordsOf(analysis)) {
    if (!word.isContent || word.lemma.length < 3) continue;
    const weight = word.partOfSpeech === "NOUN" || word.partOfSpeech === "PROPN" ? 2 : 1;
    countByLemma.set(word.lemma, (countByLemma.get(word.lemma) ?? 0) + weight);
  }
  return [...countByLemma].sort((left, right) => right[1] - left[1]).map(([lemma]) => lemma);
}

/** wink keeps a capitalised "I'm" as one token; patterns expect its two words. */
function splitContraction(word: Word): readonly Word[] {
  if (!/^i['’]m$/.test(word.normal)) return [word];
  const plain = { negated: word.negated, isContent: false };
  return [
    { ...plain, text: word.text, normal: "i", lemma: "i", partOfSpeech: "PRON" },
    { ...plain, text: "", normal: "am", lemma: "be", partOfSpeech: "AUX" },
  ];
}

function toNumber(sentiment: number | string): number {
  const value = typeof sentiment === "number" ? sentiment : Number.parseFloat(sentiment);
  return Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0;
}
