/**
 * One request of a sender through the real append, or through the real decider when it waits for an answer. Its
 * process can be killed wherever it waits; what goes on behind the answer has as long as the platform gives it.
 */
import type { SyncRoute } from "../../src/config/define-source.ts";
import { LIMITS } from "../../src/config/limits.ts";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import type { DecisionRecord } from "../../src/core/partition/model.ts";
import { answerDuplicates, type AnsweredEvent } from "../../src/ingest/answer.ts";
import { appendEvents } from "../../src/lanes/append.ts";
import { createLaneSet } from "../../src/lanes/wire/lane-set.ts";
import type { EventProcessor } from "../../src/pipeline/processor.ts";
import { createDecider } from "../../src/sync/decide.ts";
import type { Decided } from "../../src/sync/port.ts";
import type { Context } from "./context.ts";
import type { SimProcess } from "./process.ts";
import { clientOf, clockOf } from "./sim-consumer.ts";
import type { SimKv } from "./sim-kv.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { LaneName, SimQueue } from "./sim-queue.ts";
import { traceLogger } from "./trace-logger.ts";
import { short } from "./trace.ts";

export interface AcceptanceWatcher {
  wasAccepted(envelope: EventEnvelope): void;
  /** Answered at the edge, and not written anywhere. */
  wasKnownAtEdge(envelope: EventEnvelope, told: AnsweredEvent): void;
  /** What its sender was told. */
  wasAnswered(envelope: EventEnvelope, decision: DecisionRecord): void;
  /** Known, it was told, and without an answer. */
  wasOnlyKnown(envelope: EventEnvelope): void;
}

export interface PipelineHost {
  processor(process: SimProcess): EventProcessor;
}

const ROUTE: SyncRoute = { mode: "sync", deadlineMs: 2_000, default: { label: "unknown" } };
/** A hard timer fires a little late. */
const TIMER_TOLERANCE_MS = 50;
/** What the platform gives to work behind the answer. */
const BACKGROUND_MS = 30_000;

export class SimIngest {
  private readonly context: Context;
  private readonly network: SimNetwork;
  private readonly queue: SimQueue;
  private readonly host: PipelineHost;
  private readonly watcher: AcceptanceWatcher;
  private readonly kv: SimKv;

  constructor(
    context: Context,
    network: SimNetwork,
    queue: SimQueue,
    host: PipelineHost,
    watcher: AcceptanceWatcher,
    kv: SimKv,
  ) {
    this.context = context;
    this.network = network;
    this.queue = queue;
    this.host = host;
    this.watcher = watcher;
    this.kv = kv;
  }

  /** @returns whether it was answered as taken, in time */
  append(envelope: EventEnvelope): Promise<boolean> {
    const { context } = this;
    const process = context.startProcess("ingest", context.newId("i"));
    const lanes = createLaneSet((name) =>
      isLane(name) ? this.queue.binding(name, () => Promise.resolve(process)) : undefined,
    );
    const clock = clockOf(context, process);
    const partitions = clientOf(context, this.network, process, clock);
    const received = { ...envelope, receivedAtMs: process.nowMs() };
    const newId = () => context.newId("r");
    const take = async (): Promise<boolean> => {
      const planned = { envelope: received, status: "queued", sync: null } as const;
      const duplicates = await answerDuplicates(this.kv.cacheOf(process), received.source, [planned]);
      const [known] = duplicates ?? [];
      if (known !== undefined) {
        this.watcher.wasKnownAtEdge(received, known);
        return true;
      }
      const sleep = (delayMs: number) => clock.sleep(delayMs);
      const [appended] = await appendEvents({ lanes, partitions, newId, sleep }, [received]);
      return appended !== undefined && appended.status !== "refused";
    };
    const taken = process.run(take).catch(() => false);
    const tooLate = context.clock
      .wait(LIMITS.ingest.durableWithinMs, `${process.name} 503`)
      .then(() => false);
    return Promise.race([taken, tooLate]).then((answer) => {
      process.alive = false;
      if (answer) this.watcher.wasAccepted(received);
      this.say(process, received, answer ? "200" : "503");
      return answer;
    });
  }

  /** @returns whether the sender has an answer */
  async ask(envelope: EventEnvelope): Promise<boolean> {
    const { context } = this;
    const process = context.startProcess("ingest", context.newId("i"));
    const received = { ...envelope, receivedAtMs: process.nowMs() };
    const deciding = process.run(() =>
      this.decider(process)(Promise.resolve(received), ROUTE, process.nowMs()),
    );
    const passed = context.clock
      .wait(ROUTE.deadlineMs + TIMER_TOLERANCE_MS, `${process.name} gives up`)
      .then(() => null);
    const decided = await Promise.race([deciding, passed]);
    context.check(decided !== null || !process.alive, "an answer, or a 503, comes by the deadline", () =>
      short(received.id),
    );
    context.clock.schedule(BACKGROUND_MS, `${process.name} ends`, () => process.die(), process);
    return decided !== null && this.hear(process, received, decided);
  }

  private hear(process: SimProcess, envelope: EventEnvelope, decided: Decided): boolean {
    this.say(process, envelope, decided.kind === "decided" ? decided.decision.by : decided.kind);
    if (decided.kind === "undecided") return false;
    if (decided.kind === "decided") this.watcher.wasAnswered(envelope, decided.decision);
    else this.watcher.wasOnlyKnown(envelope);
    return true;
  }

  private decider(process: SimProcess) {
    const { context } = this;
    const clock = clockOf(context, process);
    return createDecider({
      partitions: clientOf(context, this.network, process, clock),
      start: () => ({ processor: this.host.processor(process), finish: () => Promise.resolve() }),
      clock,
      newId: () => context.newId("r"),
      waitUntil: (work) => {
        work.catch((thrown: unknown) =>
          context.violate("what goes on behind an answer never throws", String(thrown)),
        );
      },
      log: traceLogger(context.trace, process.name),
      limits: { ...LIMITS.sync, lateMs: LIMITS.partition.decisionLateMs },
    });
  }

  private say(process: SimProcess, { id, dedupeKey }: EventEnvelope, told: string): void {
    this.context.trace.line(`${process.name} ${dedupeKey} ${short(id)} ${told}`);
  }
}

function isLane(name: string): name is LaneName {
  return name === "LANE_HIGH" || name === "LANE_NORMAL" || name === "LANE_LOW";
}
