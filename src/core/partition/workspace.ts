/**
 * The working set of one command: the records the object has loaded, changed in place of the originals,
 * and what has to be written back. Lives for one call of the machine.
 */
import type { EventId } from "../ids.ts";
import { PRIORITIES, type Priority } from "../policy.ts";
import { comparePositions, positionOf } from "./order.ts";
import {
  isOpen,
  type EventRecord,
  type Lease,
  type LeaseEntry,
  type OpenDecision,
  type PartitionRecord,
  type TimelineEntry,
} from "./model.ts";

/** Named limits the machine is given; their reasons stand in `config/limits.ts`. */
export interface PartitionLimits {
  readonly maxOpenEvents: number;
  readonly maxStoredBytes: number;
  readonly maxTimelineEntries: number;
  readonly isolateAfterStarts: number;
  readonly poisonAfterStarts: number;
  /** Share of the bounds that only completions may use. */
  readonly reservedShare: number;
  /** Senders that wait at once. */
  readonly maxOpenDecisions: number;
  /** After a sender's deadline, before its event is taken for abandoned. */
  readonly decisionGraceMs: number;
  /** After an answer by default, for the model to come to its end. */
  readonly decisionLateMs: number;
  /** Of a result that goes along when a duplicate is told. */
  readonly maxToldResultBytes: number;
}

/** Everything a command may need to see. The object loads it; the machine never asks for more. */
export interface PartitionView {
  readonly partition: PartitionRecord;
  /** Named by the command or by the lease. */
  readonly named: readonly EventRecord[];
  /** The first open events in order; in an unordered partition the first that are due. */
  readonly head: readonly EventRecord[];
  /** When the first open event outside `head` is due; null when there is none. */
  readonly nextOutsideHeadMs: number | null;
  readonly openEvents: number;
  readonly storedBytes: number;
  /** Ids named by the command whose events are past retention: remembered, no longer readable. */
  readonly remembered: ReadonlySet<EventId>;
  /** Of all open events, those outside `head` included. */
  readonly highestPriority: Priority;
  /** The largest order key ever stored here. */
  readonly highestOrder: number;
  /** Decisions that are due or named by the command; and how many are open in all. */
  readonly decisions: readonly OpenDecision[];
  readonly openDecisions: number;
}

export interface Circumstances {
  readonly nowMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly limits: PartitionLimits;
}

export interface Decision<Reply> {
  readonly reply: Reply;
  readonly partition: PartitionRecord;
  /** The stored partition record, brought up to date with the stored events, would not say the same. */
  readonly writePartition: boolean;
  readonly changed: readonly EventRecord[];
  /** What ended or re-entered, and must be told to the ledger until it has it. */
  readonly outbox: readonly EventRecord[];
  /** The partition must be looked at again by then; null: nothing is open. */
  readonly dueMs: number | null;
  /** Work is due and nobody holds the lease: ring this lane after the commit. */
  readonly ring: Priority | null;
  /** Decisions that came, changed, or entered the log. */
  readonly decisions: DecisionChanges;
}

export interface DecisionChanges {
  readonly put: readonly OpenDecision[];
  readonly remove: readonly EventId[];
}

export class Workspace {
  partition: PartitionRecord;
  writePartition = false;
  openEvents: number;
  storedBytes: number;
  highestOrder: number;
  readonly at: Circumstances;
  readonly nextOutsideHeadMs: number | null;
  readonly remembered: ReadonlySet<EventId>;
  private readonly highestPriority: Priority;
  private readonly records = new Map<EventId, EventRecord>();
  private readonly original: ReadonlyMap<EventId, EventRecord>;
  private readonly changedIds = new Set<EventId>();
  private readonly leasedBefore: Lease | null;
  private readonly loadedHead: number;
  private handedOver: readonly LeaseEntry[] = [];
  private readonly decisionsById: Map<EventId, OpenDecision>;
  private readonly changedDecisions = new Set<EventId>();
  openDecisions: number;

  constructor(view: PartitionView, at: Circumstances) {
    this.partition = view.partition;
    this.leasedBefore = view.partition.lease;
    this.openEvents = view.openEvents;
    this.storedBytes = view.storedBytes;
    this.highestOrder = view.highestOrder;
    this.nextOutsideHeadMs = view.nextOutsideHeadMs;
    this.at = at;
    this.remembered = view.remembered;
    this.highestPriority = view.highestPriority;
    this.loadedHead = view.head.length;
    for (const record of [...view.head, ...view.named]) this.records.set(record.id, record);
    this.original = new Map(this.records);
    this.decisionsById = new Map(view.decisions.map((decision) => [decision.id, decision]));
    this.openDecisions = view.openDecisions;
  }

  /** Those that were loaded: due, or named. */
  decisions(): OpenDecision[] {
    return [...this.decisionsById.values()];
  }

