/**
 * How strongly a text speaks for a concept, and in which words. A concept is what a property or a label
 * is named after: a moderation category, a lead's quality, a topic. Scores are heuristics over lexicons,
 * not probabilities; README.md says how often they are right.
 */
import { unreachable } from "../../src/core/result.ts";
import {
  COMPANY_MAIL_POINTS,
  FREE_MAIL_DOMAINS,
  FREE_MAIL_POINTS,
  LEAD_BASE_POINTS,
  LEAD_SIGNALS,
  MONEY_POINTS,
  SIZE_NOUNS,
  SIZE_POINTS,
} from "./lexicons/business.ts";
import { MODERATION_LEXICONS, type ModerationName } from "./lexicons/moderation.ts";
import { TOPICS, type Topic } from "./lexicons/topics.ts";
import { wordsOf, type Analysis } from "./nlp.ts";
import { findMatches, verbatim, type Match } from "./patterns.ts";
import { clamp, roundTo } from "./text.ts";

export interface Evidence {
  /** 0 … 1. */
  readonly score: number;
  /** What in the text speaks for it (and, for leads, against it), word for word, strongest first. */
  readonly terms: readonly string[];
  /** The same, named ("asks for a price") where the words alone would not say why. */
  readonly reasons: readonly string[];
}

export type Concept =
  | { readonly kind: "moderation"; readonly name: ModerationName }
  /** The worst of the categories that harm someone. */
  | { readonly kind: "toxicity" }
  | { readonly kind: "lead" }
  | { readonly kind: "topic"; readonly topic: Topic };

const MODERATION_ALIASES: Readonly<Record<string, ModerationName>> = {
  harassment: "harassment",
  harassing: "harassment",
  insult: "harassment",
  insulting: "harassment",
  bullying: "harassment",
  abusive: "harassment",
  hate: "hate",
  hateful: "hate",
  racist: "hate",
  racism: "hate",
  discrimination: "hate",
  violence: "violence",
  violent: "violence",
  threat: "violence",
  threats: "violence",
  threatening: "violence",
  sexual: "sexual",
  nsfw: "sexual",
  adult: "sexual",
  nudity: "sexual",
  explicit: "sexual",
  suicide: "self_harm",
  selfharm: "self_harm",
  spam: "spam",
  spammy: "spam",
  promotional: "spam",
  advertising: "spam",
  scam: "scam",
  phishing: "scam",
  profanity: "profanity",
  profane: "profanity",
  obscene: "profanity",
  swearing: "profanity",
};

const TOXICITY_ALIASES = new Set(
  "toxicity toxic offensive unsafe harmful flagged inappropriate moderation violation abuse".split(" "),
);
const LEAD_ALIASES = new Set(
  "lead leads qualified qualification buying purchase_intent intent prospect".split(" "),
);
const HARMFUL: readonly ModerationName[] = [
  "harassment",
  "hate",
  "violence",
  "sexual",
  "self_harm",
  "spam",
  "scam",
];

export const MODERATION_NAMES: readonly ModerationName[] = HARMFUL;

export function findConcept(nameWords: readonly string[]): Concept | null {
  if (nameWords.includes("self") && nameWords.includes("harm"))
    return { kind: "moderation", name: "self_harm" };
  for (const word of nameWords) {
    const moderation = Object.hasOwn(MODERATION_ALIASES, word) ? MODERATION_ALIASES[word] : undefined;
    if (moderation !== undefined) return { kind: "moderation", name: moderation };
    if (TOXICITY_ALIASES.has(word)) return { kind: "toxicity" };
    if (LEAD_ALIASES.has(word)) return { kind: "lead" };
    const topic = TOPICS.find((candidate) => candidate.aliases.includes(word));
    if (topic !== undefined) return { kind: "topic", topic };
  }
  return null;
}

export function evidenceFor(concept: Concept, analysis: Analysis): Evidence {
  switch (concept.kind) {
    case "moderation":
      return moderationEvidence(concept.name, analysis);
    case "toxicity": {
      const [worst] = rankModeration(analysis);
      return worst?.evidence ?? { score: 0, terms: [], reasons: [] };
    }
    case "lead":
      return leadEvidence(analysis);
    case "topic":
      return combine(findMatches(analysis, concept.topic.lexicon));
    default:
      return unreachable(concept);
  }
}

/** Every harmful category with its evidence, worst first. */
export function rankModeration(
  analysis: Analysis,
): readonly { readonly name: ModerationName; readonly evidence: Evidence }[] {
  return HARMFUL.map((name) => ({ name, evidence: moderationEvidence(name, analysis) })).sort(
    (left, right) => right.evidence.score - left.evidence.score,
  );
}

