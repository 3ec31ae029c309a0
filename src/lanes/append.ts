/**
 * The one durable write of ingest. Most events go into their lane; those of a strict order go straight into
 * their partition, whose commit is the acknowledgement and which rings its lane itself.
 */
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventId, PartitionName } from "../core/ids.ts";
import { MESSAGE_VERSION, type OfferedVerdict } from "../core/partition/commands.ts";
import { unreachable } from "../core/result.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { LaneSet } from "./wire/lane-set.ts";

export type Appended =
  | { readonly id: EventId; readonly status: "queued" | "duplicate" }
  | { readonly id: EventId; readonly status: "refused"; readonly reason: string };

export interface AppendDependencies {
  readonly lanes: LaneSet;
  readonly partitions: Pick<PartitionClient, "offer">;
  readonly newId: () => string;
}

/** Throws when a lane or a partition could not be reached: then nothing is known, and the sender comes again. */
export async function appendEvents(
  deps: AppendDependencies,
  envelopes: readonly EventEnvelope[],
): Promise<readonly Appended[]> {
  const strict = envelopes.filter((envelope) => envelope.policy.ordering === "strict");
  const queued = envelopes.filter((envelope) => envelope.policy.ordering !== "strict");
  const [, verdicts] = await Promise.all([deps.lanes.send(queued), offerStrict(deps, strict)]);
  const outcomes = new Map(verdicts.map((verdict) => [verdict.id, appendedOf(verdict)]));
  return envelopes.map(({ id }) => outcomes.get(id) ?? { id, status: "queued" });
}

async function offerStrict(
  deps: AppendDependencies,
  envelopes: readonly EventEnvelope[],
): Promise<readonly OfferedVerdict[]> {
  const byPartition = new Map<PartitionName, EventEnvelope[]>();
  for (const envelope of envelopes) {
    byPartition.set(envelope.partition, [...(byPartition.get(envelope.partition) ?? []), envelope]);
  }
  const replies = [...byPartition].map(([partition, events]) =>
    deps.partitions.offer({
      v: MESSAGE_VERSION,
      request: deps.newId(),
      driver: "ingest",
      partition,
      events,
      wantLease: false,
    }),
  );
  return (await Promise.all(replies)).flatMap((reply) => reply.verdicts);
}

function appendedOf({ id, verdict }: OfferedVerdict): Appended {
  switch (verdict) {
    case "stored":
      return { id, status: "queued" };
    case "duplicate":
      return { id, status: "duplicate" };
    case "pushed_back":
      return { id, status: "refused", reason: "partition_full" };
    default:
      return unreachable(verdict);
  }
}
