/** Turns what a deployer's code returned into plain JSON, so that what is stored is what is sent. */
import type { JsonValue } from "./json.ts";
import { err, ok, type Result } from "./result.ts";

/** Dates become strings and the like, as `JSON.stringify` has it. Cycles, bigints, functions and undefined are refused. */
export function toJsonValue(value: unknown): Result<JsonValue, "not_json"> {
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) return err("not_json");
    return ok(JSON.parse(text) as JsonValue); // what JSON.parse returns is JSON
  } catch {
    return err("not_json");
  }
}

const encoder = new TextEncoder();

/** Bytes of the value as JSON in UTF-8. */
export function jsonBytes(value: JsonValue): number {
  return encoder.encode(JSON.stringify(value)).byteLength;
}
