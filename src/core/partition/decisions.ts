/**
 * Decisions that a sender waits for, beside the log: one answer per event, the first that is committed. An event is
 * asked about before it has a place in the order, and enters the log when its answer is known. Pure, like the
 * machine it belongs to. Spec: docs/spec/decision.md.
 */
import type { EventEnvelope } from "../envelope.ts";
import type { EventId } from "../ids.ts";
import type { JsonValue } from "../json.ts";
import {
  isOpen,
  type DecisionRecord,
  type EventRecord,
  type OpenDecision,
  type StoredOutput,
} from "./model.ts";
import { insertEvent, isFull } from "./offer.ts";
import { isLeased, withEntry, type Workspace } from "./workspace.ts";

export interface AskRequest {
  readonly v: 1;
  /** Unique per logical request; the same on a repeat. */
  readonly request: string;
  readonly envelope: EventEnvelope;
  /** What is answered when nothing better is known in time. */
  readonly default: JsonValue;
  /** Until the sender must have its answer. A duration: clocks differ between locations. */
  readonly remainingMs: number;
  /** How long a duplicate waits for the first one's answer; 0: it is told at once that somebody is asking. */
  readonly waitMs: number;
}

export type AskReply = { readonly v: 1 } & (
  | { readonly status: "yours"; readonly token: number }
  /** Somebody else is asking; under this id, where the event was known by another before. */
  | { readonly status: "pending"; readonly id?: EventId }
  | { readonly status: "decided"; readonly decision: DecisionRecord }
  /** An event that never had a decision, or whose decision is past retention. */
  | { readonly status: "known" }
  | { readonly status: "pushed_back" }
);

export type Settlement =
  | { readonly kind: "model"; readonly token: number; readonly output: StoredOutput }
  | {
      readonly kind: "default";
      readonly reason: string;
      /** No late result will come: the event may enter the log at once. */
      readonly isFinal: boolean;
      /** What the pipeline made of it and wants a person to see. */
      readonly output: StoredOutput | null;
    };

export interface SettleRequest {
  readonly v: 1;
  readonly request: string;
  readonly id: EventId;
  readonly settlement: Settlement;
}

export interface SettleReply {
  readonly v: 1;
  /** The answer that stands, whoever gave it. null: the event is unknown, or asked by somebody else and not answered. */
  readonly decision: DecisionRecord | null;
}

export function askDecision(work: Workspace, request: AskRequest): AskReply {
  const { envelope } = request;
  const open = work.decision(envelope.id);
  if (open !== undefined) {
    if (open.answer !== null) return { v: 1, status: "decided", decision: open.answer };
    return open.request === request.request
      ? { v: 1, status: "yours", token: open.token }
      : { v: 1, status: "pending" };
  }
  const known = work.get(envelope.id);
  if (known?.decision !== undefined) return { v: 1, status: "decided", decision: known.decision };
  if (known !== undefined || work.remembered.has(envelope.id)) return { v: 1, status: "known" };
  const { limits, nowMs } = work.at;
  if (isFull(work) || work.partition.draining || work.openDecisions >= limits.maxOpenDecisions) {
    return { v: 1, status: "pushed_back" };
  }
  // Never repeated for one event, also when the partition was erased in between.
  const token = nowMs;
  work.putDecision({
    v: 1,
    id: envelope.id,
    envelope,
    token,
    request: request.request,
    askedAtMs: nowMs,
    dueMs: nowMs + Math.max(0, request.remainingMs) + limits.decisionGraceMs,
    default: request.default,
    answer: null,
  });
  return { v: 1, status: "yours", token };
}

export function settleDecision(work: Workspace, { id, request, settlement }: SettleRequest): SettleReply {
  const open = work.decision(id);
  if (open === undefined) return settleEntered(work, work.get(id), settlement);
  if (open.answer === null) return settleAsked(work, open, request, settlement);
  if (settlement.kind === "default") {
    if (settlement.isFinal) enter(work, open, open.answer, settlement.output, request);
    return { v: 1, decision: open.answer };
  }
  if (settlement.token !== open.token) return { v: 1, decision: open.answer };
  const noted = withLate(open.answer, settlement.output, work.at.nowMs);
  enter(work, open, noted, settlement.output, request);
  return { v: 1, decision: noted };
}

