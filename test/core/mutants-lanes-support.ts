/** A consumer's world with a clock of its own: time passes only when nothing else can happen. */
import { setImmediate as nextTask } from "node:timers/promises";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { ExchangeRequest, OfferRequest } from "../../src/core/partition/commands.ts";
import type { DeliveryRecord } from "../../src/core/partition/model.ts";
import type { LaneDelivery } from "../../src/lanes/consumer.ts";
import type { DriverDependencies } from "../../src/lanes/ports.ts";
import type { PartitionClient } from "../../src/partition/client.ts";
import type { Clock } from "../../src/platform/clock.ts";
import type { EventProcessor, LeasedEvent, Prepared } from "../../src/pipeline/processor.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { partitionFor } from "../support/envelopes.ts";
import { MemoryPartition } from "../support/memory-partition.ts";
import { OUTPUT, START_MS } from "../support/partition-script.ts";

export const READY: Prepared = { kind: "ready", output: OUTPUT };

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** Enough rounds of the event loop for everything that is ready to have run. */
const ROUNDS_BEFORE_TIME_PASSES = 5;
const MAX_STEPS = 2_000;

export class VirtualClock implements Clock {
  private now = START_MS;
  private timers: Timer[] = [];
  readonly slept: number[] = [];

  nowMs(): number {
    return this.now;
  }

  /** Something took this long without waiting for a timer. */
  pass(durationMs: number): void {
    this.now += durationMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true || delayMs <= 0) return Promise.resolve();
    this.slept.push(delayMs);
    return new Promise((resolve) => {
      const timer = { atMs: this.now + delayMs, fire: resolve };
      this.timers.push(timer);
      signal?.addEventListener("abort", () => {
        this.timers = this.timers.filter((other) => other !== timer);
        resolve();
      });
    });
  }

  /** Runs until `work` has ended; fails when it waits for something that no timer brings. */
  async run<Value>(work: Promise<Value>): Promise<Value> {
    let isOver = false;
    const done = work.finally(() => (isOver = true));
    done.catch(() => {});
    for (let step = 0; step < MAX_STEPS; step++) {
      for (let round = 0; round < ROUNDS_BEFORE_TIME_PASSES; round++) await nextTask();
      if (isOver) return done;
      const next = this.timers.toSorted((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined) throw new Error("waits for something that never comes");
      this.timers = this.timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.atMs);
      next.fire();
    }
    throw new Error("never ends");
  }
}

/** What the lane hands over, and what becomes of it. */
export class Message implements LaneDelivery {
  readonly id: string;
  readonly attempts: number;
  verdict: "none" | "ack" | { readonly retryAfterSeconds: number | undefined } = "none";
  readonly body: unknown;

  constructor(body: unknown, attempts = 1, id = "m1") {
    this.body = body;
    this.attempts = attempts;
    this.id = id;
  }

  ack(): void {
    this.verdict = "ack";
  }

  retry(options?: { delaySeconds?: number }): void {
    this.verdict = { retryAfterSeconds: options?.delaySeconds };
  }
}

export const eventMessage = (envelope: EventEnvelope, attempts = 1) =>
  new Message({ v: 1, kind: "event", envelope }, attempts);
export const ringMessage = (partition: PartitionName, attempts = 1) =>
  new Message({ v: 1, kind: "ring", partition, priority: "normal" }, attempts);

export function deliveredTo(envelope: EventEnvelope, destination: string): DeliveryRecord {
  const idempotencyKey = `${envelope.id}.1.${destination}`;
  return { destination, idempotencyKey, status: 200, deliveredAtMs: START_MS, durationMs: 1 };
}

type Deliver = EventProcessor["deliver"];

export class World {
  readonly clock = new VirtualClock();
  readonly partition: MemoryPartition;
  readonly effects: string[] = [];
  readonly reports: number[] = [];
  readonly offers: OfferRequest[] = [];
  readonly exchanges: (ExchangeRequest & { readonly atMs: number })[] = [];
  claims = 0;
  prepare: EventProcessor["prepare"] = () => Promise.resolve(READY);
  deliver: Deliver = async (event) => this.sink(event);
  emits: readonly EventEnvelope[] = [];
  private ids = 0;

  private constructor(name: PartitionName) {
    this.partition = new MemoryPartition(name, START_MS);
  }

  static async create(): Promise<World> {
    return new World(await partitionFor("customer-1"));
  }

  sink(event: LeasedEvent) {
    this.effects.push(event.envelope.dedupeKey);
    return { kind: "delivered", deliveries: [deliveredTo(event.envelope, "sink")] } as const;
  }

  private call<Reply>(use: () => Reply): Promise<Reply> {
    this.partition.nowMs = this.clock.nowMs();
    return Promise.resolve(use());
  }

  readonly client: PartitionClient = {
    offer: (request) => {
      this.offers.push(request);
      return this.call(() => this.partition.offer(request));
    },
    claim: (_, request) => {
      this.claims++;
      return this.call(() => this.partition.claim(request));
    },
    exchange: (_, request) => {
      this.exchanges.push({ ...request, atMs: this.clock.nowMs() });
      return this.call(() => this.partition.exchange(request));
    },
    read: () => Promise.resolve(null),
    status: () => Promise.resolve(null),
    operate: (_, command) => this.call(() => this.partition.operate(command)),
    recall: () => Promise.resolve({ v: 1, known: false, openEvents: 0 }),
    poke: () => this.call(() => this.partition.alarm()),
    acknowledge: () => Promise.resolve(),
    erase: () => Promise.resolve(),
  };

  deps(limits: Partial<DriverDependencies["limits"]> = {}, client = this.client): DriverDependencies {
    return {
      partitions: client,
      processor: {
        prepare: (event, signal) => this.prepare(event, signal),
        deliver: (event, output, signal, confirm) => this.deliver(event, output, signal, confirm),
      },
      buildEmits: () => Promise.resolve(this.emits),
      telemetry: {
        partitionOpen: (_, dueMs) => {
          this.reports.push(dueMs);
          return Promise.resolve();
        },
        eventsEnded: () => Promise.resolve(),
      },
      clock: this.clock,
      newId: () => `id${++this.ids}`,
      // Nothing that these tests provoke is worth a line.
      log: { ...createLogger("error"), debug() {}, info() {}, warn() {}, error() {} },
      limits: {
        driverSlots: 5,
        driveBudgetMs: 30_000,
        lingerMs: 1_500,
        retryDelaySeconds: 15,
        undeliverableRetrySeconds: 3_600,
        effectTimeoutMs: 20_000,
        ...limits,
      },
    };
  }

  states(): string[] {
    return [...this.partition.rows.values()].map((row) => row.state);
  }
}
