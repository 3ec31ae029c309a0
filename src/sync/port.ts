/** Deciding an event while its sender waits: what ingest asks for. */
import type { SyncRoute } from "../config/define-source.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { DecisionRecord } from "../core/partition/model.ts";
import type { BodyRoom } from "../platform/body-memory.ts";

export type Decided =
  /** Durable: what the sender is told, now and whenever it asks again. */
  | { readonly kind: "decided"; readonly isDuplicate: boolean; readonly decision: DecisionRecord }
  /** Known, and without an answer: it came by another way, or too long ago. */
  | { readonly kind: "known" }
  /** Nothing is known to be durable: the sender is asked to come again. */
  | { readonly kind: "undecided"; readonly reason: "too_slow" | "failed" | "refused" };

/**
 * Never throws, and never takes longer than the route's deadline.
 * @param envelope may have to write a large body first; a rejection is `failed`
 * @param room that the event's large body has at the door: its pipeline works in it, and keeps it as long as it needs
 */
export type Decide = (
  envelope: Promise<EventEnvelope>,
  route: SyncRoute,
  receivedAtMs: number,
  room?: BodyRoom | null,
) => Promise<Decided>;
