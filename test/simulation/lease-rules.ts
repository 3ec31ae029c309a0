/** One owner at a time: leases and tokens as they become durable, and what a superseded token may do. */
import type { ExchangeReply, ExchangeRequest } from "../../src/core/partition/commands.ts";
import { isOpen, type EventRecord, type PartitionRecord } from "../../src/core/partition/model.ts";
import { comparePositions, positionOf } from "../../src/core/partition/order.ts";
import { MAX_SKEW_MS, type Context } from "./context.ts";
import { isTimeAlone } from "./record-rules.ts";
import type { ObjectCall, SimObject } from "./sim-object.ts";
import { short } from "./trace.ts";

const RING_EVERY_MS = 5_000;
const POISON_AFTER_STARTS = 5;

export interface Write {
  readonly before: EventRecord | undefined;
  readonly after: EventRecord;
}

interface Seen {
  token: number;
  readonly driverByToken: Map<number, string>;
}

export class LeaseRules {
  private readonly context: Context;
  private readonly seen = new Map<string, Seen>();
  private readonly begun = new Set<string>();
  private readonly repeated = new Set<string>();

  constructor(context: Context) {
    this.context = context;
  }

  /** Whether this exchange must be refused, by what is known before it is decided. */
  mustBeFenced(object: SimObject, partition: PartitionRecord, request: ExchangeRequest): boolean {
    if (this.begun.has(request.request)) this.repeated.add(request.request);
    this.begun.add(request.request);
    const { lease } = partition;
    if (lease === null || lease.expiresAtMs <= object.nowMs()) return true;
    return lease.token !== request.token || lease.driver !== request.driver;
  }

  exchanged(call: ObjectCall, expectFenced: boolean, reply: ExchangeReply, writes: readonly Write[]): void {
    const { token, request } = call.request as ExchangeRequest; // as the driver sent it
    // What ended everything its lease held is answered as before, when the answer was lost.
    const isAnsweredAgain = reply.status === "released" && this.repeated.has(request);
    this.context.check(
      (reply.status === "fenced") === expectFenced || isAnsweredAgain,
      "a superseded token is refused, a valid one is not",
      () => `token ${token}: ${reply.status}`,
    );
    if (!expectFenced) return;
    const changed = writes.find(({ before, after }) => !isTimeAlone(before, after));
    this.context.check(changed === undefined, "a fenced write changes nothing", () => `token ${token}`);
  }

  /** On every flush: the durable word on who owns the partition. */
  flushed(object: SimObject): void {
    const { partition } = object.disk;
    if (partition === null) return;
    const seen = this.seen.get(object.name) ?? { token: 0, driverByToken: new Map<number, string>() };
    this.seen.set(object.name, seen);
    const { check } = bound(this.context, object);
    check(partition.token >= seen.token, "tokens rise", () => `${seen.token} → ${partition.token}`);
    const { lease } = partition;
    if (lease !== null) {
      const driver = seen.driverByToken.get(lease.token);
      check(
        driver === undefined || driver === lease.driver,
        "a token has one driver",
        () => `${lease.token}`,
      );
      check(
        driver !== undefined || lease.token > seen.token,
        "a new lease has a new token",
        () => `${lease.token}`,
      );
      check(
        lease.entries.every((entry) => entry.starts <= POISON_AFTER_STARTS),
        "an event is started five times at most",
        () => `${lease.token}`,
      );
      seen.driverByToken.set(lease.token, lease.driver);
    }
    seen.token = Math.max(seen.token, partition.token);
  }

  /** Open work always has an alarm, no later than its due time. */
  checkAlarm(object: SimObject, partition: PartitionRecord): void {
    if (object.alarmRunning || object.alarmTaken) return;
    const open = [...object.disk.records.values()].filter((record) => isOpen(record.state));
    if (open.length === 0) return;
    const { check } = bound(this.context, object);
    const { alarmMs } = object.disk;
    check(alarmMs !== null, "open work has an alarm", () => `${open.length} open`);
    if (alarmMs === null) return;
    const dueMs = dueBy(partition, open, object.nowMs());
    // It may have been set by an earlier load of the object, whose clock was another.
    check(alarmMs <= dueMs + 2 * MAX_SKEW_MS, "the alarm is no later than the work is due", () => {
      const waiting = open.map(
        ({ id, state, order, nextAtMs }) => `${short(id)} ${state} at ${order} until ${nextAtMs}`,
      );
      return `${alarmMs - dueMs} ms late; gate ${partition.gateUntilMs}; ${waiting.join(", ")}`;
    });
  }
}

function dueBy(partition: PartitionRecord, open: readonly EventRecord[], nowMs: number): number {
  const { lease } = partition;
  if (lease !== null) return Math.max(lease.expiresAtMs, nowMs + RING_EVERY_MS);
  if (partition.paused !== null) return Number.POSITIVE_INFINITY;
  const [first] = open.toSorted((left, right) => comparePositions(positionOf(left), positionOf(right)));
  const nextAtMs =
    partition.mode === "ordered"
      ? (first?.nextAtMs ?? 0)
      : Math.min(...open.map((record) => record.nextAtMs));
  return Math.max(nextAtMs, partition.gateUntilMs, nowMs + RING_EVERY_MS);
}

function bound(context: Context, object: SimObject) {
  return {
    check: (holds: boolean, rule: string, detail: () => string) =>
      context.check(holds, rule, () => `${object.disk.label}: ${detail()}`),
  };
}
