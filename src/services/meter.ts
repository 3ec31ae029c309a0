/** Counts of one isolate for one ledger: added up in memory, sent now and then, as points to Analytics Engine where that is bound. */
import { waitUntil } from "cloudflare:workers";
import { LIMITS } from "../config/limits.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { messageOf } from "../core/result.ts";
import type { Clock } from "../platform/clock.ts";
import { isPointWriter, writePoints } from "../telemetry/analytics.ts";
import { createFlusher, type Flusher } from "../telemetry/flush.ts";
import type { Logger } from "../telemetry/log.ts";
import { createCollector, type Metrics } from "../telemetry/metrics.ts";

export interface Meter {
  readonly metrics: Metrics;
  readonly flusher: Flusher;
  /** For a message that is sent anyway. */
  take(): Counts | null;
}

export interface MeterParts {
  /** A dataset of Analytics Engine; anything else: there is none. */
  readonly points: unknown;
  readonly send: (counts: Counts) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Between two flushes. Absent: as the Worker has it. */
  readonly everyMs?: number;
}

export function createMeter({ points, send, clock, log, everyMs }: MeterParts): Meter {
  const limits = LIMITS.telemetry;
  const collector = createCollector(limits);
  const take = (): Counts | null => {
    const counts = collector.drain();
    if (counts === null || !isPointWriter(points)) return counts;
    try {
      writePoints(points, counts, limits.maxAnalyticsPoints);
    } catch (thrown) {
      log.warn("points_not_written", { error: messageOf(thrown) });
    }
    return counts;
  };
  const flusher = createFlusher({
    isEmpty: () => collector.isEmpty(),
    flush: async () => {
      const counts = take();
      if (counts !== null) await send(counts);
    },
    nowMs: () => clock.nowMs(),
    sleep: (delayMs) => clock.sleep(delayMs),
    waitUntil,
    everyMs: everyMs ?? limits.flushEveryMs,
  });
  return { metrics: collector, flusher, take };
}
