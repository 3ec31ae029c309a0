/** `GET /v1/schemas`: what every source takes, as JSON Schema. Behind the API's own token: it tells about the config. */
import { Hono } from "hono";
import type { SchemaRegistry } from "../ingest/ports.ts";
import { problemResponse } from "../platform/problem.ts";

export function createSchemaRoutes(registry: SchemaRegistry): Hono {
  const routes = new Hono();
  routes.get("/schemas", (context) => context.json({ schemas: registry.all() }));
  routes.get("/schemas/:source/:type{.+}", (context) => {
    const { source, type } = context.req.param();
    const found = registry.all().find((known) => known.source === source && known.type === type);
    if (found !== undefined) return context.json(found);
    return problemResponse({
      status: 404,
      code: "unknown-schema",
      title: "No source declares this event type",
    });
  });
  return routes;
}
