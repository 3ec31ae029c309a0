/** One simulated world: every part, wired together, and the loop that runs it. */
import { partitionOf, type PartitionName } from "../../src/core/ids.ts";
import { SIMULATION_STARTS_AT_MS, untilQuiet, VirtualClock } from "./clock.ts";
import { Context } from "./context.ts";
import { Faults } from "./faults.ts";
import type { PartitionClass } from "./object-module.ts";
import { OpenPartitions } from "./open-partitions.ts";
import type { SimProcess } from "./process.ts";
import { Chance } from "./random.ts";
import { Rules } from "./rules.ts";
import type { Settings } from "./settings.ts";
import { SimConsumer } from "./sim-consumer.ts";
import { SimDestinations } from "./sim-destinations.ts";
import { SimIngest } from "./sim-ingest.ts";
import { SimKv } from "./sim-kv.ts";
import { SimLedger } from "./sim-ledger.ts";
import { SimModels } from "./sim-models.ts";
import { SimNetwork } from "./sim-network.ts";
import { SimObject } from "./sim-object.ts";
import { SimOperators } from "./sim-operators.ts";
import { SimQueue, type LaneName } from "./sim-queue.ts";
import { SimSenders } from "./sim-senders.ts";
import { Trace } from "./trace.ts";

const MINUTE_MS = 60_000;
/** How long the senders report, and how long faults may go on. */
const REPORTING_MS = 20 * MINUTE_MS;
const DEPLOY_GRACE_MS = 30_000;
/** Longest that a backlog may take once nothing goes wrong any more. */
const DRAIN_WITHIN_MS = 6 * 60 * MINUTE_MS;
const MAX_DRAIN_STEPS = 60_000;

export class World {
  readonly context: Context;
  readonly rules: Rules;
  readonly objects = new Map<PartitionName, SimObject>();
  steps = 0;
  private readonly settings: Settings;
  private readonly queue: SimQueue;
  private readonly network: SimNetwork;
  private readonly kv: SimKv;
  private readonly models: SimModels;
  private readonly destinations: SimDestinations;
  private readonly consumer: SimConsumer;
  private readonly senders: SimSenders;
  readonly operators: SimOperators;
  private readonly ledger: SimLedger;
  private readonly open: OpenPartitions;
  private readonly objectClass: PartitionClass;
  private readonly consumers = new Set<SimProcess>();

  constructor(settings: Settings, objectClass: PartitionClass, keepTrace = false) {
    const clock = new VirtualClock();
    const chance = new Chance(settings.seed);
    const faults = new Faults(settings.faults, chance.stream("faults"));
    const context = new Context(clock, chance.stream("world"), faults, new Trace(clock, keepTrace));
    this.settings = settings;
    this.context = context;
    this.objectClass = objectClass;
    const objectFor = (partition: PartitionName) => this.objectFor(partition);
    this.rules = new Rules(context, objectFor);
    const network = new SimNetwork(context, objectFor);
    this.network = network;
    this.models = new SimModels(context, this.rules);
    this.destinations = new SimDestinations(context, this.rules.effects);
    this.kv = new SimKv(context);
    const open = new OpenPartitions(context);
    this.open = open;
    this.consumer = new SimConsumer(context, {
      network,
      models: this.models,
      destinations: this.destinations,
      undeliverable: this.rules,
      open,
      kv: this.kv,
      watcher: this.rules,
    });
    this.queue = new SimQueue(
      context,
      {
        consume: (lane, process, deliveries) => {
          this.consumers.add(process);
          return this.consumer.consume(lane, process, deliveries);
        },
      },
      this.rules,
    );
    this.rules.isInLanes = (id) => this.queue.holds(id);
    this.senders = new SimSenders(
      context,
      new SimIngest(context, network, this.queue, this.consumer, this.rules, this.kv),
    );
    this.ledger = new SimLedger(context, network);
    open.onEnded = (summaries) => this.ledger.receive(summaries);
    this.operators = new SimOperators(context, network, this.objects, open, (id) =>
      this.rules.effects.operatorSkips(id),
    );
  }

  /** The phase with faults, then the one in which everything must drain. */
  async run(): Promise<void> {
    const { context, settings } = this;
    this.planOutages();
    this.operators.start(settings.sweep);
    const reportingMs = REPORTING_MS * Math.max(1, settings.steps / 5_000);
    await this.senders.start(settings.events, reportingMs);
    while (this.steps < settings.steps && !this.isDrained() && (await this.step()));
    context.faults.active = false;
    context.trace.line("no faults from here on");
    const endMs = context.clock.nowMs + reportingMs + DRAIN_WITHIN_MS;
    let drainSteps = 0;
    while (
      !this.isDrained() &&
      context.clock.nowMs < endMs &&
      drainSteps++ < MAX_DRAIN_STEPS &&
      (await this.step())
    );
    this.checkDrained();
  }

