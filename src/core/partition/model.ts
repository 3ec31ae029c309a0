/**
 * The partition's data: one record per event, one record about the partition. Plain values; the machine
 * (`machine.ts`) maps them to new ones, the object stores them. Spec: docs/spec/partition.md.
 */
import type { EventEnvelope } from "../envelope.ts";
import type { StageFailure } from "../failure.ts";
import { modeOf, type EventId, type PartitionName } from "../ids.ts";
import type { JsonValue } from "../json.ts";

export const EVENT_RECORD_VERSION = 1;

/** Open states wait for work; the others have ended. `leased` is not stored: the lease names its events. */
export type OpenState = "pending" | "retrying" | "deferred";
export type EndState = "done" | "dead" | "review" | "filtered" | "expired";
export type StoredState = OpenState | EndState;
export type EventState = StoredState | "leased";

export function isOpen(state: StoredState): state is OpenState {
  return state === "pending" || state === "retrying" || state === "deferred";
}

/** What `prepare` produced and every later step needs. Stored before the first delivery starts. */
export interface StoredOutput {
  readonly v: 1;
  /** Pipeline and prompt version that made it; another version's output is not reused. */
  readonly stageVersion: string;
  /** The model's checked answer; null for pipelines without a model. */
  readonly value: JsonValue;
  /** The body of the deliveries. */
  readonly body: JsonValue;
  readonly type: string;
  readonly to: readonly string[];
  readonly emits: readonly EmittedEvent[];
  readonly model: ModelRecord | null;
  /** For a person to look at, not to be delivered as it is: approved, the model is asked again; edited, it is delivered. */
  readonly draft?: boolean;
  /** A person's own words: never made anew, whatever version of the stage runs. */
  readonly edited?: boolean;
}

export interface EmittedEvent {
  readonly pipeline: string;
  readonly type: string;
  readonly payload: JsonValue;
}

/** Cost and origin of a model call, kept with the output. */
export interface ModelRecord {
  readonly name: string;
  readonly modelId: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly estimatedUsage: boolean;
  /** Millionths of a US dollar; null when the model has no price. */
  readonly costMicros: number | null;
  readonly durationMs: number;
  readonly cached: boolean;
  /** Why the model's own answer was not used: the value is the pipeline's fallback. */
  readonly degraded?: string;
}

export interface DeliveryRecord {
  readonly destination: string;
  readonly idempotencyKey: string;
  readonly status: number;
  readonly deliveredAtMs: number;
  readonly durationMs: number;
}

/** What a waiting sender was told of an event: the first answer that was committed, and no other ever. */
export interface DecisionRecord {
  readonly by: "model" | "cache" | "default";
  readonly answer: JsonValue;
  readonly atMs: number;
  /** Of who asked the model: only that result can come late. */
  readonly token: number;
  /** Why it was the default; null: it was not. */
  readonly reason: string | null;
  /** What the model said after that. Nobody was told. */
  readonly late?: { readonly answer: JsonValue; readonly atMs: number };
  /** `due`: answered by default, and a person has yet to see what the pipeline makes of it. */
  readonly review: "none" | "due" | "done";
}

/** An event that a sender waits for: durable, and not in the log yet. */
export interface OpenDecision {
  readonly v: 1;
  readonly id: EventId;
  readonly envelope: EventEnvelope;
  /** The right to answer with what a model said. */
  readonly token: number;
  /** The request that asked. */
  readonly request: string;
  readonly askedAtMs: number;
  /** When it enters the log by itself. */
  readonly dueMs: number;
  readonly default: JsonValue;
  /** null: nobody has been told anything. */
  readonly answer: DecisionRecord | null;
}

