/** Objects: every property, and what `required` names beyond them. */
import { isJsonObject, type JsonObject, type JsonValue } from "../../../src/core/json.ts";
import { found, type FillContext, type Filled, type Slot } from "./context.ts";
import { listOf, numberOf, resolveSchema } from "./resolve.ts";

export function fillObject(schema: JsonObject, slot: Slot, context: FillContext): Filled {
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {};
  const required = new Set(listOf(schema, "required").filter((name) => typeof name === "string"));
  const value: Record<string, JsonValue> = {};
  for (const [name, property] of Object.entries(properties)) {
    if (!required.has(name) && isRepeated(property, context)) continue;
    const filled = context.fill(property, slotOf(name, slot), context);
    // An optional property that the text says nothing about stays away, like a nullable one is null.
    if (filled.found || required.has(name)) value[name] = filled.value;
  }
  for (const name of required) {
    if (!Object.hasOwn(value, name)) {
      value[name] = context.fill(additional(schema), slotOf(name, slot), context).value;
    }
  }
  const missing = (numberOf(schema, "minProperties") ?? 0) - Object.keys(value).length;
  if (missing > 0) fillUp(schema, properties, value, missing, slot, context);
  return found(value);
}

function fillUp(
  schema: JsonObject,
  properties: JsonObject,
  value: Record<string, JsonValue>,
  missing: number,
  slot: Slot,
  context: FillContext,
): void {
  const known = Object.keys(properties).filter((name) => !Object.hasOwn(value, name));
  const allowed = resolveSchema(schema["propertyNames"], context.root).schema;
  const named = listOf(allowed, "enum").filter((name) => typeof name === "string");
  const invented = Array.from({ length: missing }, (_, index) => `item${index + 1}`);
  const names = named.length > 0 ? named : [...known, ...invented];
  if (names.length < missing) context.problems.push(`${slot.path}: too few property names are allowed`);
  for (const name of names.slice(0, missing)) {
    value[name] = context.fill(properties[name] ?? additional(schema), slotOf(name, slot), context).value;
  }
}

function additional(schema: JsonObject): JsonValue {
  const { additionalProperties } = schema;
  return isJsonObject(additionalProperties) ? additionalProperties : {};
}

function slotOf(name: string, parent: Slot): Slot {
  return {
    name,
    description: "",
    path: `${parent.path}.${name}`,
    parents: [parent.name, ...parent.parents],
  };
}

/** An optional property that leads back into a schema that is open already. */
function isRepeated(property: JsonValue, context: FillContext): boolean {
  const { refs } = resolveSchema(property, context.root);
  return refs.some((ref) => (context.openRefs.get(ref) ?? 0) > 0);
}
