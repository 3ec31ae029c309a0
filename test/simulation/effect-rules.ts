/**
 * Effects outside, as they start and as they arrive: only by the valid owner, only while the lease outlives them,
 * only in order, never again once recorded, always the same under one idempotency key.
 */
import { LIMITS } from "../../src/config/limits.ts";
import type { EventId, PartitionName } from "../../src/core/ids.ts";
import { isOpen, type EventRecord, type Position } from "../../src/core/partition/model.ts";
import { comparePositions, positionOf } from "../../src/core/partition/order.ts";
import type { OutboundMessage } from "../../src/destinations/port.ts";
import { MAX_SKEW_MS, type Context } from "./context.ts";
import type { DecisionRules } from "./decision-rules.ts";
import type { SimProcess } from "./process.ts";
import type { EffectWatcher } from "./sim-destinations.ts";
import type { SimObject } from "./sim-object.ts";
import { short } from "./trace.ts";

/** Two clocks, each off by as much as it may be. */
const TOLERANCE_MS = 2 * MAX_SKEW_MS;

interface Newest {
  token: number;
  sequence: number;
}

export interface EffectStatistics {
  arrived: number;
  /** A naive receiver had it before. */
  repeated: number;
  /** A fencing receiver refused it. */
  refusedAsOld: number;
  /** First effects that a naive receiver of a strict order saw after a later one's. */
  outOfOrder: number;
}

export class EffectRules implements EffectWatcher {
  readonly statistics: EffectStatistics = { arrived: 0, repeated: 0, refusedAsOld: 0, outOfOrder: 0 };
  private readonly context: Context;
  private readonly objectFor: (partition: PartitionName) => SimObject;
  private readonly decisions: DecisionRules;
  private readonly deadlines = new Map<string, number>();
  private readonly skipped = new Set<EventId>();
  private readonly bodies = new Map<string, string>();
  private readonly started = new Map<PartitionName, Newest>();
  private readonly accepted = new Map<string, Newest>();
  private readonly reached = new Map<PartitionName, Position>();
  private readonly reachedAt = new Map<string, Position>();

  constructor(
    context: Context,
    objectFor: (partition: PartitionName) => SimObject,
    decisions: DecisionRules,
  ) {
    this.context = context;
    this.objectFor = objectFor;
    this.decisions = decisions;
  }

  deliverBegins(id: EventId, process: SimProcess): void {
    this.deadlines.set(`${process.name}:${id}`, this.context.clock.nowMs + LIMITS.stages.deliverTimeoutMs);
  }

  /** Its driver is told with the next exchange, and may have begun. */
  operatorSkips(id: EventId): void {
    this.skipped.add(id);
  }

  /** The largest position of an event whose effect has arrived anywhere. */
  reachedIn(partition: PartitionName): Position | null {
    return this.reached.get(partition) ?? null;
  }

  wasDelivered(destination: string, idempotencyKey: string): boolean {
    return this.bodies.has(`${destination} ${idempotencyKey}`);
  }

  starts(destination: string, message: OutboundMessage, sender: SimProcess): void {
    const { eventId, token, sequence } = message;
    this.context.trace.line(
      `${sender.name} sends ${short(eventId)} to ${destination} token ${token} #${sequence}`,
    );
    if (this.skipped.has(eventId)) return;
    const object = this.objectFor(message.partition);
    const record = object.disk.records.get(eventId);
    const rule = (holds: boolean, name: string, detail = "") =>
      this.context.check(holds, name, () => `${short(eventId)} by ${sender.name} ${detail}`);
    rule(record !== undefined && isOpen(record.state), "no effect of an event that has ended");
    if (record === undefined) return;
    this.checkLease(object, message, sender, rule);
    this.decisions.effectStarts(record, message);
    rule(record.run === message.run, "an effect belongs to the present run");
    rule(
      JSON.stringify(record.output?.body) === JSON.stringify(message.body),
      "the output is durable before its first effect",
    );
    const recorded = record.deliveries.some((delivery) => delivery.destination === destination);
    rule(!recorded, "a recorded effect is never repeated");
    if (object.disk.partition?.mode === "ordered") this.checkTurn(object, record, rule);
    const newest = this.started.get(message.partition) ?? { token: 0, sequence: 0 };
    rule(
      token >= newest.token,
      "the valid owner's effect is never refused as older",
      `token ${token} < ${newest.token}`,
    );
    const ordered = object.disk.partition?.mode === "ordered";
    rule(
      !ordered || sequence >= newest.sequence,
      "the valid owner's effect is never refused as older",
      `sequence ${sequence} < ${newest.sequence}`,
    );
    this.started.set(message.partition, {
      token: Math.max(token, newest.token),
      sequence: Math.max(sequence, newest.sequence),
    });
  }

