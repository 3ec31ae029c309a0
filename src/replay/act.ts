/**
 * What a replay does to one event: sends it round again at the tail of its customer's order, in the low lane; or, in
 * shadow, runs another pipeline over it and compares. A shadow never writes to the partition and never delivers.
 */
import { partitionOf, type EventId } from "../core/ids.ts";
import type { StoredOutput } from "../core/partition/model.ts";
import { addComparison, addUncompared, type ReportLimits } from "../core/replay/shadow-report.ts";
import type { ReplayTarget } from "../core/replay/progress.ts";
import { unreachable } from "../core/result.ts";
import type { PartitionOperations } from "../partition/client.ts";
import type { EventProcessor, LeasedEvent, Prepared } from "../pipeline/processor.ts";
import type { ReplayJob, ShadowRequest } from "./port.ts";
import type { ReplayAction } from "./step.ts";

export interface ActDependencies {
  readonly partitions: Pick<PartitionOperations, "read" | "readEnvelope" | "operate">;
  /** Free of effects outside. */
  readonly prepare: EventProcessor["prepare"];
  /** Of events whose jurisdiction has a ledger of its own: the job lies in another, which is told nothing of what they say. */
  readonly hidesValues?: (id: EventId) => boolean;
  readonly limits: ReportLimits & { readonly shadowTimeoutMs: number };
}

const REFUSALS = {
  not_found: "past its retention",
  conflict: "not in a state that can be replayed, or it moved on since it was listed",
} as const;

export async function actOn(
  deps: ActDependencies,
  { request }: ReplayJob,
  target: ReplayTarget,
): Promise<ReplayAction> {
  if (request.shadow !== null) return shadow(deps, request.shadow, target.id);
  const command = { kind: "replay", ...target, reuseOutput: request.from === "deliver" } as const;
  const { outcome } = await deps.partitions.operate(partitionOf(target.id), command);
  if (outcome === "applied") return { outcome };
  return { outcome: "refused", reason: REFUSALS[outcome] };
}

async function shadow(deps: ActDependencies, asked: ShadowRequest, id: EventId): Promise<ReplayAction> {
  const [view, stored] = await Promise.all([deps.partitions.read(id), deps.partitions.readEnvelope(id)]);
  if (view === null || stored === null) return uncompared(deps, "past its retention");
  if (view.output === null) return uncompared(deps, "no stored output");
  const event: LeasedEvent = {
    // Last of all, and with nothing of the other run: an output of its own is made.
    envelope: { ...stored.envelope, pipeline: asked.pipeline, priority: "low" },
    run: view.run,
    token: 0,
    sequence: view.sequence,
    attempt: 1,
    late: view.late,
    effectsBegun: false,
    output: null,
    deliveries: [],
  };
  const prepared = await deps.prepare(event, AbortSignal.timeout(deps.limits.shadowTimeoutMs));
  if (prepared.kind === "deferred") {
    return { outcome: "waits", reason: prepared.reason, untilMs: prepared.untilMs };
  }
  if (prepared.kind === "failed" && prepared.failure.class === "transient") {
    return { outcome: "again", reason: prepared.failure.code };
  }
  const after = outputOf(prepared);
  if (typeof after === "string") return uncompared(deps, after);
  const { decisionFields } = asked;
  const comparison = {
    id,
    before: view.output,
    after,
    decisionFields,
    hidesValues: deps.hidesValues?.(id) === true,
  };
  return { outcome: "applied", report: (report) => addComparison(report, comparison, deps.limits) };
}

/** Counted as refused: nothing was compared. */
function uncompared(deps: ActDependencies, why: string): ReplayAction {
  return { outcome: "refused", reason: why, report: (report) => addUncompared(report, why, deps.limits) };
}

function outputOf(prepared: Exclude<Prepared, { kind: "deferred" }>): StoredOutput | string {
  switch (prepared.kind) {
    case "ready":
    case "review":
      return prepared.output;
    case "filtered":
      return `filtered: ${prepared.reason}`;
    case "failed":
      return `failed: ${prepared.failure.code}`;
    default:
      return unreachable(prepared);
  }
}
