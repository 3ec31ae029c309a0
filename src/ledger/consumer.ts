/** Projects telemetry into D1. When D1 is down the batch goes back to the queue; nobody else notices. */
import { messageOf } from "../core/result.ts";
import type { Logger } from "../telemetry/log.ts";
import { parseTelemetry } from "../telemetry/message.ts";
import type { OpenPartitions, OpenReport } from "./open-partitions.ts";

export interface TelemetryDelivery {
  readonly body: unknown;
  readonly id: string;
  readonly timestamp: Date;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

export interface ProjectionDependencies {
  readonly openPartitions: OpenPartitions;
  readonly retryDelaySeconds: number;
  readonly log: Logger;
}

export async function consumeTelemetry(
  deps: ProjectionDependencies,
  deliveries: readonly TelemetryDelivery[],
): Promise<void> {
  const reports = new Map<string, OpenReport>();
  let newestMs = 0;
  for (const delivery of deliveries) {
    const message = parseTelemetry(delivery.body);
    if (!message.ok) {
      // Written by a version that this one cannot read: a newer deploy may.
      deps.log.warn("telemetry_unreadable", { message_id: delivery.id });
      delivery.retry({ delaySeconds: deps.retryDelaySeconds });
      continue;
    }
    if (message.value.kind === "partition_open") reports.set(message.value.partition, message.value);
    newestMs = Math.max(newestMs, delivery.timestamp.getTime());
    delivery.ack();
  }
  try {
    await deps.openPartitions.report([...reports.values()], newestMs);
  } catch (thrown) {
    deps.log.warn("ledger_unavailable", { error: messageOf(thrown), messages: deliveries.length });
    for (const delivery of deliveries) delivery.retry({ delaySeconds: deps.retryDelaySeconds });
  }
}
