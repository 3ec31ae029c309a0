/**
 * The partition's Durable Object: load rows, ask the machine, write rows, act. It decides nothing itself,
 * never calls a model or a destination, and never waits for the network while it holds a decision.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../config/limits.ts";
import type { SummaryReceipt } from "../core/event-summary.ts";
import { parsePartitionName, type EventId, type PartitionName } from "../core/ids.ts";
import {
  MESSAGE_VERSION,
  type ClaimReply,
  type ClaimRequest,
  type EventView,
  type ExchangeReply,
  type ExchangeRequest,
  type OfferReply,
  type OfferRequest,
  type OperatorReply,
  type PartitionStatus,
  type PokeReply,
  type RecallReply,
  type StoredEvent,
} from "../core/partition/commands.ts";
import type { AskReply, AskRequest, SettleReply, SettleRequest } from "../core/partition/decisions.ts";
import { ask, claim, exchange, offer, operate, reconcile, settle, tick } from "../core/partition/machine.ts";
import { newPartition, type EventRecord, type PartitionRecord } from "../core/partition/model.ts";
import type { OperatorCommand } from "../core/partition/operate.ts";
import {
  isLeased,
  type Circumstances,
  type Decision,
  type PartitionView,
} from "../core/partition/workspace.ts";
import { messageOf } from "../core/result.ts";
import type { GatewayEnv } from "../env.ts";
import { payloadsByKey } from "../platform/jurisdictions.ts";
import type { BodyStore } from "../platform/stored-bodies.ts";
import { migrate } from "../platform/migrations.ts";
import { createLogger } from "../telemetry/log.ts";
import { DecisionTable } from "./decision-table.ts";
import { undecidedView, viewOf } from "./event-view.ts";
import { Outbox } from "./outbox.ts";
import { Repeats } from "./repeats.ts";
import { PartitionReports } from "./reports.ts";
import { PARTITION_MIGRATIONS } from "./schema.ts";
import { PartitionStore } from "./store.ts";
import { headEventsFor, loadView } from "./view.ts";
import { deleteBodies, Upkeep } from "./upkeep.ts";
import { DecisionWaiters } from "./decision-waiters.ts";

export class PartitionObject extends DurableObject<GatewayEnv> {
  private readonly store: PartitionStore;
  private readonly outbox: Outbox;
  private readonly decisions: DecisionTable;
  private readonly waiters = new DecisionWaiters();
  private readonly upkeep: Upkeep;
  private readonly reports: PartitionReports;
  private readonly repeats: Repeats;
  private partition: PartitionRecord;
  private alarmAtMs: number | null = null;
  private refusedAtMs = Number.NEGATIVE_INFINITY;
  private headEvents: number = LIMITS.partition.headEvents;
  private readonly log = createLogger("info", { component: "partition" });

  constructor(state: DurableObjectState, env: GatewayEnv) {
    super(state, env);
    const { storage } = state;
    migrate(storage, PARTITION_MIGRATIONS);
    this.store = new PartitionStore(storage.sql);
    this.outbox = new Outbox(storage.sql);
    this.repeats = new Repeats(storage.sql);
    this.decisions = new DecisionTable(storage.sql);
    this.partition = this.loadPartition();
    const { log, store } = this;
    this.upkeep = new Upkeep({ storage, store, bodies: this.bodies(), log });
    this.reports = new PartitionReports({
      partition: this.partition.name,
      env: () => this.env,
      waitUntil: (work) => state.waitUntil(work),
      log,
    });
    // What is open must have an alarm, whatever became of the one that was set.
    void state.blockConcurrencyWhile(async () => {
      this.alarmAtMs = await storage.getAlarm();
      if (this.isAwaited() && this.alarmAtMs === null) await this.arm(Date.now());
    });
  }

  offer(request: OfferRequest): Promise<OfferReply> {
    // Nothing awaits between this and the offer's own writes: they are durable together.
    const events = this.ctx.storage.transactionSync(() => this.repeats.mark(request.events, Date.now()));
    return this.run(
      events.map((event) => event.id),
      (view, at) => offer(view, { ...request, events }, at),
    );
  }

  claim(request: ClaimRequest): Promise<ClaimReply> {
    return this.run([], (view, at) => claim(view, request, at));
  }

  exchange(request: ExchangeRequest): Promise<ExchangeReply> {
    const named = request.actions.flatMap((action) => {
      if (action.kind === "release") return [];
      return action.kind === "complete" ? [action.id, ...action.emits.map((emit) => emit.id)] : [action.id];
    });
    return this.run(named, (view, at) => exchange(view, request, at));
  }

  /** A sender waits. While another request asks about the same event, this one waits for its answer. */
  async ask(request: AskRequest): Promise<AskReply> {
    const { id } = request.envelope;
    const [envelope = request.envelope] = this.ctx.storage.transactionSync(() =>
      this.repeats.mark([request.envelope], Date.now()),
    );
    const reply = await this.run([id], (view, at) => ask(view, { ...request, envelope }, at));
    if (reply.status !== "pending" || request.waitMs <= 0) return reply;
    const decision = await this.waiters.wait(id, request.waitMs);
    return decision === null ? reply : { v: MESSAGE_VERSION, status: "decided", decision };
  }

  async settle(request: SettleRequest): Promise<SettleReply> {
    const reply = await this.run([request.id], (view, at) => settle(view, request, at));
    // Answered by default, and not in the log yet. Whoever asked may be dead, and only the alarm would enter it.
    if (this.decisions.find(request.id) !== null) this.reportOpen();
    return reply;
  }

  async operate(command: OperatorCommand): Promise<OperatorReply> {
    const named = "id" in command ? [command.id] : [];
    let dueMs: number | null = null;
    const reply = await this.run(named, (view, at) => {
      const decision = operate(view, command, at);
      dueMs = decision.dueMs;
      return decision;
    });
    // No driver's run will speak of what this leaves, should ring and alarm both be lost.
    const awaitedMs = dueMs ?? this.outbox.nextAtMs;
    if (awaitedMs !== null) this.reports.open(awaitedMs);
    return reply;
  }

  /** The ledger has these. */
  async acknowledge(receipts: readonly SummaryReceipt[]): Promise<void> {
    this.ctx.storage.transactionSync(() => this.outbox.acknowledge(receipts));
    await this.run([], (view, at) => tick(view, at));
  }

  async poke(): Promise<PokeReply> {
    const reply = await this.run([], (view, at) => tick(view, at));
    return { ...reply, untold: this.outbox.count() };
  }

  recall(id: EventId): RecallReply {
    const isOpen = this.decisions.find(id) !== null;
    const known = isOpen || this.store.find(id) !== null || this.store.isRemembered(id);
    return { v: MESSAGE_VERSION, known, openEvents: this.store.openEvents };
  }

  /** Forgets the customer: every event, output and delivery. Tokens and sequences go on rising from the clock. */
  async erase(): Promise<void> {
    // Before the rows that name them: who erases and hears of a failure erases again.
    await deleteBodies(this.bodies(), [...this.store.bodies(), ...this.decisions.bodies()]);
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.alarmAtMs = null;
    migrate(this.ctx.storage, PARTITION_MIGRATIONS);
    this.partition = this.loadPartition();
  }

  read(id: EventId): EventView | null {
    const record = this.store.find(id);
    if (record !== null) return viewOf(record, isLeased(this.partition.lease, id));
    const undecided = this.decisions.find(id);
    return undecided === null ? null : undecidedView(undecided);
  }

  readEnvelope(id: EventId): StoredEvent | null {
    const record = this.store.find(id);
    return record === null ? null : { envelope: record.envelope, original: record.original ?? null };
  }

  status(): PartitionStatus {
    const oldest = this.store.firstOpen(1)[0];
    return {
      partition: this.partition,
      openEvents: this.store.openEvents,
      storedBytes: this.store.storedBytes,
      oldestOpenAtMs: oldest?.envelope.receivedAtMs ?? null,
      customer: (oldest ?? this.store.newest())?.envelope.partitionKey ?? null,
      rowsWritten: this.store.rowsWritten + this.outbox.rowsWritten + this.decisions.rowsWritten,
      untold: this.outbox.count(),
    };
  }

  /** Never throws: the platform would retry a few times and then forget the alarm. */
  override async alarm(): Promise<void> {
    this.alarmAtMs = null;
    try {
      const nowMs = Date.now();
      const untold = this.ctx.storage.transactionSync(() => this.outbox.take(nowMs));
      await this.run([], (view, at) => tick(view, at));
      this.ctx.storage.transactionSync(() => this.repeats.forget(nowMs));
      const empty = await this.upkeep.run(nowMs);
      const isIdle = this.outbox.nextAtMs === null && this.decisions.nextDueMs === null;
      if (empty && this.partition.lease === null && isIdle) await this.erase();
      await this.tell(untold);
    } catch (thrown) {
      this.log.error("partition_alarm_failed", { partition: this.partition.name, error: messageOf(thrown) });
      await this.arm(Date.now() + LIMITS.partition.ringEveryMs);
    }
  }

  /** Load, decide, write; then act on what is durable. */
  private async run<Reply>(
    named: readonly EventId[],
    command: (view: PartitionView, at: Circumstances) => Decision<Reply>,
  ): Promise<Reply> {
    const at: Circumstances = { nowMs: Date.now(), random: Math.random, limits: LIMITS.partition };
    const { store, decisions, partition, headEvents } = this;
    const view = loadView({ store, decisions, partition, headEvents }, named, at.nowMs);
    const decision = command(view, at);
    const armed = this.commit(view, decision, at.nowMs);
    this.partition = decision.partition;
    this.headEvents = headEventsFor(view.head);
    await armed;
    if (decision.partition.lease !== null) this.reports.answered();
    if (decision.ring !== null) this.reports.ring(at.nowMs, decision.ring);
    return decision.reply;
  }

  private async tell(ids: readonly EventId[]): Promise<void> {
    const records = ids.map((id) => ({ id, record: this.store.find(id) }));
    await this.reports.ended(records.flatMap(({ record }) => record ?? []));
    const gone = records.filter(({ record }) => record === null);
    if (gone.length === 0) return;
    // Past its retention: nobody could do anything about it any more.
    const receipts = gone.map(({ id }) => ({ id, version: Number.MAX_SAFE_INTEGER }));
    this.ctx.storage.transactionSync(() => this.outbox.acknowledge(receipts));
  }

  /** One transaction: rows, and the alarm that wakes what they leave open. Nothing awaits in between. */
  private commit(view: PartitionView, decision: Decision<unknown>, nowMs: number): Promise<void> {
    const loaded = new Map<EventId, EventRecord>(
      [...view.head, ...view.named].map((record) => [record.id, record]),
    );
    try {
      this.ctx.storage.transactionSync(() => {
        this.store.save(decision.changed, (id) => loaded.get(id));
        this.outbox.put(decision.outbox, nowMs);
        this.decisions.save(decision.decisions);
        if (decision.writePartition || this.store.needsPartition)
          this.store.savePartition(decision.partition);
      });
    } catch (thrown) {
      // Rolled back: what the store believes must be what is stored.
      this.partition = this.loadPartition();
      this.watchAfterRefusal(nowMs);
      throw thrown;
    }
    const workMs = decision.ring === null ? decision.dueMs : nowMs + LIMITS.partition.ringEveryMs;
    this.waiters.tell(decision);
    const times = [workMs, this.decisions.nextDueMs, this.outbox.nextAtMs, this.upkeep.nextAtMs(nowMs)];
    const dueMs = Math.min(...times.map((atMs) => atMs ?? Number.POSITIVE_INFINITY));
    if (dueMs === Number.POSITIVE_INFINITY) return this.disarm();
    // An earlier alarm stands, unless nothing is open: then it would only wake an idle object. One whose time has
    // passed does not: the platform may have given it up.
    const stands =
      this.alarmAtMs !== null &&
      this.alarmAtMs > nowMs &&
      this.alarmAtMs <= dueMs &&
      (workMs !== null || this.alarmAtMs === dueMs);
    return stands ? Promise.resolve() : this.arm(Math.max(dueMs, nowMs));
  }

  /** Work that a refused commit leaves open: its caller may not come again, and the alarm's time may have passed. */
  private watchAfterRefusal(nowMs: number): void {
    const { ringEveryMs } = LIMITS.partition;
    if (!this.isAwaited() || nowMs - this.refusedAtMs < ringEveryMs) return;
    this.refusedAtMs = nowMs;
    this.reportOpen();
    if (this.alarmAtMs !== null && this.alarmAtMs > nowMs) return;
    const armed = this.arm(nowMs + ringEveryMs).catch((thrown: unknown) => {
      this.alarmAtMs = null;
      this.log.error("partition_alarm_failed", { partition: this.partition.name, error: messageOf(thrown) });
    });
    this.ctx.waitUntil(armed);
  }

  private isAwaited(): boolean {
    return this.store.openEvents > 0 || this.outbox.nextAtMs !== null || this.decisions.nextDueMs !== null;
  }

  private reportOpen(): void {
    this.reports.open(this.decisions.nextDueMs ?? Date.now());
  }

  private loadPartition(): PartitionRecord {
    const stored = this.store.load();
    this.outbox.load();
    this.decisions.refresh();
    if (stored === null) return newPartition(nameOf(this.ctx), Date.now());
    return reconcile(stored, (id) => this.store.find(id));
  }

  private bodies(): BodyStore {
    return payloadsByKey((name) => Reflect.get(this.env, name));
  }

  private async arm(atMs: number): Promise<void> {
    this.alarmAtMs = atMs;
    await this.ctx.storage.setAlarm(atMs);
  }

  private async disarm(): Promise<void> {
    if (this.alarmAtMs === null) return;
    this.alarmAtMs = null;
    await this.ctx.storage.deleteAlarm();
  }
}

function nameOf(state: DurableObjectState): PartitionName {
  const name = parsePartitionName(state.id.name ?? "");
  if (!name.ok) throw new Error("a partition object is reached by its partition's name");
  return name.value;
}