function settleAsked(
  work: Workspace,
  open: OpenDecision,
  request: string,
  settlement: Settlement,
): SettleReply {
  const { nowMs, limits } = work.at;
  if (settlement.kind === "model") {
    if (settlement.token !== open.token) return { v: 1, decision: null };
    const { output } = settlement;
    const by = output.model?.cached === true ? "cache" : "model";
    const decision: DecisionRecord = {
      by,
      answer: output.body,
      atMs: nowMs,
      token: open.token,
      reason: null,
      review: "none",
    };
    enter(work, open, decision, output, request);
    return { v: 1, decision };
  }
  const decision = defaultOf(open, settlement.reason, nowMs);
  if (settlement.isFinal) enter(work, open, decision, settlement.output, request);
  else work.putDecision({ ...open, answer: decision, dueMs: nowMs + limits.decisionLateMs });
  return { v: 1, decision };
}

/** The event is in the log: its answer stands. What the model said after that is noted, once. */
function settleEntered(
  work: Workspace,
  record: EventRecord | undefined,
  settlement: Settlement,
): SettleReply {
  const decision = record?.decision;
  if (record === undefined || decision === undefined) return { v: 1, decision: null };
  if (settlement.kind === "default" || settlement.token !== decision.token) return { v: 1, decision };
  if (decision.by !== "default" || decision.late !== undefined) return { v: 1, decision };
  const noted = withLate(decision, settlement.output, work.at.nowMs);
  // Whoever holds the event makes an output of its own; one event has one.
  const isWaiting = record.run === 1 && isOpen(record.state) && record.output === null;
  const isFree = isWaiting && !isLeased(work.partition.lease, record.id);
  const output = isFree ? settlement.output : record.output;
  work.put(withEntry({ ...record, decision: noted, output }, work.at.limits, lateEntry(work.at.nowMs)));
  return { v: 1, decision: noted };
}

/** Time has passed: who asked has died, or no late result came. */
export function passDecisions(work: Workspace): void {
  for (const open of work.decisions()) {
    if (open.dueMs > work.at.nowMs) continue;
    const decision = open.answer ?? defaultOf(open, "nobody_answered", work.at.nowMs);
    enter(work, open, decision, null, open.request);
  }
}

function defaultOf(open: OpenDecision, reason: string, nowMs: number): DecisionRecord {
  return { by: "default", answer: open.default, atMs: nowMs, token: open.token, reason, review: "due" };
}

function withLate(decision: DecisionRecord, output: StoredOutput, nowMs: number): DecisionRecord {
  return { ...decision, late: { answer: output.body, atMs: nowMs } };
}

function lateEntry(nowMs: number) {
  return { atMs: nowMs, what: "late_answer" } as const;
}

/** Into the log, as if it had arrived now: under `strict`, the order is that of acknowledgement. */
function enter(
  work: Workspace,
  open: OpenDecision,
  decision: DecisionRecord,
  output: StoredOutput | null,
  request: string,
): void {
  work.removeDecision(open.id);
  insertEvent(work, open.envelope, request);
  const stored = work.get(open.id);
  if (stored === undefined) return;
  const { limits } = work.at;
  const detail = decision.reason === null ? decision.by : `${decision.by}: ${decision.reason}`;
  // What the sender was told is an effect: nobody makes another output of the event after that.
  const effectsBegun = decision.by !== "default";
  const answered = withEntry({ ...stored, decision, output, effectsBegun }, limits, {
    atMs: decision.atMs,
    what: "answered",
    detail,
  });
  work.put(
    decision.late === undefined ? answered : withEntry(answered, limits, lateEntry(decision.late.atMs)),
  );
}

/** Answered by default, and nobody has looked at it since: its output goes to a person before it has any effect. */
export function isReviewDue(record: EventRecord): boolean {
  return record.decision?.review === "due";
}

export function reviewed(record: EventRecord): EventRecord {
  return record.decision === undefined
    ? record
    : { ...record, decision: { ...record.decision, review: "done" } };
}

export function reviewReason({ decision }: EventRecord): string {
  return `answered by default: ${decision?.reason ?? "unknown"}`;
}
