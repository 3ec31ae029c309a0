/** Reads JSON Schema's shorthands away: `$ref`, `allOf`, nullable unions. Draft 2020-12, as zod writes it. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";

export interface ResolvedSchema {
  readonly schema: JsonObject;
  readonly nullable: boolean;
  /** The references that were followed. */
  readonly refs: readonly string[];
}

const MAX_REFS = 32;

export function resolveSchema(source: JsonValue | undefined, root: JsonObject): ResolvedSchema {
  let schema: JsonObject = isJsonObject(source) ? source : {};
  const refs: string[] = [];
  while (typeof schema["$ref"] === "string" && refs.length < MAX_REFS) {
    const { $ref: _, ...beside } = schema;
    const ref = textOf(schema, "$ref");
    refs.push(ref);
    schema = { ...lookUp(ref, root), ...beside };
  }
  if (Array.isArray(schema["allOf"])) schema = mergeAllOf(schema, root);
  const { refs: inner, ...split } = splitNull(schema, root);
  return { ...split, refs: [...refs, ...inner] };
}

/** The references with these opened once more. */
export function openMore(
  openRefs: ReadonlyMap<string, number>,
  refs: readonly string[],
): ReadonlyMap<string, number> {
  const opened = new Map(openRefs);
  for (const ref of refs) opened.set(ref, (opened.get(ref) ?? 0) + 1);
  return opened;
}

function lookUp(ref: string, root: JsonObject): JsonObject {
  if (!ref.startsWith("#")) return {};
  let value: JsonValue | undefined = root;
  for (const part of ref
    .slice(1)
    .split("/")
    .filter((piece) => piece !== "")) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return isJsonObject(value) ? value : {};
}

function mergeAllOf(schema: JsonObject, root: JsonObject): JsonObject {
  const { allOf, ...own } = schema;
  const parts: readonly JsonValue[] = Array.isArray(allOf) ? allOf : [];
  return parts
    .map((part) => resolveSchema(part, root).schema)
    .reduce((merged, part) => mergeTwo(merged, part), own);
}

function mergeTwo(left: JsonObject, right: JsonObject): JsonObject {
  return {
    ...left,
    ...right,
    ...(isJsonObject(left["properties"]) && isJsonObject(right["properties"])
      ? { properties: { ...left["properties"], ...right["properties"] } }
      : {}),
    ...(Array.isArray(left["required"]) && Array.isArray(right["required"])
      ? { required: [...left["required"], ...right["required"]] }
      : {}),
  };
}

function splitNull(schema: JsonObject, root: JsonObject): ResolvedSchema {
  const { type } = schema;
  if (Array.isArray(type) && type.includes("null") && type.length > 1) {
    const others = type.filter((one) => one !== "null");
    return {
      schema: { ...schema, type: others.length === 1 ? (others[0] ?? null) : others },
      nullable: true,
      refs: [],
    };
  }
  for (const key of ["anyOf", "oneOf"]) {
    const branches = schema[key];
    if (!Array.isArray(branches)) continue;
    const others = branches.filter((branch: JsonValue) => !isNull(branch));
    if (others.length === branches.length || others.length === 0) continue;
    const { [key]: _, ...beside } = schema;
    if (others.length > 1) return { schema: { ...beside, [key]: others }, nullable: true, refs: [] };
    const only = resolveSchema(others[0], root);
    return { schema: { ...only.schema, ...beside }, nullable: true, refs: only.refs };
  }
  if (Array.isArray(schema["enum"]) && schema["enum"].includes(null) && schema["enum"].length > 1) {
    return {
      schema: { ...schema, enum: schema["enum"].filter((value) => value !== null) },
      nullable: true,
      refs: [],
    };
  }
  return { schema, nullable: false, refs: [] };
}

function isNull(branch: JsonValue): boolean {
  return isJsonObject(branch) && (branch["type"] === "null" || branch["const"] === null);
}

export function numberOf(schema: JsonObject, key: string): number | undefined {
  const value = schema[key];
  return typeof value === "number" ? value : undefined;
}

export function textOf(schema: JsonObject, key: string): string {
  const value = schema[key];
  return typeof value === "string" ? value : "";
}

export function listOf(schema: JsonObject, key: string): readonly JsonValue[] {
  const value = schema[key];
  return Array.isArray(value) ? value : [];
}
