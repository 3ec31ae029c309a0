/**
 * The configured destinations, each built when it is first asked for. One whose URL, secret or binding is not
 * set is a failure that waits (`destination_not_configured`, transient): its events stay open and listed
 * while the operator sets it, and the other destinations are not concerned.
 */
import type {
  DestinationDefinition,
  HttpDestinationDefinition,
  QueueDestinationDefinition,
} from "../config/define-destination.ts";
import { failure, type StageFailure } from "../core/failure.ts";
import { err, ok, type Result } from "../core/result.ts";
import { destinationNotConfigured } from "./delivery-failure.ts";
import { createHttpDestination } from "./http.ts";
import type { Destination } from "./port.ts";
import { createQueueDestination, type DeliveryQueue } from "./queue.ts";

export interface DestinationRegistryAccess {
  /** The env by name: secrets and variables are strings, queues are bindings. */
  readonly binding: (name: string) => unknown;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
}

export interface DestinationRegistry {
  get(name: string): Result<Destination, StageFailure>;
}

export function createDestinationRegistry(
  definitions: ReadonlyMap<string, DestinationDefinition>,
  access: DestinationRegistryAccess,
): DestinationRegistry {
  const built = new Map<string, Destination>();
  return {
    get(name) {
      const known = built.get(name);
      if (known !== undefined) return ok(known);
      const definition = definitions.get(name);
      if (definition === undefined) {
        const message = `no destination is called "${name}"`;
        return err(failure("deliver", "permanent", "destination_unknown", message));
      }
      const destination =
        definition.kind === "http"
          ? buildHttp(name, definition, access)
          : buildQueue(name, definition, access);
      if (destination.ok) built.set(name, destination.value);
      return destination;
    },
  };
}

function buildHttp(
  name: string,
  definition: HttpDestinationDefinition,
  access: DestinationRegistryAccess,
): Result<Destination, StageFailure> {
  const { url: source, secret: secretName } = definition;
  const url = typeof source === "string" ? source : readText(access, source.variable);
  if (url === undefined) {
    const variable = typeof source === "string" ? "url" : source.variable;
    return err(destinationNotConfigured(name, `the variable ${variable} is not set`));
  }
  const secret = readText(access, secretName);
  if (secret === undefined) return err(destinationNotConfigured(name, `the secret ${secretName} is not set`));
  return createHttpDestination(name, definition, { url, secret, fetch: access.fetch, nowMs: access.nowMs });
}

function buildQueue(
  name: string,
  definition: QueueDestinationDefinition,
  access: DestinationRegistryAccess,
): Result<Destination, StageFailure> {
  const queue = access.binding(definition.binding);
  if (!isQueue(queue)) {
    return err(destinationNotConfigured(name, `${definition.binding} is not bound to a queue`));
  }
  return ok(createQueueDestination(name, definition, { queue, nowMs: access.nowMs }));
}

function readText(access: DestinationRegistryAccess, name: string): string | undefined {
  const value = access.binding(name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** What the platform binds as a queue has no class to test for. */
function isQueue(value: unknown): value is DeliveryQueue {
  return typeof value === "object" && value !== null && "send" in value && typeof value.send === "function";
}
