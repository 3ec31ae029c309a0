/**
 * Between an output schema and a model: the JSON schema the model is asked for, and the reading of what it
 * said. Tolerates one thing, a fenced block around the whole answer; does not search prose for JSON.
 */
import * as z from "zod";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { toJsonValue } from "../core/json-value.ts";
import { err, ok, type Result } from "../core/result.ts";

export interface AnswerSchema {
  readonly jsonSchema: JsonObject;
  /** Providers take objects only: anything else is asked for, and found, under `value`. */
  readonly wrapped: boolean;
}

const FENCED = /^```(?:json)?[ \t]*\r?\n([\s\S]*?)\r?\n?```$/i;
const VALUE = "value";

const answerSchemas = new WeakMap<z.ZodType, AnswerSchema>();

/** The schema's input side: what the model writes is what the schema reads. */
export function answerSchemaOf(schema: z.ZodType): AnswerSchema {
  const known = answerSchemas.get(schema);
  if (known !== undefined) return known;
  const made = makeAnswerSchema(schema);
  answerSchemas.set(schema, made);
  return made;
}

function makeAnswerSchema(schema: z.ZodType): AnswerSchema {
  const converted = toJsonValue(
    z.toJSONSchema(schema, { io: "input", unrepresentable: "any", override: closeObject }),
  );
  const { $schema: _, ...jsonSchema } = converted.ok && isJsonObject(converted.value) ? converted.value : {};
  if (jsonSchema["type"] === "object") return { jsonSchema, wrapped: false };
  return { jsonSchema: wrap(jsonSchema), wrapped: true };
}

/** References are written from the root: definitions stay there, and what pointed at the root points at the value. */
function wrap(jsonSchema: JsonObject): JsonObject {
  const text = JSON.stringify(jsonSchema).replaceAll('"$ref":"#"', `"$ref":"#/properties/${VALUE}"`);
  const { $defs, ...value } = JSON.parse(text) as JsonObject; // a JSON object, as before
  return {
    type: "object",
    properties: { [VALUE]: value },
    required: [VALUE],
    additionalProperties: false,
    ...($defs === undefined ? {} : { $defs }),
  };
}

/** Strict modes of providers want objects closed; a schema that is open on purpose says so itself. */
function closeObject({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.type === "object" && jsonSchema.properties !== undefined) {
    jsonSchema.additionalProperties ??= false;
  }
}

export function readAnswer(text: string, wrapped: boolean): Result<JsonValue, "empty" | "not_json"> {
  const trimmed = text.trim();
  if (trimmed === "") return err("empty");
  const json = FENCED.exec(trimmed)?.[1] ?? trimmed;
  try {
    const value = JSON.parse(json) as JsonValue; // what JSON.parse returns is JSON
    return ok(wrapped ? unwrap(value) : value);
  } catch {
    return err("not_json");
  }
}

/** Models without structured output may leave the wrapper out. */
function unwrap(value: JsonValue): JsonValue {
  if (!isJsonObject(value) || Object.keys(value).length !== 1) return value;
  const [only = value] = Object.values(value);
  return VALUE in value ? only : value;
}
