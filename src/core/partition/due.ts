/** When a partition must be looked at again: the time its alarm may not be later than. */
import type { EventRecord } from "./model.ts";
import { isLeased, type Workspace } from "./workspace.ts";

/** null: nothing is open, nothing needs waking. */
export function nextDueMs(work: Workspace): number | null {
  const { lease } = work.partition;
  const waiting = work.open().filter((record) => !isLeased(lease, record.id));
  const times: number[] = waiting.map(expiryOf);
  if (lease !== null) times.push(lease.expiresAtMs);
  else {
    if (work.partition.paused === null) times.push(...workableAt(work, waiting));
    if (waiting.length === 0 && work.hasUnseen) times.push(work.at.nowMs);
  }
  return times.length === 0 ? null : Math.min(...times);
}

/** When the next event can be granted, were the lease free. null: none, or the partition is paused. */
export function nextWorkMs(work: Workspace): number | null {
  if (work.partition.paused !== null) return null;
  const waiting = work.open().filter((record) => !isLeased(work.partition.lease, record.id));
  const times = workableAt(work, waiting);
  return times.length === 0 ? null : Math.min(...times);
}

function workableAt(work: Workspace, waiting: readonly EventRecord[]): number[] {
  const times = waiting.map((record) => record.nextAtMs);
  if (work.nextOutsideHeadMs !== null) times.push(work.nextOutsideHeadMs);
  // Ordered: only the first counts, the others wait for it.
  const relevant = work.partition.mode === "ordered" ? times.slice(0, 1) : times;
  return relevant.map((at) => Math.max(at, work.partition.gateUntilMs));
}

export function expiryOf(record: EventRecord): number {
  return record.enteredAtMs + record.envelope.policy.maxAgeMs;
}