/** One line of an event's story. Short keys: the timeline is part of the row. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: string;
  readonly detail?: string;
}

export interface EventRecord {
  readonly v: typeof EVENT_RECORD_VERSION;
  readonly id: EventId;
  readonly run: number;
  readonly state: StoredState;
  readonly envelope: EventEnvelope;
  /** Sort position: (order, receivedAtMs, id). */
  readonly order: number;
  /** When it was stored; says which table holds it. */
  readonly arrivedAtMs: number;
  /** When it (last) joined the order: on arrival, and again by a review's decision or a replay. Settling and age count from here. */
  readonly enteredAtMs: number;
  readonly nextAtMs: number;
  readonly endedAtMs: number | null;
  /** Failed attempts of the stages up to `format`, and of delivery. */
  readonly attempts: number;
  readonly deliveryAttempts: number;
  readonly deferrals: number;
  /** Grants that ended without an outcome. A grant under way is counted in the lease. */
  readonly starts: number;
  /** Strictly rising place in the order of effects; 0 until the event's turn. */
  readonly sequence: number;
  /** True when a later event's effects had already begun. */
  readonly late: boolean;
  /** This run has had the turn: effects may be out, so its output stays what it is. */
  readonly effectsBegun: boolean;
  /** The turn it may have had is over, by waiting or with its lease: what comes before it may go first. */
  readonly turnEnded?: boolean;
  readonly output: StoredOutput | null;
  readonly deliveries: readonly DeliveryRecord[];
  readonly failure: StageFailure | null;
  readonly timeline: readonly TimelineEntry[];
  /** The last request that changed this record: a repeated request is answered, not applied again. */
  readonly lastRequest: string;
  /** What was granted when this event was last written. */
  readonly handover?: Handover;
  /** How often it has ended or re-entered; absent: never. Orders what the ledger is told. */
  readonly version?: number;
  /** The body it came with, where an operator has put another in its place. */
  readonly original?: EventEnvelope["body"];
  /** Its sender waited for an answer, and got this one. */
  readonly decision?: DecisionRecord;
}

/** One grant inside a lease. `starts` includes this grant. */
export interface LeaseEntry {
  readonly id: EventId;
  readonly starts: number;
}

export interface Lease {
  readonly token: number;
  readonly driver: string;
  readonly grantedAtMs: number;
  readonly expiresAtMs: number;
  readonly entries: readonly LeaseEntry[];
  /** How often this lease was written; absent: once. Says which handovers the stored lease lacks. */
  readonly revision?: number;
}

/**
 * Grants of a running lease that are stored with an event of that lease, written anyway in the same commit, and
 * so cost no row. They count while the stored lease still has this token and revision.
 */
export interface Handover {
  readonly token: number;
  readonly revision: number;
  readonly entries: readonly LeaseEntry[];
}

/** Where an event stands in the order. Compared by `comparePositions`. */
export interface Position {
  readonly order: number;
  readonly receivedAtMs: number;
  readonly id: EventId;
}

/**
 * A partition that has stored nothing yet. Tokens and sequences rise for ever, also across a deleted storage: both
 * start from the clock.
 */
export function newPartition(name: PartitionName, nowMs: number): PartitionRecord {
  return {
    v: 1,
    name,
    mode: modeOf(name),
    token: 0,
    lease: null,
    turn: null,
    effectsReached: null,
    sequence: nowMs,
    gateUntilMs: 0,
    paused: null,
    draining: false,
    lateEvents: 0,
  };
}

export interface PartitionRecord {
  readonly v: 1;
  readonly name: PartitionName;
  readonly mode: "ordered" | "unordered";
  /** The highest fencing token ever granted. */
  readonly token: number;
  readonly lease: Lease | null;
  /** The event whose effects may run, once given; it keeps its place until it ends or waits. */
  readonly turn: Position | null;
  /** The largest position whose effects have begun: what arrives below it is late. */
  readonly effectsReached: Position | null;
  /** The largest position that has ended, with effects or without: what a contiguous number follows on. */
  readonly endedReached?: Position | null;
  /** Highest sequence handed out. */
  readonly sequence: number;
  /** After a deferral nothing is granted before this. */
  readonly gateUntilMs: number;
  readonly paused: { readonly reason: string; readonly sinceMs: number } | null;
  /** Draining: what is here is finished, nothing new is taken. */
  readonly draining: boolean;
  readonly lateEvents: number;
}
