/**
 * The lease covers the partition: one driver, one fencing token, a few events at a time. Granting counts
 * a start; an outcome or a release takes it back; expiry makes it stand.
 */
import { failure } from "../failure.ts";
import { expiryOf } from "./due.ts";
import { endRecord } from "./endings.ts";
import { isOpen, type EventRecord, type Lease, type LeaseEntry } from "./model.ts";
import { laterOf } from "./order.ts";
import { isLeased, withEntry, type Workspace } from "./workspace.ts";

/** Takes the partition from a driver that has been silent too long. */
export function expireLease(work: Workspace): void {
  const { lease, turn } = work.partition;
  if (lease === null || lease.expiresAtMs > work.at.nowMs) return;
  for (const entry of lease.entries) countLostStart(work, entry);
  // Whoever had the turn may have had effects that nobody lived to record.
  const effectsReached = laterOf(work.partition.effectsReached, turn);
  work.setPartition({ lease: null, turn: null, effectsReached }, true);
}

function countLostStart(work: Workspace, entry: LeaseEntry): void {
  const record = work.get(entry.id);
  if (record === undefined || !isOpen(record.state)) return;
  const { nowMs, limits } = work.at;
  const counted = withEntry({ ...record, starts: entry.starts, turnEnded: true }, limits, {
    atMs: nowMs,
    what: "lease_expired",
  });
  if (entry.starts < limits.poisonAfterStarts) {
    work.put(counted);
    return;
  }
  const poison = failure(
    "infer",
    "permanent",
    "poison",
    `${entry.starts} drivers took this event and none came back`,
  );
  endRecord(work, { ...counted, failure: poison }, "dead", "poison");
}

/** Ends open events that have outlived `maxAgeMs`. Those under lease are left to their driver. */
export function expireOverdue(work: Workspace): void {
  for (const record of work.open()) {
    if (isLeased(work.partition.lease, record.id)) continue;
    if (expiryOf(record) > work.at.nowMs) continue;
    endRecord(work, record, "expired", "older than maxAgeMs");
  }
}

/**
 * Gives `driver` what it may work on now, on top of what it holds. Ordered: the first open events, up to
 * the first that must wait. An event that has been lost too often is held alone.
 */
export function grantMore(work: Workspace, driver: string): void {
  const { partition, at } = work;
  if (partition.paused !== null || partition.gateUntilMs > at.nowMs) return;
  const held = partition.lease?.entries ?? [];
  const fresh = selectGrants(work, held);
  if (fresh.length === 0) return;
  const entries = fresh.map((record) => ({ id: record.id, starts: record.starts + 1 }));
  if (partition.lease !== null) {
    work.setPartition({ lease: { ...partition.lease, entries: [...held, ...entries] } }, false);
    work.handOver(entries);
    return;
  }
  const leaseMs = Math.max(...fresh.map((record) => record.envelope.policy.leaseMs));
  const token = Math.max(partition.token + 1, at.nowMs);
  const lease: Lease = { token, driver, grantedAtMs: at.nowMs, expiresAtMs: at.nowMs + leaseMs, entries };
  work.setPartition({ lease, token }, true);
}

function selectGrants(work: Workspace, held: readonly LeaseEntry[]): EventRecord[] {
  const { at, partition } = work;
  const ordered = partition.mode === "ordered";
  const fresh: EventRecord[] = [];
  const isHeld = (record: EventRecord) => held.some((entry) => entry.id === record.id);
  if (held.some((entry) => entry.starts > at.limits.isolateAfterStarts)) return [];
  for (const [index, record] of work.open().entries()) {
    if (isHeld(record)) continue;
    if (record.nextAtMs > at.nowMs) {
      if (ordered) break;
      continue;
    }
    // The first in order is granted even past the look-ahead: everybody else's effects wait for it.
    const isHead = ordered && index === 0;
    if (held.length + fresh.length >= record.envelope.policy.lookahead && !isHead) break;
    if (record.starts >= at.limits.isolateAfterStarts) {
      if (held.length + fresh.length === 0) fresh.push(record);
      break;
    }
    fresh.push(record);
  }
  return fresh;
}

/** The lease ends when nothing is held any more. Events that stay open make the change durable at once. */
export function dropEntry(work: Workspace, record: EventRecord): void {
  const { lease, turn } = work.partition;
  if (lease === null) return;
  const entries = lease.entries.filter((entry) => entry.id !== record.id);
  const nextTurn = turn?.id === record.id ? null : turn;
  work.setPartition({ lease: { ...lease, entries }, turn: nextTurn }, isOpen(record.state));
}

/** Gives back what is held. Not a lost start: the driver said so itself. */
export function releaseLease(work: Workspace): void {
  const { lease, turn } = work.partition;
  if (lease === null) return;
  const unused = turn === null ? undefined : work.get(turn.id);
  if (unused !== undefined && isOpen(unused.state)) work.put({ ...unused, turnEnded: true });
  work.setPartition({ lease: null, turn: null }, lease.entries.length > 0);
}

/** Extends a lease that has less than half its time left. The durable expiry is the only one that counts. */
export function extendLease(work: Workspace): void {
  const { lease } = work.partition;
  if (lease === null || lease.entries.length === 0) return;
  const leaseMs = Math.max(...lease.entries.map((entry) => work.get(entry.id)?.envelope.policy.leaseMs ?? 0));
  const remainingMs = lease.expiresAtMs - work.at.nowMs;
  if (remainingMs > leaseMs / 2 && !work.writePartition) return;
  const expiresAtMs = Math.max(lease.expiresAtMs, work.at.nowMs + leaseMs);
  work.setPartition({ lease: { ...lease, expiresAtMs } }, true);
}
