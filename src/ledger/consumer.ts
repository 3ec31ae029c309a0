/**
 * Projects telemetry into D1: one transaction per batch of messages. When D1 is down the batch goes back to the queue, later
 * each time; nobody else notices. What partitions send again until they are told is acknowledged to them afterwards.
 */
import type { EventSummary, SummaryReceipt } from "../core/event-summary.ts";
import type { PartitionName } from "../core/ids.ts";
import { messageOf, unreachable } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { takeCounts, type CountsIntake } from "../telemetry/intake.ts";
import { parseTelemetry } from "../telemetry/message.ts";
import type { OpenPartitions, OpenReport } from "./open-partitions.ts";
import { isException, withoutRepeats, type Projection } from "./projection.ts";

export interface TelemetryDelivery {
  readonly body: unknown;
  readonly id: string;
  readonly attempts: number;
  readonly timestamp: Date;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** Takes summaries out of a partition's outbox. */
export interface Acknowledger {
  acknowledge(partition: PartitionName, receipts: readonly SummaryReceipt[]): Promise<void>;
}

export interface ProjectionDependencies {
  readonly openPartitions: Pick<OpenPartitions, "report">;
  readonly projection: Projection;
  readonly partitions: Acknowledger;
  readonly limits: ProjectionLimits;
  /** Absent: counts are not kept. */
  readonly counts?: CountsIntake;
  readonly log: Logger;
}

export interface ProjectionLimits {
  readonly firstRetrySeconds: number;
  readonly maxRetrySeconds: number;
  readonly acknowledgeAtOnce: number;
}

interface ReadableBatch {
  readonly deliveries: readonly TelemetryDelivery[];
  readonly reports: readonly OpenReport[];
  readonly summaries: readonly EventSummary[];
  readonly counts: readonly Counts[];
  readonly newestMs: number;
}

export async function consumeTelemetry(
  deps: ProjectionDependencies,
  deliveries: readonly TelemetryDelivery[],
): Promise<void> {
  const batch = readBatch(deps, deliveries);
  try {
    await deps.openPartitions.report(batch.reports, batch.newestMs);
    const news = await deps.projection.project(batch.summaries);
    await takeBatch(deps, batch, news);
  } catch (thrown) {
    deps.log.warn("ledger_unavailable", {
      error: messageOf(thrown),
      messages: batch.deliveries.length,
    });
    for (const delivery of batch.deliveries) retryLater(deps, delivery);
    return;
  }
  for (const delivery of batch.deliveries) delivery.ack();
  await acknowledgeAll(deps, batch.summaries);
}

function readBatch(deps: ProjectionDependencies, deliveries: readonly TelemetryDelivery[]): ReadableBatch {
  const readable: TelemetryDelivery[] = [];
  const reports = new Map<string, OpenReport>();
  const summaries: EventSummary[] = [];
  const counts: Counts[] = [];
  let newestMs = 0;
  for (const delivery of deliveries) {
    const message = parseTelemetry(delivery.body);
    if (!message.ok) {
      // Written by a version that this one cannot read: a newer deploy may.
      deps.log.warn("telemetry_unreadable", { message_id: delivery.id });
      retryLater(deps, delivery);
      continue;
    }
    readable.push(delivery);
    newestMs = Math.max(newestMs, delivery.timestamp.getTime());
    switch (message.value.kind) {
      case "partition_open":
        reports.set(message.value.partition, message.value);
        break;
      case "events":
        summaries.push(...message.value.events);
        if (message.value.counts !== undefined) counts.push(message.value.counts);
        break;
      case "counts":
        counts.push(message.value.counts);
        break;
      default:
        unreachable(message.value);
    }
  }
  return { deliveries: readable, reports: [...reports.values()], summaries, counts, newestMs };
}

/** Under one name for one batch, so that a batch that comes again is counted once. */
async function takeBatch(
  deps: ProjectionDependencies,
  batch: ReadableBatch,
  ended: readonly EventSummary[],
): Promise<void> {
  const [part] = batch.deliveries.map((delivery) => delivery.id).toSorted();
  if (deps.counts === undefined || part === undefined) return;
  const { counts, newestMs: atMs } = batch;
  await takeCounts(deps.counts, { part, atMs, counts, ended });
}

/** Doubling: a hundred retries outlast hours of D1 being down, and the first comes soon. */
function retryLater({ limits }: ProjectionDependencies, delivery: TelemetryDelivery): void {
  const doubled = limits.firstRetrySeconds * 2 ** Math.min(delivery.attempts - 1, MAX_DOUBLINGS);
  delivery.retry({ delaySeconds: Math.min(doubled, limits.maxRetrySeconds) });
}

const MAX_DOUBLINGS = 20;

/** Lost ones cost nothing: the partition sends its summary again, and is told again. */
async function acknowledgeAll(
  deps: ProjectionDependencies,
  summaries: readonly EventSummary[],
): Promise<void> {
  const receipts = new Map<PartitionName, SummaryReceipt[]>();
  for (const summary of withoutRepeats(summaries)) {
    if (!isException(summary) && summary.version <= 1) continue;
    const { id, version, partition } = summary;
    receipts.set(partition, [...(receipts.get(partition) ?? []), { id, version }]);
  }
  const waiting = [...receipts];
  for (let start = 0; start < waiting.length; start += deps.limits.acknowledgeAtOnce) {
    const some = waiting.slice(start, start + deps.limits.acknowledgeAtOnce);
    await Promise.all(
      some.map(async ([partition, known]) => {
        try {
          await deps.partitions.acknowledge(partition, known);
        } catch (thrown) {
          deps.log.warn("acknowledge_failed", { partition, error: messageOf(thrown) });
        }
      }),
    );
  }
}
