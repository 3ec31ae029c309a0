/** The order of a partition: (order, receivedAtMs, id). Total, and the same wherever it is computed. */
import type { EventEnvelope } from "../envelope.ts";
import type { EventRecord, Position } from "./model.ts";

export function positionOf(record: EventRecord): Position {
  return { order: record.order, receivedAtMs: record.envelope.receivedAtMs, id: record.id };
}

export function comparePositions(left: Position, right: Position): number {
  if (left.order !== right.order) return left.order - right.order;
  if (left.receivedAtMs !== right.receivedAtMs) return left.receivedAtMs - right.receivedAtMs;
  return left.id < right.id ? -1 : left.id > right.id ? 1 : 0;
}

export function laterOf(left: Position | null, right: Position | null): Position | null {
  if (left === null) return right;
  if (right === null) return left;
  return comparePositions(left, right) >= 0 ? left : right;
}

/**
 * The order key an event gets on arrival. `strict` is the order of acknowledgement, so it rises with every
 * append even within one millisecond; otherwise the sender's key counts, and failing that the time of ingest.
 */
export function orderOnArrival(envelope: EventEnvelope, nowMs: number, highestOrder: number): number {
  if (envelope.policy.ordering === "strict") return Math.max(nowMs, highestOrder + 1);
  return envelope.orderKey ?? envelope.receivedAtMs;
}
