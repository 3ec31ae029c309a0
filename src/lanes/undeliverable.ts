/**
 * Messages a lane gave up on. Each is offered to its partition once more; one that still cannot be placed is
 * written to R2 and acknowledged on that alone, so that nothing ends by falling off a queue.
 */
import { MESSAGE_VERSION } from "../core/partition/commands.ts";
import { messageOf } from "../core/result.ts";
import type { LaneDelivery } from "./consumer.ts";
import type { DriverDependencies } from "./ports.ts";
import { parseLaneMessage } from "./wire/message.ts";

export interface UndeliverableStore {
  /** Write-once under the key; a repeat is no error. */
  put(key: string, body: string): Promise<void>;
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
    await store.put(key, JSON.stringify({ v: 1, keptAtMs: deps.clock.nowMs(), body: delivery.body }));
    deps.log.error("undeliverable_kept", { key, message_id: delivery.id });
    delivery.ack();
  } catch (thrown) {
    deps.log.error("undeliverable_not_kept", { message_id: delivery.id, error: messageOf(thrown) });
    delivery.retry({ delaySeconds: deps.limits.undeliverableRetrySeconds });
  }
}