function moderationEvidence(name: ModerationName, analysis: Analysis): Evidence {
  const matches = findMatches(analysis, MODERATION_LEXICONS[name]);
  return combine(name === "spam" ? [...matches, ...loudness(analysis)] : matches);
}

/** Links, shouting and exclamation marks: alone they mean little, together with an offer they mean spam. */
function loudness(analysis: Analysis): readonly Match[] {
  const links = analysis.mentions.filter((mention) => mention.type === "url").map((mention) => mention.text);
  const shouted = wordsOf(analysis)
    .map((word) => word.text)
    .filter((text) => /^\p{Lu}{4,}$/u.test(text));
  const exclamation = /!{2,}/.exec(analysis.text)?.[0];
  return [
    ...links.map((link) => quoted(0.2, link)),
    ...(exclamation === undefined ? [] : [quoted(0.2, exclamation)]),
    ...(shouted.length < 2 ? [] : [quoted(0.2, shouted[0] ?? "")]),
  ];
}

function quoted(weight: number, term: string, reason = term): Match {
  return { weight, term, reason };
}

function leadEvidence(analysis: Analysis): Evidence {
  const money = analysis.mentions.find((mention) => mention.type === "money");
  const matches = distinctReasons([
    ...findMatches(analysis, LEAD_SIGNALS),
    ...mailSignals(analysis),
    ...sizeSignals(analysis),
    ...(money === undefined ? [] : [quoted(MONEY_POINTS, money.text, "names an amount")]),
  ]);
  const points = matches.reduce((sum, match) => sum + match.weight, LEAD_BASE_POINTS);
  return { score: clamp(Math.round(points), 0, 100) / 100, ...wordsFor(matches) };
}

function mailSignals(analysis: Analysis): readonly Match[] {
  const mail = analysis.mentions.find((mention) => mention.type === "email")?.text;
  const domain = mail?.toLowerCase().split("@")[1];
  if (mail === undefined || domain === undefined) return [];
  return FREE_MAIL_DOMAINS.has(domain)
    ? [quoted(FREE_MAIL_POINTS, mail, "free-mail address")]
    : [quoted(COMPANY_MAIL_POINTS, mail, "company address")];
}

function sizeSignals(analysis: Analysis): readonly Match[] {
  let best: { readonly size: number; readonly term: string } | null = null;
  for (const sentence of analysis.sentences) {
    for (const [index, word] of sentence.words.entries()) {
      const isThousands = sentence.words[index + 1]?.normal === "k";
      const size = Number(word.normal.replaceAll(",", "")) * (isThousands ? 1_000 : 1);
      const following = sentence.words.slice(index + 1, index + 4);
      const nounAt = following.findIndex((next) => SIZE_NOUNS.has(next.lemma));
      if (!Number.isInteger(size) || size <= (best?.size ?? 0) || nounAt === -1) continue;
      best = { size, term: verbatim(sentence.text, sentence.words.slice(index, index + nounAt + 2)) };
    }
  }
  const band = SIZE_POINTS.find(({ from }) => best !== null && best.size >= from);
  return best === null || band === undefined ? [] : [quoted(band.points, best.term, `size ${best.size}`)];
}

/** Asking for a price twice is one signal. */
function distinctReasons(matches: readonly Match[]): readonly Match[] {
  const matchByReason = new Map<string, Match>();
  for (const match of matches) {
    const known = matchByReason.get(match.reason);
    if (known === undefined || Math.abs(match.weight) > Math.abs(known.weight)) {
      matchByReason.set(match.reason, match);
    }
  }
  return [...matchByReason.values()];
}

function combine(matches: readonly Match[]): Evidence {
  const missed = matches.reduce((product, match) => product * (1 - clamp(match.weight, 0, 0.99)), 1);
  return { score: roundTo(1 - missed, 3), ...wordsFor(matches) };
}

/** "worthless" adds nothing to "you worthless". */
function withoutContained(terms: readonly string[]): readonly string[] {
  return terms.filter((term, index) => !terms.slice(0, index).some((earlier) => earlier.includes(term)));
}

function wordsFor(matches: readonly Match[]): Pick<Evidence, "terms" | "reasons"> {
  const sorted = matches.toSorted((left, right) => Math.abs(right.weight) - Math.abs(left.weight));
  return {
    terms: withoutContained([...new Set(sorted.map((match) => match.term))]),
    reasons: withoutContained([...new Set(sorted.map((match) => match.reason))]),
  };
}
