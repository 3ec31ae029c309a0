/**
 * The one durable write of ingest. Most events go into their lane; those of a strict order go straight into
 * their partition, whose commit is the acknowledgement and which rings its lane itself.
 */
import { LIMITS } from "../config/limits.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId, PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import { MESSAGE_VERSION, type OfferedVerdict } from "../core/partition/commands.ts";
import type { EventState } from "../core/partition/model.ts";
import { unreachable } from "../core/result.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { LaneSet } from "./wire/lane-set.ts";

export type Appended =
  | {
      readonly id: EventId;
      readonly status: "queued" | "duplicate";
      /** Durable in a lane instead of its partition: its place in the order is not promised. */
      readonly order?: "suspended";
      /** Of a duplicate, as its partition says. */
      readonly state?: EventState;
      readonly result?: JsonValue;
    }
  | { readonly id: EventId; readonly status: "refused"; readonly reason: string };

export interface AppendDependencies {
  readonly lanes: LaneSet;
  readonly partitions: Pick<PartitionClient, "offer">;
  readonly newId: () => string;
  readonly sleep: (delayMs: number) => Promise<void>;
}

/** Throws when a lane or a partition could not be reached: then nothing is known, and the sender comes again. */
export async function appendEvents(
  deps: AppendDependencies,
  envelopes: readonly EventEnvelope[],
): Promise<readonly Appended[]> {
  const [only] = envelopes;
  if (only !== undefined && envelopes.length === 1 && only.policy.ordering !== "strict") {
    await deps.lanes.send(envelopes);
    return [{ id: only.id, status: "queued" }];
  }
  const strict = envelopes.filter((envelope) => envelope.policy.ordering === "strict");
  const queued = envelopes.filter((envelope) => envelope.policy.ordering !== "strict");
  const [, ordered] = await Promise.all([deps.lanes.send(queued), appendStrict(deps, strict)]);
  const outcomes = new Map(ordered.map((outcome) => [outcome.id, outcome]));
  return envelopes.map(({ id }) => outcomes.get(id) ?? { id, status: "queued" });
}

async function appendStrict(
  deps: AppendDependencies,
  envelopes: readonly EventEnvelope[],
): Promise<readonly Appended[]> {
  const byPartition = new Map<PartitionName, EventEnvelope[]>();
  for (const envelope of envelopes) {
    byPartition.set(envelope.partition, [...(byPartition.get(envelope.partition) ?? []), envelope]);
  }
  const appended = [...byPartition].map(([partition, events]) =>
    events.every(({ policy }) => policy.onUnreachable === "queue")
      ? offerOrQueue(deps, partition, events)
      : offer(deps, partition, events),
  );
  return (await Promise.all(appended)).flat();
}

async function offer(
  deps: AppendDependencies,
  partition: PartitionName,
  events: readonly EventEnvelope[],
): Promise<readonly Appended[]> {
  const base = { v: MESSAGE_VERSION, request: deps.newId(), driver: "ingest", wantLease: false } as const;
  const { verdicts } = await deps.partitions.offer({ ...base, partition, events });
  return verdicts.map(appendedOf);
}

/** By choice of its source: durable rather than in order. Should both writes succeed, the partition knows the second. */
async function offerOrQueue(
  deps: AppendDependencies,
  partition: PartitionName,
  events: readonly EventEnvelope[],
): Promise<readonly Appended[]> {
  const offered = offer(deps, partition, events).catch(() => null);
  const inTime = await Promise.race([offered, deps.sleep(LIMITS.ingest.orderedWithinMs)]);
  if (inTime) return inTime;
  await deps.lanes.send(events.map((event) => ({ ...event, orderSuspended: true })));
  return events.map(({ id }) => ({ id, status: "queued", order: "suspended" }));
}

function appendedOf({ id, verdict, state, result }: OfferedVerdict): Appended {
  switch (verdict) {
    case "stored":
      return { id, status: "queued" };
    case "duplicate":
      return {
        id,
        status: "duplicate",
        ...(state === null ? {} : { state }),
        ...(result === undefined ? {} : { result }),
      };
    case "pushed_back":
      return { id, status: "refused", reason: "partition_full" };
    default:
      return unreachable(verdict);
  }
}
