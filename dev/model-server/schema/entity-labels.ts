/** What schemas call the kinds of things a text names, mapped to what the stand-in finds. */
import type { Mention } from "../mentions.ts";
import type { Analysis } from "../nlp.ts";
import { splitName } from "../text.ts";

/** Names for a kind, singular and plural, by the mention types they cover. */
const KINDS: readonly (readonly [types: readonly string[], words: string])[] = [
  [
    ["person"],
    "person persons people name names author authors contact contacts customer speaker attendee attendees owner assignee",
  ],
  [
    ["organization"],
    "organization organizations organisation organisations org orgs company companies employer vendor vendors institution institutions account",
  ],
  [["location"], "location locations place places city cities country countries region address gpe"],
  [["date", "time", "duration"], "date dates deadline deadlines due when day time times timeline duration"],
  [["money"], "money amount amounts price prices cost costs budget budgets sum currency"],
  [["email"], "email emails mail"],
  [["url"], "url urls link links website websites uri"],
  [["phone"], "phone phones telephone tel mobile"],
  [["percent"], "percent percentage percentages"],
  [["cardinal", "ordinal"], "number numbers quantity quantities cardinal"],
  [["hashtag"], "hashtag hashtags tag"],
  [["mention"], "mention handle handles"],
];

const CATCH_ALL = "other misc miscellaneous unknown thing";

/** The mention types that a property's or label's words ask for; empty when they name no kind. */
export function typesNamed(words: readonly string[]): readonly string[] {
  const kind = KINDS.find(([, names]) => names.split(" ").some((name) => words.includes(name)));
  return kind?.[0] ?? [];
}

/** Bare numbers and smileys are found as well, but nobody who asks for entities means them. */
export function notableMentions(analysis: Analysis): readonly Mention[] {
  const isMinor = new Set(["cardinal", "ordinal", "emoji", "emoticon"]);
  return analysis.mentions.filter((mention) => !isMinor.has(mention.type));
}

export function mentionsOf(types: readonly string[], analysis: Analysis): readonly Mention[] {
  const exact = analysis.mentions.filter((mention) => types.includes(mention.type));
  // A name that could not be told apart is better than no name.
  const isNameWanted = types.includes("person") || types.includes("organization");
  return exact.length > 0 || !isNameWanted
    ? exact
    : analysis.mentions.filter((mention) => mention.type === "name");
}

/** The label that fits a mention's kind, or null. */
export function labelOfMention(mention: Mention, labels: readonly string[]): string | null {
  const fits = (label: string): boolean => {
    const words = splitName(label);
    return words.includes(mention.type) || typesNamed(words).includes(mention.type);
  };
  const exact = labels.find(fits);
  if (exact !== undefined) return exact;
  const catchAll = labels.find((label) =>
    splitName(label).some((word) => CATCH_ALL.split(" ").includes(word)),
  );
  if (catchAll !== undefined || mention.type !== "name") return catchAll ?? null;
  return labels.find((label) => typesNamed(splitName(label)).includes("organization")) ?? null;
}
