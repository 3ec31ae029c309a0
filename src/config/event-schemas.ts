/**
 * What a source's events look like, by type: one zod schema, or several versions of it. The same schemas judge a payload
 * at the door and again when it is worked on, are served as JSON Schema, and type the functions of the config.
 */
import type * as z from "zod";

type Schemas = Readonly<Record<string, z.ZodType>>;

/** A verified event whose payload nothing is known of yet. */
export interface UncheckedEvent {
  readonly payload: unknown;
  /** Only those the scheme keeps, and the version's own, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface VersionedSchema<Versions extends Schemas = Schemas> {
  readonly versions: Versions;
  /** null: the event names no version, and there is none for that. */
  versionOf(event: UncheckedEvent): string | null;
  /** A header that has to be kept for it. */
  readonly versionHeader: string | null;
}

export type EventSchema = z.ZodType | VersionedSchema;
export type EventSchemas = Readonly<Record<string, EventSchema>>;

export type OutputOf<Schema extends EventSchema> =
  Schema extends VersionedSchema<infer Versions>
    ? z.output<Versions[keyof Versions]>
    : Schema extends z.ZodType
      ? z.output<Schema>
      : never;

/** Where an event says which version it is. The header is not signed by most senders; a field of the body is. */
export type VersionBy<Versions extends Schemas> = (
  | { readonly header: string }
  /** Dotted, as in `meta.schema`. */
  | { readonly field: string }
  | { choose(event: UncheckedEvent): (keyof Versions & string) | null }
) & {
  /** Of an event that names none. Without it such an event fails its schema. */
  readonly otherwise?: keyof Versions & string;
};

/**
 * Several versions of one event type. A version that is not listed fails the schema, as any wrong payload does.
 *
 * `versioned({ "1": invoiceV1, "2": invoiceV2 }, { field: "api_version", otherwise: "1" })`
 */
export function versioned<const Versions extends Schemas>(
  versions: Versions,
  by: VersionBy<Versions>,
): VersionedSchema<Versions> {
  const named = (event: UncheckedEvent): string | null => {
    if ("header" in by) return event.headers[by.header.toLowerCase()] ?? null;
    if ("field" in by) return textAt(event.payload, by.field);
    return by.choose(event);
  };
  return {
    versions,
    versionOf: (event) => named(event) ?? by.otherwise ?? null,
    versionHeader: "header" in by ? by.header.toLowerCase() : null,
  };
}

export function isVersioned(schema: EventSchema): schema is VersionedSchema {
  return "versions" in schema;
}

/** An event type comes from the sender: `constructor` is no schema. The very type's, else the one of `*`. */
export function schemaFor(schemas: EventSchemas, type: string): EventSchema | undefined {
  if (Object.hasOwn(schemas, type)) return schemas[type];
  return Object.hasOwn(schemas, "*") ? schemas["*"] : undefined;
}

/** Along own properties alone: the payload is the sender's. */
function textAt(payload: unknown, path: string): string | null {
  let value = payload;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return null;
    value = Reflect.get(value, key);
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