  private checkLease(
    object: SimObject,
    message: OutboundMessage,
    sender: SimProcess,
    rule: (holds: boolean, name: string, detail?: string) => void,
  ): void {
    const { nowMs } = this.context.clock;
    const lease = object.disk.partition?.lease ?? null;
    rule(
      lease?.token === message.token,
      "an effect starts under the valid lease",
      `token ${message.token}, now ${lease?.token ?? "none"}`,
    );
    const deadlineMs = this.deadlines.get(`${sender.name}:${message.eventId}`) ?? nowMs;
    const leftMs = (lease?.expiresAtMs ?? 0) - deadlineMs;
    rule(leftMs >= -TOLERANCE_MS, "the lease outlives the effect's time-out", `${leftMs} ms`);
    rule(
      nowMs <= deadlineMs + TOLERANCE_MS,
      "no effect starts after its time is up",
      `${nowMs - deadlineMs} ms late`,
    );
  }

  /** Everything before it has ended, or came too late to be before it. */
  private checkTurn(
    object: SimObject,
    record: EventRecord,
    rule: (holds: boolean, name: string, detail?: string) => void,
  ): void {
    const position = positionOf(record);
    for (const other of object.disk.records.values()) {
      if (!isOpen(other.state) || other.late || comparePositions(positionOf(other), position) >= 0) continue;
      rule(false, "effects are in order", `before ${short(other.id)}`);
    }
    const { gapWaitMs } = record.envelope.policy;
    const { orderKey } = record.envelope;
    // What entered again is at the tail, where there is no gap.
    if (gapWaitMs === 0 || orderKey === null || record.order !== orderKey) return;
    const waitedMs = object.nowMs() - record.enteredAtMs;
    const follows = [...object.disk.records.values()].some(
      (other) =>
        other.id !== record.id &&
        (other.envelope.orderKey ?? -1) >= orderKey - 1 &&
        (other.effectsBegun || !isOpen(other.state) || other.order !== other.envelope.orderKey),
    );
    const hasWaited = waitedMs >= gapWaitMs - TOLERANCE_MS;
    rule(
      follows || hasWaited || record.run > 1,
      "a gap in the sender's numbers is waited for",
      `${waitedMs} ms`,
    );
  }

  arrives(destination: string, message: OutboundMessage): void {
    const { statistics } = this;
    const { idempotencyKey, partition, token, sequence, eventId } = message;
    this.context.trace.line(`${destination} has ${short(eventId)} token ${token} #${sequence}`);
    statistics.arrived++;
    const key = `${destination} ${idempotencyKey}`;
    const body = JSON.stringify(message.body);
    const known = this.bodies.get(key);
    this.context.check(known === undefined || known === body, "one idempotency key is one effect", () => key);
    const first = known === undefined;
    if (!first) statistics.repeated++;
    this.bodies.set(key, body);
    const object = this.objectFor(partition);
    const record = object.disk.records.get(eventId);
    if (object.disk.partition?.mode !== "ordered" || record === undefined) return;
    const fenced = this.fence(`${destination} ${partition}`, { token, sequence });
    if (fenced) statistics.refusedAsOld++;
    this.checkArrival(destination, record, first, fenced);
  }

  /** @returns whether a receiver that looks at token and sequence would refuse it */
  private fence(at: string, message: Newest): boolean {
    const newest = this.accepted.get(at) ?? { token: 0, sequence: 0 };
    if (message.token < newest.token || message.sequence < newest.sequence) return true;
    this.accepted.set(at, { ...message });
    return false;
  }

  private checkArrival(destination: string, record: EventRecord, first: boolean, fenced: boolean): void {
    const { partition } = record.envelope;
    const position = positionOf(record);
    const before = this.reached.get(partition) ?? null;
    if (before === null || comparePositions(position, before) > 0) this.reached.set(partition, position);
    if (!first || record.envelope.policy.ordering !== "strict") return;
    const at = `${destination} ${partition}`;
    const last = this.reachedAt.get(at) ?? null;
    const inOrder = last === null || comparePositions(position, last) >= 0;
    if (inOrder) this.reachedAt.set(at, position);
    else this.statistics.outOfOrder++;
    this.context.check(inOrder || fenced, "a receiver that fences sees the strict order", () =>
      short(record.id),
    );
  }
}
