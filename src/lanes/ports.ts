/** What the consumer and its drivers need. Time, chance and the outside are arguments, so that tests can own them. */
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventSummary } from "../core/event-summary.ts";
import type { JsonValue } from "../core/json.ts";
import type { OfferedVerdict } from "../core/partition/commands.ts";
import type { StoredOutput } from "../core/partition/model.ts";
import type { PartitionClient } from "../partition/client.ts";
import type { Clock } from "../platform/clock.ts";
import type { EventProcessor, LeasedEvent } from "../pipeline/processor.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Telemetry } from "../telemetry/port.ts";

/** The idempotency cache, as a consumer writes it. Returns at once, never throws. */
export interface EndWriter {
  /** The partition calls it a duplicate. */
  seenAgain(envelope: EventEnvelope, verdict: OfferedVerdict): void;
  /** The partition has committed this end. @param body of its deliveries; undefined: it has none */
  ended(envelope: EventEnvelope, end: EventSummary, body: JsonValue | undefined): void;
}

export interface DriverDependencies {
  readonly partitions: PartitionClient;
  readonly processor: EventProcessor;
  /** Envelopes of the events that an output emits; they commit together with its completion. */
  readonly buildEmits: (event: LeasedEvent, output: StoredOutput) => Promise<readonly EventEnvelope[]>;
  readonly telemetry: Telemetry;
  /** What the edge may answer duplicates from. Absent: nothing. */
  readonly idempotency?: EndWriter;
  readonly clock: Clock;
  /** A fresh unguessable id. */
  readonly newId: () => string;
  readonly log: Logger;
  readonly limits: DriverLimits;
}

export interface DriverLimits {
  readonly driverSlots: number;
  readonly driveBudgetMs: number;
  readonly lingerMs: number;
  readonly retryDelaySeconds: number;
  readonly undeliverableRetrySeconds: number;
  /** Longest that one event's effects may take: no effect starts unless the lease outlives it. */
  readonly effectTimeoutMs: number;
}
