/**
 * One decision, from the partition's word to the sender's answer: asks for the right to answer, runs the pipeline up
 * to its output, commits. A hard timer stands over all of it. Gives no answer that is not durable, has no effect
 * outside, and delivers nothing: the lane does that afterwards. Spec: docs/spec/decision.md.
 */
import type { SyncRoute } from "../config/define-source.ts";
import type { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId } from "../core/ids.ts";
import { MESSAGE_VERSION } from "../core/partition/commands.ts";
import type { AskReply, Settlement } from "../core/partition/decisions.ts";
import { messageOf, unreachable } from "../core/result.ts";
import type { DecisionClient } from "../partition/client.ts";
import type { EventProcessor } from "../pipeline/processor.ts";
import type { BodyRoom } from "../platform/body-memory.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Decide, Decided } from "./port.ts";
import { prepareInTime, settlementOf, type Preparation } from "./prepare.ts";
import { Timer } from "./timer.ts";

export type SyncLimits = (typeof LIMITS)["sync"] & { readonly lateMs: number };

export interface DecideDependencies {
  readonly partitions: DecisionClient;
  /** A processor of its own for each decision; `finish` sends what its guards still owe. */
  start(): { readonly processor: Pick<EventProcessor, "prepare">; finish(): Promise<void> };
  readonly clock: Clock;
  readonly newId: () => string;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Logger;
  readonly limits: SyncLimits;
}

export function createDecider(deps: DecideDependencies): Decide {
  return async (envelope, route, receivedAtMs, room = null) => {
    const deadlineAtMs = receivedAtMs + route.deadlineMs;
    const timer = new Timer(deps.clock);
    const deciding = decide(deps, envelope, route, deadlineAtMs, room).catch((thrown: unknown): Decided => {
      deps.log.error("decision_failed", { error: messageOf(thrown).slice(0, MAX_ERROR_CHARACTERS) });
      return { kind: "undecided", reason: "failed" };
    });
    // Whatever ends the request first, the deadline or a sender that hangs up: what is under way may still become durable, and
    // the sender's next try finds it.
    deps.waitUntil(deciding);
    const decided = await Promise.race([deciding, timer.passes(deadlineAtMs)]);
    timer.cancel();
    if (decided !== "passed") return decided;
    return { kind: "undecided", reason: "too_slow" };
  };
}

const MAX_ERROR_CHARACTERS = 300;

async function decide(
  deps: DecideDependencies,
  storing: Promise<EventEnvelope>,
  route: SyncRoute,
  deadlineAtMs: number,
  room: BodyRoom | null,
): Promise<Decided> {
  const envelope = await storing;
  const { clock, limits, newId, partitions } = deps;
  const ask = (waitMs: number): Promise<AskReply> => {
    const remainingMs = deadlineAtMs - clock.nowMs();
    return partitions.ask({
      v: MESSAGE_VERSION,
      request: newId(),
      envelope,
      default: route.default,
      remainingMs,
      waitMs,
    });
  };
  const askedAtMs = clock.nowMs();
  // Its body took all the time. Nothing is asked for a sender that has been told to come again: then there will be time.
  if (askedAtMs >= deadlineAtMs) return { kind: "undecided", reason: "too_slow" };
  let reply = await ask(0);
  const askMs = clock.nowMs() - askedAtMs;
  const cutOffAtMs = deadlineAtMs - marginOf(limits, askMs, route.deadlineMs);
  // No longer than the first one's own cut-off lets it: a repeat must not take away the time that the first one still has.
  const waitMs = cutOffAtMs - askMs - clock.nowMs();
  if (reply.status === "pending" && waitMs > 0) reply = await ask(waitMs);
  switch (reply.status) {
    case "yours":
      return answer(deps, envelope, reply.token, cutOffAtMs, room);
    case "decided":
      return { kind: "decided", isDuplicate: true, decision: reply.decision };
    case "pending":
      // Whoever asks is still at it, or dead. This one's time is up.
      return settle(deps, reply.id ?? envelope.id, byDefault("deadline_of_a_duplicate", false), true);
    case "known":
      return { kind: "known" };
    case "pushed_back":
      return { kind: "undecided", reason: "refused" };
    default:
      return unreachable(reply);
  }
}

/** The default's commit goes the way that the question went. */
function marginOf(limits: SyncLimits, askMs: number, deadlineMs: number): number {
  return Math.min(Math.max(2 * askMs, limits.minMarginMs), deadlineMs * limits.maxMarginShare);
}

async function answer(
  deps: DecideDependencies,
  envelope: EventEnvelope,
  token: number,
  cutOffAtMs: number,
  room: BodyRoom | null,
): Promise<Decided> {
  const abort = new AbortController();
  const invocation = deps.start();
  const timer = new Timer(deps.clock);
  const asked = { envelope, token, ...(room !== null && { room }) };
  const preparing = prepareInTime(deps, invocation.processor, asked, cutOffAtMs, abort.signal);
  let isLate = false;
  try {
    const prepared = await Promise.race([preparing, timer.passes(cutOffAtMs)]);
    if (prepared !== "passed") return await settle(deps, envelope.id, settlementOf(prepared, token), false);
    isLate = true;
    const told = settle(deps, envelope.id, byDefault("deadline", false), false);
    deps.waitUntil(
      told
        .then(() => settleLate(deps, envelope.id, token, preparing))
        .catch((thrown: unknown) => {
          deps.log.warn("late_answer_lost", { event_id: envelope.id, error: messageOf(thrown) });
        })
        .then(() => {
          abort.abort();
          return invocation.finish();
        }),
    );
    return await told;
  } finally {
    timer.cancel();
    if (!isLate) deps.waitUntil(invocation.finish());
  }
}

/** What the model says after all is kept beside the answer. Without it, the event goes its way. */
async function settleLate(
  deps: DecideDependencies,
  id: EventId,
  token: number,
  preparing: Promise<Preparation>,
): Promise<void> {
  const timer = new Timer(deps.clock);
  const prepared = await Promise.race([preparing, timer.passes(deps.clock.nowMs() + deps.limits.lateMs)]);
  timer.cancel();
  deps.log.info("late_answer", { event_id: id, outcome: prepared === "passed" ? "none" : prepared.kind });
  const settlement = prepared === "passed" ? byDefault("deadline", true) : settlementOf(prepared, token);
  await settle(deps, id, settlement, false);
}

function byDefault(reason: string, isFinal: boolean): Settlement {
  return { kind: "default", reason, isFinal, output: null };
}

async function settle(
  deps: DecideDependencies,
  id: EventId,
  settlement: Settlement,
  isDuplicate: boolean,
): Promise<Decided> {
  const { partitions, newId } = deps;
  const { decision } = await partitions.settle({ v: MESSAGE_VERSION, request: newId(), id, settlement });
  return decision === null
    ? { kind: "undecided", reason: "refused" }
    : { kind: "decided", isDuplicate, decision };
}