  decision(id: EventId): OpenDecision | undefined {
    return this.decisionsById.get(id);
  }

  putDecision(decision: OpenDecision): void {
    if (!this.decisionsById.has(decision.id)) this.openDecisions++;
    this.decisionsById.set(decision.id, decision);
    this.changedDecisions.add(decision.id);
  }

  removeDecision(id: EventId): void {
    if (this.decisionsById.delete(id)) this.openDecisions--;
    this.changedDecisions.add(id);
  }

  decisionChanges(): DecisionChanges {
    const changed = [...this.changedDecisions];
    return {
      put: changed.flatMap((id) => this.decisionsById.get(id) ?? []),
      remove: changed.filter((id) => !this.decisionsById.has(id)),
    };
  }

  get(id: EventId): EventRecord | undefined {
    return this.records.get(id);
  }

  /** As it was before this command: tells whether a request was applied before. */
  before(id: EventId): EventRecord | undefined {
    return this.original.get(id);
  }

  put(record: EventRecord): void {
    const known = this.records.get(record.id);
    const wasOpen = known !== undefined && isOpen(known.state);
    this.openEvents += Number(isOpen(record.state)) - Number(wasOpen);
    this.records.set(record.id, record);
    this.changedIds.add(record.id);
  }

  /** The highest priority among the open events: a partition runs and rings at it, so that nothing inverts it. */
  priority(): Priority {
    const held = new Set(this.open().map((record) => record.envelope.priority)).add(this.highestPriority);
    return PRIORITIES.find((priority) => held.has(priority)) ?? "normal";
  }

  /** Changes the partition record; `durable` forces it to be written with this commit. */
  setPartition(change: Partial<PartitionRecord>, durable: boolean): void {
    this.partition = { ...this.partition, ...change };
    if (durable) this.writePartition = true;
  }

  /** Open events of the working set in order, those under lease included. */
  open(): EventRecord[] {
    return [...this.records.values()]
      .filter((record) => isOpen(record.state))
      .sort((left, right) => comparePositions(positionOf(left), positionOf(right)));
  }

  /**
   * All that was loaded of the backlog has ended in this command (many events may expire at once), and there is more
   * of it: whether that is due, only another look can tell.
   */
  get hasUnseen(): boolean {
    return this.loadedHead > 0 && this.openEvents > this.open().length;
  }

  /** Grants of a lease that stands: made durable by `settleLease`. */
  handOver(entries: readonly LeaseEntry[]): void {
    this.handedOver = [...this.handedOver, ...entries];
  }

  /**
   * Called once, at the end of the command. New grants go with an event of the lease that is written anyway;
   * failing that, the partition's row is written.
   */
  settleLease(): void {
    const { lease } = this.partition;
    if (lease === null) return;
    const revision = lease.revision ?? 0;
    if (!this.writePartition && this.handedOver.length > 0) {
      const carrier = this.changed().find(({ id }) => isLeased(this.leasedBefore, id));
      if (carrier === undefined || this.leasedBefore?.token !== lease.token) this.writePartition = true;
      else {
        const earlier = handoverUnder(lease, carrier);
        const entries = [...earlier, ...this.handedOver];
        this.put({ ...carrier, handover: { token: lease.token, revision, entries } });
      }
    }
    if (this.writePartition) this.setPartition({ lease: { ...lease, revision: revision + 1 } }, true);
  }

  /** What ended or re-entered in this command, and what did so in an earlier try of the same `request`. */
  told(request?: string): EventRecord[] {
    return [...this.records.values()].filter((record) => {
      const isRepeated = record.lastRequest === request && !isOpen(record.state);
      return isRepeated || (record.version ?? 0) > (this.original.get(record.id)?.version ?? 0);
    });
  }

  changed(): EventRecord[] {
    return [...this.changedIds].flatMap((id) => this.records.get(id) ?? []);
  }
}

/** What an event's row adds to the lease as it is stored. */
export function handoverUnder(lease: Lease, record: EventRecord): readonly LeaseEntry[] {
  const { handover } = record;
  const counts = handover?.token === lease.token && handover.revision === (lease.revision ?? 0);
  return counts ? handover.entries : [];
}

export function isLeased(lease: Lease | null, id: EventId): boolean {
  return lease !== null && lease.entries.some((entry) => entry.id === id);
}

/** Adds a line to an event's story. Past the limit the middle goes: how it began and how it ends matter most. */
export function withEntry(record: EventRecord, limits: PartitionLimits, entry: TimelineEntry): EventRecord {
  const timeline = [...record.timeline, entry];
  if (timeline.length > limits.maxTimelineEntries) {
    timeline.splice(Math.floor(limits.maxTimelineEntries / 2), timeline.length - limits.maxTimelineEntries);
  }
  return { ...record, timeline };
}
