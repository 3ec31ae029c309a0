/**
 * Fills any JSON schema from a text: each property by its name, description, type and bounds. Generic: it
 * knows no pipeline's schema. What the text does not say gets a value that is valid and nothing more; what
 * cannot be made valid is reported, never sent.
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";
import { err, ok, type Result } from "../../../src/core/result.ts";
import { findConcept, type Concept } from "../evidence.ts";
import { analyse } from "../nlp.ts";
import type { ReadPrompt } from "../prompt.ts";
import { splitName } from "../text.ts";
import { fallback, found, type FillContext, type Filled, type Slot } from "./context.ts";
import { fillArray } from "./fill-array.ts";
import { fillBoolean } from "./fill-boolean.ts";
import { fillEnum } from "./fill-enum.ts";
import { fillNumber } from "./fill-number.ts";
import { fillObject } from "./fill-object.ts";
import { fillString } from "./fill-string.ts";
import { fillUnion } from "./fill-union.ts";
import { listOf, openMore, resolveSchema, textOf } from "./resolve.ts";

/** Deeper schemas are refused. */
const MAX_DEPTH = 24;
/** Values in one answer. Definitions that refer to each other twice grow by powers of two. */
const MAX_NODES = 20_000;

export interface SchemaRequest {
  readonly name: string;
  readonly schema: JsonObject;
}

/** The error names the places for which no valid value could be made. */
export function fillSchema(request: SchemaRequest, prompt: ReadPrompt): Result<JsonValue, string> {
  const context: FillContext = {
    fill: fillNode,
    root: request.schema,
    prompt,
    analysis: analyse(prompt.text),
    focus: focusOf(request, prompt),
    mention: null,
    depth: 0,
    openRefs: new Map([["#", 1]]),
    budget: { nodes: MAX_NODES },
    problems: [],
  };
  const slot: Slot = { name: request.name, description: "", path: "$", parents: [] };
  const { value } = fillNode(request.schema, slot, context);
  return context.problems.length === 0 ? ok(value) : err(context.problems.join("; "));
}

function fillNode(source: JsonValue | undefined, slot: Slot, outer: FillContext): Filled {
  const { schema, nullable, refs } = resolveSchema(source, outer.root);
  const openRefs = openMore(outer.openRefs, refs);
  const context: FillContext = { ...outer, openRefs, depth: outer.depth + 1 };
  // Once a place has failed the answer is lost: the rest need not be tried.
  if (context.problems.length > 0) return fallback(null);
  const problem = problemWith(source, context);
  if (problem !== null) {
    context.problems.push(`${slot.path}: ${problem}`);
    return fallback(null);
  }
  // A nullable recursion ends as soon as it repeats.
  if (nullable && [...openRefs.values()].some((count) => count > 1)) return fallback(null);
  const described = { ...slot, description: textOf(schema, "description") || slot.description };
  const filled = fillTyped(schema, described, context);
  return nullable && !filled.found ? fallback(null) : filled;
}

function problemWith(source: JsonValue | undefined, context: FillContext): string | null {
  if (source === false) return "nothing is valid here";
  if (context.depth > MAX_DEPTH) return "nested too deeply";
  context.budget.nodes -= 1;
  return context.budget.nodes < 0 ? "too many values" : null;
}

function fillTyped(schema: JsonObject, slot: Slot, context: FillContext): Filled {
  const constant = schema["const"];
  if (constant !== undefined) return found(constant);
  const labels = listOf(schema, "enum");
  if (labels.length > 0) return fillEnum(labels, slot, context);
  for (const key of ["anyOf", "oneOf"]) {
    const branches = listOf(schema, key);
    if (branches.length > 0) return fillUnion(schema, branches, key, slot, context);
  }
  switch (typeOf(schema)) {
    case "object":
      return fillObject(schema, slot, context);
    case "array":
      return fillArray(schema, slot, context);
    case "number":
    case "integer":
      return fillNumber(schema, slot, context);
    case "boolean":
      return fillBoolean(slot, context);
    case "null":
      return found(null);
    default:
      return fillString(schema, slot, context);
  }
}

function typeOf(schema: JsonObject): string {
  const { type } = schema;
  if (typeof type === "string") return type;
  if (Array.isArray(type)) return String(type[0] ?? "string");
  if (isJsonObject(schema["properties"]) || schema["required"] !== undefined) return "object";
  if (schema["items"] !== undefined || schema["prefixItems"] !== undefined) return "array";
  if (schema["minimum"] !== undefined || schema["maximum"] !== undefined) return "number";
  return "string";
}

/** What the task is about, from the schema's names first and the instruction second. */
function focusOf(request: SchemaRequest, prompt: ReadPrompt): Concept | null {
  const { properties } = request.schema;
  const names = isJsonObject(properties) ? Object.keys(properties) : [];
  for (const name of [request.name, ...names]) {
    const concept = findConcept(splitName(name));
    if (concept?.kind === "lead") return concept;
    if (concept?.kind === "moderation" || concept?.kind === "toxicity") return { kind: "toxicity" };
  }
  if (/\b(?:leads?|sales|prospects?|enquir|inquir)/i.test(prompt.instruction)) return { kind: "lead" };
  if (/\b(?:moderat|toxic|abus|harmful|communit)/i.test(prompt.instruction)) return { kind: "toxicity" };
  return names.map((name) => findConcept(splitName(name))).find((concept) => concept !== null) ?? null;
}
