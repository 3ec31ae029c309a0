/** What one command of the machine is given to see of the rows. Reads only. */
import { LIMITS } from "../config/limits.ts";
import type { EventId } from "../core/ids.ts";
import type { EventRecord, PartitionRecord } from "../core/partition/model.ts";
import type { PartitionView } from "../core/partition/workspace.ts";
import type { DecisionTable } from "./decision-table.ts";
import type { PartitionStore } from "./store.ts";

interface Rows {
  readonly store: PartitionStore;
  readonly decisions: DecisionTable;
  readonly partition: PartitionRecord;
  readonly headEvents: number;
}

export function loadView(
  { store, decisions, partition, headEvents }: Rows,
  named: readonly EventId[],
  nowMs: number,
): PartitionView {
  const leased = partition.lease?.entries.map((entry) => entry.id) ?? [];
  const wanted = new Set([...named, ...leased]);
  const ordered = partition.mode === "ordered";
  const head = ordered ? store.firstOpen(headEvents) : store.firstDue(headEvents, nowMs);
  const known = [...wanted].map((id) => ({ id, record: store.find(id) }));
  const remembered = known.filter(({ id, record }) => record === null && store.isRemembered(id));
  return {
    partition,
    named: known.flatMap(({ record }) => record ?? []),
    head,
    nextOutsideHeadMs: ordered ? dueBehind(store, head) : store.nextDueAfter(nowMs),
    openEvents: store.openEvents,
    storedBytes: store.storedBytes,
    remembered: new Set(remembered.map(({ id }) => id)),
    highestPriority: store.highestPriority,
    highestOrder: store.highestOrder,
    decisions: decisions.load(named, nowMs),
    openDecisions: decisions.count,
  };
}

/** In order, what lies behind the head is due when its turn comes: look again at once, should the head end in one go. */
function dueBehind(store: PartitionStore, head: readonly EventRecord[]): number | null {
  return store.openEvents > head.length ? 0 : null;
}

/** Twice what one driver can hold: enough that no commit uses it up. Rows are read, and parsed, on every command. */
export function headEventsFor(head: readonly EventRecord[]): number {
  const lookahead = Math.max(1, ...head.map((record) => record.envelope.policy.lookahead));
  return Math.min(LIMITS.partition.headEvents, 2 * lookahead + 2);
}
