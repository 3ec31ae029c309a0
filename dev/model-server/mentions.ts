/**
 * Who and what a text names: wink's own entities (dates, money, e-mail addresses, …) and runs of proper
 * nouns, told apart as people, organisations and places by small cues. Texts are verbatim.
 */
import { escapePattern } from "./text.ts";
import type { Sentence, Word } from "./nlp.ts";
import {
  COMMON_CAPITALISED,
  GIVEN_NAMES,
  ORGANISATION_WORDS,
  PERSON_TITLES,
  PLACES,
} from "./lexicons/names.ts";

export interface Mention {
  readonly text: string;
  /** `person`, `organization`, `location`, `name`, or wink's type in lower case (`date`, `money`, `email`, …). */
  readonly type: string;
}

const PHONE = /(?:\+\d{1,3}[ -]?)?(?:\(\d{1,4}\)[ -]?)?\d{2,4}(?:[ -]\d{2,5}){1,4}/g;
const MIN_PHONE_DIGITS = 7;
/** Each is looked up in the whole text: a long list of names must not cost a second. */
const MAX_NAMES = 300;

const CONNECTING = new Set(["of", "de", "for"]);

export function findMentions(
  text: string,
  sentences: readonly Sentence[],
  entities: readonly Mention[],
): readonly Mention[] {
  const runs = new Set(sentences.flatMap((sentence) => properNounRuns(sentence.words)));
  const names = [...runs].slice(0, MAX_NAMES).filter((name) => text.includes(name));
  const phones = [...text.matchAll(PHONE)]
    .map(([match]) => match.trim())
    .filter((match) => match.replace(/\D/g, "").length >= MIN_PHONE_DIGITS && !/^\d{4}-\d\d-\d\d/.test(match))
    .map((match): Mention => ({ text: match, type: "phone" }));
  const mentionByText = new Map<string, Mention>();
  const named = names.map((name): Mention => ({ text: name, type: typeOfName(name, text) }));
  for (const mention of [
    ...entities.map(trimmed).filter((mention) => !isBareUnit(mention)),
    ...phones,
    ...named,
  ]) {
    const key = mention.text.toLowerCase();
    // What the tokenizer put together differently is not in the text, and nobody could find it there.
    if (mention.text !== "" && text.includes(mention.text) && !mentionByText.has(key))
      mentionByText.set(key, mention);
  }
  return [...mentionByText.values()];
}

/** wink now and then takes the full stop along ("5pm."). */
function trimmed(mention: Mention): Mention {
  return { ...mention, text: mention.text.replace(/[.,;:]+$/, "") };
}

/** "years" and "minutes" alone say how long nothing takes. */
function isBareUnit(mention: Mention): boolean {
  return mention.type === "duration" && !mention.text.includes(" ");
}

function properNounRuns(words: readonly Word[]): readonly string[] {
  const runs: string[] = [];
  let run: string[] = [];
  const flush = (): void => {
    const name = run.join(" ").replace(/[.,]+$/, "");
    const isNameLike = run.length > 1 || !COMMON_CAPITALISED.has(name.toLowerCase());
    if (name.length > 1 && isNameLike) runs.push(name);
    run = [];
  };
  words.forEach((word, index) => {
    const isCapitalised = /^\p{Lu}[\p{L}'.&-]*$/u.test(word.text);
    const startsSentence = index === 0;
    const isName =
      isCapitalised &&
      (word.partOfSpeech === "PROPN" || (!startsSentence && ORGANISATION_WORDS.has(word.normal))) &&
      !(run.length === 0 && COMMON_CAPITALISED.has(word.normal)) &&
      !(startsSentence && !GIVEN_NAMES.has(word.normal) && !startsWithName(words[1]));
    // "University of Porto" is one name; "Dana of Porto" is two.
    const joins =
      CONNECTING.has(word.normal) &&
      ORGANISATION_WORDS.has(run.at(-1)?.toLowerCase() ?? "") &&
      startsWithName(words[index + 1]);
    if (isName || joins) run.push(word.text);
    else flush();
  });
  flush();
  return runs;
}

/** A capital at a sentence's start says nothing, unless a second name follows. */
function startsWithName(word: Word | undefined): boolean {
  return word !== undefined && word.partOfSpeech === "PROPN" && /^\p{Lu}/u.test(word.text);
}

function typeOfName(name: string, text: string): string {
  const parts = name.toLowerCase().replaceAll(".", "").split(" ");
  const [first = ""] = parts;
  if (parts.some((part) => ORGANISATION_WORDS.has(part))) return "organization";
  if (PLACES.has(name.toLowerCase())) return "location";
  if (GIVEN_NAMES.has(first) || PERSON_TITLES.has(first)) return "person";
  const introduced = new RegExp(
    `(?:I am|I'm|my name is|name:|Mr\\.?|Mrs\\.?|Ms\\.?|Dr\\.?|regards,)\\s+${escapePattern(name)}`,
    "i",
  );
  if (introduced.test(text)) return "person";
  if (new RegExp(`(?:\\bat|\\bfrom|\\bfor|company:)\\s+${escapePattern(name)}`, "i").test(text))
    return "organization";
  return "name";
}
