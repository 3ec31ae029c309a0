/** One envelope from a verified request and what was decided about it: partition, id, policy. Decides nothing else. */
import { ENVELOPE_VERSION, type EventEnvelope } from "../core/envelope.ts";
import { bucketOf, makeEventId, makePartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { EventPolicy, Priority } from "../core/policy.ts";
import type { SchemeFacts } from "./facts.ts";
import type { Quarantine } from "./quarantine.ts";
import type { ReadySource } from "./routes.ts";

export interface VerifiedRequest {
  readonly payload: JsonValue;
  /** JSON, as it goes into the envelope. */
  readonly text: string;
  readonly jsonBytes: Uint8Array<ArrayBuffer>;
  readonly facts: SchemeFacts;
  /**
   * What tells this event from others where the sender's own id is not signed and a repeat is refused: a digest of
   * the signed bytes. null: the dedupe key does.
   */
  readonly identity: string | null;
  readonly keptHeaders: Record<string, string>;
  readonly receivedAtMs: number;
  readonly origin: EventEnvelope["origin"];
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
  readonly orderKey: number | null;
  readonly quarantine?: Quarantine;
}

/** What an event without a customer, and without a place in any order, has for a target. */
export function unkeyed({
  dedupeKey,
  identity,
}: EventName): Pick<EnvelopeTarget, "dedupeKey" | "identity" | "partitionKey" | "orderKey"> {
  const name = identity === undefined ? { dedupeKey } : { dedupeKey, identity };
  return { ...name, partitionKey: null, orderKey: null };
}

export async function makeEnvelope(
  ready: ReadySource,
  request: VerifiedRequest,
  target: EnvelopeTarget,
): Promise<EventEnvelope> {
  const { name: sourceName, source } = ready;
  const { dedupeKey, identity = dedupeKey, partitionKey, pipeline, quarantine } = target;
  const space = source.space ?? sourceName;
  const key = partitionKey ?? `shard-${bucketOf(identity, source.unkeyedShards)}`;
  const policy = partitionKey === null ? policyAmongStrangers(target.policy) : target.policy;
  const partition = await makePartitionName({
    jurisdiction: source.jurisdiction,
    epoch: source.epoch,
    mode: policy.ordering === "none" ? "unordered" : "ordered",
    space,
    key,
  });
  return {
    v: ENVELOPE_VERSION,
    id: await makeEventId(partition, { source: sourceName, dedupeKey: identity, pipeline }),
    partition,
    partitionKey: `${space}:${key}`.slice(0, MAX_PARTITION_KEY_CHARACTERS),
    source: sourceName,
    dedupeKey,
    type: request.facts.type,
    pipeline,
    priority: target.priority,
    orderKey: target.orderKey,
    receivedAtMs: request.receivedAtMs,
    origin: request.origin,
    traceparent: request.traceparent,
    headers: request.keptHeaders,
    body: { kind: "inline", text: request.text },
    policy,
    parent: null,
    ...(quarantine === undefined ? {} : { quarantine }),
  };
}

/** Strangers in a shard have no order to keep: none of them may wait for another, nor stop at its end. */
function policyAmongStrangers(policy: EventPolicy): EventPolicy {
  return { ...policy, ordering: "none", onDead: "continue", onReview: "continue" };
}

/** For people; the hash in the partition's name covers the whole key. */
const MAX_PARTITION_KEY_CHARACTERS = 300;
