/** Yes or no: by the concept a property names, by what the text holds, else by the words they share. */
import { evidenceFor, findConcept, rankModeration } from "../evidence.ts";
import { wordsOf } from "../nlp.ts";
import { splitName } from "../text.ts";
import { fallback, found, hasWord, nameWords, type FillContext, type Filled, type Slot } from "./context.ts";
import { mentionsOf, typesNamed } from "./entity-labels.ts";
import { fieldFor } from "./fields.ts";

const YES_FROM = 0.5;
/** Between "clearly nothing" and "clearly something": a person should look. */
const DOUBTFUL_FROM = 0.3;
const DOUBTFUL_TO = 0.75;

const FILLER = new Set(
  "is has have had are was does do did should can could contains contain includes mentions needs need requires the any this that from with whether true false when text message".split(
    " ",
  ),
);

export function fillBoolean(slot: Slot, context: FillContext): Filled {
  const { analysis } = context;
  const field = fieldFor(slot, context);
  if (typeof field === "boolean") return found(field);
  const worst = rankModeration(analysis)[0]?.evidence.score ?? 0;
  if (hasWord(slot, "safe allowed appropriate clean approved acceptable publishable"))
    return found(worst < YES_FROM);
  if (hasWord(slot, "review human manual escalate attention moderator")) {
    return found(worst >= DOUBTFUL_FROM && worst < DOUBTFUL_TO);
  }
  if (hasWord(slot, "positive")) return found(analysis.sentiment > 0);
  if (hasWord(slot, "negative")) return found(analysis.sentiment < 0);
  if (hasWord(slot, "question")) return found(analysis.text.includes("?"));
  const concept = findConcept(nameWords(slot));
  if (concept !== null) return found(evidenceFor(concept, analysis).score >= YES_FROM);
  const types = typesNamed(nameWords(slot));
  if (types.length > 0) return found(mentionsOf(types, analysis).length > 0);
  return shareWords(slot, context);
}

function shareWords(slot: Slot, context: FillContext): Filled {
  const known = new Set(wordsOf(context.analysis).flatMap((word) => [word.lemma, word.normal]));
  const named = nameWords(slot).filter((word) => !FILLER.has(word) && word.length > 2);
  const described = splitName(slot.description).filter((word) => !FILLER.has(word) && word.length > 4);
  const hits = named.filter((word) => known.has(word)).length;
  if (named.length > 0 && hits * 2 >= named.length) return found(true);
  const describedHits = described.filter((word) => known.has(word)).length;
  if (described.length > 0 && describedHits * 2 >= described.length) return found(true);
  return fallback(false);
}
