/**
 * What operators do to a partition: stop and go on, get one event out of the way, decide a review, run an event
 * again. Everything that re-enters does so at the tail: the order of what was accepted since is not touched.
 */
import { failure } from "../failure.ts";
import type { EventId } from "../ids.ts";
import type { JsonValue } from "../json.ts";
import { unreachable } from "../result.ts";
import { endRecord, nextVersion, pausePartition } from "./endings.ts";
import { dropEntry } from "./lease.ts";
import { isOpen, type EventRecord, type StoredOutput } from "./model.ts";
import { tailOrder } from "./order.ts";
import { isLeased, withEntry, type Workspace } from "./workspace.ts";

export type OperatorCommand =
  | { readonly kind: "pause"; readonly reason: string }
  | { readonly kind: "resume" }
  /** Finish what is here, take nothing new. `resume` ends it. */
  | { readonly kind: "drain" }
  /** Ends an open event as a dead letter, also under lease: its driver is told to stop. */
  | { readonly kind: "skip"; readonly id: EventId; readonly reason: string }
  /** Compare-and-set: nothing happens unless the event is in review in this run. */
  | { readonly kind: "review"; readonly id: EventId; readonly run: number; readonly decision: ReviewDecision }
  /**
   * A dead letter keeps its run; what was delivered gets the next one, and new idempotency keys with it. With `version`:
   * compare-and-set, so that whoever replays many can repeat itself.
   */
  | {
      readonly kind: "replay";
      readonly id: EventId;
      readonly reuseOutput: boolean;
      readonly version?: number;
    }
  /** Another payload for what cannot go on as it is. The event stays where it is; the first payload is kept. */
  | { readonly kind: "edit"; readonly id: EventId; readonly text: string }
  /** A dead letter that nobody will replay: it ends as `filtered`. */
  | { readonly kind: "discard"; readonly id: EventId; readonly reason: string };

export type ReviewDecision =
  | { readonly kind: "approve" }
  /** Delivers this body instead. */
  | { readonly kind: "edit"; readonly body: JsonValue }
  | { readonly kind: "reject"; readonly reason: string };

export type OperatorOutcome = "applied" | "not_found" | "conflict";

export function applyOperatorCommand(work: Workspace, command: OperatorCommand): OperatorOutcome {
  switch (command.kind) {
    case "pause":
      pausePartition(work, command.reason);
      return "applied";
    case "resume":
      work.setPartition({ paused: null, draining: false }, true);
      return "applied";
    case "drain":
      work.setPartition({ draining: true }, true);
      return "applied";
    case "skip":
      return onRecord(work, command.id, (record) => skip(work, record, command.reason));
    case "review":
      return onRecord(work, command.id, (record) =>
        record.state === "review" && record.run === command.run
          ? review(work, record, command.decision)
          : "conflict",
      );
    case "replay":
      return onRecord(work, command.id, (record) =>
        command.version === undefined || command.version === (record.version ?? 0)
          ? replay(work, record, command.reuseOutput)
          : "conflict",
      );
    case "edit":
      return onRecord(work, command.id, (record) => editPayload(work, record, command.text));
    case "discard":
      return onRecord(work, command.id, (record) => discard(work, record, command.reason));
    default:
      return unreachable(command);
  }
}

function onRecord(
  work: Workspace,
  id: EventId,
  apply: (record: EventRecord) => OperatorOutcome,
): OperatorOutcome {
  const record = work.get(id);
  return record === undefined ? "not_found" : apply(record);
}

function skip(work: Workspace, record: EventRecord, reason: string): OperatorOutcome {
  if (!isOpen(record.state)) return "conflict";
  const skipped = failure("infer", "permanent", "skipped", reason);
  const ended = endRecord(work, { ...record, failure: skipped }, "dead", reason);
  if (isLeased(work.partition.lease, record.id)) {
    dropEntry(work, ended);
    work.writePartition = true;
  }
  return "applied";
}

