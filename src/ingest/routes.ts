/**
 * A source's routes with what never changes from event to event resolved: policy and priority. Done once per
 * isolate, so that an event costs a look-up.
 */
import { isVersioned } from "../config/event-schemas.ts";
import type { IncomingEvent, Route, Source, SyncRoute } from "../config/define-source.ts";
import { DEFAULT_EVENT_POLICY, PRIORITIES, type EventPolicy, type Priority } from "../core/policy.ts";

interface ReadyRoute {
  readonly pipeline: string;
  /** Of events that no function can judge. */
  readonly priority: Priority;
  /** @throws what a deployer's function throws, and where it names no lane */
  priorityOf(event: IncomingEvent<unknown>): Priority;
  readonly policy: EventPolicy;
  /** Its sender waits for an answer. */
  readonly sync: SyncRoute | null;
  when(event: IncomingEvent<unknown>): boolean;
}

export interface ReadySource {
  readonly name: string;
  readonly source: Source;
  /** For events that no pipeline takes. */
  readonly policy: EventPolicy;
  /** Headers that say which version of its schema an event has. */
  readonly versionHeaders: readonly string[];
  readonly routesByType: ReadonlyMap<string, readonly ReadyRoute[]>;
  /** The routes of `*`, for types that no route names. */
  readonly otherRoutes: readonly ReadyRoute[];
}

export function readySource(name: string, source: Source): ReadySource {
  const types = new Set(source.routes.map((route) => route.type));
  const routesOf = (type: string) =>
    source.routes
      .filter((route) => route.type === type || route.type === "*")
      .map((route) => readyRoute(source, route));
  return {
    name,
    source,
    policy: { ...DEFAULT_EVENT_POLICY, ...source.policy },
    versionHeaders: [...versionHeadersOf(source)],
    routesByType: new Map([...types].map((type) => [type, routesOf(type)])),
    otherRoutes: routesOf("*"),
  };
}

function versionHeadersOf({ events }: Source): ReadonlySet<string> {
  const named = Object.values(events).map((schema) => (isVersioned(schema) ? schema.versionHeader : null));
  return new Set(named.filter((name) => name !== null));
}

export function routesFor(ready: ReadySource, type: string): readonly ReadyRoute[] {
  return ready.routesByType.get(type) ?? ready.otherRoutes;
}

/** The more particular word counts: route over pipeline over source over default. */
function readyRoute(source: Source, route: Route): ReadyRoute {
  const own = route.options.priority;
  return {
    pipeline: route.pipeline.name,
    priority: typeof own === "string" ? own : source.priority,
    priorityOf: (event) => {
      // The route was typed against the schema that has parsed this payload (define-source.ts).
      if (typeof own === "function") return checkedPriority(own(event as IncomingEvent<never>));
      return (
        own ?? (source.priorityBy === null ? source.priority : checkedPriority(source.priorityBy(event)))
      );
    },
    policy: { ...DEFAULT_EVENT_POLICY, ...source.policy, ...route.pipeline.policy, ...route.options.policy },
    sync: route.options.mode === "sync" ? route.options : null,
    // The route was typed against the schema that has parsed this payload (define-source.ts).
    when: (event) => route.options.when?.(event as IncomingEvent<never>) ?? true,
  };
}

/** A config is not always type-checked, and an envelope of no lane could not be sent. */
function checkedPriority(priority: Priority): Priority {
  if (PRIORITIES.includes(priority)) return priority;
  throw new RangeError("there is no such priority");
}
