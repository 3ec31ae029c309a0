/**
 * The lanes' broker: at least once, in no particular order, and with every fault a real one has. Ends nothing by
 * itself: what was delivered too often goes to the dead-letter queue, and from there nowhere.
 */
import type { LaneDelivery } from "../../src/lanes/consumer.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import { never, type SimProcess } from "./process.ts";
import { short } from "./trace.ts";

export type LaneName = "LANE_HIGH" | "LANE_NORMAL" | "LANE_LOW" | "UNDELIVERABLE";

interface Message {
  readonly id: string;
  readonly lane: LaneName;
  readonly body: string;
  /** The event it holds; null for a ring. */
  readonly eventId: string | null;
  attempts: number;
  visibleAtMs: number;
}

export interface LaneConsumer {
  /** Resolves when the invocation has returned; never when it died. */
  consume(lane: LaneName, process: SimProcess, deliveries: readonly LaneDelivery[]): Promise<void>;
}

export interface LaneWatcher {
  /** The last copy of an event's message has left the lanes. */
  left(eventId: string): void;
}

const SEND_MS = 15;
const BATCH_SIZE = 5;
const BATCH_WAIT_MS = 500;
const MAX_CONCURRENCY = 4;
/** Far fewer than the real lanes', so that the dead-letter queue sees something. */
const MAX_RETRIES = 4;
const WALL_TIME_MS = 15 * 60_000;
const REDELIVERY_MS = 15_000;

export class SimQueue {
  readonly refusing: Outage;
  private readonly context: Context;
  private readonly consumer: LaneConsumer;
  private readonly watcher: LaneWatcher;
  private readonly messages = new Map<LaneName, Message[]>();
  private readonly active = new Map<LaneName, number>();
  private readonly copies = new Map<string, number>();

  constructor(context: Context, consumer: LaneConsumer, watcher: LaneWatcher) {
    this.context = context;
    this.consumer = consumer;
    this.watcher = watcher;
    this.refusing = new Outage(context.faults, "send_refused", () => context.clock.nowMs);
  }

  holds(eventId: string): boolean {
    return (this.copies.get(eventId) ?? 0) > 0;
  }

  /** A producer binding, as one process has it. `sender` may make the message wait before it leaves. */
  binding(lane: LaneName, sender: () => Promise<SimProcess>) {
    return {
      send: async (body: unknown) => this.send(lane, [body], await sender()),
      sendBatch: async (batch: Iterable<{ readonly body: unknown }>) =>
        this.send(
          lane,
          [...batch].map((one) => one.body),
          await sender(),
        ),
    };
  }

  private async send(lane: LaneName, bodies: readonly unknown[], sender: SimProcess): Promise<void> {
    const { clock, faults, chance, trace } = this.context;
    if (!sender.alive) return never();
    await clock.wait(chance.latencyMs(SEND_MS), `send ${lane}`);
    const refused = this.refusing.hits() || faults.strikes("send_lost", 0.06);
    if (!refused) for (const body of bodies) this.take(lane, JSON.stringify(body));
    const answerLost = !refused && faults.strikes("send_answer_lost", 0.06);
    await clock.wait(chance.latencyMs(SEND_MS), `sent ${lane}`, sender);
    if (!refused && !answerLost) return;
    trace.line(`${sender.name} send ${refused ? "refused" : "answer lost"}`);
    throw new Error(
      refused ? "the queue refused the message (simulated)" : "the answer was lost (simulated)",
    );
  }

