/** The OpenAPI 3.1 document of the operator API, made of the routes themselves. Pure. */
import * as z from "zod";
import { toJsonValue } from "../core/json-value.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { Route } from "./route.ts";

export const API_PREFIX = "/admin/v1";

const problemSchema = z
  .looseObject({
    type: z.string().meta({ description: "`urn:sluice:problem:<code>`" }),
    title: z.string(),
    status: z.int(),
    detail: z.optional(z.string()),
  })
  .meta({ id: "Problem", description: "RFC 9457" });

/** Problems that any operation may answer with. */
const COMMON_PROBLEMS = [400, 401, 403, 429, 503] as const;

const TITLE_BY_STATUS: Readonly<Record<number, string>> = {
  200: "Done",
  201: "Made",
  400: "The request is not valid",
  401: "A valid bearer token is required",
  403: "The token may not do this",
  404: "There is no such thing",
  409: "It is not in a state that allows this",
  413: "Too large",
  429: "Too many requests",
  503: "Something this needs cannot be reached",
};

export function createOpenApiDocument(routes: readonly Route[]): JsonObject {
  const components = new Map<string, JsonValue>();
  const paths: Record<string, Record<string, JsonValue>> = {};
  for (const route of routes) {
    const path = API_PREFIX + route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method]: operationOf(route, components) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Sluice operator API",
      version: "1",
      description:
        "Finds events, mends what failed, decides reviews, stops and starts. Times are milliseconds since 1970 (`…Ms`). Lists are paged: pass `next` as `cursor`.",
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }],
    tags: [...new Set(routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: Object.fromEntries([...components].sort(([left], [right]) => (left < right ? -1 : 1))),
    },
  };
}

function operationOf(route: Route, components: Map<string, JsonValue>): JsonObject {
  const problem = schemaOf(problemSchema, "output", components);
  const problems = [...COMMON_PROBLEMS, ...(route.problems ?? [])].sort((left, right) => left - right);
  const answer = schemaOf(route.answer, "output", components);
  const responses: Record<string, JsonValue> = {
    [String(route.status ?? 200)]: contentOf("application/json", answer, route.status ?? 200),
  };
  for (const status of problems) {
    responses[String(status)] = contentOf("application/problem+json", problem, status);
  }
  const body = route.body === null ? null : schemaOf(route.body, "input", components);
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, `Scope: \`${route.scope}\`.`].filter(Boolean).join("\n\n"),
    parameters: [
      ...parametersOf(route.params, "path", components),
      ...parametersOf(route.query, "query", components),
    ],
    ...(body === null
      ? {}
      : { requestBody: { required: isRequired(body), content: { "application/json": { schema: body } } } }),
    responses,
  };
}

function isRequired(body: JsonObject): boolean {
  const required = body["required"];
  return Array.isArray(required) && required.length > 0;
}

function contentOf(mediaType: string, schema: JsonObject, status: number): JsonObject {
  return { description: TITLE_BY_STATUS[status] ?? "", content: { [mediaType]: { schema } } };
}

function parametersOf(
  parameters: z.ZodObject | null,
  where: "path" | "query",
  components: Map<string, JsonValue>,
): JsonObject[] {
  if (parameters === null) return [];
  const { properties, required } = schemaOf(parameters, "input", components);
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties).map(([name, schema]) => {
    const description = isJsonObject(schema) ? schema["description"] : undefined;
    return {
      name,
      in: where,
      required: where === "path" || (Array.isArray(required) && required.includes(name)),
      ...(description === undefined ? {} : { description }),
      schema,
    };
  });
}

/** Named schemas go to the components; what is left refers to them. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: Map<string, JsonValue>): JsonObject {
  const made = toJsonValue(z.toJSONSchema(schema, { io, unrepresentable: "any" }));
  if (!made.ok || !isJsonObject(made.value)) return {};
  const text = JSON.stringify(made.value).replaceAll('"$ref":"#/$defs/', '"$ref":"#/components/schemas/');
  const { $schema: _, $defs: definitions, ...rest } = JSON.parse(text) as JsonObject; // an object, as before
  for (const [name, definition] of Object.entries(isJsonObject(definitions) ? definitions : {})) {
    components.set(name, definition);
  }
  return rest;
}
