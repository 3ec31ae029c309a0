/**
 * Drives one partition for as long as it holds the lease: works on what was granted, reports outcomes,
 * takes what comes next. One exchange is under way at a time; what is ready meanwhile goes with the next.
 * Spec: docs/spec/partition.md, "the driver".
 */
import type { EventSummary } from "../core/event-summary.ts";
import type { EventId, PartitionName } from "../core/ids.ts";
import {
  MESSAGE_VERSION,
  type Action,
  type ExchangeReply,
  type LeaseView,
} from "../core/partition/commands.ts";
import { messageOf } from "../core/result.ts";
import { createBell, type Bell } from "./bell.ts";
import { HeldEvent, type DriverLink } from "./held-event.ts";
import type { DriverDependencies } from "./ports.ts";
import type { Slots } from "./slots.ts";

export interface DriveOptions {
  readonly partition: PartitionName;
  readonly driver: string;
  readonly lease: LeaseView;
  readonly slots: Slots;
  /** After this no new events are taken. */
  readonly stopClaimingAtMs: number;
  /** Told of what has ended, as the partition says it; the same end may be told twice. */
  readonly onEnded: (ended: readonly EventSummary[]) => void;
}

/**
 * Resolves when the lease is given back or lost. Never throws: a lost partition is driven again by its alarm.
 * @returns when the work that was left open is due; null when nothing was
 */
export async function drivePartition(
  deps: DriverDependencies,
  options: DriveOptions,
): Promise<number | null> {
  let lease: LeaseView | null = options.lease;
  for (;;) {
    const session = new Session(deps, options, lease);
    const nextDueMs = await session.run();
    // A session that came to nothing would come to nothing again: the partition rings when there is more to do.
    lease = nextDueMs === null || !session.hasReported ? null : await linger(deps, options, nextDueMs);
    if (lease === null) return nextDueMs;
  }
}

/** Waits for work that is nearly due instead of being rung for it. */
async function linger(
  deps: DriverDependencies,
  options: DriveOptions,
  dueMs: number,
): Promise<LeaseView | null> {
  const nowMs = deps.clock.nowMs();
  // Pending work has been due since ever: what counts is when it would be claimed.
  const claimAtMs = Math.max(dueMs, nowMs);
  if (claimAtMs - nowMs > deps.limits.lingerMs || claimAtMs >= options.stopClaimingAtMs) return null;
  await deps.clock.sleep(claimAtMs - nowMs + TIMER_SLACK_MS);
  try {
    const request = { v: MESSAGE_VERSION, request: deps.newId(), driver: options.driver } as const;
    return (await deps.partitions.claim(options.partition, request)).lease;
  } catch (thrown) {
    deps.log.warn("claim_failed", { partition: options.partition, error: messageOf(thrown) });
    return null;
  }
}

/** Timers may fire a little before the clock says so. */
const TIMER_SLACK_MS = 2;

/** Something a held event waits to have said. Without an action it only asks for an exchange. */
interface Message {
  readonly action: Action | null;
  readonly delivered: () => void;
  readonly lost: (reason: Error) => void;
}

class Session implements DriverLink {
  readonly token: number;
  /** True once an outcome of any event has reached the partition. */
  hasReported = false;
  private readonly deps: DriverDependencies;
  private readonly options: DriveOptions;
  private readonly bell: Bell;
  private readonly leaseMs: number;
  private readonly held = new Map<EventId, HeldEvent>();
  private readonly tasks = new Set<Promise<void>>();
  private outbox: Message[] = [];
  private expiresAtMs: number;
  private nextTurnAtMs: number | null = null;

  constructor(deps: DriverDependencies, options: DriveOptions, lease: LeaseView) {
    this.deps = deps;
    this.options = options;
    this.bell = createBell(deps.clock);
    this.token = lease.token;
    this.expiresAtMs = lease.expiresAtMs;
    this.leaseMs = lease.expiresAtMs - deps.clock.nowMs();
    this.follow(lease);
  }

  /** @returns when the partition's next work is due: what it said itself, or the lease's end when that was lost; null when nothing is open */
  async run(): Promise<number | null> {
    try {
      for (;;) {
        await this.untilSomethingToSay();
        const reply = await this.exchange();
        if (reply.lease === null) return reply.nextDueMs;
        this.follow(reply.lease);
      }
    } catch (thrown) {
      this.deps.log.warn("lease_abandoned", { partition: this.options.partition, error: messageOf(thrown) });
      return this.expiresAtMs;
    } finally {
      this.abandon();
      await Promise.all(this.tasks);
    }
  }

  report(action: Action | null): Promise<void> {
    return new Promise((resolve, reject) => {
      this.outbox.push({ action, delivered: resolve, lost: reject });
      this.bell.ring();
    });
  }

