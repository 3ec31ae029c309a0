/**
 * A partition in memory: the real machine over rows in a map, with the same loading and writing rules as the
 * Durable Object. `crash()` forgets what only memory knew, as an eviction does.
 */
import type { EventId, PartitionName } from "../../src/core/ids.ts";
import type {
  ClaimReply,
  ClaimRequest,
  ExchangeReply,
  ExchangeRequest,
  OfferReply,
  OfferRequest,
  OperatorReply,
  PokeReply,
} from "../../src/core/partition/commands.ts";
import type { AskReply, AskRequest, SettleReply, SettleRequest } from "../../src/core/partition/decisions.ts";
import {
  ask,
  claim,
  exchange,
  offer,
  operate,
  reconcile,
  settle,
  tick,
} from "../../src/core/partition/machine.ts";
import {
  isOpen,
  newPartition,
  type EventRecord,
  type OpenDecision,
  type PartitionRecord,
} from "../../src/core/partition/model.ts";
import type { OperatorCommand } from "../../src/core/partition/operate.ts";
import { comparePositions, positionOf } from "../../src/core/partition/order.ts";
import { PRIORITIES } from "../../src/core/policy.ts";
import type { Decision, PartitionLimits, PartitionView } from "../../src/core/partition/workspace.ts";

export const TEST_LIMITS: PartitionLimits = {
  maxOpenEvents: 1_000,
  maxStoredBytes: 1_000_000_000,
  maxTimelineEntries: 64,
  isolateAfterStarts: 3,
  poisonAfterStarts: 5,
  reservedShare: 0.1,
  maxOpenDecisions: 100,
  decisionGraceMs: 1_000,
  decisionLateMs: 15_000,
  maxToldResultBytes: 8_192,
};

const RING_EVERY_MS = 5_000;

export class MemoryPartition {
  readonly name: PartitionName;
  readonly rows = new Map<EventId, EventRecord>();
  readonly decisions = new Map<EventId, OpenDecision>();
  partition: PartitionRecord;
  alarmAtMs: number | null = null;
  rings = 0;
  /** What the ledger is told of until it has heard it. */
  readonly outbox: EventRecord[] = [];
  /** How often the partition's own row was written: each time costs. */
  partitionWrites = 0;
  nowMs: number;
  limits: PartitionLimits = TEST_LIMITS;
  random: () => number = () => 0.5;
  private durable: PartitionRecord;
  private readonly headEvents: number;

  constructor(name: PartitionName, nowMs: number, headEvents = 32) {
    this.name = name;
    this.nowMs = nowMs;
    this.headEvents = headEvents;
    this.partition = { ...newPartition(name, nowMs), sequence: 0 };
    this.durable = this.partition;
  }

  offer(request: OfferRequest): OfferReply {
    return this.run(
      request.events.map((event) => event.id),
      (view) => offer(view, request, this),
    );
  }

  claim(request: ClaimRequest): ClaimReply {
    return this.run([], (view) => claim(view, request, this));
  }

  exchange(request: ExchangeRequest): ExchangeReply {
    const named = request.actions.flatMap((action) => {
      if (action.kind === "release") return [];
      return action.kind === "complete" ? [action.id, ...action.emits.map((emit) => emit.id)] : [action.id];
    });
    return this.run(named, (view) => exchange(view, request, this));
  }

  operate(command: OperatorCommand): OperatorReply {
    return this.run("id" in command ? [command.id] : [], (view) => operate(view, command, this));
  }

  ask(request: AskRequest): AskReply {
    return this.run([request.envelope.id], (view) => ask(view, request, this));
  }

  settle(request: SettleRequest): SettleReply {
    return this.run([request.id], (view) => settle(view, request, this));
  }

  alarm(): PokeReply {
    this.alarmAtMs = null;
    return this.run([], (view) => tick(view, this));
  }

  crash(): void {
    this.partition = reconcile(this.durable, (id) => this.rows.get(id) ?? null);
  }

  record(id: EventId): EventRecord {
    const record = this.rows.get(id);
    if (record === undefined) throw new Error(`no such event: ${id}`);
    return record;
  }

  open(): EventRecord[] {
    return [...this.rows.values()]
      .filter((record) => isOpen(record.state))
      .sort((left, right) => comparePositions(positionOf(left), positionOf(right)));
  }

  private run<Reply>(named: readonly EventId[], command: (view: PartitionView) => Decision<Reply>): Reply {
    const decision = command(this.view(named));
    for (const record of decision.changed) this.rows.set(record.id, record);
    for (const one of decision.decisions.put) this.decisions.set(one.id, one);
    for (const id of decision.decisions.remove) this.decisions.delete(id);
    this.outbox.push(...decision.outbox);
    this.partition = decision.partition;
    if (decision.writePartition) {
      this.durable = decision.partition;
      this.partitionWrites++;
    }
    const workMs = decision.ring === null ? decision.dueMs : this.nowMs + RING_EVERY_MS;
    const times = [...this.decisions.values()].map((one) => one.dueMs).concat(workMs ?? []);
    const dueMs = times.length === 0 ? null : Math.min(...times);
    if (dueMs === null) this.alarmAtMs = null;
    else if (this.alarmAtMs === null || this.alarmAtMs > dueMs) this.alarmAtMs = dueMs;
    if (decision.ring !== null) this.rings++;
    return decision.reply;
  }

  private view(named: readonly EventId[]): PartitionView {
    const leased = this.partition.lease?.entries.map((entry) => entry.id) ?? [];
    const ordered = this.partition.mode === "ordered";
    const open = this.open();
    const due = ordered ? open : open.filter((record) => record.nextAtMs <= this.nowMs);
    const later = open.filter((record) => record.nextAtMs > this.nowMs).map((record) => record.nextAtMs);
    const behindMs = open.length > this.headEvents ? 0 : null;
    return {
      partition: this.partition,
      named: [...new Set([...named, ...leased])].flatMap((id) => this.rows.get(id) ?? []),
      head: due.slice(0, this.headEvents),
      nextOutsideHeadMs: ordered ? behindMs : later.length === 0 ? null : Math.min(...later),
      openEvents: open.length,
      storedBytes: 0,
      remembered: new Set(),
      decisions: [...this.decisions.values()].filter(
        (one) => one.dueMs <= this.nowMs || named.includes(one.id),
      ),
      openDecisions: this.decisions.size,
      highestPriority:
        PRIORITIES.find((priority) => open.some((one) => one.envelope.priority === priority)) ?? "low",
      highestOrder: Math.max(
        Number.NEGATIVE_INFINITY,
        ...[...this.rows.values()].map((record) => record.order),
      ),
    };
  }
}
