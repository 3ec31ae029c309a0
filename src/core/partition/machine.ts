/**
 * The partition's decisions: (view, command, circumstances) → decision. No platform, no clock, no chance.
 * The object loads the view, calls one of these, writes what changed in one transaction, then acts.
 * States, transitions and invariants: docs/spec/partition.md.
 */
import { isOutboxed, summaryOf } from "../event-summary.ts";
import type { EventId } from "../ids.ts";
import { applyAction } from "./actions.ts";
import {
  MESSAGE_VERSION,
  type ClaimReply,
  type ClaimRequest,
  type ExchangeReply,
  type ExchangeRequest,
  type Grant,
  type LeaseView,
  type OfferReply,
  type OfferRequest,
  type OperatorReply,
  type PokeReply,
} from "./commands.ts";
import {
  askDecision,
  passDecisions,
  settleDecision,
  type AskReply,
  type AskRequest,
  type SettleReply,
  type SettleRequest,
} from "./decisions.ts";
import { nextDueMs, nextWorkMs } from "./due.ts";
import { expireLease, expireOverdue, extendLease, grantMore } from "./lease.ts";
import {
  isOpen,
  type EventRecord,
  type Lease,
  type LeaseEntry,
  type PartitionRecord,
  type Position,
} from "./model.ts";
import { offerEvent } from "./offer.ts";
import { laterOf, positionOf } from "./order.ts";
import { hadEffects } from "./endings.ts";
import { applyOperatorCommand, type OperatorCommand } from "./operate.ts";
import { cancelledOf, giveTurns, turnReadyAtMs } from "./turn.ts";
import {
  handoverUnder,
  Workspace,
  type Circumstances,
  type Decision,
  type PartitionView,
} from "./workspace.ts";

/** Makes events durable, and grants the lease when it is asked for and free. */
export function offer(view: PartitionView, request: OfferRequest, at: Circumstances): Decision<OfferReply> {
  const work = begin(view, at);
  const verdicts = request.events.map((envelope) => offerEvent(work, envelope, request.request));
  const lease = request.wantLease ? takeLease(work, request.driver) : null;
  return decide(work, { v: MESSAGE_VERSION, verdicts, lease, nextDueMs: nextWorkMs(work) });
}

/** Asks for the lease: a driver that was rung, or one that waited for work that was nearly due. */
export function claim(view: PartitionView, request: ClaimRequest, at: Circumstances): Decision<ClaimReply> {
  const work = begin(view, at);
  const lease = takeLease(work, request.driver);
  return decide(work, { v: MESSAGE_VERSION, lease, nextDueMs: nextWorkMs(work) });
}

/** Applies a driver's outcomes under its token and tells it what to do next. With no actions it is the heartbeat. */
export function exchange(
  view: PartitionView,
  request: ExchangeRequest,
  at: Circumstances,
): Decision<ExchangeReply> {
  const work = begin(view, at);
  const { lease } = work.partition;
  if (lease === null || lease.token !== request.token || lease.driver !== request.driver) {
    const status = emptiedBy(work, request) ? "released" : "fenced";
    const ended = status === "released" ? work.told(request.request).map(summaryOf) : [];
    return decide(work, { v: MESSAGE_VERSION, status, lease: null, nextDueMs: nextWorkMs(work), ended });
  }
  for (const action of request.actions) applyAction(work, action, request.request);
  if (work.partition.lease !== null && request.wantMore) grantMore(work, request.driver);
  const held = work.partition.lease !== null && work.partition.lease.entries.length > 0;
  if (!held) work.setPartition({ lease: null, turn: null }, false);
  const leaseView = held ? describeLease(work, request.holding) : null;
  return decide(work, {
    v: MESSAGE_VERSION,
    status: held ? "held" : "released",
    lease: leaseView,
    nextDueMs: nextWorkMs(work),
    ended: work.told(request.request).map(summaryOf),
  });
}

/** The same request again, after it had ended everything that its lease held: it is answered as it was. */
function emptiedBy(work: Workspace, { actions, token, request }: ExchangeRequest): boolean {
  const named = actions.flatMap((action) => (action.kind === "release" ? [] : action.id));
  const isApplied = named.every((id) => work.before(id)?.lastRequest === request);
  return named.length > 0 && isApplied && work.partition.token === token && work.partition.lease === null;
}

/** A sender waits: makes its event durable beside the log, and gives the right to answer it. */
export function ask(view: PartitionView, request: AskRequest, at: Circumstances): Decision<AskReply> {
  const work = begin(view, at);
  return decide(work, askDecision(work, request));
}

/** An answer for a waiting sender. The reply is the one that stands. */
export function settle(
  view: PartitionView,
  request: SettleRequest,
  at: Circumstances,
): Decision<SettleReply> {
  const work = begin(view, at);
  return decide(work, settleDecision(work, request));
}

