/**
 * Deliveries into a Cloudflare Queue of the deployer's. The queue is at-least-once itself: its consumer tells
 * repeats by `idempotencyKey` and stragglers by `sequence` and `token`. Never throws and never retries.
 */
import type { QueueDestinationDefinition } from "../config/define-destination.ts";
import { LIMITS } from "../config/limits.ts";
import { failure } from "../core/failure.ts";
import { err, ok } from "../core/result.ts";
import { bodyTooLarge, deliveryInterrupted } from "./delivery-failure.ts";
import type { Destination, OutboundMessage } from "./port.ts";

/** What a consumer of the queue reads. A reader accepts N − 1. */
export interface QueueDelivery extends OutboundMessage {
  readonly v: 1;
}

/** The one method that is used of a queue binding. */
export interface DeliveryQueue {
  send(delivery: QueueDelivery, options: { readonly contentType: "json" }): Promise<unknown>;
}

export function createQueueDestination(
  name: string,
  definition: QueueDestinationDefinition,
  access: { readonly queue: DeliveryQueue; readonly nowMs: () => number; readonly timeoutMs?: number },
): Destination {
  const { queue, nowMs, timeoutMs = LIMITS.destinations.timeoutMs } = access;
  return {
    name,
    limits: definition.limits,
    send: async (message, signal) => {
      const delivery = deliveryOf(message);
      const sizeBytes = new TextEncoder().encode(JSON.stringify(delivery)).byteLength;
      const maxBytes = LIMITS.destinations.maxQueueMessageBytes;
      if (sizeBytes > maxBytes) return err(bodyTooLarge(sizeBytes, maxBytes));
      if (signal.aborted) return err(deliveryInterrupted("cancelled", "the delivery was cancelled"));
      const startedAtMs = nowMs();
      const sent = await sendWithin(
        queue,
        delivery,
        AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      );
      if (sent === "sent") return ok({ status: 0, durationMs: nowMs() - startedAtMs });
      if (sent === "refused") {
        return err(
          failure("deliver", "transient", "queue_unavailable", "the queue did not take the message"),
        );
      }
      const cause = signal.aborted ? "cancelled" : "timeout";
      return err(deliveryInterrupted(cause, "the queue had not confirmed the message by then"));
    },
  } satisfies Destination;
}

/** A send cannot be called back; it is only no longer waited for. */
async function sendWithin(
  queue: DeliveryQueue,
  delivery: QueueDelivery,
  signal: AbortSignal,
): Promise<"sent" | "refused" | "aborted"> {
  const send = async () => {
    try {
      await queue.send(delivery, { contentType: "json" });
      return "sent";
    } catch {
      return "refused";
    }
  };
  const aborted = new Promise<"aborted">((resolve) => {
    signal.addEventListener("abort", () => resolve("aborted"), { once: true });
  });
  return Promise.race([send(), aborted]);
}

function deliveryOf(message: OutboundMessage): QueueDelivery {
  const { idempotencyKey, eventId, run, type, body, partition, sequence, late, token, traceparent } = message;
  return { v: 1, idempotencyKey, eventId, run, type, body, partition, sequence, late, token, traceparent };
}
