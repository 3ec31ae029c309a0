/** Google's older `responseSchema` is OpenAPI's: the types are written in capitals, null is a flag. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";

export function toJsonSchema(schema: JsonObject): JsonObject {
  const { nullable, ...rest } = schema;
  const entries = Object.entries(rest).map(([key, value]) => [key, translate(key, value)] as const);
  const translated: JsonObject = Object.fromEntries(entries);
  return nullable === true ? { anyOf: [translated, { type: "null" }] } : translated;
}

function translate(key: string, value: JsonValue): JsonValue {
  if (key === "type" && typeof value === "string") return value.toLowerCase();
  if (key === "properties" && isJsonObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, schemaOf(one)]));
  }
  if (key === "items") return schemaOf(value);
  if (key === "anyOf" && Array.isArray(value)) return value.map((one: JsonValue) => schemaOf(one));
  // 64-bit numbers are written as texts in this format.
  if (BOUNDS.has(key) && typeof value === "string") return Number(value);
  return value;
}

const BOUNDS: ReadonlySet<string> = new Set(["minItems", "maxItems", "minLength", "maxLength"]);

function schemaOf(value: JsonValue): JsonValue {
  return isJsonObject(value) ? toJsonSchema(value) : value;
}
