/** A sample payload that a schema accepts: the sender's own sample, and for what it lacks a value made from the schema. Pure. */
import * as z from "zod";
import { fillSchema } from "../../dev/model-server/schema/fill.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";

/** @throws Error that names what the schema does not accept, when no fitting value could be made */
export function completeSample(schema: z.ZodType, sample: JsonValue): JsonValue {
  if (schema.safeParse(sample).success) return sample;
  const json: unknown = JSON.parse(
    JSON.stringify(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })),
  );
  if (!isJsonObject(json)) return sample;
  const made = fillSchema({ name: "payload", schema: json }, EMPTY_PROMPT);
  const completed = made.ok ? merge(made.value, sample) : sample;
  const checked = schema.safeParse(completed);
  if (checked.success) return completed;
  throw new Error(`No sample fits the schema of this type:\n${z.prettifyError(checked.error)}`);
}

/** Says nothing: every value is the plainest that is valid. */
const EMPTY_PROMPT = { instruction: "", text: "", fieldsByName: new Map<string, never>(), schema: null };

/** The sample wins; objects are merged member by member. */
function merge(made: JsonValue, sample: JsonValue): JsonValue {
  if (!isJsonObject(made) || !isJsonObject(sample)) return sample;
  const merged: Record<string, JsonValue> = { ...made };
  for (const [name, value] of Object.entries(sample)) {
    const own = made[name];
    merged[name] = own === undefined ? value : merge(own, value);
  }
  return merged satisfies JsonObject;
}
