/**
 * Senders: each customer's occurrences, reported through the real append, sometimes twice, sometimes again after a
 * refusal. What was answered as taken is what the gateway has promised to finish.
 */
import { LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { makeEventId, makePartitionName, type EventId, type PartitionName } from "../../src/core/ids.ts";
import { DEFAULT_EVENT_POLICY, type EventPolicy, type Priority } from "../../src/core/policy.ts";
import { DELIVERY_RETRY } from "../../src/core/retry.ts";
import type { Context } from "./context.ts";
import { PIPELINES, type Payload } from "./pipelines.ts";
import type { Chance } from "./random.ts";
import type { SimIngest } from "./sim-ingest.ts";

interface Customer {
  readonly name: string;
  readonly partition: PartitionName;
  readonly policy: EventPolicy;
  /** How the sender numbers what it reports. */
  readonly keys: "none" | "time" | "sequence";
  /** Whether it waits for what the pipeline makes of its events. */
  readonly asks: boolean;
  reported: number;
}

const KINDS = [
  { name: "strict", ordering: "strict", keys: "none", gapWaitMs: 0, asks: false },
  { name: "arrival", ordering: "arrival", keys: "none", gapWaitMs: 0, asks: false },
  { name: "timed", ordering: "arrival", keys: "time", gapWaitMs: 0, asks: false },
  { name: "numbered", ordering: "arrival", keys: "sequence", gapWaitMs: 20_000, asks: false },
  { name: "unordered", ordering: "none", keys: "none", gapWaitMs: 0, asks: false },
  { name: "strict-or-queued", ordering: "strict", keys: "none", gapWaitMs: 0, asks: false },
  { name: "asked", ordering: "arrival", keys: "none", gapWaitMs: 0, asks: true },
  { name: "asked-strictly", ordering: "strict", keys: "none", gapWaitMs: 0, asks: true },
  { name: "asked-unordered", ordering: "none", keys: "none", gapWaitMs: 0, asks: true },
] as const;

const MAX_REPORTS = 4;

export class SimSenders {
  private readonly context: Context;
  private readonly ingest: SimIngest;
  private readonly chance: Chance;
  /** Occurrences that are still to be reported, or being reported. */
  busy = 0;
  private customers: Customer[] = [];

  constructor(context: Context, ingest: SimIngest) {
    this.context = context;
    this.ingest = ingest;
    this.chance = context.chance.stream("senders");
  }

  /** Plans every report over the given time, in bursts. */
  async start(events: number, withinMs: number): Promise<void> {
    this.customers = await Promise.all(KINDS.map((kind) => this.makeCustomer(kind)));
    const busy = this.chance.shuffle(this.customers).slice(0, this.chance.integer(1, 4));
    let atMs = 0;
    for (let event = 0; event < events; event++) {
      if (this.chance.happens(0.35)) atMs = this.chance.integer(0, withinMs);
      const customer = this.chance.pick(busy as [Customer, ...Customer[]]); // at least one
      this.busy++;
      this.context.clock.schedule(atMs + this.chance.integer(0, 200), "occurrence", () => {
        void this.report(customer).finally(() => this.busy--);
      });
    }
  }

  private async makeCustomer(kind: (typeof KINDS)[number]): Promise<Customer> {
    const mode = kind.ordering === "none" ? "unordered" : "ordered";
    const partition = await makePartitionName({
      jurisdiction: "none",
      epoch: 1,
      mode,
      space: "sim",
      key: kind.name,
    });
    const { chance } = this;
    const policy: EventPolicy = {
      ...DEFAULT_EVENT_POLICY,
      ordering: kind.ordering,
      gapWaitMs: kind.gapWaitMs,
      lookahead: chance.pick([1, 2, 4, 4]),
      leaseMs: chance.pick([LIMITS.partition.minLeaseMs, 90_000]),
      delivery: { ...DELIVERY_RETRY, maxDelayMs: 300_000, maxRetries: chance.pick([3, 20]) },
      maxAgeMs: chance.pick([20 * 60_000, DEFAULT_EVENT_POLICY.maxAgeMs, DEFAULT_EVENT_POLICY.maxAgeMs]),
      onUnreachable: kind.name === "strict-or-queued" ? "queue" : "refuse",
      onDead: chance.pick(["continue", "continue", "pause"]),
      onReview: chance.pick(["continue", "continue", "hold"]),
    };
    return { name: kind.name, partition, policy, keys: kind.keys, asks: kind.asks, reported: 0 };
  }

  private async report(customer: Customer): Promise<void> {
    const number = ++customer.reported;
    const occurredAtMs = Math.round(this.context.clock.nowMs);
    const key = `${customer.name}-${number}`;
    const pipeline = this.chance.pick(PIPELINES);
    const priority = this.chance.pick<Priority>(["high", "normal", "normal", "low"]);
    const payload: Payload = {
      key,
      emit: this.chance.happens(0.3),
      review: this.chance.happens(0.08),
      poison: this.context.faults.strikes("poison_event", 0.04),
    };
    const orderKey = { none: null, time: occurredAtMs, sequence: number }[customer.keys];
    const id = await makeEventId(customer.partition, { source: "sim", dedupeKey: key, pipeline });
    const unrouted = this.chance.happens(0.03);
    const envelope = envelopeOf(customer, {
      id,
      key,
      pipeline: unrouted ? "unrouted" : pipeline,
      priority,
      orderKey,
      payload,
    });
    const isHasty = customer.asks && this.chance.happens(0.15);
    await Promise.all([
      this.send(customer, envelope, 1),
      isHasty ? this.sendTwice(customer, envelope) : null,
    ]);
  }

  /** Without waiting for the first one's answer. */
  private async sendTwice(customer: Customer, envelope: EventEnvelope): Promise<void> {
    await this.context.clock.wait(this.chance.pick([1, 100, 1_500]), "report twice");
    await this.send(customer, envelope, MAX_REPORTS);
  }

  /** A sender comes again after a refusal, mostly; and now and then although it was answered. */
  private async send(customer: Customer, envelope: EventEnvelope, report: number): Promise<void> {
    const taken = customer.asks ? await this.ingest.ask(envelope) : await this.ingest.append(envelope);
    const again = report < MAX_REPORTS && this.chance.happens(taken ? 0.3 : 0.8);
    if (!again) return;
    await this.context.clock.wait(this.chance.pick([5, 400, 5_000, 60_000, 300_000]), "report again");
    await this.send(customer, envelope, report + 1);
  }
}

interface Occurrence {
  readonly id: EventId;
  readonly key: string;
  readonly pipeline: string;
  readonly priority: EventEnvelope["priority"];
  readonly orderKey: number | null;
  readonly payload: Payload;
}

function envelopeOf(customer: Customer, occurrence: Occurrence): EventEnvelope {
  const { id, key, pipeline, priority, orderKey, payload } = occurrence;
  return {
    v: 1,
    id,
    partition: customer.partition,
    partitionKey: `sim:${customer.name}`,
    source: "sim",
    dedupeKey: key,
    type: "simulated.occurred",
    pipeline,
    priority,
    orderKey,
    receivedAtMs: 0,
    origin: { colo: "SIM", continent: "XX" },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    headers: { "content-type": "application/json" },
    body: { kind: "inline", text: JSON.stringify(payload) },
    policy: customer.policy,
    parent: null,
  };
}
