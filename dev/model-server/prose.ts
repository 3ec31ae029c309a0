/** The answer without a schema: a short report on the text, in sentences, long enough to be streamed. */
import { rankModeration } from "./evidence.ts";
import { detectLanguage, LANGUAGE_NAMES } from "./language.ts";
import { analyse, keywordsOf, wordsOf, type Analysis } from "./nlp.ts";
import type { ReadPrompt } from "./prompt.ts";
import { notableMentions } from "./schema/entity-labels.ts";
import { nameOfSentiment } from "./schema/fill-enum.ts";
import { rankSentences, summarise } from "./summary.ts";

const SUMMARY_SENTENCES = 4;
const MAX_NAMED = 8;
const WORTH_NAMING_FROM = 0.5;

export function writeProse(prompt: ReadPrompt): string {
  const analysis = analyse(prompt.text);
  return [
    overview(analysis),
    gist(analysis),
    tone(analysis),
    named(analysis),
    concerns(analysis),
    openEnds(analysis),
  ]
    .filter((paragraph) => paragraph !== "")
    .join("\n\n");
}

function overview(analysis: Analysis): string {
  const wordCount = wordsOf(analysis).filter((word) => /[\p{L}\p{N}]/u.test(word.text)).length;
  const language = LANGUAGE_NAMES[detectLanguage(analysis.text)] ?? "unknown";
  const about = keywordsOf(analysis).slice(0, 4);
  const topic =
    about.length === 0 ? "It names no particular subject" : `It is mostly about ${about.join(", ")}`;
  return `The text has ${plural(wordCount, "word")} in ${plural(analysis.sentences.length, "sentence")}, in ${capitalise(language)}. ${topic}.`;
}

function gist(analysis: Analysis): string {
  const summary = summarise(analysis, SUMMARY_SENTENCES);
  return summary === "" ? "There is nothing in it to sum up." : `In short: ${summary}`;
}

function tone(analysis: Analysis): string {
  const { sentiment, sentences } = analysis;
  const strongest = sentences.toSorted(
    (left, right) => Math.abs(right.sentiment) - Math.abs(left.sentiment),
  )[0];
  const because =
    strongest === undefined || strongest.sentiment === 0 ? "" : ` What weighs most is: "${strongest.text}"`;
  return `The tone is ${nameOfSentiment(sentiment)} (${sentiment.toFixed(2)} on a scale from -1 to 1).${because}`;
}

function named(analysis: Analysis): string {
  const mentions = notableMentions(analysis)
    .slice(0, MAX_NAMED)
    .map((mention) => `${mention.text} (${mention.type})`);
  return mentions.length === 0
    ? "It names no people, organisations, places, dates or amounts."
    : `It names ${mentions.join(", ")}.`;
}

function concerns(analysis: Analysis): string {
  const found = rankModeration(analysis).filter(({ evidence }) => evidence.score >= WORTH_NAMING_FROM);
  if (found.length === 0) return "";
  const parts = found.map(({ name, evidence }) => `${name.replace("_", "-")} ("${evidence.terms[0] ?? ""}")`);
  return `A moderator may want to look at it for ${parts.join(" and ")}.`;
}

function openEnds(analysis: Analysis): string {
  const questions = analysis.sentences.filter((sentence) => sentence.text.endsWith("?"));
  const [first] = rankSentences({ ...analysis, sentences: questions });
  return first === undefined ? "It asks nothing that needs an answer." : `It asks: "${first.text}"`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
