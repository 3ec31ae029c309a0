/** Destinations as config: where results go, before any binding or secret is known. */
import type { GuardLimits } from "../guard/port.ts";
import { checkShape } from "./check-shape.ts";
import { HTTP_DESTINATION_SHAPE, QUEUE_DESTINATION_SHAPE } from "./shapes.ts";

export type DestinationDefinition = HttpDestinationDefinition | QueueDestinationDefinition;

export interface HttpDestinationDefinition {
  readonly kind: "http";
  /** `{ variable: "CRM_URL" }` reads a variable, so that staging and production differ without a code change. */
  readonly url: string | { readonly variable: string };
  /** The binding that holds the Standard Webhooks secret (`whsec_…`) deliveries are signed with. */
  readonly secret: string;
  readonly limits: GuardLimits;
  readonly timeoutMs?: number;
}

export interface QueueDestinationDefinition {
  readonly kind: "queue";
  /** The producer binding of the queue in `wrangler.toml`. */
  readonly binding: string;
  readonly limits: GuardLimits;
}

export function httpDestination(options: {
  readonly url: string | { readonly variable: string };
  readonly secret: string;
  readonly limits?: GuardLimits;
  readonly timeoutMs?: number;
}): HttpDestinationDefinition {
  checkShape("httpDestination", HTTP_DESTINATION_SHAPE, options);
  return { kind: "http", ...options, limits: options.limits ?? {} };
}

export function queueDestination(options: {
  readonly binding: string;
  readonly limits?: GuardLimits;
}): QueueDestinationDefinition {
  checkShape("queueDestination", QUEUE_DESTINATION_SHAPE, options);
  return { kind: "queue", ...options, limits: options.limits ?? {} };
}
