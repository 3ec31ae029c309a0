/** Everything that is watched, in one place: P1 to P4 of the design, checked at every step. */
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { partitionOf, type EventId, type PartitionName } from "../../src/core/ids.ts";
import type { Action, ExchangeReply, ExchangeRequest } from "../../src/core/partition/commands.ts";
import {
  isOpen,
  type DecisionRecord,
  type EventRecord,
  type Position,
} from "../../src/core/partition/model.ts";
import type { JsonValue } from "../../src/core/json.ts";
import type { AnsweredEvent } from "../../src/ingest/answer.ts";
import { comparePositions, positionOf } from "../../src/core/partition/order.ts";
import type { UndeliverableStore } from "../../src/lanes/undeliverable.ts";
import type { EventProcessor } from "../../src/pipeline/processor.ts";
import type { Context } from "./context.ts";
import { DecisionRules } from "./decision-rules.ts";
import { EffectRules } from "./effect-rules.ts";
import { LeaseRules, type Write } from "./lease-rules.ts";
import type { SimProcess } from "./process.ts";
import { checkRewrite } from "./record-rules.ts";
import type { WorkWatcher } from "./sim-consumer.ts";
import type { AcceptanceWatcher } from "./sim-ingest.ts";
import type { ModelWatcher } from "./sim-models.ts";
import type { ObjectCall, ObjectWatcher, SimObject } from "./sim-object.ts";
import type { LaneWatcher } from "./sim-queue.ts";
import { short } from "./trace.ts";

interface Deciding {
  readonly call: ObjectCall;
  readonly writes: Write[];
  readonly expectFenced: boolean;
  readonly leased: ReadonlySet<EventId>;
}

export interface LogStatistics {
  late: number;
  stored: number;
  modelCalls: number;
  /** By drivers that had lost their lease and did not know it yet. */
  modelCallsByZombies: number;
  /** Duplicates that the cache answered. */
  knownAtEdge: number;
}

function endedAs(state: string, result: JsonValue | undefined): string {
  return `${state} ${JSON.stringify(result) ?? "-"}`;
}

