/** A payload against its type's schema. Issues name places and codes, never values. */
import type * as z from "zod";
import type { EventSchemas } from "../config/define-source.ts";
import { LIMITS } from "../config/limits.ts";
import type { JsonValue } from "../core/json.ts";
import type { PayloadIssue } from "./failure.ts";
import { callConfig } from "./guarded.ts";

type Validation =
  | { readonly kind: "valid"; readonly payload: unknown }
  | { readonly kind: "invalid"; readonly issues: readonly PayloadIssue[] }
  /** The schema's own code (a refinement, a transform) threw. */
  | { readonly kind: "faulty"; readonly message: string }
  | { readonly kind: "undeclared" };

/** The schema of the very type, else the one of `*`. */
export function validate(schemas: EventSchemas, type: string, payload: JsonValue): Validation {
  const schema = ownSchema(schemas, type) ?? ownSchema(schemas, "*");
  if (schema === undefined) return { kind: "undeclared" };
  const parsed = callConfig("the schema", () => schema.safeParse(payload));
  if (!parsed.ok) return { kind: "faulty", message: parsed.error };
  if (parsed.value.success) return { kind: "valid", payload: parsed.value.data };
  return {
    kind: "invalid",
    issues: parsed.value.error.issues.slice(0, LIMITS.ingest.maxIssues).map(toIssue),
  };
}

/** An event type comes from the sender: `constructor` is no schema. */
function ownSchema(schemas: EventSchemas, type: string): z.ZodType | undefined {
  return Object.hasOwn(schemas, type) ? schemas[type] : undefined;
}

function toIssue(issue: z.core.$ZodIssue): PayloadIssue {
  const path = issue.path.map(String).join(".").slice(0, MAX_PATH_CHARACTERS);
  return { path, code: issue.code };
}

const MAX_PATH_CHARACTERS = 200;
