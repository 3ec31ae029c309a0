/** Two JSON values, field by field. Pure. Lists are compared whole: what moved within one is a difference all the same. */
import { canonicalJson } from "../canonical-json.ts";
import { isJsonObject, type JsonValue } from "../json.ts";

/** `null` for what is absent. */
export interface ComparedField {
  readonly path: string;
  readonly before: JsonValue;
  readonly after: JsonValue;
  readonly isEqual: boolean;
}

/** @param prefix what the paths begin with */
export function compareFields(
  before: JsonValue,
  after: JsonValue,
  prefix: string,
  maxFields: number,
): ComparedField[] {
  const left = leavesOf(before, prefix);
  const right = leavesOf(after, prefix);
  const paths = [...new Set([...left.keys(), ...right.keys()])].slice(0, maxFields);
  return paths.map((path) => {
    const [old = null, made = null] = [left.get(path), right.get(path)];
    return { path, before: old, after: made, isEqual: canonicalJson(old) === canonicalJson(made) };
  });
}

function leavesOf(
  value: JsonValue,
  path: string,
  leaves = new Map<string, JsonValue>(),
): Map<string, JsonValue> {
  if (!isJsonObject(value)) return leaves.set(path, value);
  for (const [key, inner] of Object.entries(value)) leavesOf(inner, `${path}.${key}`, leaves);
  return leaves;
}
