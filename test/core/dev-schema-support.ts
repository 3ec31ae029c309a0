/** Fills a schema from a text and proves the result by that schema. */
import * as z from "zod";
import { readPrompt } from "../../dev/model-server/prompt.ts";
import { fillSchema } from "../../dev/model-server/schema/fill.ts";
import { isJsonObject, type JsonObject } from "../../src/core/json.ts";

function jsonSchemaOf(schema: z.ZodType): JsonObject {
  // zod's own output; through JSON it is plain data.
  const json: unknown = JSON.parse(JSON.stringify(z.toJSONSchema(schema)));
  if (!isJsonObject(json)) throw new Error("a JSON schema is an object");
  return json;
}

/** Filled from the text, and proved by the very schema that was asked for. */
export function fill<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  instruction = "Do it.",
): z.output<Schema> {
  const prompt = readPrompt([
    { role: "system", text: instruction },
    { role: "user", text },
  ]);
  const filled = fillSchema({ name: "answer", schema: jsonSchemaOf(schema) }, prompt);
  if (!filled.ok) throw new Error(filled.error);
  return schema.parse(filled.value);
}
