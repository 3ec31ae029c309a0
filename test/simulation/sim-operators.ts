/** People and the cron: pauses, reviews, replays, skips, and the sweep that pokes what may have lost its alarm. */
import { LIMITS } from "../../src/config/limits.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { EventRecord } from "../../src/core/partition/model.ts";
import type { OperatorCommand, ReviewDecision } from "../../src/core/partition/operate.ts";
import { isOpen } from "../../src/core/partition/model.ts";
import { sweepPartitions } from "../../src/lanes/sweep.ts";
import type { Context } from "./context.ts";
import type { FaultKind } from "./faults.ts";
import type { OpenPartitions } from "./open-partitions.ts";
import type { Payload } from "./pipelines.ts";
import { clientOf, clockOf } from "./sim-consumer.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimObject } from "./sim-object.ts";
import { traceLogger } from "./trace-logger.ts";
import { short } from "./trace.ts";

const ROUND_MS = 60_000;
/** Nobody leaves a partition paused for ever. */
const MAX_PAUSE_MS = 10 * 60_000;

export class SimOperators {
  /** Partitions that nothing would have woken. */
  stranded = 0;
  private readonly context: Context;
  private readonly network: SimNetwork;
  private readonly objects: ReadonlyMap<PartitionName, SimObject>;
  private readonly open: OpenPartitions;
  private readonly onSkip: (id: EventRecord["id"]) => void;

  constructor(
    context: Context,
    network: SimNetwork,
    objects: ReadonlyMap<PartitionName, SimObject>,
    open: OpenPartitions,
    onSkip: (id: EventRecord["id"]) => void,
  ) {
    this.context = context;
    this.network = network;
    this.objects = objects;
    this.open = open;
    this.onSkip = onSkip;
  }

  /** Once a minute, for ever. */
  start(sweep: boolean): void {
    this.context.clock.schedule(ROUND_MS, "round", () => {
      for (const object of this.objects.values()) {
        this.visit(object);
        if (sweep && !this.context.faults.active) this.wakeStranded(object);
      }
      if (sweep) this.sweep();
      this.start(sweep);
    });
  }

  /**
   * The known hole: the platform gave up a partition's only alarm, its rings were lost, and nobody lived to report
   * it, or the report was lost. Its work, or what it has to tell the ledger, sleeps until its customer's next event; counted, and woken here in its stead.
   */
  private wakeStranded(object: SimObject): void {
    const { disk } = object;
    const open =
      disk.decisions.size > 0 ||
      disk.hasUntold() ||
      [...disk.records.values()].some((record) => isOpen(record.state));
    if (!open || disk.alarmMs !== null || !object.alarmTaken || this.open.knows(object.name)) return;
    this.stranded++;
    const process = this.context.startProcess("operator", this.context.newId("o"));
    const client = clientOf(this.context, this.network, process, clockOf(this.context, process));
    this.context.trace.line(`${process.name} wakes the stranded ${disk.label}`);
    void process.run(() => client.poke(object.name)).catch(() => null);
  }

  private sweep(): void {
    const { context } = this;
    const process = context.startProcess("operator", context.newId("o"));
    const sweeping = process.run(() =>
      sweepPartitions({
        openPartitions: this.open,
        partitions: clientOf(context, this.network, process, clockOf(context, process)),
        nowMs: () => process.nowMs(),
        log: traceLogger(context.trace, process.name),
        limits: LIMITS.lanes,
      }),
    );
    sweeping.catch((thrown: unknown) => context.violate("the sweep never throws", String(thrown)));
  }

  private visit(object: SimObject): void {
    const { faults, clock } = this.context;
    const { partition, records } = object.disk;
    if (partition === null) return;
    const paused = partition.paused;
    if (paused !== null && (!faults.active || clock.nowMs - paused.sinceMs > MAX_PAUSE_MS)) {
      this.operate(object, { kind: "resume" });
    } else if (faults.strikes("operator_paused", 0.02)) {
      this.operate(object, { kind: "pause", reason: "an operator's look" });
    }
    const all = [...records.values()];
    const pick = (kind: FaultKind, fits: (record: EventRecord) => boolean): EventRecord | undefined => {
      const fitting = all.filter(fits);
      if (fitting.length === 0 || !faults.strikes(kind, 0.08)) return undefined;
      return fitting[faults.stream(kind).integer(0, fitting.length - 1)];
    };
    const inReview = pick("operator_reviewed", (record) => record.state === "review");
    if (inReview !== undefined) this.review(object, inReview);
    const ended = pick("operator_replayed", (record) => record.state === "done" || record.state === "dead");
    if (ended !== undefined) {
      const reuseOutput = faults.stream("operator_replayed").happens(0.5);
      this.operate(object, { kind: "replay", id: ended.id, reuseOutput });
    }
    const isEditable = ({ state }: EventRecord) =>
      state === "dead" || state === "expired" || state === "review";
    const edited = pick("operator_edited", isEditable);
    if (edited !== undefined)
      this.operate(object, { kind: "edit", id: edited.id, text: this.mended(edited) });
    const hopeless = pick("operator_discarded", ({ state }) => state === "dead" || state === "expired");
    if (hopeless !== undefined)
      this.operate(object, { kind: "discard", id: hopeless.id, reason: "hopeless" });
    const open = pick("operator_skipped", (record) => isOpen(record.state));
    if (open !== undefined) {
      this.onSkip(open.id);
      this.operate(object, { kind: "skip", id: open.id, reason: "in the way" });
    }
  }

  private mended({ envelope }: EventRecord): string {
    const payload: Payload = { key: envelope.dedupeKey, emit: false, review: false, poison: false };
    return JSON.stringify({ ...payload, key: `${payload.key} ${this.context.newId("m")}` });
  }

  private review(object: SimObject, { id, run }: EventRecord): void {
    const stream = this.context.faults.stream("operator_reviewed");
    const decision = stream.pick<ReviewDecision>([
      { kind: "approve" },
      { kind: "edit", body: { edited: this.context.newId("e") } },
      { kind: "reject", reason: "no" },
    ]);
    this.operate(object, { kind: "review", id, run, decision });
  }

  private operate(object: SimObject, command: OperatorCommand): void {
    const { context } = this;
    const process = context.startProcess("operator", context.newId("o"));
    const client = clientOf(context, this.network, process, clockOf(context, process));
    const id = "id" in command ? short(command.id) : "";
    context.trace.line(`${process.name} ${command.kind} ${id} on ${object.disk.label}`);
    process
      .run(() => client.operate(object.name, command))
      .then(
        ({ outcome }) => context.trace.line(`${process.name} ${outcome}`),
        () => context.trace.line(`${process.name} got no answer`),
      );
  }
}