  private async step(): Promise<boolean> {
    const { context } = this;
    if (context.violation !== null) return false;
    const task = context.clock.next();
    if (task === null) return false;
    this.steps++;
    if (this.strikesOwner(task.owner)) return true;
    context.trace.line(task.label);
    task.run();
    await untilQuiet();
    return context.violation === null;
  }

  /** A driver may die, freeze, or have its clock set back wherever it waits. @returns whether the step is lost */
  private strikesOwner(owner: SimProcess | null): boolean {
    const { faults, trace, clock } = this.context;
    if (owner?.kind === "ingest" && faults.strikes("ingest_killed", 0.01)) {
      trace.line(`${owner.name} killed`);
      owner.die();
      return true;
    }
    if (owner?.kind !== "consumer") return false;
    if (faults.strikes("driver_killed", 0.004)) {
      trace.line(`${owner.name} killed`);
      owner.die();
      return true;
    }
    if (faults.strikes("clock_went_back", 0.003)) this.context.setBackClock(owner);
    if (faults.strikes("driver_paused", 0.004)) {
      const pauseMs = faults.stream("driver_paused").integer(5_000, 240_000);
      trace.line(`${owner.name} paused for ${pauseMs} ms`);
      owner.pausedUntilMs = clock.nowMs + pauseMs;
    }
    return false;
  }

  private planOutages(): void {
    const { context } = this;
    const { faults, clock, chance } = context;
    const plan = chance.stream("outages");
    const within = REPORTING_MS * Math.max(1, this.settings.steps / 5_000);
    const later = (work: () => void) => clock.schedule(plan.integer(0, within / 2), "outage", work);
    if (faults.isEnabled("send_refused"))
      later(() => this.queue.refusing.begin(plan.integer(1, 6) * MINUTE_MS));
    if (faults.isEnabled("partition_unreachable"))
      later(() => this.network.unreachable.begin(plan.integer(1, 5) * MINUTE_MS));
    if (faults.isEnabled("model_down")) later(() => this.models.down.begin(plan.pick([5, 60]) * MINUTE_MS));
    if (faults.isEnabled("destination_down"))
      later(() => this.destinations.down.begin(plan.pick([5, 60]) * MINUTE_MS));
    if (faults.isEnabled("cache_down")) later(() => this.kv.down.begin(plan.integer(1, 10) * MINUTE_MS));
    if (faults.isEnabled("ledger_down")) later(() => this.ledger.down.begin(plan.pick([5, 60]) * MINUTE_MS));
    if (faults.isEnabled("deploy")) {
      later(() => this.deploy());
      later(() => this.deploy());
    }
  }

  /** What is under way gets half a minute; objects start anew; new invocations run the new program. */
  private deploy(): void {
    const { context } = this;
    if (!context.faults.active) return;
    context.faults.count("deploy");
    context.trace.line("deploy");
    this.consumer.deployed++;
    for (const process of this.consumers) {
      context.clock.schedule(DEPLOY_GRACE_MS, `deploy ends ${process.name}`, () => process.die(), process);
    }
    this.consumers.clear();
    for (const object of this.objects.values()) {
      context.clock.schedule(context.chance.integer(0, DEPLOY_GRACE_MS), "deploy", () =>
        object.lose("deploy"),
      );
    }
  }

  private objectFor(partition: PartitionName): SimObject {
    const known = this.objects.get(partition);
    if (known !== undefined) return known;
    const lane = (name: string, object: SimObject) =>
      name === "TELEMETRY"
        ? this.open.binding(() => object.untilSendable())
        : this.queue.binding(name as LaneName, () => object.untilSendable());
    const label = `p${this.objects.size + 1}`;
    const made = new SimObject(this.context, partition, label, this.objectClass, lane, this.rules);
    this.objects.set(partition, made);
    return made;
  }

  private isDrained(): boolean {
    if (this.senders.busy > 0) return false;
    for (const id of this.rules.accepted.keys()) if (this.rules.unfinished(id) !== null) return false;
    return this.ledger.missing(this.objects.values()) === null;
  }

  private checkDrained(): void {
    const { context, rules } = this;
    const left = [...rules.accepted.keys()].flatMap((id) => {
      const state = rules.unfinished(id);
      return state === null ? [] : [`${this.objectFor(partitionOf(id)).disk.label} ${id.slice(-6)} ${state}`];
    });
    const afterMs = Math.round(context.clock.nowMs - SIMULATION_STARTS_AT_MS);
    context.check(left.length === 0, "every backlog drains", () => `${left.join(", ")} after ${afterMs} ms`);
    if (context.violation !== null) return;
    const unlisted = this.ledger.missing(this.objects.values());
    context.check(
      unlisted === null,
      "the ledger lists everything that somebody must see",
      () => unlisted ?? "",
    );
    for (const { disk } of this.objects.values()) {
      const ids = new Set(disk.readAll().map((record) => record.id));
      const lost = [...disk.records.keys()].filter((id) => !ids.has(id));
      context.check(lost.length === 0 || disk.dirty, "what was stored is stored", () => lost.join(", "));
    }
  }

  close(): void {
    for (const object of this.objects.values()) object.disk.close();
  }
}
