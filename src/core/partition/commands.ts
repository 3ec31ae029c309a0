/**
 * What drivers, ingest and operators say to a partition, and what it answers. Every request has an id:
 * a repeated request is answered like the first one and changes nothing (a lost response must not strand
 * a lease). Version 1 of the messages.
 */
import type { EnvelopeHead, EventEnvelope } from "../envelope.ts";
import type { EventSummary } from "../event-summary.ts";
import type { StageFailure } from "../failure.ts";
import type { EventId, PartitionName } from "../ids.ts";
import type { JsonValue } from "../json.ts";
import type { OperatorOutcome } from "./operate.ts";
import type {
  DecisionRecord,
  DeliveryRecord,
  EventState,
  PartitionRecord,
  StoredOutput,
  TimelineEntry,
} from "./model.ts";

export const MESSAGE_VERSION = 1;

interface Request {
  readonly v: typeof MESSAGE_VERSION;
  /** Unique per logical request; the same on a repeat. */
  readonly request: string;
}

/** Makes events durable in the partition, and asks for the lease in the same call. */
export interface OfferRequest extends Request {
  readonly partition: PartitionName;
  readonly driver: string;
  readonly events: readonly EventEnvelope[];
  /** false for ingest (strict): it appends and lets a driver be rung. */
  readonly wantLease: boolean;
}

export interface ClaimRequest extends Request {
  readonly driver: string;
}

/** A driver's turn to speak while it holds the lease: any number of outcomes, applied together or not at all. */
export interface ExchangeRequest extends Request {
  readonly driver: string;
  readonly token: number;
  /** The events the driver knows it holds. What it holds and does not know is granted again. */
  readonly holding: readonly EventId[];
  /** false: finish what is held, grant nothing new. */
  readonly wantMore: boolean;
  readonly actions: readonly Action[];
}

export type Action =
  /** The output is durable before the first delivery starts. */
  | { readonly kind: "record"; readonly id: EventId; readonly output: StoredOutput }
  /** One of several deliveries was confirmed. */
  | { readonly kind: "confirm"; readonly id: EventId; readonly delivery: DeliveryRecord }
  | {
      readonly kind: "complete";
      readonly id: EventId;
      readonly deliveries: readonly DeliveryRecord[];
      readonly emits: readonly EventEnvelope[];
    }
  | { readonly kind: "filter"; readonly id: EventId; readonly reason: string }
  | { readonly kind: "review"; readonly id: EventId; readonly output: StoredOutput; readonly reason: string }
  | {
      readonly kind: "fail";
      readonly id: EventId;
      readonly failure: StageFailure;
      readonly deliveries: readonly DeliveryRecord[];
    }
  | {
      readonly kind: "defer";
      readonly id: EventId;
      readonly untilMs: number;
      readonly reason: string;
      readonly deliveries: readonly DeliveryRecord[];
    }
  /** Gives back everything that is still held; it does not count as a start. */
  | { readonly kind: "release" };

export interface OfferedVerdict {
  readonly id: EventId;
  /** `pushed_back`: the partition is full; nothing was stored, offer again later. */
  readonly verdict: "stored" | "duplicate" | "pushed_back";
  readonly state: EventState | null;
  /** Of a duplicate that is done: the body of its deliveries, where it is small. Absent from an object of the version before. */
  readonly result?: JsonValue;
}

/** An event under lease, with everything earlier attempts have stored. */
export interface Grant {
  readonly envelope: EventEnvelope;
  readonly run: number;
  readonly attempt: number;
  readonly late: boolean;
  readonly effectsBegun: boolean;
  readonly output: StoredOutput | null;
  readonly deliveries: readonly DeliveryRecord[];
  /** Effects wait until then for an earlier event that may still arrive. */
  readonly settledAtMs: number;
  /** The turn a guard gave this event when it was deferred; absent: it is not waiting for one. */
  readonly turnAtMs?: number;
}

/** Leave to start effects, with the event's place in the order of effects. */
export interface Turn {
  readonly id: EventId;
  readonly sequence: number;
}

export interface LeaseView {
  readonly token: number;
  /** As durable in the partition: effects must not outlive it. */
  readonly expiresAtMs: number;
  readonly granted: readonly Grant[];
  readonly turns: readonly Turn[];
  /** When asking again can bring the next turn; null when it depends on something else than time. */
  readonly nextTurnAtMs: number | null;
  /** Held by the driver, but no longer its own: stop working on these. */
  readonly cancelled: readonly EventId[];
}

export interface OfferReply {
  readonly v: typeof MESSAGE_VERSION;
  readonly verdicts: readonly OfferedVerdict[];
  readonly lease: LeaseView | null;
  readonly nextDueMs: number | null;
}

export interface ClaimReply {
  readonly v: typeof MESSAGE_VERSION;
  readonly lease: LeaseView | null;
  readonly nextDueMs: number | null;
}

export interface ExchangeReply {
  readonly v: typeof MESSAGE_VERSION;
  /** `fenced`: the lease is somebody else's or over; nothing of the request was applied. `released`: nothing left to hold. */
  readonly status: "held" | "released" | "fenced";
  readonly lease: LeaseView | null;
  readonly nextDueMs: number | null;
  /** What ended through this request: for the ledger. Absent from an object of the version before. */
  readonly ended?: readonly EventSummary[];
}

export interface OperatorReply {
  readonly v: typeof MESSAGE_VERSION;
  readonly outcome: OperatorOutcome;
  readonly partition: PartitionRecord;
}

export interface PokeReply {
  readonly v: typeof MESSAGE_VERSION;
  readonly openEvents: number;
  readonly nextDueMs: number | null;
  /** Ends the ledger has not acknowledged yet. Absent from an object of the version before. */
  readonly untold?: number;
}

/** What an old epoch's partition says of an event that comes again under a new one. */
export interface RecallReply {
  readonly v: typeof MESSAGE_VERSION;
  /** Stored, or remembered past its retention. */
  readonly known: boolean;
  /** While this is not 0, the customer's older events are still under way there. */
  readonly openEvents: number;
}

/** An event as it was accepted, for operators: with its body, or where that lies. */
export interface StoredEvent {
  readonly envelope: EventEnvelope;
  /** The body it came with, where an operator has put another in its place. */
  readonly original: EventEnvelope["body"] | null;
}

/** One event as the API shows it. */
export interface EventView extends EnvelopeHead {
  readonly id: EventId;
  readonly run: number;
  readonly state: EventState;
  readonly endedAtMs: number | null;
  readonly nextAtMs: number | null;
  readonly attempts: number;
  readonly deliveryAttempts: number;
  readonly deferrals: number;
  readonly starts: number;
  readonly sequence: number;
  readonly late: boolean;
  readonly parent: EventEnvelope["parent"];
  readonly output: StoredOutput | null;
  readonly deliveries: readonly DeliveryRecord[];
  readonly failure: StageFailure | null;
  readonly timeline: readonly TimelineEntry[];
  /** What its waiting sender was told. */
  readonly decision?: DecisionRecord;
}

export interface PartitionStatus {
  readonly partition: PartitionRecord;
  readonly openEvents: number;
  readonly storedBytes: number;
  readonly oldestOpenAtMs: number | null;
  /** `space:key`, of one of its events; null: none is left. Absent from an object of the version before. */
  readonly customer?: string | null;
  /** Since the object was loaded, by the SQL cursor's own counter. */
  readonly rowsWritten: number;
  /** Ends the ledger has not acknowledged yet. */
  readonly untold: number;
}