export class Rules
  implements ObjectWatcher, LaneWatcher, AcceptanceWatcher, ModelWatcher, WorkWatcher, UndeliverableStore
{
  readonly effects: EffectRules;
  readonly decisions: DecisionRules;
  readonly accepted = new Map<EventId, EventEnvelope>();
  readonly kept = new Set<string>();
  readonly statistics: LogStatistics = {
    late: 0,
    stored: 0,
    modelCalls: 0,
    modelCallsByZombies: 0,
    knownAtEdge: 0,
  };
  /** Whether a lane holds the event; wired by the world. */
  isInLanes: (id: string) => boolean = () => false;
  private readonly context: Context;
  private readonly objectFor: (partition: PartitionName) => SimObject;
  private readonly leases: LeaseRules;
  private readonly deciding = new Map<SimObject, Deciding>();
  /** The largest position that ever had a turn. */
  private readonly begunUpTo = new Map<PartitionName, Position>();
  /** The largest of the sender's own numbers that was ever stored. */
  private readonly highestKey = new Map<PartitionName, number>();
  /** The token under which a process works on an event. */
  private readonly tokens = new Map<string, number>();
  private readonly highestOrder = new Map<PartitionName, number>();
  /** Everything that events have ever come to. */
  private readonly ends = new Map<EventId, Set<string>>();

  constructor(context: Context, objectFor: (partition: PartitionName) => SimObject) {
    this.context = context;
    this.objectFor = objectFor;
    this.decisions = new DecisionRules(context, objectFor);
    this.effects = new EffectRules(context, objectFor, this.decisions);
    this.leases = new LeaseRules(context);
  }

  // What was accepted is somewhere.

  wasAccepted(envelope: EventEnvelope): void {
    this.accepted.set(envelope.id, envelope);
    this.checkSomewhere(envelope.id, "what was answered 2xx is durable");
  }

  /** The cache may only pass on what the partition has committed of this very event, whichever run it was. */
  wasKnownAtEdge(envelope: EventEnvelope, { state, result }: AnsweredEvent): void {
    this.statistics.knownAtEdge++;
    const { id } = envelope;
    const said = endedAs(state ?? "", result);
    this.context.check(
      this.ends.get(id)?.has(said) === true,
      "the edge tells what the event came to",
      () => `${short(id)} ${said}`,
    );
  }

  wasAnswered(envelope: EventEnvelope, decision: DecisionRecord): void {
    this.wasAccepted(envelope);
    this.decisions.wasAnswered(envelope, decision);
  }

  wasOnlyKnown(envelope: EventEnvelope): void {
    this.wasAccepted(envelope);
    this.decisions.wasOnlyKnown(envelope);
  }

  left(eventId: string): void {
    this.checkSomewhere(eventId as EventId, "no message leaves the lanes before its event is stored"); // of an envelope
  }

  /** The lanes' last resort: an object store. */
  async put(key: string, body: string): Promise<void> {
    await this.context.clock.wait(this.context.chance.latencyMs(20), `store ${key}`);
    const { body: message } = JSON.parse(body) as { body: { envelope?: { id: string } } }; // written by `keep`
    if (message.envelope !== undefined) this.kept.add(message.envelope.id);
  }

  /** null: the event has come to an end, or is kept for an operator. */
  unfinished(id: EventId): string | null {
    const { disk } = this.objectFor(partitionOf(id));
    const record = disk.records.get(id);
    if (disk.decisions.has(id)) return "asked";
    if (record === undefined) return this.kept.has(id) ? null : "not stored";
    return isOpen(record.state) ? record.state : null;
  }

  private checkSomewhere(id: EventId, rule: string): void {
    const { disk } = this.objectFor(partitionOf(id));
    const stored = disk.records.has(id) || disk.decisions.has(id);
    this.context.check(stored || this.kept.has(id) || this.isInLanes(id), rule, () => short(id));
  }

  // The partition's object.

  callBegins(object: SimObject, call: ObjectCall): void {
    const memory = object.memory();
    const expectFenced =
      call.method === "exchange" &&
      memory !== null &&
      this.leases.mustBeFenced(object, memory.partition, call.request as ExchangeRequest); // as the driver sent it
    const leased = new Set(memory?.partition.lease?.entries.map((entry) => entry.id));
    const deciding: Deciding = { call, writes: [], expectFenced, leased };
    this.deciding.set(object, deciding);
    object.disk.onWrite = (before, after) => {
      deciding.writes.push({ before, after });
      if (after.sequence > 0) this.noteBegun(object.name, positionOf(after));
      if (before === undefined) this.checkArrival(object, after);
      else checkRewrite(this.context, call, before, after, !expectFenced && leased.has(after.id));
    };
  }

  callDecided(object: SimObject): void {
    object.disk.onWrite = () => {};
    const memory = object.memory();
    if (memory === null) return;
    const { disk } = object;
    let open = 0;
    let sequence = 0;
    for (const record of disk.currentRecords()) {
      if (isOpen(record.state)) open++;
      sequence = Math.max(sequence, record.sequence);
    }
    const check = (holds: boolean, rule: string, detail: string) =>
      this.context.check(holds, rule, () => `${disk.label}: ${detail}`);
    check(
      open === memory.openEvents,
      "memory knows what is stored",
      `${open} open, believes ${memory.openEvents}`,
    );
    check(
      sequence <= memory.partition.sequence,
      "no sequence is given twice",
      `${sequence} > ${memory.partition.sequence}`,
    );
  }

  answered(object: SimObject, call: ObjectCall, reply: unknown): void {
    const deciding = this.deciding.get(object);
    if (call.method !== "exchange" || deciding?.call !== call) return;
    const told = reply as ExchangeReply; // the object's own
    this.leases.exchanged(call, deciding.expectFenced, told, deciding.writes);
    if (deciding.expectFenced) return;
    const { actions } = call.request as ExchangeRequest; // as the driver sent it
    for (const action of actions) {
      if (action.kind !== "release" && deciding.leased.has(action.id)) this.checkKept(object, action);
    }
  }

  /** What a driver was answered about may never be lost again. */
  private checkKept(object: SimObject, action: Exclude<Action, { kind: "release" }>): void {
    const record = object.disk.records.get(action.id);
    const names = record?.deliveries.map((delivery) => delivery.destination) ?? [];
    const kept =
      (action.kind !== "confirm" || names.includes(action.delivery.destination)) &&
      (action.kind !== "record" || record?.output?.stageVersion === action.output.stageVersion) &&
      (action.kind !== "complete" ||
        action.deliveries.every(({ destination }) => names.includes(destination)));
    this.context.check(kept, "what was answered is durable", () => `${action.kind} of ${short(action.id)}`);
  }

  flushed(object: SimObject, changed: ReadonlyMap<EventId, EventRecord | undefined>): void {
    this.leases.flushed(object);
    this.decisions.flushed(object, changed);
    const memory = object.memory();
    if (memory !== null) this.leases.checkAlarm(object, memory.partition);
    for (const [id, before] of changed) {
      const after = object.disk.records.get(id);
      if (after === undefined) continue;
      this.highestOrder.set(
        object.name,
        Math.max(this.highestOrder.get(object.name) ?? after.order, after.order),
      );
      if (before?.state !== after.state)
        this.context.trace.line(`${object.disk.label} ${short(id)} ${after.state}`);
      if (after.state === "done" && before?.state !== "done") this.checkDone(object, after);
      if (!isOpen(after.state)) this.noteEnd(after);
    }
  }

  private noteEnd({ id, state, output }: EventRecord): void {
    const ends = this.ends.get(id) ?? new Set();
    ends.add(endedAs(state, state === "done" ? output?.body : undefined));
    this.ends.set(id, ends);
  }

  private noteBegun(partition: PartitionName, position: Position): void {
    const known = this.begunUpTo.get(partition);
    if (known === undefined || comparePositions(position, known) > 0) this.begunUpTo.set(partition, position);
  }

  private checkArrival(object: SimObject, record: EventRecord): void {
    this.statistics.stored++;
    if (record.late) this.statistics.late++;
    const { ordering } = record.envelope.policy;
    if (ordering === "none") return;
    const check = (holds: boolean, rule: string) => this.context.check(holds, rule, () => short(record.id));
    const position = positionOf(record);
    const suspended = record.envelope.orderSuspended === true;
    const { parent } = record.envelope;
    const ofLateParent = parent !== null && object.disk.current(parent.id)?.late === true;
    if (ordering === "strict") {
      const highest = this.highestOrder.get(record.envelope.partition) ?? Number.NEGATIVE_INFINITY;
      check(record.order > highest, "strict is the order of acknowledgement");
      const isOutOfIt = suspended || ofLateParent;
      check(record.late === isOutOfIt, "nothing is late in a strict order, but what was queued out of it");
    }
    const begun = this.begunUpTo.get(record.envelope.partition);
    const overtakenBy = begun !== undefined && comparePositions(position, begun) < 0;
    check(!record.late || suspended || overtakenBy || ofLateParent, "late means that a later one had begun");
    const { orderKey } = record.envelope;
    const keyStored = this.highestKey.get(record.envelope.partition) ?? Number.NEGATIVE_INFINITY;
    const isNext = orderKey !== null && orderKey > keyStored;
    check(!record.late || !isNext, "the sender's next number is never late");
    this.highestKey.set(record.envelope.partition, Math.max(keyStored, orderKey ?? keyStored));
    const reached = this.effects.reachedIn(record.envelope.partition);
    const overtaken = reached !== null && comparePositions(position, reached) < 0;
    check(record.late || !overtaken, "what came after a later one's effect is marked late");
  }

  private checkDone(object: SimObject, record: EventRecord): void {
    const check = (holds: boolean, rule: string) => this.context.check(holds, rule, () => short(record.id));
    const destinations = record.deliveries.map((delivery) => delivery.destination);
    check(new Set(destinations).size === destinations.length, "each destination is recorded once");
    const wanted = record.output?.to ?? [];
    check(
      wanted.every((name) => destinations.includes(name)),
      "done means delivered everywhere",
    );
    for (const { destination, idempotencyKey } of record.deliveries) {
      check(this.effects.wasDelivered(destination, idempotencyKey), "a recorded delivery has arrived");
    }
    const emitted = record.output?.emits.length ?? 0;
    const children = [...object.disk.records.values()].filter(
      (other) => other.envelope.parent?.id === record.id,
    );
    check(children.length >= emitted, "emitted events commit with their parent");
    for (const child of children) this.accepted.set(child.id, child.envelope);
  }

  // Drivers and models.

  watch(processor: EventProcessor, process: SimProcess): EventProcessor {
    return {
      prepare: (event, signal) => {
        this.tokens.set(`${process.name}:${event.envelope.id}`, event.token);
        return processor.prepare(event, signal);
      },
      deliver: (event, output, signal, confirm) => {
        this.effects.deliverBegins(event.envelope.id, process);
        return processor.deliver(event, output, signal, confirm);
      },
    };
  }

  asked(eventId: string, process: SimProcess, stageVersion: string): void {
    this.statistics.modelCalls++;
    const id = eventId as EventId; // the prompt quotes it
    const { disk } = this.objectFor(partitionOf(id));
    // Whoever answers a sender holds a question, not a lease.
    if (process.kind === "ingest") return this.checkQuestion(id);
    const token = this.tokens.get(`${process.name}:${id}`);
    if (disk.partition?.lease?.token !== token) {
      this.statistics.modelCallsByZombies++;
      return;
    }
    const stored = disk.records.get(id)?.output?.stageVersion;
    this.context.check(stored !== stageVersion, "the model is never asked again for a stored output", () =>
      short(id),
    );
  }

  private checkQuestion(id: EventId): void {
    const record = this.objectFor(partitionOf(id)).disk.records.get(id);
    const isAnswered = record?.decision !== undefined && record.decision.by !== "default";
    this.context.check(!isAnswered, "the model is never asked again about what it has answered", () =>
      short(id),
    );
  }
}
