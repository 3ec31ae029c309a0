/**
 * Messages a lane gave up on. Each is offered to its partition once more; one that still cannot be placed is
 * written to R2 and acknowledged on that alone, so that nothing ends by falling off a queue.
 */
import { MESSAGE_VERSION } from "../core/partition/commands.ts";
import { jurisdictionOf, type Jurisdiction } from "../core/ids.ts";
import { messageOf } from "../core/result.ts";
import { jurisdictionOfReport, parseTelemetry } from "../telemetry/message.ts";
import type { LaneDelivery } from "./consumer.ts";
import type { DriverDependencies } from "./ports.ts";
import { parseLaneMessage } from "./wire/message.ts";

export interface UndeliverableStore {
  /**
   * Write-once under the key; a repeat is no error.
   * @param jurisdiction of what the message is about; null: it does not say, or cannot be read
   */
  put(key: string, body: string, jurisdiction: Jurisdiction | null): Promise<void>;
}

export async function consumeUndeliverable(
  deps: DriverDependencies,
  store: UndeliverableStore,
  deliveries: readonly LaneDelivery[],
): Promise<void> {
  for (const delivery of deliveries) {
    if (await offerOnceMore(deps, delivery)) {
      delivery.ack();
      continue;
    }
    await keep(deps, store, delivery);
  }
}

async function offerOnceMore(deps: DriverDependencies, delivery: LaneDelivery): Promise<boolean> {
  const message = parseLaneMessage(delivery.body);
  if (!message.ok) return false;
  // A ring holds no event, and the partition's own alarm rings again.
  if (message.value.kind === "ring") return true;
  const { envelope } = message.value;
  try {
    const reply = await deps.partitions.offer({
      v: MESSAGE_VERSION,
      request: deps.newId(),
      driver: "undeliverable",
      partition: envelope.partition,
      events: [envelope],
      wantLease: false,
    });
    return reply.verdicts.every((verdict) => verdict.verdict !== "pushed_back");
  } catch (thrown) {
    deps.log.warn("undeliverable_offer_failed", { event_id: envelope.id, error: messageOf(thrown) });
    return false;
  }
}

async function keep(
  deps: DriverDependencies,
  store: UndeliverableStore,
  delivery: LaneDelivery,
): Promise<void> {
  const key = `undeliverable/${delivery.id}.json`;
  try {
    const kept = JSON.stringify({ v: 1, keptAtMs: deps.clock.nowMs(), body: delivery.body });
    await store.put(key, kept, jurisdictionOfMessage(delivery.body));
    deps.log.error("undeliverable_kept", { key, message_id: delivery.id });
    delivery.ack();
  } catch (thrown) {
    deps.log.error("undeliverable_not_kept", { message_id: delivery.id, error: messageOf(thrown) });
    delivery.retry({ delaySeconds: deps.limits.undeliverableRetrySeconds });
  }
}

/** What a lane carries, and what the telemetry queues carry: their dead letters come here, too. */
function jurisdictionOfMessage(body: unknown): Jurisdiction | null {
  const message = parseLaneMessage(body);
  if (message.ok) {
    const { value } = message;
    return jurisdictionOf(value.kind === "event" ? value.envelope.partition : value.partition);
  }
  const report = parseTelemetry(body);
  return report.ok ? jurisdictionOfReport(report.value) : null;
}