function review(work: Workspace, record: EventRecord, decision: ReviewDecision): OperatorOutcome {
  work.setPartition({ paused: heldBy(work, record) ? null : work.partition.paused }, true);
  switch (decision.kind) {
    case "approve":
      reenter(work, { ...record, output: deliverable(record.output) }, "approved");
      return "applied";
    case "edit":
      if (record.output === null) return "conflict";
      reenter(
        work,
        { ...record, output: { ...record.output, body: decision.body, draft: false, edited: true } },
        "edited",
      );
      return "applied";
    case "reject":
      endRecord(work, record, "filtered", `rejected: ${decision.reason}`);
      return "applied";
    default:
      return unreachable(decision);
  }
}

/** The pause that this very event's review put up (`onReview: hold`). */
function heldBy(work: Workspace, record: EventRecord): boolean {
  return work.partition.paused?.reason === `review ${record.id}`;
}

function replay(work: Workspace, record: EventRecord, reuseOutput: boolean): OperatorOutcome {
  if (isOpen(record.state) || record.state === "review") return "conflict";
  const again = record.state === "done";
  // One idempotency key, one effect: what may have arrived is not made anew under the same run.
  const output = reuseOutput || record.effectsBegun ? deliverable(record.output) : null;
  reenter(
    work,
    {
      ...record,
      run: again ? record.run + 1 : record.run,
      output: again && !reuseOutput ? null : output,
      deliveries: again ? [] : record.deliveries,
      effectsBegun: record.effectsBegun && !again,
      envelope: { ...record.envelope, priority: "low" },
    },
    "replayed",
  );
  return "applied";
}

/**
 * What was made of the first payload is not reused. Where its effects may be out, the edited event is the next run:
 * another content under the same idempotency key would be dropped by a receiver that looks at it.
 */
function editPayload(work: Workspace, record: EventRecord, text: string): OperatorOutcome {
  if (record.state !== "dead" && record.state !== "expired" && record.state !== "review") return "conflict";
  const { quarantine: _, ...envelope } = record.envelope;
  const edited: EventRecord = {
    ...record,
    envelope: { ...envelope, body: { kind: "inline", text } },
    original: record.original ?? record.envelope.body,
    output: null,
    run: record.effectsBegun ? record.run + 1 : record.run,
    deliveries: record.effectsBegun ? [] : record.deliveries,
    effectsBegun: false,
    // Whoever would replay it as it was listed before hears that it is another one now.
    version: nextVersion(record),
  };
  work.put(withEntry(edited, work.at.limits, { atMs: work.at.nowMs, what: "payload edited" }));
  return "applied";
}

function discard(work: Workspace, record: EventRecord, reason: string): OperatorOutcome {
  if (record.state !== "dead" && record.state !== "expired") return "conflict";
  endRecord(work, record, "filtered", `discarded: ${reason}`);
  return "applied";
}

/** A draft is no output: without one the model is asked again. */
function deliverable(output: StoredOutput | null): StoredOutput | null {
  return output?.draft === true ? null : output;
}

function reenter(work: Workspace, record: EventRecord, what: string): void {
  const { nowMs, limits } = work.at;
  const order = tailOrder(record.envelope, nowMs, work.highestOrder);
  work.highestOrder = order;
  const open: EventRecord = {
    ...record,
    state: "pending",
    order,
    arrivedAtMs: record.arrivedAtMs,
    enteredAtMs: nowMs,
    nextAtMs: 0,
    endedAtMs: null,
    attempts: 0,
    deliveryAttempts: 0,
    starts: 0,
    sequence: 0,
    late: false,
    failure: null,
    version: nextVersion(record),
  };
  work.put(withEntry(open, limits, { atMs: nowMs, what }));
  // The stored lease may still name the event: only its row said that the grant, and its sequence, were over.
  work.writePartition = true;
}
