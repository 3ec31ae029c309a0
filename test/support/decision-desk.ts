/** A partition in memory as those see it who ask it for a decision about one event, and the driver that takes the event on. */
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { AskReply, Settlement } from "../../src/core/partition/decisions.ts";
import type { DecisionRecord, StoredOutput } from "../../src/core/partition/model.ts";
import type { ReviewDecision } from "../../src/core/partition/operate.ts";
import { envelopeOf } from "./envelopes.ts";
import { MemoryPartition } from "./memory-partition.ts";

export const ASKED_AT_MS = 1_700_000_000_000;
export const REMAINING_MS = 500;
export const DEFAULT = { allow: true, flagged: true };

export function outputOf(body: StoredOutput["body"], cached = false): StoredOutput {
  return {
    v: 1,
    stageVersion: "p:1",
    value: null,
    body,
    type: "decided",
    to: ["out"],
    emits: [],
    model: {
      name: "fast",
      modelId: "fast-1",
      inputTokens: 1,
      outputTokens: 1,
      estimatedUsage: false,
      costMicros: 1,
      durationMs: 1,
      cached,
    },
  };
}

export function byDefault(isFinal: boolean): Settlement {
  return { kind: "default", reason: "deadline", isFinal, output: null };
}

export class Desk {
  readonly partition: MemoryPartition;
  readonly envelope: EventEnvelope;
  isReviewed = false;
  private requests = 0;

  constructor(envelope: EventEnvelope) {
    this.envelope = envelope;
    this.partition = new MemoryPartition(envelope.partition, ASKED_AT_MS);
  }

  ask(request = `ask-${this.requests++}`, remainingMs = REMAINING_MS): AskReply {
    const { envelope } = this;
    return this.partition.ask({
      v: 1,
      request,
      envelope,
      default: DEFAULT,
      remainingMs,
      waitMs: 0,
    });
  }

  settle(settlement: Settlement): DecisionRecord | null {
    const request = `settle-${this.requests++}`;
    return this.partition.settle({ v: 1, request, id: this.envelope.id, settlement }).decision;
  }

  model(token: number, body: StoredOutput["body"] = { allow: false }): DecisionRecord | null {
    return this.settle({ kind: "model", token, output: outputOf(body) });
  }

  token(): number {
    const reply = this.ask();
    if (reply.status !== "yours") throw new Error(reply.status);
    return reply.token;
  }

  /** One driver takes what there is and records an output. @returns what it was granted */
  drive(driver: string, records = true) {
    const { partition } = this;
    const lease = partition.claim({ v: 1, request: `${driver}-claim`, driver }).lease;
    const ids = lease?.granted.map(({ envelope }) => envelope.id) ?? [];
    if (lease !== null) {
      // One that holds what was made before it has nothing to record, and asks for its turn.
      const granted = records ? lease.granted : [];
      const actions = granted.map(({ envelope, output }) => ({
        kind: "record" as const,
        id: envelope.id,
        output: output ?? outputOf({ made: "by a driver" }),
      }));
      const { token } = lease;
      const request = `${driver}-record`;
      partition.exchange({ v: 1, request, driver, token, holding: ids, wantMore: false, actions });
    }
    return lease?.granted ?? [];
  }

  offer(envelope: EventEnvelope): void {
    const { partition } = envelope;
    const request = `offer-${this.requests++}`;
    this.partition.offer({ v: 1, request, partition, driver: "lane", events: [envelope], wantLease: false });
  }

  review(decision: ReviewDecision): void {
    const { id } = this.envelope;
    const { outcome } = this.partition.operate({ kind: "review", id, run: 1, decision });
    this.isReviewed ||= outcome === "applied";
  }

  record() {
    return this.partition.record(this.envelope.id);
  }
}

export async function desk(policy: Partial<EventEnvelope["policy"]> = { ordering: "strict" }): Promise<Desk> {
  return new Desk(await envelopeOf({ key: "asked", receivedAtMs: ASKED_AT_MS, policy }));
}