  async coverEffect(): Promise<boolean> {
    if (!this.coversEffect()) await this.report(null);
    return this.coversEffect();
  }

  private coversEffect(): boolean {
    return this.expiresAtMs - this.deps.clock.nowMs() > this.deps.limits.effectTimeoutMs;
  }

  /** Takes over what a reply says: lost events, new ones, turns. */
  private follow(lease: LeaseView): void {
    this.expiresAtMs = lease.expiresAtMs;
    this.nextTurnAtMs = lease.nextTurnAtMs;
    for (const id of lease.cancelled) this.drop(id);
    for (const grant of lease.granted) {
      const event = new HeldEvent(grant, this, this.deps);
      this.held.set(event.id, event);
      this.start(event.prepare(this.options.slots));
    }
    for (const turn of lease.turns) {
      const event = this.held.get(turn.id);
      if (event !== undefined) this.start(event.deliver(turn, this.options.slots));
    }
  }

  private drop(id: EventId): void {
    this.held.get(id)?.cancel();
    this.held.delete(id);
  }

  private start(task: Promise<void>): void {
    const tracked: Promise<void> = task
      .catch((thrown: unknown) => {
        this.deps.log.debug("held_event_stopped", {
          partition: this.options.partition,
          error: messageOf(thrown),
        });
      })
      .finally(() => {
        this.tasks.delete(tracked);
        this.bell.ring();
      });
    this.tasks.add(tracked);
  }

  /** Until there is an outcome, a turn that came with time, or a heartbeat due; not at all when nothing is going on. */
  private async untilSomethingToSay(): Promise<void> {
    const heartbeatAtMs = this.expiresAtMs - this.leaseMs * HEARTBEAT_AT_SHARE_LEFT;
    const floorMs = this.deps.clock.nowMs() + MIN_HEARTBEAT_MS;
    const untilMs = Math.min(Math.max(heartbeatAtMs, floorMs), this.nextTurnAtMs ?? Number.POSITIVE_INFINITY);
    while (this.outbox.length === 0 && this.isBusy()) {
      const waitMs = untilMs - this.deps.clock.nowMs();
      if (waitMs <= 0) return;
      await this.bell.wait(waitMs);
    }
  }

  /** Something is going on, or a turn comes with time. Otherwise the lease is only in others' way. */
  private isBusy(): boolean {
    return this.nextTurnAtMs !== null || [...this.held.values()].some((event) => event.isWorking);
  }

  private async exchange(): Promise<ExchangeReply> {
    const messages = this.outbox;
    this.outbox = [];
    const actions = messages.flatMap((message) => message.action ?? []);
    if (messages.length === 0 && !this.isBusy()) actions.push({ kind: "release" });
    // What ends here is no longer held, so that the partition may grant it anew in the same reply.
    const ending = actions.filter(endsHold).flatMap(({ id }) => this.held.get(id) ?? []);
    for (const { id } of ending) this.held.delete(id);
    try {
      const reply = await this.deps.partitions.exchange(this.options.partition, {
        v: MESSAGE_VERSION,
        request: this.deps.newId(),
        driver: this.options.driver,
        token: this.token,
        holding: [...this.held.keys()],
        wantMore: this.deps.clock.nowMs() < this.options.stopClaimingAtMs,
        actions,
      });
      this.tellEnds(reply.ended ?? [], ending);
      if (reply.status === "fenced") throw new Error("the lease is no longer ours");
      if (reply.lease !== null) this.expiresAtMs = reply.lease.expiresAtMs;
      if (actions.some(endsHold)) this.hasReported = true;
      for (const action of actions) {
        if (action.kind === "record") this.held.get(action.id)?.outputStored(action.output);
      }
      for (const message of messages) message.delivered();
      return reply;
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
      for (const message of messages) message.lost(reason);
      throw reason;
    }
  }

  private tellEnds(ended: readonly EventSummary[], ending: readonly HeldEvent[]): void {
    this.options.onEnded(ended);
    for (const end of ended) {
      const event = ending.find(({ id }) => id === end.id);
      if (event !== undefined) this.deps.idempotency?.ended(event.envelope, end, event.body);
    }
  }

  /** The lease is over: whatever is still running must have no effect. */
  private abandon(): void {
    for (const id of this.held.keys()) this.drop(id);
    for (const message of this.outbox) message.lost(new Error("the lease is over"));
    this.outbox = [];
  }
}

/** A lease is extended below half its time; the heartbeat comes a little after that. */
const HEARTBEAT_AT_SHARE_LEFT = 0.45;
const MIN_HEARTBEAT_MS = 1_000;

function endsHold(action: Action): action is Exclude<Action, { kind: "record" | "confirm" | "release" }> {
  return action.kind !== "record" && action.kind !== "confirm" && action.kind !== "release";
}
