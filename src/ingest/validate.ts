/** A payload against its type's schema, in its version. Issues name places and codes, never values. */
import type * as z from "zod";
import { isVersioned, schemaFor, type EventSchemas, type UncheckedEvent } from "../config/event-schemas.ts";
import { LIMITS } from "../config/limits.ts";
import type { PayloadIssue } from "./failure.ts";
import { callConfig } from "./guarded.ts";

export type Validation =
  | { readonly kind: "valid"; readonly payload: unknown }
  | { readonly kind: "invalid"; readonly issues: readonly PayloadIssue[] }
  /** The schema's own code (a refinement, a transform, the choice of a version) threw. */
  | { readonly kind: "faulty"; readonly message: string }
  | { readonly kind: "undeclared" };

export function validate(schemas: EventSchemas, type: string, event: UncheckedEvent): Validation {
  const declared = schemaFor(schemas, type);
  if (declared === undefined) return { kind: "undeclared" };
  if (!isVersioned(declared)) return check(declared, event.payload);
  const version = callConfig("the choice of a schema's version", () => declared.versionOf(event));
  if (!version.ok) return { kind: "faulty", message: version.error };
  const schema = versionNamed(declared.versions, version.value);
  if (schema !== undefined) return check(schema, event.payload);
  return { kind: "invalid", issues: [{ path: "", code: "unknown_version" }] };
}

function versionNamed(
  versions: Readonly<Record<string, z.ZodType>>,
  version: string | null,
): z.ZodType | undefined {
  return version !== null && Object.hasOwn(versions, version) ? versions[version] : undefined;
}

function check(schema: z.ZodType, payload: unknown): Validation {
  const parsed = callConfig("the schema", () => schema.safeParse(payload));
  if (!parsed.ok) return { kind: "faulty", message: parsed.error };
  if (parsed.value.success) return { kind: "valid", payload: parsed.value.data };
  return {
    kind: "invalid",
    issues: parsed.value.error.issues.slice(0, LIMITS.ingest.maxIssues).map(toIssue),
  };
}

function toIssue(issue: z.core.$ZodIssue): PayloadIssue {
  const path = issue.path.map(String).join(".").slice(0, MAX_PATH_CHARACTERS);
  return { path, code: issue.code };
}

const MAX_PATH_CHARACTERS = 200;
