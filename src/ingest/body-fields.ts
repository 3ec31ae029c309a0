/** Reads values of parsed JSON along dotted paths: own properties and elements alone, nothing inherited. */
import { isJsonObject, type JsonValue } from "../core/json.ts";

/** undefined where the path leads nowhere. */
export function valueAt(payload: JsonValue, path: string): JsonValue | undefined {
  if (path === "") return payload;
  let value: JsonValue = payload;
  for (const key of path.split(".")) {
    const next = ownValue(value, key);
    if (next === undefined) return undefined;
    value = next;
  }
  return value;
}

/** Every value along a path in which `*` is every element. */
export function valuesAt(payload: JsonValue, path: string): readonly (JsonValue | undefined)[] {
  const star = path.indexOf("*");
  if (star === -1) return [valueAt(payload, path)];
  const elements = valueAt(payload, path.slice(0, Math.max(0, star - 1)));
  if (!Array.isArray(elements)) return [undefined];
  return elements.flatMap((element) => valuesAt(element, path.slice(star + 2)));
}

/** A copy without the values along such a path; what does not have them is left as it is. */
export function withoutValues(payload: JsonValue, path: string): JsonValue {
  const [key = "", ...others] = path.split(".");
  const rest = others.join(".");
  if (Array.isArray(payload)) {
    return payload.map((element, at) =>
      key === "*" || key === String(at) ? withoutValues(element, rest) : element,
    );
  }
  if (!isJsonObject(payload) || !Object.hasOwn(payload, key)) return payload;
  const { [key]: value = null, ...left } = payload;
  return rest === "" ? left : { ...payload, [key]: withoutValues(value, rest) };
}

/**
 * A copy with those elements alone whose value along the path is kept.
 * @param path the dotted path of the array, `*`, and the path inside an element; without a `*` nothing is left out
 */
export function keepElements(
  payload: JsonValue,
  path: string,
  isKept: (value: JsonValue | undefined) => boolean,
): JsonValue {
  const [key = "", ...others] = path.split(".");
  const rest = others.join(".");
  if (key === "*") {
    return Array.isArray(payload) ? payload.filter((element) => isKept(valueAt(element, rest))) : payload;
  }
  if (!isJsonObject(payload) || !Object.hasOwn(payload, key)) return payload;
  return { ...payload, [key]: keepElements(payload[key] ?? null, rest, isKept) };
}

/** A text or a number that may name something; empty texts do not. */
export function nameAt(payload: JsonValue, path: string): string | number | null {
  const value = valueAt(payload, path);
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" ? value : null;
}

function ownValue(value: JsonValue, key: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  // An own property of an object or array that JSON.parse made is a JSON value.
  return (value as Readonly<Record<string, JsonValue>>)[key];
}
