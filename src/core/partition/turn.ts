/**
 * Whose effects may run. Ordered: the first open event, once its output is stored and it has settled;
 * one at a time. Unordered: every event whose output is stored.
 */
import type { EventId } from "../ids.ts";
import type { Turn } from "./commands.ts";
import type { EventRecord } from "./model.ts";
import { laterOf, positionOf } from "./order.ts";
import { isLeased, type Workspace } from "./workspace.ts";

export interface Turns {
  readonly turns: readonly Turn[];
  readonly nextTurnAtMs: number | null;
}

const NO_TURN: Turns = { turns: [], nextTurnAtMs: null };

/** Hands out turns and the sequence numbers that go with them. */
export function giveTurns(work: Workspace): Turns {
  const { lease, mode, turn } = work.partition;
  if (lease === null) return NO_TURN;
  if (mode === "unordered") return { turns: unorderedTurns(work), nextTurnAtMs: null };
  const head = turn === null ? work.open()[0] : work.get(turn.id);
  if (head === undefined || !isLeased(lease, head.id) || !mayHaveTurn(head)) return NO_TURN;
  const readyAtMs = turn === null ? turnReadyAtMs(work, head) : work.at.nowMs;
  if (readyAtMs > work.at.nowMs) return { turns: [], nextTurnAtMs: readyAtMs };
  work.setPartition({ turn: positionOf(head) }, false);
  return { turns: [numbered(work, head)], nextTurnAtMs: null };
}

/** What a person has yet to see has no effects, also when its output is stored. */
function mayHaveTurn(record: EventRecord): boolean {
  return record.output !== null && record.decision?.review !== "due";
}

function unorderedTurns(work: Workspace): Turn[] {
  const entries = work.partition.lease?.entries ?? [];
  return entries.flatMap((entry) => {
    const record = work.get(entry.id);
    return record === undefined || !mayHaveTurn(record) ? [] : [numbered(work, record)];
  });
}

/**
 * A retry keeps its number while nothing else took a turn in between; after that it gets a new one, because
 * a receiver that refuses older numbers must not refuse it.
 */
function numbered(work: Workspace, record: EventRecord): Turn {
  const { mode, sequence: latest } = work.partition;
  const keeps = record.sequence > 0 && (mode === "unordered" || record.sequence === latest);
  if (keeps) {
    // That it has the turn again must be known after a crash, like the first time.
    if (mode === "ordered" && record.turnEnded === true) work.put({ ...record, turnEnded: false });
    return { id: record.id, sequence: record.sequence };
  }
  const sequence = latest + 1;
  work.setPartition({ sequence }, false);
  work.put({ ...record, sequence, effectsBegun: true, turnEnded: false });
  return { id: record.id, sequence };
}

/** When an event's effects may begin, as far as time decides it. */
export function turnReadyAtMs(work: Workspace, record: EventRecord): number {
  const { ordering, settleMs, gapWaitMs } = record.envelope.policy;
  const settledAtMs = ordering === "arrival" ? record.enteredAtMs + settleMs : record.enteredAtMs;
  if (gapWaitMs === 0) return settledAtMs;
  // A predecessor that ended without an effect has had its place in the order all the same.
  const reached = laterOf(work.partition.effectsReached, work.partition.endedReached ?? null);
  const followsOn = reached !== null && record.order <= reached.order + 1;
  return followsOn ? record.enteredAtMs : Math.max(settledAtMs, record.enteredAtMs + gapWaitMs);
}

/** What the driver holds and is no longer its own. */
export function cancelledOf(work: Workspace, holding: readonly EventId[]): EventId[] {
  return holding.filter((id) => !isLeased(work.partition.lease, id));
}
