/**
 * What a partition says of its own accord: it rings its lane when work is due and nobody holds the lease, and tells
 * telemetry what must not be forgotten. Nothing here is on an event's way: what is lost is said again by the alarm.
 */
import { LIMITS } from "../config/limits.ts";
import { summaryOf } from "../core/event-summary.ts";
import { jurisdictionOf, type PartitionName } from "../core/ids.ts";
import type { EventRecord } from "../core/partition/model.ts";
import type { Priority } from "../core/policy.ts";
import { messageOf } from "../core/result.ts";
import type { GatewayEnv } from "../env.ts";
import { createLaneSet } from "../lanes/wire/lane-set.ts";
import { telemetryQueueOf } from "../platform/jurisdictions.ts";
import type { Logger } from "../telemetry/log.ts";
import { createTelemetry } from "../telemetry/queue.ts";
import type { Telemetry } from "../telemetry/port.ts";

export interface ReportDependencies {
  readonly partition: PartitionName;
  readonly env: () => GatewayEnv;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly log: Logger;
}

export class PartitionReports {
  private readonly deps: ReportDependencies;
  private readonly telemetry: Telemetry;
  private rungAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ReportDependencies) {
    this.deps = deps;
    // Asked for late: a binding is looked at when something is said.
    const find = () => {
      const env = deps.env();
      const jurisdiction = jurisdictionOf(deps.partition);
      return telemetryQueueOf((name) => Reflect.get(env, name), env.TELEMETRY, jurisdiction);
    };
    const queue = { send: (...message: Parameters<Queue["send"]>) => find().send(...message) };
    const way = { queue };
    this.telemetry = createTelemetry(() => way, deps.log);
  }

  /** A ring that is lost costs time, not events: the alarm rings again, and the sweep is told in case that is lost, too. */
  ring(nowMs: number, priority: Priority): void {
    if (nowMs - this.rungAtMs < LIMITS.partition.ringEveryMs) return;
    this.rungAtMs = nowMs;
    const { partition, env, log } = this.deps;
    const sent = createLaneSet((name) => Reflect.get(env(), name)).ring(partition, priority);
    this.deps.waitUntil(
      sent.catch((thrown: unknown) => {
        this.rungAtMs = Number.NEGATIVE_INFINITY;
        log.warn("ring_failed", { partition, error: messageOf(thrown) });
        return this.telemetry.partitionOpen(partition, nowMs);
      }),
    );
  }

  /** A lease answers every ring: the next one is news. */
  answered(): void {
    this.rungAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Work is left open by something else than a driver's run, which would say so itself. */
  open(dueMs: number): void {
    this.deps.waitUntil(this.telemetry.partitionOpen(this.deps.partition, dueMs));
  }

  ended(records: readonly EventRecord[]): Promise<void> {
    return this.telemetry.eventsEnded(records.map(summaryOf));
  }
}