  private take(lane: LaneName, body: string): void {
    const { faults } = this.context;
    const copies = faults.strikes("message_doubled", 0.1) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = faults.strikes("message_delayed", 0.1)
        ? faults.stream("message_delayed").integer(1_000, 300_000)
        : 0;
      const eventId = eventIdOf(body);
      if (eventId !== null) this.copies.set(eventId, (this.copies.get(eventId) ?? 0) + 1);
      this.enqueue(
        { id: this.context.newId("m"), lane, body, eventId, attempts: 0, visibleAtMs: 0 },
        delayMs,
      );
    }
  }

  private enqueue(message: Message, delayMs: number): void {
    const { clock, chance } = this.context;
    message.visibleAtMs = clock.nowMs + delayMs;
    this.waiting(message.lane).push(message);
    const waitMs = delayMs + chance.integer(1, BATCH_WAIT_MS);
    clock.schedule(waitMs, `pump ${message.lane}`, () => this.pump(message.lane));
  }

  private waiting(lane: LaneName): Message[] {
    const known = this.messages.get(lane);
    if (known !== undefined) return known;
    const made: Message[] = [];
    this.messages.set(lane, made);
    return made;
  }

  private pump(lane: LaneName): void {
    const { clock, faults } = this.context;
    if ((this.active.get(lane) ?? 0) >= MAX_CONCURRENCY) return;
    const waiting = this.waiting(lane);
    const visible = waiting.filter((message) => message.visibleAtMs <= clock.nowMs);
    if (visible.length === 0) return;
    const shuffled = visible.length > 1 && faults.strikes("message_reordered", 0.3);
    const ordered = shuffled ? faults.stream("message_reordered").shuffle(visible) : visible;
    const batch = ordered.slice(0, BATCH_SIZE);
    this.messages.set(
      lane,
      waiting.filter((message) => !batch.includes(message)),
    );
    this.deliver(lane, batch);
  }

  private deliver(lane: LaneName, batch: readonly Message[]): void {
    const { context } = this;
    const process = context.startProcess("consumer", context.newId("c"));
    const handles = batch.map((message) => new Handle(message));
    context.trace.line(
      `${process.name} ${lane} ${batch.map((one) => short(one.eventId ?? "ring")).join(" ")}`,
    );
    this.active.set(lane, (this.active.get(lane) ?? 0) + 1);
    const settle = (verdictOf: (handle: Handle) => Verdict) => {
      this.active.set(lane, (this.active.get(lane) ?? 1) - 1);
      for (const handle of handles) this.conclude(handle.message, verdictOf(handle));
      this.pump(lane);
    };
    process.onDeath(() => {
      context.clock.schedule(REDELIVERY_MS, `redeliver ${process.name}`, () => settle(() => AGAIN));
    });
    context.clock.schedule(WALL_TIME_MS, `wall time ${process.name}`, () => process.die(), process);
    const ended = process.run(() => this.consumer.consume(lane, process, handles));
    void ended
      .then(() => context.clock.wait(context.chance.latencyMs(SEND_MS), `${process.name} returns`, process))
      .then(
        () => {
          if (!process.alive) return;
          process.alive = false; // returned: nothing of it runs on
          const lost = context.faults.strikes("acknowledgement_lost", 0.04);
          settle((handle) => (lost ? AGAIN : handle.verdict));
        },
        (thrown: unknown) => context.violate("a consumer never throws", String(thrown)),
      );
  }

  private conclude(message: Message, verdict: Verdict): void {
    if (verdict.kind === "acknowledged") {
      this.gone(message);
      return;
    }
    message.attempts++;
    if (message.attempts <= MAX_RETRIES || message.lane === "UNDELIVERABLE") {
      this.enqueue(message, verdict.delayMs);
      return;
    }
    this.enqueue({ ...message, lane: "UNDELIVERABLE", attempts: 0 }, verdict.delayMs);
  }

  private gone({ eventId }: Message): void {
    if (eventId === null) return;
    const copies = (this.copies.get(eventId) ?? 1) - 1;
    this.copies.set(eventId, copies);
    if (copies === 0) this.watcher.left(eventId);
  }
}

type Verdict = { readonly kind: "acknowledged" } | { readonly kind: "again"; readonly delayMs: number };
const AGAIN: Verdict = { kind: "again", delayMs: 0 };

/** One message in a batch. What is not spoken of is acknowledged when the invocation returns, as on the platform. */
class Handle implements LaneDelivery {
  readonly body: unknown;
  readonly id: string;
  readonly attempts: number;
  readonly message: Message;
  verdict: Verdict = { kind: "acknowledged" };

  constructor(message: Message) {
    this.message = message;
    this.body = JSON.parse(message.body);
    this.id = message.id;
    this.attempts = message.attempts + 1;
  }

  ack(): void {
    this.verdict = { kind: "acknowledged" };
  }

  retry(options: { delaySeconds?: number } = {}): void {
    this.verdict = { kind: "again", delayMs: (options.delaySeconds ?? 0) * 1_000 };
  }
}

function eventIdOf(body: string): string | null {
  const message = JSON.parse(body) as { envelope?: { id: string } }; // written by the lane set
  return message.envelope?.id ?? null;
}
