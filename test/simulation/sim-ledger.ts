/**
 * The ledger as the partitions know it: it keeps the newest word on each event, acknowledges what they would tell
 * again, and is down for a while. Its messages and its answers can be lost.
 */
import { isDeepStrictEqual } from "node:util";
import { isOutboxed, summaryOf, type EventSummary } from "../../src/core/event-summary.ts";
import type { EventId } from "../../src/core/ids.ts";
import type { EventRecord } from "../../src/core/partition/model.ts";
import type { Context } from "./context.ts";
import { Outage } from "./faults.ts";
import { clientOf, clockOf } from "./sim-consumer.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimObject } from "./sim-object.ts";
import { short } from "./trace.ts";

export class SimLedger {
  readonly down: Outage;
  private readonly context: Context;
  private readonly network: SimNetwork;
  private readonly rows = new Map<EventId, EventSummary>();

  constructor(context: Context, network: SimNetwork) {
    this.context = context;
    this.network = network;
    this.down = new Outage(context.faults, "ledger_down", () => context.clock.nowMs);
  }

  receive(summaries: readonly EventSummary[]): void {
    if (this.down.hits()) return;
    for (const summary of summaries) {
      const known = this.rows.get(summary.id);
      if (known === undefined || known.version < summary.version) this.rows.set(summary.id, summary);
      this.acknowledge(summary);
    }
  }

  /** The first event whose end somebody must see and that is not, or not rightly, listed; null when there is none. */
  missing(objects: Iterable<SimObject>): string | null {
    for (const { disk } of objects) {
      for (const record of disk.records.values()) {
        if (this.mustBeListed(record) && !this.isListed(record)) return `${disk.label} ${short(record.id)}`;
      }
    }
    return null;
  }

  private mustBeListed(record: EventRecord): boolean {
    return record.endedAtMs !== null && isOutboxed(record);
  }

  private isListed(record: EventRecord): boolean {
    const row = this.rows.get(record.id);
    return row !== undefined && isDeepStrictEqual(row, summaryOf(record));
  }

  private acknowledge(summary: EventSummary): void {
    if (!isOutboxed(summary)) return;
    const { id, version, partition } = summary;
    const process = this.context.startProcess("operator", this.context.newId("l"));
    const client = clientOf(this.context, this.network, process, clockOf(this.context, process));
    process
      .run(() => client.acknowledge(partition, [{ id, version }]))
      .catch(() => this.context.trace.line(`${process.name} could not acknowledge ${short(id)}`));
  }
}
