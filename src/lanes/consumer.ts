/**
 * A lane's consumer. Parses each message, makes its events durable in their partitions, and drives the
 * partitions whose lease it was given. A message is acknowledged once its partition has it; one that could
 * not be placed goes back to the lane. Acknowledgements take effect when the invocation returns, so a crash
 * redelivers the batch: the partitions know what they have.
 */
import type { EventEnvelope } from "../core/envelope.ts";
import { isOutboxed, type EventSummary } from "../core/event-summary.ts";
import type { PartitionName } from "../core/ids.ts";
import { MESSAGE_VERSION, type LeaseView } from "../core/partition/commands.ts";
import { messageOf } from "../core/result.ts";
import { drivePartition } from "./driver.ts";
import type { DriverDependencies } from "./ports.ts";
import { createSlots } from "./slots.ts";
import { parseLaneMessage } from "./wire/message.ts";

/** What a batch needs of a queue message. */
export interface LaneDelivery {
  readonly body: unknown;
  readonly id: string;
  readonly attempts: number;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

interface PartitionBatch {
  readonly partition: PartitionName;
  readonly events: { readonly envelope: EventEnvelope; readonly delivery: LaneDelivery }[];
  readonly rings: LaneDelivery[];
}

export async function consumeLane(
  deps: DriverDependencies,
  deliveries: readonly LaneDelivery[],
): Promise<void> {
  const slots = createSlots(deps.limits.driverSlots);
  const stopClaimingAtMs = deps.clock.nowMs() + deps.limits.driveBudgetMs;
  const batches = groupByPartition(deps, deliveries);
  const ended: EventSummary[] = [];
  await Promise.all(
    batches.map(async (batch) => {
      const driver = deps.newId();
      const lease = await place(deps, batch, driver);
      const { partition } = batch;
      if (lease === null) {
        // Whoever had these messages before may have died without a word, and holds the lease until it expires.
        if (isRedelivered(batch)) await deps.telemetry.partitionOpen(partition, deps.clock.nowMs());
        return;
      }
      const here: EventSummary[] = [];
      const onEnded = (summaries: readonly EventSummary[]) => void here.push(...summaries);
      const options = { partition, driver, lease, slots, stopClaimingAtMs, onEnded };
      const openUntilMs = await drivePartition(deps, options);
      ended.push(...here);
      // What waits for a person must be listed: the sweep looks after it like after open work.
      const awaitedMs = openUntilMs ?? (here.some(isOutboxed) ? deps.clock.nowMs() : null);
      if (awaitedMs !== null) await deps.telemetry.partitionOpen(partition, awaitedMs);
    }),
  );
  if (ended.length > 0) await deps.telemetry.eventsEnded(ended);
}

function isRedelivered({ events, rings }: PartitionBatch): boolean {
  return [...events.map((event) => event.delivery), ...rings].some((delivery) => delivery.attempts > 1);
}

/** A message this version cannot read goes back: a newer deploy may, and in the end it is kept as undeliverable. */
function groupByPartition(deps: DriverDependencies, deliveries: readonly LaneDelivery[]): PartitionBatch[] {
  const byPartition = new Map<PartitionName, PartitionBatch>();
  for (const delivery of deliveries) {
    const message = parseLaneMessage(delivery.body);
    if (!message.ok) {
      deps.log.error("lane_message_unreadable", { message_id: delivery.id, attempts: delivery.attempts });
      delivery.retry({ delaySeconds: deps.limits.retryDelaySeconds });
      continue;
    }
    const partition =
      message.value.kind === "event" ? message.value.envelope.partition : message.value.partition;
    const batch = byPartition.get(partition) ?? { partition, events: [], rings: [] };
    byPartition.set(partition, batch);
    if (message.value.kind === "event") batch.events.push({ envelope: message.value.envelope, delivery });
    else batch.rings.push(delivery);
  }
  return [...byPartition.values()];
}

/** @returns the lease, when this driver got it */
async function place(
  deps: DriverDependencies,
  batch: PartitionBatch,
  driver: string,
): Promise<LeaseView | null> {
  const all = [...batch.events.map((event) => event.delivery), ...batch.rings];
  const request = { v: MESSAGE_VERSION, request: deps.newId(), driver } as const;
  try {
    if (batch.events.length === 0) {
      const claimed = await deps.partitions.claim(batch.partition, request);
      for (const ring of batch.rings) ring.ack();
      return claimed.lease;
    }
    const events = batch.events.map((event) => event.envelope);
    const reply = await deps.partitions.offer({
      ...request,
      partition: batch.partition,
      events,
      wantLease: true,
    });
    for (const ring of batch.rings) ring.ack();
    for (const { envelope, delivery } of batch.events) {
      const offered = reply.verdicts.find((candidate) => candidate.id === envelope.id);
      if (offered?.verdict === "stored" || offered?.verdict === "duplicate") delivery.ack();
      else delivery.retry({ delaySeconds: deps.limits.retryDelaySeconds });
      // A message that the queue hands over again is no sender's duplicate.
      if (offered?.verdict === "duplicate" && delivery.attempts === 1) {
        deps.idempotency?.seenAgain(envelope, offered);
      }
    }
    return reply.lease;
  } catch (thrown) {
    deps.log.warn("partition_unreachable", { partition: batch.partition, error: messageOf(thrown) });
    for (const delivery of all) delivery.retry({ delaySeconds: deps.limits.retryDelaySeconds });
    return null;
  }
}
