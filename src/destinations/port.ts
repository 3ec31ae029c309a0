/** Where results go. Implementations: `http.ts`, `queue.ts`. */
import type { StageFailure } from "../core/failure.ts";
import type { EventId, PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { Result } from "../core/result.ts";
import type { GuardLimits } from "../guard/port.ts";

export interface OutboundMessage {
  /** Stable per (event, run, destination): the receiver's idempotency key. */
  readonly idempotencyKey: string;
  readonly eventId: EventId;
  readonly run: number;
  readonly type: string;
  readonly body: JsonValue;
  readonly partition: PartitionName;
  /** The event's place in its partition's order of effects; rises strictly. */
  readonly sequence: number;
  /** It came after later ones had been delivered: a receiver that keeps order can tell. */
  readonly late: boolean;
  /** The lease under which this is sent: a receiver may refuse an older one. */
  readonly token: number;
  readonly traceparent: string;
}

export interface DeliveryReceipt {
  /** HTTP status, or 0 where the destination has none. */
  readonly status: number;
  readonly durationMs: number;
}

export interface Destination {
  readonly name: string;
  readonly limits: GuardLimits;
  /** Never throws. Aborts its request when `signal` does. */
  send(message: OutboundMessage, signal: AbortSignal): Promise<Result<DeliveryReceipt, StageFailure>>;
}