/** The alarm and the sweep: time has passed, nothing else. */
export function tick(view: PartitionView, at: Circumstances): Decision<PokeReply> {
  const work = begin(view, at);
  return decide(work, { v: MESSAGE_VERSION, openEvents: work.openEvents, nextDueMs: nextDueMs(work) });
}

export function operate(
  view: PartitionView,
  command: OperatorCommand,
  at: Circumstances,
): Decision<OperatorReply> {
  const work = begin(view, at);
  const outcome = applyOperatorCommand(work, command);
  return decide(work, { v: MESSAGE_VERSION, outcome, partition: work.partition });
}

/**
 * The partition record as the stored events prove it. Turns and completed grants are not written on their
 * own: the events' rows say the same. Applied once, when the object is loaded.
 */
export function reconcile(
  partition: PartitionRecord,
  find: (id: EventId) => EventRecord | null,
): PartitionRecord {
  const { lease } = partition;
  if (lease === null) return partition;
  const granted = everGranted(lease, find);
  const leased = [...granted.values()].map(({ record }) => record);
  const entries = [...granted.values()].flatMap(({ entry, record }) => (isOpen(record.state) ? entry : []));
  const sequence = Math.max(partition.sequence, ...leased.map((record) => record.sequence));
  const begun = leased.filter((record) => record.sequence > 0);
  let { effectsReached } = partition;
  for (const record of begun) {
    if (hadEffects(record)) effectsReached = laterOf(effectsReached, positionOf(record));
  }
  const ended = leased.filter((record) => !isOpen(record.state));
  const endedReached = ended.map(positionOf).reduce<Position | null>(laterOf, partition.endedReached ?? null);
  const current = begun.find(
    (record) => isOpen(record.state) && record.sequence === sequence && record.turnEnded !== true,
  );
  const turn = partition.mode === "ordered" && current !== undefined ? positionOf(current) : null;
  const over = entries.length === 0;
  return {
    ...partition,
    sequence,
    effectsReached,
    endedReached,
    lease: over ? null : { ...lease, entries },
    turn: over ? null : turn,
  };
}

/** Everything granted under the stored lease: what it names, and what those events' rows add to it. */
function everGranted(
  lease: Lease,
  find: (id: EventId) => EventRecord | null,
): ReadonlyMap<EventId, { readonly entry: LeaseEntry; readonly record: EventRecord }> {
  const granted = new Map<EventId, { readonly entry: LeaseEntry; readonly record: EventRecord }>();
  const waiting = [...lease.entries];
  for (const entry of waiting) {
    const record = granted.has(entry.id) ? null : find(entry.id);
    if (record === null) continue;
    granted.set(entry.id, { entry, record });
    waiting.push(...handoverUnder(lease, record));
  }
  return granted;
}

function begin(view: PartitionView, at: Circumstances): Workspace {
  const work = new Workspace(view, at);
  expireLease(work);
  expireOverdue(work);
  passDecisions(work);
  return work;
}

/** The lease for this driver, if it is free or already its own (the answer to an earlier request was lost). */
function takeLease(work: Workspace, driver: string): LeaseView | null {
  const { lease } = work.partition;
  if (lease !== null && lease.driver !== driver) return null;
  grantMore(work, driver);
  return work.partition.lease === null ? null : describeLease(work, []);
}

function describeLease(work: Workspace, holding: readonly EventId[]): LeaseView | null {
  const { turns, nextTurnAtMs } = giveTurns(work);
  extendLease(work);
  const { lease } = work.partition;
  if (lease === null) return null;
  const unknown = lease.entries.filter((entry) => !holding.includes(entry.id));
  return {
    token: lease.token,
    expiresAtMs: lease.expiresAtMs,
    granted: unknown.flatMap((entry) => {
      const record = work.get(entry.id);
      return record === undefined ? [] : [grantOf(work, record)];
    }),
    turns,
    nextTurnAtMs,
    cancelled: cancelledOf(work, holding),
  };
}

function grantOf(work: Workspace, record: EventRecord): Grant {
  return {
    envelope: { ...record.envelope, priority: work.priority() },
    run: record.run,
    attempt: record.attempts + record.deliveryAttempts + 1,
    late: record.late,
    effectsBegun: record.effectsBegun,
    output: record.output,
    deliveries: record.deliveries,
    settledAtMs: turnReadyAtMs(work, record),
    ...(record.state === "deferred" ? { turnAtMs: record.nextAtMs } : {}),
  };
}

function decide<Reply>(work: Workspace, reply: Reply): Decision<Reply> {
  work.settleLease();
  const workDueMs = work.partition.lease === null ? nextWorkMs(work) : null;
  return {
    reply,
    partition: work.partition,
    writePartition: work.writePartition,
    changed: work.changed(),
    outbox: work.told().filter(isOutboxed),
    dueMs: nextDueMs(work),
    ring: workDueMs !== null && workDueMs <= work.at.nowMs ? work.priority() : null,
    decisions: work.decisionChanges(),
  };
}
