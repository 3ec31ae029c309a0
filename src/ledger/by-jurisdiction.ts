/**
 * Telemetry to the ledger of its events' jurisdiction. Each producer sends by jurisdiction already; what was sent before a
 * jurisdiction had a ledger of its own, or came back through a dead-letter queue, is sorted here once more.
 */
import { jurisdictionOf, type Jurisdiction } from "../core/ids.ts";
import type { PerJurisdiction } from "../platform/jurisdictions.ts";
import { parseTelemetry, type TelemetryMessage } from "../telemetry/message.ts";
import { consumeTelemetry, type ProjectionDependencies, type TelemetryDelivery } from "./consumer.ts";

/** @param queueOf the jurisdiction that the queue is in: of what names no event, and of what cannot be read */
export async function consumeByJurisdiction(
  ledgers: PerJurisdiction<ProjectionDependencies>,
  queueOf: Jurisdiction,
  deliveries: readonly TelemetryDelivery[],
): Promise<void> {
  const byLedger = new Map<ProjectionDependencies, TelemetryDelivery[]>();
  for (const delivery of deliveries) {
    const parts = partsOf(ledgers, queueOf, delivery.body);
    const shared = parts.size > 1 ? new SharedVerdict(delivery, parts.size) : null;
    for (const [ledger, body] of parts) {
      const some = byLedger.get(ledger) ?? [];
      byLedger.set(ledger, some);
      some.push(shared === null ? delivery : shared.part(body));
    }
  }
  for (const [ledger, some] of byLedger) await consumeTelemetry(ledger, some);
}

function partsOf(
  ledgers: PerJurisdiction<ProjectionDependencies>,
  queueOf: Jurisdiction,
  body: unknown,
): ReadonlyMap<ProjectionDependencies, unknown> {
  const whole = (jurisdiction: Jurisdiction) => new Map([[ledgers.of(jurisdiction), body]]);
  if (ledgers.all.length === 1) return whole("none");
  const message = parseTelemetry(body);
  if (!message.ok || message.value.kind === "counts") return whole(queueOf);
  if (message.value.kind === "partition_open") return whole(jurisdictionOf(message.value.partition));
  return splitEvents(ledgers, queueOf, message.value);
}

type EventsMessage = Extract<TelemetryMessage, { kind: "events" }>;

function splitEvents(
  ledgers: PerJurisdiction<ProjectionDependencies>,
  queueOf: Jurisdiction,
  { events, counts, ...message }: EventsMessage,
): ReadonlyMap<ProjectionDependencies, EventsMessage> {
  const parts = new Map<ProjectionDependencies, EventsMessage>();
  const counted = ledgers.of(queueOf);
  if (counts !== undefined) parts.set(counted, { ...message, events: [], counts });
  for (const event of events) {
    const ledger = ledgers.of(jurisdictionOf(event.partition));
    const part = parts.get(ledger) ?? { ...message, events: [] };
    parts.set(ledger, { ...part, events: [...part.events, event] });
  }
  return parts.size === 0 ? new Map([[counted, { ...message, events }]]) : parts;
}

/** One message for several ledgers: done when all of them have their part, and sent again otherwise. They know repeats. */
class SharedVerdict {
  private readonly delivery: TelemetryDelivery;
  private open: number;
  private retryAfter: { delaySeconds?: number } | null = null;

  constructor(delivery: TelemetryDelivery, parts: number) {
    this.delivery = delivery;
    this.open = parts;
  }

  part(body: unknown): TelemetryDelivery {
    const { id, attempts, timestamp } = this.delivery;
    return {
      body,
      id,
      attempts,
      timestamp,
      ack: () => this.settle(),
      retry: (options = {}) => {
        this.retryAfter = options;
        this.settle();
      },
    };
  }

  private settle(): void {
    this.open--;
    if (this.open > 0) return;
    if (this.retryAfter === null) this.delivery.ack();
    else this.delivery.retry(this.retryAfter);
  }
}
