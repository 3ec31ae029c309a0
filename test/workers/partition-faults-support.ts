/**
 * A world for partitions under faults: the real object, consumer and driver; a scripted lane, pipeline and sink.
 * It records what happened; the test judges.
 */
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { SeededRandom } from "../../dev/lib/random.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { failure } from "../../src/core/failure.ts";
import type { EventId, PartitionName } from "../../src/core/ids.ts";
import type { ExchangeRequest, LeaseView } from "../../src/core/partition/commands.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { messageOf } from "../../src/core/result.ts";
import { consumeLane } from "../../src/lanes/consumer.ts";
import type { LaneMessage } from "../../src/lanes/wire/message.ts";
import { createPartitionClient, type PartitionClient } from "../../src/partition/client.ts";
import { partitionStub } from "../../src/partition/stub.ts";
import type { EventProcessor, LeasedEvent, Prepared } from "../../src/pipeline/processor.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Logger } from "../../src/telemetry/log.ts";

/** Long against a stall of the test machine, short against the test. */
export const LEASE_MS = 1_000;
const EFFECT_TIMEOUT_MS = 300;
const STEP_MS = 8;

export interface Effect {
  readonly id: EventId;
  readonly key: string;
  readonly idempotencyKey: string;
  readonly token: number;
  readonly sequence: number;
  readonly consumer: Consumer;
}

/** One invocation of the lane's consumer. */
export interface Consumer {
  readonly number: number;
  /** The invocation was ended from outside, or its driver lost its lease: what it had not recorded may happen again. */
  hasFailed: boolean;
}

interface Invocation extends Consumer {
  kill(): void;
}

const OUTPUT: StoredOutput = {
  v: 1,
  stageVersion: "faults@1",
  value: null,
  body: {},
  type: "faults.completed",
  to: ["sink"],
  emits: [],
  model: null,
};

export class FaultyWorld {
  readonly effects: Effect[] = [];
  readonly lane: LaneMessage[] = [];
  readonly driverByToken = new Map<string, string>();
  readonly problems: string[] = [];
  readonly said: ExchangeRequest[] = [];
  private readonly random: SeededRandom;
  private readonly running = new Set<Promise<void>>();
  private readonly alive: Invocation[] = [];
  private consumers = 0;

  constructor(random: SeededRandom) {
    this.random = random;
  }

