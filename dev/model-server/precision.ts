/**
 * How often the stand-in is right, on the two hand-labelled sets: `node dev/model-server/precision.ts`.
 * It is asked the way the gateway asks it, through a schema, and judged by its scores.
 */
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";
import { commandLine } from "../lib/command-line.ts";
import { answerChat, STAND_IN_MODEL, textOfAnswer } from "./answer.ts";
import { LEAD_EXAMPLES } from "./labelled/development-leads.ts";
import { MODERATION_EXAMPLES } from "./labelled/development-moderation.ts";
import {
  MODERATION_CATEGORIES,
  type LeadExample,
  type ModerationCategory,
  type ModerationExample,
} from "./labelled/examples.ts";
import { HELD_OUT_LEAD_EXAMPLES, HELD_OUT_MODERATION_EXAMPLES } from "./labelled/held-out.ts";

/** A category counts as claimed from here. */
const CLAIMED_FROM = 0.5;
const LEAD_FROM = 50;

export interface Measurement {
  readonly set: "development" | "held out";
  readonly task: string;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
}

export function measureAll(): readonly Measurement[] {
  return [
    ...measureModeration("held out", HELD_OUT_MODERATION_EXAMPLES),
    measureLeads("held out", HELD_OUT_LEAD_EXAMPLES),
    ...measureModeration("development", MODERATION_EXAMPLES),
    measureLeads("development", LEAD_EXAMPLES),
  ];
}

/** A Markdown table; README.md holds the same one. */
export function formatMeasurements(measurements: readonly Measurement[]): string {
  const rows = measurements.map(
    (one) =>
      `| ${one.set} | ${one.task} | ${one.truePositives} | ${one.falsePositives} | ${one.falseNegatives} | ${share(
        one.truePositives,
        one.falsePositives,
      )} | ${share(one.truePositives, one.falseNegatives)} |`,
  );
  return [
    "| set | task | right | wrongly claimed | missed | precision | recall |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function measureModeration(
  set: Measurement["set"],
  examples: readonly ModerationExample[],
): readonly Measurement[] {
  const claims = examples.map((example) => ({ example, claimed: claimedCategories(example.text) }));
  const perCategory = MODERATION_CATEGORIES.map((category): Measurement => {
    const count = (isLabelled: boolean, isClaimed: boolean): number =>
      claims.filter(
        ({ example, claimed }) =>
          example.labels.includes(category) === isLabelled && claimed.includes(category) === isClaimed,
      ).length;
    return {
      set,
      task: category,
      truePositives: count(true, true),
      falsePositives: count(false, true),
      falseNegatives: count(true, false),
    };
  });
  const sum = (field: "truePositives" | "falsePositives" | "falseNegatives"): number =>
    perCategory.reduce((total, one) => total + one[field], 0);
  return [
    ...perCategory,
    {
      set,
      task: `moderation, all (${examples.length} texts)`,
      truePositives: sum("truePositives"),
      falsePositives: sum("falsePositives"),
      falseNegatives: sum("falseNegatives"),
    },
  ];
}

function measureLeads(set: Measurement["set"], examples: readonly LeadExample[]): Measurement {
  const claims = examples.map((example) => ({ isLead: example.isLead, isClaimed: isClaimedLead(example) }));
  const count = (isLead: boolean, isClaimed: boolean): number =>
    claims.filter((claim) => claim.isLead === isLead && claim.isClaimed === isClaimed).length;
  return {
    set,
    task: `lead or not (${examples.length} enquiries)`,
    truePositives: count(true, true),
    falsePositives: count(false, true),
    falseNegatives: count(true, false),
  };
}

function claimedCategories(text: string): readonly ModerationCategory[] {
  const score = { type: "number", minimum: 0, maximum: 1 };
  const properties = Object.fromEntries(MODERATION_CATEGORIES.map((category) => [category, score]));
  const answer = ask("moderation", properties, text);
  return MODERATION_CATEGORIES.filter((category) => Number(answer[category]) >= CLAIMED_FROM);
}

function isClaimedLead({ email, company, message }: LeadExample): boolean {
  const properties = { lead_score: { type: "integer", minimum: 0, maximum: 100 } };
  const answer = ask("enquiry", properties, `email: ${email}\ncompany: ${company}\nmessage: ${message}`);
  return Number(answer["lead_score"]) >= LEAD_FROM;
}

function ask(name: string, properties: JsonObject, text: string): JsonObject {
  const schema: JsonObject = { type: "object", properties, required: Object.keys(properties) };
  const answer = answerChat(
    {
      model: STAND_IN_MODEL,
      messages: [{ role: "user", text }],
      stream: false,
      includeUsage: false,
      maxOutputTokens: null,
      stop: [],
      format: { kind: "schema", name, schema },
    },
    null,
  );
  if (!answer.ok) throw new Error(answer.error.message);
  const value: unknown = JSON.parse(textOfAnswer(answer.value));
  if (!isJsonObject(value)) throw new Error("the answer is no object");
  return value;
}

function share(hits: number, others: number): string {
  return hits + others === 0 ? "–" : (hits / (hits + others)).toFixed(2);
}

const USAGE = `node dev/model-server/precision.ts
  No options: it prints how often the stand-in is right.`;

if (import.meta.main) {
  commandLine(USAGE, {});
  console.log(formatMeasurements(measureAll()));
}
