/** A driver's side of a partition in memory, said in few words. For tests of the machine. */
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { Action, ExchangeReply, LeaseView, OfferReply } from "../../src/core/partition/commands.ts";
import type { DeliveryRecord, StoredOutput } from "../../src/core/partition/model.ts";
import type { OperatorCommand, OperatorOutcome } from "../../src/core/partition/operate.ts";
import type { EventPolicy } from "../../src/core/policy.ts";
import { envelopeOf, partitionFor, type EnvelopeOptions } from "./envelopes.ts";
import { MemoryPartition } from "./memory-partition.ts";

export const START_MS = 1_700_000_000_000;

export const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "echo@1",
  value: null,
  body: {},
  type: "echo.completed",
  to: ["sink"],
  emits: [],
  model: null,
};

export interface SayOptions {
  readonly driver?: string;
  readonly holding?: readonly EventEnvelope[];
  readonly wantMore?: boolean;
  readonly request?: string;
}

export class PartitionScript {
  readonly partition: MemoryPartition;
  private requests = 0;

  private constructor(partition: MemoryPartition) {
    this.partition = partition;
  }

  static async start(
    customer = "customer-1",
    policy: Partial<EventPolicy> = {},
    headEvents = 32,
  ): Promise<PartitionScript> {
    const name = await partitionFor(customer, policy);
    return new PartitionScript(new MemoryPartition(name, START_MS, headEvents));
  }

  newRequest(): string {
    return `r${++this.requests}`;
  }

  offer(
    events: readonly EventEnvelope[],
    driver = "d1",
    wantLease = true,
    request = this.newRequest(),
  ): OfferReply {
    return this.partition.offer({ v: 1, request, partition: this.partition.name, driver, events, wantLease });
  }

  claim(driver: string): LeaseView | null {
    return this.partition.claim({ v: 1, request: this.newRequest(), driver }).lease;
  }

  say(lease: LeaseView, actions: readonly Action[], options: SayOptions = {}): ExchangeReply {
    return this.partition.exchange({
      v: 1,
      request: options.request ?? this.newRequest(),
      driver: options.driver ?? "d1",
      token: lease.token,
      holding: (options.holding ?? []).map((envelope) => envelope.id),
      wantMore: options.wantMore ?? true,
      actions,
    });
  }

  operate(command: OperatorCommand): OperatorOutcome {
    return this.partition.operate(command).outcome;
  }

  /** Offers one event and brings it to its end. */
  finish(envelope: EventEnvelope): void {
    const lease = leaseOf(this.offer([envelope]));
    this.say(lease, [record(envelope)], { holding: [envelope] });
    this.say(lease, [complete(envelope)]);
  }
}

export function eventOf(key: string, options: Omit<EnvelopeOptions, "key"> = {}): Promise<EventEnvelope> {
  return envelopeOf({ key, receivedAtMs: START_MS, ...options });
}

export function leaseOf(reply: { lease: LeaseView | null }): LeaseView {
  return granted(reply.lease);
}

export function granted(lease: LeaseView | null): LeaseView {
  if (lease === null) throw new Error("expected a lease");
  return lease;
}

export function delivery(envelope: EventEnvelope, destination = "sink", run = 1): DeliveryRecord {
  const idempotencyKey = `${envelope.id}.${run}.${destination}`;
  return { destination, idempotencyKey, status: 200, deliveredAtMs: START_MS, durationMs: 1 };
}

export function record(envelope: EventEnvelope): Action {
  return { kind: "record", id: envelope.id, output: OUTPUT };
}

export function complete(envelope: EventEnvelope): Action {
  return { kind: "complete", id: envelope.id, deliveries: [delivery(envelope)], emits: [] };
}

export function fail(envelope: EventEnvelope, code = "http_503"): Action {
  return {
    kind: "fail",
    id: envelope.id,
    failure: failure("infer", "transient", code, "try later"),
    deliveries: [],
  };
}
