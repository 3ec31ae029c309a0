/** Every schema of every source, as JSON Schema: what a sender has to send. Made when first asked for. */
import * as z from "zod";
import { isVersioned, type EventSchema } from "../config/event-schemas.ts";
import type { Source } from "../config/define-source.ts";
import { messageOf } from "../core/result.ts";
import type { RegisteredType, SchemaRegistry } from "./ports.ts";

export function createSchemaRegistry(sources: ReadonlyMap<string, Source>): SchemaRegistry {
  let known: readonly RegisteredType[] | null = null;
  return {
    all: () => (known ??= [...sources].flatMap(([name, source]) => typesOf(name, source))),
  };
}

function typesOf(source: string, { events }: Source): readonly RegisteredType[] {
  return Object.entries(events).map(([type, schema]) => ({ source, type, versions: versionsOf(schema) }));
}

function versionsOf(schema: EventSchema): RegisteredType["versions"] {
  if (!isVersioned(schema)) return [{ version: null, schema: toJsonSchema(schema) }];
  return Object.entries(schema.versions).map(([version, of]) => ({ version, schema: toJsonSchema(of) }));
}

/** What JSON Schema cannot say (a refinement, a transform) is left open; the zod schema still judges it. */
function toJsonSchema(schema: z.ZodType): unknown {
  try {
    return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  } catch (thrown) {
    return { $comment: `cannot be shown as JSON Schema: ${messageOf(thrown)}` };
  }
}
