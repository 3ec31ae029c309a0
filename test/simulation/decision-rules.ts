/** Answers that senders wait for, as they are told and as they are stored. Spec: docs/spec/decision.md, D1 to D5. */
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { partitionOf, type EventId, type PartitionName } from "../../src/core/ids.ts";
import type { DecisionRecord, EventRecord } from "../../src/core/partition/model.ts";
import type { OutboundMessage } from "../../src/destinations/port.ts";
import { MAX_SKEW_MS, type Context } from "./context.ts";
import type { SimObject } from "./sim-object.ts";
import { short } from "./trace.ts";

/** One that failed comes again after a while by the platform's own doing. */
const ALARM_AGAIN_MS = 5_000;

export interface DecisionStatistics {
  answersByModel: number;
  answersByDefault: number;
}

export class DecisionRules {
  readonly statistics: DecisionStatistics = { answersByModel: 0, answersByDefault: 0 };
  private readonly context: Context;
  private readonly objectFor: (partition: PartitionName) => SimObject;
  /** As senders were told, by event. */
  private readonly told = new Map<EventId, string>();

  constructor(context: Context, objectFor: (partition: PartitionName) => SimObject) {
    this.context = context;
    this.objectFor = objectFor;
  }

  wasAnswered({ id }: EventEnvelope, decision: DecisionRecord): void {
    const answer = JSON.stringify(decision.answer);
    const before = this.told.get(id);
    this.check(before === undefined || before === answer, "an event has one answer, for ever", id);
    const durable = this.durable(id);
    this.check(
      durable !== null && JSON.stringify(durable.answer) === answer,
      "nobody is told an answer that is not durable",
      id,
    );
    if (before === undefined) {
      if (decision.by === "default") this.statistics.answersByDefault++;
      else this.statistics.answersByModel++;
    }
    this.told.set(id, answer);
  }

  wasOnlyKnown({ id }: EventEnvelope): void {
    this.check(this.durable(id) === null, "who asks again is told the answer that stands", id);
  }

  flushed(object: SimObject, changed: ReadonlyMap<EventId, EventRecord | undefined>): void {
    for (const [id, before] of changed) {
      const after = object.disk.records.get(id);
      const answer = JSON.stringify(after?.decision?.answer);
      const told = this.told.get(id) ?? JSON.stringify(before?.decision?.answer);
      this.check(told === undefined || told === answer, "an answer that was given stands", id);
    }
    for (const [id, { dueMs }] of object.disk.decisions) {
      this.check(!object.disk.records.has(id), "a question is in the log or waits, not both", id);
      const { alarmMs } = object.disk;
      if (object.alarmRunning || object.alarmTaken) continue;
      // It may have been set by an earlier load of the object, whose clock was another.
      const watchedByMs = Math.max(dueMs, object.nowMs() + ALARM_AGAIN_MS) + 2 * MAX_SKEW_MS;
      const isWatched = alarmMs !== null && alarmMs <= watchedByMs;
      this.check(isWatched, "a question that nobody lives to answer has an alarm", id);
    }
  }

  effectStarts(record: EventRecord, message: OutboundMessage): void {
    const { decision } = record;
    if (decision === undefined) return;
    this.check(
      decision.review !== "due",
      "what was answered by default is seen before it has an effect",
      record.id,
    );
    if (decision.by === "default" || message.run > 1 || record.output?.edited === true) return;
    this.check(
      JSON.stringify(message.body) === JSON.stringify(decision.answer),
      "what a sender was told is what is delivered",
      record.id,
    );
  }

  private durable(id: EventId): DecisionRecord | null {
    const { disk } = this.objectFor(partitionOf(id));
    return disk.records.get(id)?.decision ?? disk.decisions.get(id)?.answer ?? null;
  }

  private check(holds: boolean, rule: string, id: EventId): void {
    this.context.check(holds, rule, () => short(id));
  }
}