  /**
   * The local lanes lead to the gateway itself; rings are to reach this world's consumers instead. They are kept
   * until the test hands them out: a consumer must not run inside the object that rang.
   */
  takeOverLanes(): void {
    const queue = Object.getPrototypeOf(env.LANE_NORMAL) as Queue; // the class of all queue bindings
    vi.spyOn(queue, "send").mockImplementation((body: unknown) => {
      this.lane.push(body as LaneMessage); // what a partition sends to its lane
      return Promise.resolve({ metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } });
    });
  }

  readonly client: PartitionClient = createPartitionClient({
    stub: (partition) => partitionStub(env.PARTITION, partition),
    attempts: 3,
    sleep: () => systemClock.sleep(STEP_MS),
    random: Math.random,
  });

  /** Starts a consumer for one message. Returns at once. */
  deliver(message: LaneMessage): void {
    const consumer = { number: ++this.consumers, hasFailed: false };
    const work = this.consume(consumer, message).finally(() => this.running.delete(work));
    this.running.add(work);
  }

  /** Ends one running invocation as a platform does: nothing it does afterwards reaches anybody. */
  killOne(): void {
    this.alive[this.random.integer(0, this.alive.length - 1)]?.kill();
  }

  async untilIdle(): Promise<void> {
    while (this.running.size > 0) await Promise.all(this.running);
  }

  private async consume(consumer: Consumer, message: LaneMessage): Promise<void> {
    const { promise: killed, resolve: kill } = Promise.withResolvers<"killed">();
    let isDead = false;
    const entry = Object.assign(consumer, {
      kill: () => {
        isDead = true;
        consumer.hasFailed = true;
        kill("killed");
      },
    });
    this.alive.push(entry);
    const never = new Promise<never>(() => {});
    const orNever = <Value>(value: Value): Value | Promise<never> => (isDead ? never : value);
    const partitions: PartitionClient = {
      ...this.client,
      offer: async (request) => {
        const reply = await orNever(this.client.offer(request));
        this.note(request.partition, request.driver, reply.lease);
        return orNever(reply);
      },
      claim: async (partition, request) => {
        const reply = await orNever(this.client.claim(partition, request));
        this.note(partition, request.driver, reply.lease);
        return orNever(reply);
      },
      exchange: async (partition, request) => {
        if (isDead) return never;
        this.said.push(request);
        const reply = await this.client.exchange(partition, request);
        this.note(partition, request.driver, reply.lease);
        return orNever(reply);
      },
    };
    const delivery = { id: "m", attempts: 1, body: message, ack: () => {}, retry: () => {} };
    const log = listeningLogger((event) => {
      if (event === "lease_abandoned") consumer.hasFailed = true;
      if (event.endsWith("_threw")) this.problems.push(event);
    });
    const consumed = consumeLane(
      {
        partitions,
        processor: this.processor(entry, () => isDead),
        buildEmits: () => Promise.resolve([]),
        telemetry: { partitionOpen: () => Promise.resolve(), eventsEnded: () => Promise.resolve() },
        clock: systemClock,
        newId: () => crypto.randomUUID(),
        log,
        limits: {
          driverSlots: 5,
          driveBudgetMs: 1_500,
          lingerMs: 100,
          retryDelaySeconds: 1,
          undeliverableRetrySeconds: 1,
          effectTimeoutMs: EFFECT_TIMEOUT_MS,
        },
      },
      [delivery],
    );
    await Promise.race([consumed, killed]).catch((thrown: unknown) => this.problems.push(messageOf(thrown)));
    this.alive.splice(this.alive.indexOf(entry), 1);
  }

  private note(partition: PartitionName, driver: string, lease: LeaseView | null): void {
    if (lease === null) return;
    const token = `${partition} ${lease.token}`;
    const known = this.driverByToken.get(token) ?? driver;
    if (known !== driver) this.problems.push(`token ${token} was given to two drivers`);
    this.driverByToken.set(token, known);
  }

  private processor(consumer: Invocation, isDead: () => boolean): EventProcessor {
    return {
      prepare: async (event, signal) => {
        await systemClock.sleep(this.random.integer(0, 2 * STEP_MS), signal);
        return event.output === null ? this.preparedBy(event.envelope) : { kind: "ready", output: OUTPUT };
      },
      deliver: async (event, _output, signal) => {
        await systemClock.sleep(this.random.integer(0, STEP_MS), signal);
        if (isDead()) return new Promise<never>(() => {});
        if (this.random.next() < 0.05) {
          const failed = failure("deliver", "transient", "http_503", "the sink is busy");
          return { kind: "failed", failure: failed, deliveries: [] };
        }
        const effect = this.receive(event, consumer);
        // The one window in which an effect may happen again: received, not yet recorded.
        if (this.random.next() < 0.05) consumer.kill();
        await systemClock.sleep(this.random.integer(0, STEP_MS), signal);
        const { idempotencyKey } = effect;
        const confirmed = { destination: "sink", idempotencyKey, status: 200 };
        return {
          kind: "delivered",
          deliveries: [{ ...confirmed, deliveredAtMs: Date.now(), durationMs: 0 }],
        };
      },
    };
  }

  private preparedBy(envelope: EventEnvelope): Prepared {
    const draw = this.random.next();
    if (draw < 0.06) {
      return {
        kind: "failed",
        failure: failure("infer", "transient", "http_503", "the model is busy"),
      };
    }
    if (draw < 0.1) return { kind: "deferred", untilMs: Date.now() + 3 * STEP_MS, reason: "requests" };
    if (draw < 0.13)
      return { kind: "failed", failure: failure("infer", "permanent", "refused", envelope.id) };
    if (draw < 0.16) return { kind: "filtered", reason: "not wanted" };
    return { kind: "ready", output: OUTPUT };
  }

  private receive(event: LeasedEvent, consumer: Consumer): Effect {
    const { envelope, run, token, sequence } = event;
    const idempotencyKey = `${envelope.id}.${run}.sink`;
    const effect = { id: envelope.id, key: envelope.dedupeKey, idempotencyKey, token, sequence, consumer };
    this.effects.push(effect);
    return effect;
  }
}

/** Prints nothing; faults are what the test is about. */
function listeningLogger(hear: (event: string) => void): Logger {
  const log: Logger = { debug: () => {}, info: () => {}, warn: hear, error: hear, with: () => log };
  return log;
}
