/** Telemetry over a queue. A report that cannot be sent is logged and given up: the partition's own alarm stands. */
import { LIMITS } from "../config/limits.ts";
import type { EventSummary } from "../core/event-summary.ts";
import { jurisdictionOf, type Jurisdiction } from "../core/ids.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";
import type { TelemetryMessage } from "./message.ts";
import type { CountsReports, Telemetry } from "./port.ts";

/** The queue before one ledger. */
export interface TelemetryWay {
  readonly queue: Pick<Queue, "send">;
  /** What may ride along with the next message; it is gone from where it was. */
  readonly takeCounts?: () => Counts | null;
}

/** @param wayOf the way of a jurisdiction's reports: what is said of its events takes no other */
export function createTelemetry(
  wayOf: (jurisdiction: Jurisdiction) => TelemetryWay,
  log: Logger,
): Telemetry & CountsReports {
  const send = async ({ queue }: TelemetryWay, message: TelemetryMessage): Promise<void> => {
    try {
      await queue.send(message, { contentType: "json" });
    } catch (thrown) {
      log.warn("telemetry_lost", { kind: message.kind, error: messageOf(thrown) });
    }
  };
  const sendEnded = async (way: TelemetryWay, summaries: readonly EventSummary[]): Promise<void> => {
    const counts = way.takeCounts?.() ?? null;
    const hasRoom = JSON.stringify(counts).length <= LIMITS.telemetry.maxRidingBytes;
    for (const [at, events] of chunksOf(summaries).entries()) {
      const rides = at === 0 && counts !== null && hasRoom;
      await send(way, { v: 1, kind: "events", events, ...(rides ? { counts } : {}) });
    }
    if (counts !== null && !hasRoom) await send(way, { v: 1, kind: "counts", counts });
  };
  return {
    partitionOpen: (partition, dueMs) =>
      send(wayOf(jurisdictionOf(partition)), { v: 1, kind: "partition_open", partition, dueMs }),
    async eventsEnded(summaries) {
      const byWay = new Map<TelemetryWay, EventSummary[]>();
      for (const summary of summaries) {
        const way = wayOf(jurisdictionOf(summary.partition));
        const some = byWay.get(way) ?? [];
        byWay.set(way, some);
        some.push(summary);
      }
      await Promise.all([...byWay].map(([way, some]) => sendEnded(way, some)));
    },
    counts: (counts, jurisdiction) => send(wayOf(jurisdiction), { v: 1, kind: "counts", counts }),
  };
}

/** As many as surely fit one message: texts in a summary are bounded, and a letter takes three bytes at most. */
function chunksOf(summaries: readonly EventSummary[]): EventSummary[][] {
  const chunks: EventSummary[][] = [];
  let bytes = 0;
  for (const summary of summaries) {
    const size = JSON.stringify(summary).length * 3;
    const last = chunks.at(-1);
    if (
      last === undefined ||
      bytes + size > LIMITS.ingest.maxMessageBytes - LIMITS.telemetry.maxRidingBytes
    ) {
      chunks.push([summary]);
      bytes = size;
    } else {
      last.push(summary);
      bytes += size;
    }
  }
  return chunks;
}
