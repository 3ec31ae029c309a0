/** Finds a JSON schema that was put into the prompt, for endpoints that take none beside it. */
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";

export interface FoundSchema {
  readonly schema: JsonObject;
  /** The text to take out of the prompt. */
  readonly text: string;
}

/** Attempts at a balanced object in one prompt: data full of braces must not cost a parse each. */
const MAX_CANDIDATES = 20;

export function findSchemaText(text: string): FoundSchema | null {
  for (const [fence, body = ""] of text.matchAll(/```(?:json|jsonschema)?\s*\n([\s\S]*?)\n?```/gi)) {
    const schema = parseSchema(body);
    if (schema !== null) return { schema, text: fence };
  }
  let from = 0;
  for (let tried = 0; tried < MAX_CANDIDATES; tried += 1) {
    const start = text.indexOf("{", from);
    if (start === -1) return null;
    const end = endOfObject(text, start);
    if (end === null) return null;
    const candidate = text.slice(start, end);
    const schema = parseSchema(candidate);
    if (schema !== null) return { schema, text: candidate };
    from = end;
  }
  return null;
}

function parseSchema(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && looksLikeSchema(value) ? value : null;
  } catch {
    return null;
  }
}

function looksLikeSchema(value: JsonObject): boolean {
  if (typeof value["$schema"] === "string") return true;
  return value["type"] === "object" && isJsonObject(value["properties"]);
}

function endOfObject(text: string, start: number): number | null {
  let depth = 0;
  let isInString = false;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (isInString) {
      if (character === "\\") index += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "{") depth += 1;
    else if (character === "}") {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return null;
}
