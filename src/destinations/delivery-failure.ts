/** Failures of the deliver stage. Messages name the destination's own facts, never its URL or secret. */
import { LIMITS } from "../config/limits.ts";
import { DESTINATION_NOT_CONFIGURED } from "../core/classify/not-configured.ts";
import { failure, type StageFailure } from "../core/failure.ts";

/** Waits for the operator: the event is kept and listed meanwhile. */
export function destinationNotConfigured(name: string, problem: string): StageFailure {
  const { notConfiguredRetryMs } = LIMITS.destinations;
  const message = `destination "${name}": ${problem}`;
  return failure("deliver", "transient", DESTINATION_NOT_CONFIGURED, message, notConfiguredRetryMs);
}

export function bodyTooLarge(sizeBytes: number, maxBytes: number): StageFailure {
  const message = `the message has ${sizeBytes} B, the destination takes ${maxBytes} B`;
  return failure("deliver", "permanent", "body_too_large", message);
}

/** The request may have arrived; the same idempotency key makes the next one harmless. */
export function deliveryInterrupted(
  cause: "cancelled" | "timeout" | "network",
  detail: string,
): StageFailure {
  return failure("deliver", "transient", cause, detail);
}
