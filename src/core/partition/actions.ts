/** What a driver reports about the events it holds, applied one by one inside one commit. */
import { unreachable } from "../result.ts";
import type { Action } from "./commands.ts";
import { isReviewDue, reviewed, reviewReason } from "./decisions.ts";
import { deferRecord, endRecord, failRecord, hadEffects, withDeliveries } from "./endings.ts";
import { dropEntry, releaseLease } from "./lease.ts";
import type { EventRecord } from "./model.ts";
import { insertEvent } from "./offer.ts";
import { laterOf, positionOf } from "./order.ts";
import { isLeased, withEntry, type Workspace } from "./workspace.ts";

export function applyAction(work: Workspace, action: Action, request: string): void {
  if (action.kind === "release") {
    releaseLease(work);
    return;
  }
  const record = work.get(action.id);
  // Applied before (a repeat after a lost response), or no longer held: the reply's `cancelled` says so.
  if (record === undefined || work.before(action.id)?.lastRequest === request) return;
  if (!isLeased(work.partition.lease, action.id)) return;
  applyTo(work, { ...record, lastRequest: request }, action, request);
}

type EventAction = Exclude<Action, { kind: "release" }>;

function applyTo(work: Workspace, record: EventRecord, action: EventAction, request: string): void {
  const { nowMs, limits } = work.at;
  switch (action.kind) {
    case "record": {
      // Its sender was told something else, or the same: a person compares before anything has an effect.
      if (isReviewDue(record)) {
        const output =
          record.output?.stageVersion === action.output.stageVersion ? record.output : action.output;
        finish(work, endRecord(work, reviewed({ ...record, output }), "review", reviewReason(record)));
        return;
      }
      // Stored by an earlier attempt: nothing to write, the driver only asks for its turn.
      if (record.output?.stageVersion === action.output.stageVersion) return;
      const detail = action.output.model === null ? "no model" : action.output.model.name;
      work.put(
        withEntry({ ...record, output: action.output }, limits, { atMs: nowMs, what: "output", detail }),
      );
      return;
    }
    case "confirm": {
      const confirmed = withDeliveries(record, [action.delivery]);
      work.put(
        withEntry(confirmed, limits, { atMs: nowMs, what: "delivered", detail: action.delivery.destination }),
      );
      reachEffects(work, confirmed);
      return;
    }
    case "complete": {
      const delivered = deliverAll(work, record, action.deliveries);
      finish(work, endRecord(work, { ...delivered, failure: null }, "done"));
      for (const envelope of action.emits) {
        if (work.get(envelope.id) === undefined) insertEvent(work, envelope, request, record.late);
      }
      return;
    }
    case "filter":
      finish(work, endRecord(work, record, "filtered", action.reason));
      return;
    case "review":
      finish(work, endRecord(work, reviewed({ ...record, output: action.output }), "review", action.reason));
      return;
    case "fail":
      finish(work, failRecord(work, deliverAll(work, record, action.deliveries), action.failure));
      return;
    case "defer":
      finish(
        work,
        deferRecord(work, deliverAll(work, record, action.deliveries), action.untilMs, action.reason),
      );
      return;
    default:
      unreachable(action);
  }
}

function deliverAll(
  work: Workspace,
  record: EventRecord,
  deliveries: EventRecord["deliveries"],
): EventRecord {
  const known = new Set(record.deliveries.map((delivery) => delivery.destination));
  let told = withDeliveries(record, deliveries);
  for (const { destination } of deliveries.filter((delivery) => !known.has(delivery.destination))) {
    told = withEntry(told, work.at.limits, { atMs: work.at.nowMs, what: "delivered", detail: destination });
  }
  return told;
}

function finish(work: Workspace, record: EventRecord): void {
  if (hadEffects(record)) reachEffects(work, record);
  dropEntry(work, record);
}

function reachEffects(work: Workspace, record: EventRecord): void {
  work.setPartition({ effectsReached: laterOf(work.partition.effectsReached, positionOf(record)) }, false);
}
