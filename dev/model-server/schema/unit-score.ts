/** One number, 0 … 1, for what a property measures; null when the text gives it no meaning. */
import { evidenceFor, type Concept, type Evidence } from "../evidence.ts";
import { conceptOf, hasWord, type FillContext, type Slot } from "./context.ts";

const CERTAIN = 0.95;
const UNCERTAIN = 0.55;

export function unitScore(slot: Slot, context: FillContext): number | null {
  const { analysis } = context;
  if (hasWord(slot, "sentiment polarity tone mood satisfaction stars")) return (analysis.sentiment + 1) / 2;
  const concept = conceptOf(slot, context);
  const evidence = concept === null ? null : evidenceIn(concept, context);
  if (hasWord(slot, "confidence certainty")) {
    // Far from the middle is sure, close to it is not.
    return UNCERTAIN + (CERTAIN - UNCERTAIN) * Math.abs((evidence?.score ?? 0.75) - 0.5) * 2;
  }
  return evidence?.score ?? null;
}

/** Where a schema has no place for scams, a scam is spam. */
function evidenceIn(concept: Concept, context: FillContext): Evidence {
  const evidence = evidenceFor(concept, context.analysis);
  const isSpam = concept.kind === "moderation" && concept.name === "spam";
  if (!isSpam || /scam|phishing|fraud/i.test(JSON.stringify(context.root))) return evidence;
  const scam = evidenceFor({ kind: "moderation", name: "scam" }, context.analysis);
  return scam.score > evidence.score ? scam : evidence;
}
