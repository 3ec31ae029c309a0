/** Reading events back: `GET /v1/events/:id`. State, timeline, outputs, deliveries, trace id; never the payload. */
import { Hono } from "hono";
import { parseEventId } from "../core/ids.ts";
import type { EventView } from "../core/partition/commands.ts";
import { messageOf } from "../core/result.ts";
import { parseTraceparent } from "../core/trace.ts";
import type { PartitionClient } from "../partition/client.ts";
import { problemResponse } from "../platform/problem.ts";
import type { Logger } from "../telemetry/log.ts";

export interface EventRouteDependencies {
  readonly partitions: Pick<PartitionClient, "read">;
  readonly log: Logger;
}

export function createEventRoutes(deps: EventRouteDependencies): Hono {
  const routes = new Hono();
  routes.get("/events/:id", async (context) => {
    const id = parseEventId(context.req.param("id"));
    if (!id.ok)
      return problemResponse({ status: 400, code: "malformed-event-id", title: "This is not an event id" });
    try {
      const view = await deps.partitions.read(id.value);
      if (view !== null) return context.json(describe(view));
      const detail = "It was never accepted, or it is past its retention.";
      return problemResponse({ status: 404, code: "unknown-event", title: "There is no such event", detail });
    } catch (thrown) {
      deps.log.error("event_read_failed", { event_id: id.value, error: messageOf(thrown) });
      const headers = { "retry-after": "5" };
      return problemResponse({
        status: 503,
        code: "unavailable",
        title: "The partition cannot be reached",
        headers,
      });
    }
  });
  return routes;
}

function describe(view: EventView) {
  const { traceparent, output, ...rest } = view;
  return {
    ...rest,
    traceId: parseTraceparent(traceparent)?.traceId ?? null,
    output:
      output === null
        ? null
        : { value: output.value, body: output.body, type: output.type, model: output.model },
  };
}
