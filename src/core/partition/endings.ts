/** How an event ends or waits. Every end releases the event, and some hold up what comes after it. */
import type { StageFailure } from "../failure.ts";
import { retryDelayMs } from "../retry.ts";
import { laterOf, positionOf } from "./order.ts";
import { type DeliveryRecord, type EndState, type EventRecord } from "./model.ts";
import { withEntry, type Workspace } from "./workspace.ts";

export function endRecord(
  work: Workspace,
  record: EventRecord,
  state: EndState,
  detail?: string,
): EventRecord {
  const { nowMs, limits } = work.at;
  const entry = { atMs: nowMs, what: state, ...(detail === undefined ? {} : { detail }) };
  const version = nextVersion(record);
  const ended = withEntry({ ...record, state, endedAtMs: nowMs, starts: 0, version }, limits, entry);
  work.put(ended);
  const endedReached = laterOf(work.partition.endedReached ?? null, positionOf(ended));
  work.setPartition({ endedReached }, false);
  const { policy } = record.envelope;
  if (state === "dead" && policy.onDead === "pause") pausePartition(work, `dead letter ${record.id}`);
  if (state === "review" && policy.onReview === "hold") pausePartition(work, `review ${record.id}`);
  return ended;
}

/** Ending, re-entering and another payload are what the ledger is told of: each time under a higher version. */
export function nextVersion(record: EventRecord): number {
  return (record.version ?? 0) + 1;
}

export function pausePartition(work: Workspace, reason: string): void {
  work.setPartition({ paused: { reason, sinceMs: work.at.nowMs } }, true);
}

/** Transient failures wait and try again while the policy of their stage allows; everything else is dead. */
export function failRecord(work: Workspace, record: EventRecord, failed: StageFailure): EventRecord {
  const { nowMs, limits, random } = work.at;
  const isDelivery = failed.stage === "deliver";
  const policy = isDelivery ? record.envelope.policy.delivery : record.envelope.policy.retry;
  const attempts = record.attempts + Number(!isDelivery);
  const deliveryAttempts = record.deliveryAttempts + Number(isDelivery);
  const counted = { ...record, attempts, deliveryAttempts, failure: failed };
  const failures = isDelivery ? deliveryAttempts : attempts;
  if (failed.class !== "transient") return endRecord(work, counted, "dead", failed.code);
  if (failures > policy.maxRetries)
    return endRecord(work, counted, "dead", `${failed.code}, retries exhausted`);
  const nextAtMs = nowMs + retryDelayMs(policy, failures, random(), failed.retryAfterMs);
  const waiting = withEntry({ ...counted, state: "retrying", nextAtMs, starts: 0, turnEnded: true }, limits, {
    atMs: nowMs,
    what: "retrying",
    detail: `${failed.stage}: ${failed.code}`,
  });
  work.put(waiting);
  return waiting;
}

/** A guard said not yet. One gate for the whole partition, so that a backlog doesn't wake event by event. */
export function deferRecord(
  work: Workspace,
  record: EventRecord,
  untilMs: number,
  reason: string,
): EventRecord {
  const { nowMs, limits } = work.at;
  const nextAtMs = Math.max(untilMs, nowMs + 1);
  const waiting = withEntry(
    {
      ...record,
      state: "deferred",
      nextAtMs,
      deferrals: record.deferrals + 1,
      starts: 0,
      turnEnded: true,
    },
    limits,
    { atMs: nowMs, what: "deferred", detail: reason },
  );
  work.put(waiting);
  work.setPartition({ gateUntilMs: Math.max(work.partition.gateUntilMs, nextAtMs) }, true);
  return waiting;
}

/** Confirmed deliveries, each destination once: the first confirmation stands. */
export function withDeliveries(record: EventRecord, deliveries: readonly DeliveryRecord[]): EventRecord {
  const known = new Set(record.deliveries.map((delivery) => delivery.destination));
  const added = deliveries.filter((delivery) => !known.has(delivery.destination));
  return added.length === 0 ? record : { ...record, deliveries: [...record.deliveries, ...added] };
}

/** Effects outside are out, as far as anybody can know: a delivery that failed may have arrived all the same. */
export function hadEffects(record: EventRecord): boolean {
  const tried = record.deliveries.length > 0 || record.deliveryAttempts > 0;
  return tried || (record.state === "done" && record.sequence > 0);
}
