/** Lists: of what the text names, of its labels, its sentences, its reasons; as long as the schema demands. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";
import { analyse, keywordsOf, type Sentence } from "../nlp.ts";
import { rankSentences } from "../summary.ts";
import { clamp, splitName } from "../text.ts";
import { found, hasWord, nameWords, type FillContext, type Filled, type Slot } from "./context.ts";
import { labelOfMention, mentionsOf, notableMentions, typesNamed } from "./entity-labels.ts";
import { LABEL_THRESHOLD, rankLabels } from "./fill-enum.ts";
import { listOf, numberOf, resolveSchema, textOf } from "./resolve.ts";
import { fitString, formatOf } from "./string-constraints.ts";
import { reasonTerms } from "./terms.ts";

const DEFAULT_ITEMS = 5;
const MAX_ENTITIES = 25;
/** A schema that demands more than this many items is refused. */
const MAX_ITEMS = 1_000;
const ACTION = /\b(?:must|should|will|shall|please|needs? to|have to|has to|let's|todo|action)\b/i;

export function fillArray(schema: JsonObject, slot: Slot, context: FillContext): Filled {
  const least = numberOf(schema, "minItems") ?? 0;
  const most = numberOf(schema, "maxItems") ?? Number.POSITIVE_INFINITY;
  if (least > MAX_ITEMS) {
    context.problems.push(`${slot.path}: more than ${MAX_ITEMS} items are demanded`);
    return found([]);
  }
  const leading = listOf(schema, "prefixItems").map(
    (item, index) => context.fill(item, itemSlot(slot, index, item), context).value,
  );
  const items = schema["items"];
  const rest =
    items === false || (leading.length > 0 && items === undefined) ? [] : listItems(items, slot, context);
  const listed = [...leading, ...rest].slice(0, clamp(most, 0, MAX_ITEMS));
  const value = schema["uniqueItems"] === true ? distinct(listed) : listed;
  return found(padItems(value, least, items, schema["uniqueItems"] === true, slot, context));
}

function listItems(items: JsonValue | undefined, slot: Slot, context: FillContext): readonly JsonValue[] {
  const { schema } = resolveSchema(items, context.root);
  const labels = listOf(schema, "enum").filter((label) => typeof label === "string");
  if (labels.length > 0) {
    return rankLabels(labels, slot, context)
      .filter(({ score }) => score >= LABEL_THRESHOLD)
      .map(({ label }) => label);
  }
  if (isJsonObject(schema["properties"])) return listObjects(items, schema, slot, context);
  if (textOf(schema, "type") !== "string") return [];
  const format = formatOf(schema);
  // Of a list of addresses or links only real ones are members: no placeholder is.
  if (format !== null) {
    const texts = mentionsOf(typesNamed([format]), context.analysis).map((mention) => mention.text);
    return texts.filter((text) => fitString(text, schema, format, context) === text);
  }
  return listTexts(slot, context)
    .map((text) => fitString(text, schema, null, context))
    .filter((text) => text !== null);
}

function listTexts(slot: Slot, context: FillContext): readonly string[] {
  const { analysis } = context;
  const types = typesNamed(nameWords(slot));
  if (types.length > 0) return mentionsOf(types, analysis).map((mention) => mention.text);
  if (hasWord(slot, "entity entities mentions names"))
    return notableMentions(analysis).map((mention) => mention.text);
  if (hasWord(slot, "keyword keywords tags topics phrases themes terms"))
    return keywordsOf(analysis).slice(0, DEFAULT_ITEMS);
  const sentences = sentencesFor(slot, context);
  return sentences === null
    ? reasonTerms(slot, context).slice(0, DEFAULT_ITEMS)
    : sentences.map((sentence) => sentence.text);
}

/** Whole sentences where a list's name asks for them, best first; null where it does not. */
function sentencesFor(slot: Slot, context: FillContext): readonly Sentence[] | null {
  const { sentences } = context.analysis;
  if (hasWord(slot, "question questions")) return sentences.filter(({ text }) => text.endsWith("?"));
  if (hasWord(slot, "action actions todo todos task tasks steps")) {
    return sentences.filter(({ text }) => ACTION.test(text));
  }
  if (hasWord(slot, "highlights points facts findings quotes claims sentences bullets takeaways excerpts")) {
    return rankSentences(context.analysis).slice(0, DEFAULT_ITEMS);
  }
  return null;
}

/** One object per entity where the items look like entities, else one per important sentence. */
function listObjects(
  items: JsonValue | undefined,
  schema: JsonObject,
  slot: Slot,
  context: FillContext,
): readonly JsonValue[] {
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const names = Object.keys(properties).flatMap((name) => splitName(name));
  const types = typesNamed(nameWords(slot));
  const isEntityList = hasWord(slot, "entity entities mention mentions names") || types.length > 0;
  const hasKind = names.some((name) => ["type", "kind", "label"].includes(name)) && names.includes("text");
  if (isEntityList || hasKind) {
    const mentions =
      types.length > 0 ? mentionsOf(types, context.analysis) : notableMentions(context.analysis);
    return mentions
      .filter((mention) => {
        const labels = labelsOfKind(properties, context);
        return labels === null || labelOfMention(mention, labels) !== null;
      })
      .slice(0, MAX_ENTITIES)
      .map(
        (mention, index) => context.fill(items, itemSlot(slot, index, items), { ...context, mention }).value,
      );
  }
  const isRecursive = resolveSchema(items, context.root).refs.some(
    (ref) => (context.openRefs.get(ref) ?? 0) > 0,
  );
  if (isRecursive || context.analysis.text.trim() === "") return [];
  return (sentencesFor(slot, context) ?? rankSentences(context.analysis))
    .slice(0, DEFAULT_ITEMS)
    .map((sentence, index) => {
      const analysis = analyse(sentence.text);
      return context.fill(items, itemSlot(slot, index, items), { ...context, analysis }).value;
    });
}

/** The labels that an entity's kind has to be one of, or null when it is free text. */
function labelsOfKind(properties: JsonObject, context: FillContext): readonly string[] | null {
  for (const [name, property] of Object.entries(properties)) {
    if (!["type", "kind", "label", "category"].some((word) => splitName(name).includes(word))) continue;
    const labels = listOf(resolveSchema(property, context.root).schema, "enum");
    if (labels.length > 0) return labels.filter((label) => typeof label === "string");
  }
  return null;
}

function padItems(
  value: readonly JsonValue[],
  least: number,
  items: JsonValue | undefined,
  isUnique: boolean,
  slot: Slot,
  context: FillContext,
): readonly JsonValue[] {
  const padded = [...value];
  while (padded.length < least) {
    const index = padded.length;
    const { value: filler } = context.fill(items, itemSlot(slot, index, items), context);
    const candidates = isUnique ? variants(filler, items, index, context) : [filler];
    const next = candidates.find((candidate) => !isUnique || !includes(padded, candidate));
    if (next === undefined) {
      context.problems.push(`${slot.path}: too few distinct items can be made`);
      break;
    }
    padded.push(next);
  }
  return padded;
}

/** Other values of the same schema, for lists whose items must differ. */
function variants(
  filler: JsonValue,
  items: JsonValue | undefined,
  index: number,
  context: FillContext,
): readonly JsonValue[] {
  const { schema } = resolveSchema(items, context.root);
  const labels = listOf(schema, "enum");
  if (labels.length > 0) return labels;
  if (typeof filler === "boolean") return [true, false];
  if (typeof filler === "string") {
    const fitted = fitString(`${index + 1} ${filler}`, schema, null, context);
    return fitted === null ? [filler] : [filler, fitted];
  }
  if (typeof filler !== "number") return [filler];
  const low = numberOf(schema, "minimum") ?? filler - index;
  const high = numberOf(schema, "maximum") ?? filler + index;
  const step =
    numberOf(schema, "multipleOf") ?? (textOf(schema, "type") === "integer" ? 1 : (high - low) / (index + 1));
  const all = Array.from({ length: index + 1 }, (_, steps) => [filler + steps * step, filler - steps * step]);
  return all.flat().filter((candidate) => candidate >= low && candidate <= high);
}

function distinct(values: readonly JsonValue[]): readonly JsonValue[] {
  return values.filter((value, index) => !includes(values.slice(0, index), value));
}

function includes(values: readonly JsonValue[], value: JsonValue): boolean {
  const text = JSON.stringify(value);
  return values.some((other) => JSON.stringify(other) === text);
}

function itemSlot(slot: Slot, index: number, items: JsonValue | undefined): Slot {
  const description = isJsonObject(items) ? textOf(items, "description") : "";
  return { ...slot, description: description || slot.description, path: `${slot.path}[${index}]` };
}
