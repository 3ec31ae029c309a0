/**
 * How long one event takes on its way, from the order of calls in `src/`: which of them wait for which, and between
 * what places. Work that is the same everywhere is a constant. Pure.
 */
import { roundTripMs, type Place } from "./round-trips.ts";

export type Mode = "arrival" | "strict" | "sync";

export interface Way {
  readonly sender: Place;
  /** Where the receiver of the delivery is. */
  readonly receiver: Place;
  readonly home: Place;
  /** Where the lane's queue is, and with it the consumer. */
  readonly queue: Place;
  /** Where the model's endpoint is. */
  readonly model: Place;
  readonly mode: Mode;
}

/** Milliseconds; stated, because results hang on them as much as on the table. */
export const ASSUMED = {
  /** Signature, parsing, envelope: at the location that takes the request. */
  ingestMs: 3,
  /** A durable commit of a queue or an object, beside the way there. */
  commitMs: 10,
  /** From a message's write to a consumer that has it, in a high lane without a batch's wait. */
  laneMs: 50,
  modelMs: 600,
  /** What the receiver does before it answers. */
  receiverMs: 20,
  settleMs: 250,
} as const;

/** Connections are warm: a cold one costs its sender two round trips more, to the location next to it. */
export function ackMs(way: Way): number {
  const { ingestMs, commitMs, modelMs } = ASSUMED;
  const { sender, home, queue, model, mode } = way;
  // The location that takes the request is the one nearest to its sender.
  const doorMs = roundTripMs(sender, sender) + ingestMs;
  const homeMs = roundTripMs(sender, home) + commitMs;
  switch (mode) {
    case "arrival":
      return doorMs + roundTripMs(sender, queue) + commitMs;
    case "strict":
      return doorMs + homeMs;
    case "sync":
      // Asked, judged from the location of the request, settled: one after the other.
      return doorMs + homeMs + roundTripMs(sender, model) + modelMs + homeMs;
    default:
      return mode satisfies never;
  }
}

/** Until the receiver has the delivery. An idle partition: nothing else is in front. */
export function endToEndMs(way: Way): number {
  const { commitMs, laneMs, modelMs, receiverMs, settleMs } = ASSUMED;
  const { sender, receiver, home, queue, model, mode } = way;
  const rpcMs = roundTripMs(queue, home) + commitMs;
  const ringMs = mode === "arrival" ? 0 : roundTripMs(home, queue) / 2 + commitMs;
  // The last half of the acknowledgement is the sender's own.
  const durableMs = ackMs(way) - roundTripMs(sender, sender) / 2;
  const inferMs = mode === "sync" ? 0 : roundTripMs(queue, model) + modelMs;
  const preparedMs = mode === "arrival" ? Math.max(inferMs, settleMs) : inferMs;
  // The offer (or claim) brings the lease, the record brings the turn; the completion is nobody's to wait for.
  return (
    durableMs + ringMs + laneMs + rpcMs + preparedMs + rpcMs + roundTripMs(queue, receiver) / 2 + receiverMs
  );
}
