/** One envelope from a verified request and what was decided about it: partition, id, policy. Decides nothing else. */
import type { PreviousEpoch, Source } from "../config/define-source.ts";
import { hintWithin, type LocationHint } from "../core/homes.ts";
import { ENVELOPE_VERSION, type EventEnvelope } from "../core/envelope.ts";
import { bucketOf, makeEventId, makePartitionName, shortHash, type PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { EventPolicy, Priority } from "../core/policy.ts";
import type { SchemeFacts } from "./facts.ts";
import { storedBody } from "./claim-check.ts";
import type { Quarantine } from "./quarantine.ts";
import type { ReadySource } from "./routes.ts";

export interface VerifiedRequest {
  readonly payload: JsonValue;
  /** JSON, as it goes into the envelope; null where it is too large for one. */
  readonly text: string | null;
  readonly jsonBytes: Uint8Array<ArrayBuffer>;
  readonly facts: SchemeFacts;
  /**
   * What tells this event from others where the sender's own id is not signed and a repeat is refused: a digest of
   * the signed bytes. null: the dedupe key does.
   */
  readonly identity: string | null;
  /** Of the signed bytes, where a repeat under another id is to be marked. */
  readonly signedDigest: string | null;
  readonly keptHeaders: Record<string, string>;
  readonly receivedAtMs: number;
  readonly origin: EventEnvelope["origin"];
  /** The region nearest to its sender; null where the platform does not say. */
  readonly nearest: LocationHint | null;
  readonly traceparent: string;
}

export type EventName = Pick<EnvelopeTarget, "dedupeKey" | "identity">;

interface EnvelopeTarget {
  readonly pipeline: string;
  readonly priority: Priority;
  readonly policy: EventPolicy;
  readonly dedupeKey: string;
  /** Stands for the dedupe key in the event's id; `dedupeKey` stays what people look events up by. */
  readonly identity?: string;
  /** null: one of the source's unordered shards, by the dedupe key. */
  readonly partitionKey: string | null;
  /** Its key in the epoch before, while that still counts; null as above. */
  readonly previousKey: string | null;
  readonly orderKey: number | null;
  /** The config's word on where the customer's partition should be; null: it has none. */
  readonly home: LocationHint | null;
  readonly quarantine?: Quarantine;
}

/** What an event without a customer, and without a place in any order, has for a target. */
export function unkeyed({
  dedupeKey,
  identity,
}: EventName): Omit<EnvelopeTarget, "pipeline" | "priority" | "policy" | "quarantine"> {
  const name = identity === undefined ? { dedupeKey } : { dedupeKey, identity };
  return { ...name, partitionKey: null, previousKey: null, orderKey: null, home: null };
}

/** null: the source has always been partitioned like this, or for long enough. */
export function previousEpochOf({ previousEpoch }: Source, nowMs: number): PreviousEpoch | null {
  return previousEpoch !== null && nowMs < previousEpoch.endsAtMs ? previousEpoch : null;
}

export async function makeEnvelope(
  ready: ReadySource,
  request: VerifiedRequest,
  target: EnvelopeTarget,
): Promise<EventEnvelope> {
  const { name: sourceName, source } = ready;
  const { dedupeKey, identity = dedupeKey, pipeline, quarantine } = target;
  const { signedDigest } = request;
  // Repeats must meet: without a key they have nothing in common but their bytes.
  const shardBy = signedDigest ?? identity;
  const place = await placeOf(ready, target, shardBy, { ...source, partitionKey: target.partitionKey });
  const { partition, policy } = place;
  const occurrence = { source: sourceName, dedupeKey: identity, pipeline };
  const previous = previousEpochOf(source, request.receivedAtMs);
  const previousPlace =
    previous && (await placeOf(ready, target, shardBy, { ...previous, partitionKey: target.previousKey }));
  const home = hintWithin(source.jurisdiction, target.home ?? request.nearest);
  const id = await makeEventId(partition, occurrence);
  return {
    v: ENVELOPE_VERSION,
    id,
    partition,
    partitionKey: place.partitionKey,
    source: sourceName,
    dedupeKey,
    type: request.facts.type,
    pipeline,
    priority: target.priority,
    orderKey: target.orderKey,
    receivedAtMs: request.receivedAtMs,
    origin: request.origin,
    ...(home === null ? {} : { home }),
    traceparent: request.traceparent,
    headers: request.keptHeaders,
    body:
      request.text === null
        ? await storedBody(id, request.jsonBytes)
        : { kind: "inline", text: request.text },
    policy,
    parent: null,
    ...(previousPlace && { previousId: await makeEventId(previousPlace.partition, occurrence) }),
    ...(signedDigest !== null && {
      signedDigest: await shortHash(["signed", sourceName, pipeline, signedDigest]),
    }),
    ...(quarantine === undefined ? {} : { quarantine }),
  };
}

/** How a source partitions, now or in the epoch before, and the key it gave this event. */
type Partitioning = Pick<Source, "epoch" | "space" | "unkeyedShards"> & {
  readonly partitionKey: string | null;
};

interface Place {
  readonly partition: PartitionName;
  readonly partitionKey: string;
  readonly policy: EventPolicy;
}

async function placeOf(
  { name, source }: ReadySource,
  { policy }: EnvelopeTarget,
  shardBy: string,
  { epoch, space = name, unkeyedShards, partitionKey }: Partitioning,
): Promise<Place> {
  const key = partitionKey ?? `shard-${bucketOf(shardBy, unkeyedShards)}`;
  const placed = partitionKey === null ? policyAmongStrangers(policy) : policy;
  const mode = placed.ordering === "none" ? "unordered" : "ordered";
  return {
    partition: await makePartitionName({ jurisdiction: source.jurisdiction, epoch, mode, space, key }),
    partitionKey: `${space}:${key}`.slice(0, MAX_PARTITION_KEY_CHARACTERS),
    policy: placed,
  };
}

/** Strangers in a shard have no order to keep: none of them may wait for another, nor stop at its end. */
function policyAmongStrangers(policy: EventPolicy): EventPolicy {
  return { ...policy, ordering: "none", onDead: "continue", onReview: "continue" };
}

/** For people; the hash in the partition's name covers the whole key. */
const MAX_PARTITION_KEY_CHARACTERS = 300;
