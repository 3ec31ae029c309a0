/**
 * What a destination's HTTP status means for a delivery, as Standard Webhooks has it
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
 */
import type { FailureClass } from "../failure.ts";

export type DeliveryVerdict = "delivered" | Extract<FailureClass, "transient" | "permanent">;

/** Below 500, only these are worth another try: time-out, too early, too many. */
const TRANSIENT_CLIENT_ERRORS: ReadonlySet<number> = new Set([408, 425, 429]);

/** Redirects are not followed, so a 3xx is a receiver that has moved: permanent, like 410 and other 4xx. */
export function classifyDeliveryStatus(status: number): DeliveryVerdict {
  if (status >= 200 && status < 300) return "delivered";
  if (status >= 500 || TRANSIENT_CLIENT_ERRORS.has(status)) return "transient";
  return "permanent";
}
