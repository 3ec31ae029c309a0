/** Short texts that say why: what matched, for `reasons`, `signals`, `flags` and explanations. */
import { evidenceFor, MODERATION_NAMES } from "../evidence.ts";
import { TOPICS } from "../lexicons/topics.ts";
import { keywordsOf } from "../nlp.ts";
import { conceptOf, hasWord, type FillContext, type Slot } from "./context.ts";

const NAMED_FROM = 0.3;
const TERMS_PER_CONCEPT = 2;

export function reasonTerms(slot: Slot, context: FillContext): readonly string[] {
  const concept = conceptOf(slot, context);
  const isQuoted = wantsQuotes(slot, context);
  if (concept?.kind === "toxicity") return moderationTerms(isQuoted, context);
  if (concept === null) return topicTerms(isQuoted, context);
  const { terms, reasons } = evidenceFor(concept, context.analysis);
  return isQuoted ? terms : reasons;
}

/** Words of the text and nothing else, where somebody will look for them in it. */
function wantsQuotes(slot: Slot, context: FillContext): boolean {
  if (hasWord(slot, "signals signal evidence quotes excerpts terms matches spans words")) return true;
  return /\b(?:quot|verbatim|word for word|exact words)/i.test(
    `${slot.description} ${context.prompt.instruction}`,
  );
}

/** `spam: free shipping`: which category, and by which words. */
function moderationTerms(isQuoted: boolean, context: FillContext): readonly string[] {
  return MODERATION_NAMES.map((name) => ({
    name,
    ...evidenceFor({ kind: "moderation", name }, context.analysis),
  }))
    .filter(({ score }) => score >= NAMED_FROM)
    .sort((left, right) => right.score - left.score)
    .flatMap(({ name, terms }) =>
      terms.slice(0, TERMS_PER_CONCEPT).map((term) => (isQuoted ? term : `${name}: ${term}`)),
    );
}

function topicTerms(isQuoted: boolean, context: FillContext): readonly string[] {
  const terms = TOPICS.map((topic) => ({
    name: topic.aliases[0] ?? "",
    ...evidenceFor({ kind: "topic", topic }, context.analysis),
  }))
    .filter(({ score }) => score >= NAMED_FROM)
    .sort((left, right) => right.score - left.score)
    .flatMap(({ name, terms }) => terms.slice(0, 1).map((term) => (isQuoted ? term : `${name}: ${term}`)));
  return terms.length > 0 ? terms : keywordsOf(context.analysis).slice(0, TERMS_PER_CONCEPT);
}
