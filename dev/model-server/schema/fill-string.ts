/** Free text: computed where the name says what (summary, language, reason), else looked up, else quoted. */
import type { JsonObject } from "../../../src/core/json.ts";
import { detectLanguage } from "../language.ts";
import { keywordsOf, wordsOf } from "../nlp.ts";
import { rankSentences, summarise } from "../summary.ts";
import { cutText, splitName } from "../text.ts";
import { hasWord, nameWords, type FillContext, type Filled, type Slot } from "./context.ts";
import { mentionsOf, typesNamed } from "./entity-labels.ts";
import { fieldFor } from "./fields.ts";
import { nameOfSentiment } from "./fill-enum.ts";
import { numberOf } from "./resolve.ts";
import { fitString, formatOf, valueForFormat } from "./string-constraints.ts";
import { reasonTerms } from "./terms.ts";

const SUMMARY_SENTENCES = 3;
const SENTENCE_COUNTS: Readonly<Record<string, number>> = {
  one: 1,
  "a single": 1,
  two: 2,
  three: 3,
  four: 4,
  five: 5,
};
const TITLE_CHARACTERS = 80;
const NOTHING = "nothing in the text says so";

export function fillString(schema: JsonObject, slot: Slot, context: FillContext): Filled {
  const format = formatOf(schema);
  const text = format === null ? sayText(schema, slot, context) : null;
  const wanted = text ?? valueForFormat(format, slot, context);
  const fitted = fitString(wanted ?? quote(slot, context), schema, format, context);
  if (fitted === null) {
    context.problems.push(`${slot.path}: no text of this format and pattern can be made`);
    return { value: "", found: false };
  }
  return { value: fitted, found: wanted !== null };
}

/** What the text says for this property, or null. */
function sayText(schema: JsonObject, slot: Slot, context: FillContext): string | null {
  const { analysis, mention } = context;
  if (mention !== null) {
    if (hasWord(slot, "text name value mention entity span surface quote title")) return mention.text;
    if (hasWord(slot, "type kind label category class")) return mention.type;
  }
  if (analysis.text.trim() === "") return null;
  if (hasWord(slot, "summary abstract tldr overview synopsis gist")) {
    return summarise(analysis, sentencesWanted(slot, context), numberOf(schema, "maxLength"));
  }
  if (hasWord(slot, "language lang locale")) return detectLanguage(analysis.text);
  if (hasWord(slot, "reason explanation rationale justification why evidence because")) {
    const terms = reasonTerms(slot, context);
    return terms.length === 0
      ? "Nothing in the text stands out."
      : `Because of: ${terms.slice(0, 5).join(", ")}.`;
  }
  if (hasWord(slot, "reply response answer draft")) return draftReply(context);
  if (hasWord(slot, "quote excerpt snippet highlight")) return rankSentences(analysis)[0]?.text ?? null;
  if (hasWord(slot, "sentiment tone mood")) return nameOfSentiment(analysis.sentiment);
  return lookUp(slot, context);
}

/** "in one sentence", "at most two sentences": said in the description or the instruction. */
function sentencesWanted(slot: Slot, context: FillContext): number {
  const said = /\b(one|a single|two|three|four|five|[1-9]) sentences?\b/i.exec(
    `${slot.description} ${context.prompt.instruction}`,
  )?.[1];
  if (said === undefined) return SUMMARY_SENTENCES;
  return Number(said) || (SENTENCE_COUNTS[said.toLowerCase()] ?? SUMMARY_SENTENCES);
}

function lookUp(slot: Slot, context: FillContext): string | null {
  const field = fieldFor(slot, context);
  if (field !== undefined) return String(field);
  const { analysis } = context;
  if (hasWord(slot, "title subject headline")) {
    return cutText(analysis.sentences[0]?.text ?? "", TITLE_CHARACTERS).replace(/[.:]$/, "") || null;
  }
  const types = typesNamed(nameWords(slot));
  if (types.length > 0) return mentionsOf(types, analysis)[0]?.text ?? null;
  if (hasWord(slot, "value text content result output")) return summarise(analysis, SUMMARY_SENTENCES);
  if (hasWord(slot, "topic keyword category label theme intent")) return keywordsOf(analysis)[0] ?? null;
  return null;
}

function draftReply(context: FillContext): string {
  const [first = "your message", second] = keywordsOf(context.analysis);
  const topic = second === undefined ? first : `${first} and ${second}`;
  const asks = context.analysis.text.includes("?") ? " We will come back to your question shortly." : "";
  return `Thank you for writing to us about ${topic}.${asks}`;
}

/** For a property the text says nothing about by name: the sentence that shares most words with it. */
function quote(slot: Slot, context: FillContext): string {
  const words = new Set(
    [...nameWords(slot), ...splitName(slot.description)].filter((word) => word.length > 3),
  );
  const shared = (lemmas: readonly string[]): number => lemmas.filter((lemma) => words.has(lemma)).length;
  const [first] = rankSentences(context.analysis)
    .map((sentence) => ({ text: sentence.text, hits: shared(sentence.words.map((word) => word.lemma)) }))
    .sort((left, right) => right.hits - left.hits);
  return first !== undefined && wordsOf(context.analysis).length > 0 ? first.text : NOTHING;
}
