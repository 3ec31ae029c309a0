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
  const { orderKey, parent, policy, receivedAtMs } = envelope;
  if (policy.ordering === "strict") return Math.max(nowMs, highestOrder + 1);
  if (orderKey === null && parent !== null) return tailOrder(envelope, nowMs, highestOrder);
  return orderKey ?? receivedAtMs;
}

/**
 * Behind everything that is stored, for what the sender did not number itself: emitted events, and what enters
 * again. A small step, so that the sender's next number still comes after it, whatever its unit is.
 */
export function tailOrder({ policy }: EventEnvelope, nowMs: number, highestOrder: number): number {
  if (policy.ordering === "strict" || !Number.isFinite(highestOrder))
    return Math.max(nowMs, highestOrder + 1);
  const next = highestOrder + TAIL_STEP;
  return next > highestOrder ? next : highestOrder + 1;
}

/** A power of two, so that adding it is exact for times in milliseconds. */
const TAIL_STEP = 1 / 1_024;
