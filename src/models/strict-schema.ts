/**
 * Whether a JSON schema can be decoded strictly, by OpenAI's rules: every object closed, every property
 * required, nothing but the keywords it knows (https://platform.openai.com/docs/guides/structured-outputs).
 */
import { isJsonObject } from "../core/json.ts";

const KEYWORDS: ReadonlySet<string> = new Set(
  (
    "$schema $ref $defs title description type enum const anyOf properties required additionalProperties " +
    "items minItems maxItems pattern format multipleOf minimum maximum exclusiveMinimum exclusiveMaximum"
  ).split(" "),
);

export function isStrictSchema(schema: unknown): boolean {
  return isJsonObject(schema) && schema["type"] === "object" && isStrict(schema);
}

/** Recursion is bounded by the config: schemas are a deployer's own. */
function isStrict(schema: unknown): boolean {
  if (!isJsonObject(schema)) return false;
  if (!Object.keys(schema).every((key) => KEYWORDS.has(key))) return false;
  if (schema["type"] === "object" && !isClosed(schema)) return false;
  const { properties = {}, $defs = {}, anyOf = [], items } = schema;
  return [properties, $defs, anyOf].every(areStrict) && (items === undefined || isStrict(items));
}

function areStrict(schemas: unknown): boolean {
  return typeof schemas === "object" && schemas !== null && Object.values(schemas).every(isStrict);
}

function isClosed(schema: Readonly<Record<string, unknown>>): boolean {
  const { properties = {}, required = [] } = schema;
  if (schema["additionalProperties"] !== false) return false;
  if (!isJsonObject(properties) || !Array.isArray(required)) return false;
  return Object.keys(properties).every((name) => required.includes(name));
}
