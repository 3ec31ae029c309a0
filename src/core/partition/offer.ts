/** How an event becomes part of the log: dedupe, push-back, place in the order, lateness. */
import type { EventEnvelope } from "../envelope.ts";
import { resultOf } from "../idempotency.ts";
import type { OfferedVerdict } from "./commands.ts";
import { EVENT_RECORD_VERSION, type EventRecord } from "./model.ts";
import { comparePositions, laterOf, orderOnArrival, positionOf } from "./order.ts";
import { isLeased, type Workspace } from "./workspace.ts";

export function offerEvent(work: Workspace, envelope: EventEnvelope, request: string): OfferedVerdict {
  const known = work.get(envelope.id);
  if (known !== undefined) {
    // The same request again: it stored the event itself, so it hears the same word.
    const verdict = known.lastRequest === request ? "stored" : "duplicate";
    const state = isLeased(work.partition.lease, known.id) ? "leased" : known.state;
    const told = verdict === "duplicate" ? resultOf(known, work.at.limits.maxToldResultBytes) : {};
    return { id: envelope.id, verdict, state, ...told };
  }
  if (work.decision(envelope.id) !== undefined) {
    return { id: envelope.id, verdict: "duplicate", state: "pending" };
  }
  if (work.remembered.has(envelope.id)) return { id: envelope.id, verdict: "duplicate", state: null };
  if (isFull(work) || work.partition.draining) {
    return { id: envelope.id, verdict: "pushed_back", state: null };
  }
  insertEvent(work, envelope, request);
  return { id: envelope.id, verdict: "stored", state: "pending" };
}

/** A share of the bounds is kept for completions and what they emit: what is held must always be able to end. */
export function isFull(work: Workspace): boolean {
  const { maxOpenEvents, maxStoredBytes, reservedShare } = work.at.limits;
  const usable = 1 - reservedShare;
  return work.openEvents >= maxOpenEvents * usable || work.storedBytes >= maxStoredBytes * usable;
}

/**
 * Puts a new event into the log. Emitted events come this way too: what a late event emits has its effects out of
 * their sender's order as well, and says so.
 */
export function insertEvent(
  work: Workspace,
  envelope: EventEnvelope,
  request: string,
  parentIsLate = false,
): void {
  const { nowMs } = work.at;
  const order = orderOnArrival(envelope, nowMs, work.highestOrder);
  work.highestOrder = Math.max(work.highestOrder, order);
  const record: EventRecord = {
    v: EVENT_RECORD_VERSION,
    id: envelope.id,
    run: 1,
    state: "pending",
    envelope,
    order,
    arrivedAtMs: nowMs,
    enteredAtMs: nowMs,
    // Pending work is due at any time, also after the clock went back.
    nextAtMs: 0,
    endedAtMs: null,
    attempts: 0,
    deliveryAttempts: 0,
    deferrals: 0,
    starts: 0,
    sequence: 0,
    late: false,
    effectsBegun: false,
    output: null,
    deliveries: [],
    failure: null,
    timeline: [
      { atMs: envelope.receivedAtMs, what: "received", detail: envelope.origin.colo },
      { atMs: nowMs, what: "stored" },
      ...(envelope.repeatOf === undefined
        ? []
        : [{ atMs: nowMs, what: "repeat", detail: envelope.repeatOf }]),
    ],
    lastRequest: request,
  };
  const late = envelope.orderSuspended === true || isLate(work, record);
  if (late) work.setPartition({ lateEvents: work.partition.lateEvents + 1 }, false);
  work.put(late || parentIsLate ? { ...record, late: true } : record);
}

/** Late: an event with a larger key has had effects, or is having them right now. */
function isLate(work: Workspace, record: EventRecord): boolean {
  const { mode, effectsReached, turn } = work.partition;
  if (mode === "unordered") return false;
  const reached = laterOf(effectsReached, turn);
  return reached !== null && comparePositions(positionOf(record), reached) < 0;
}
