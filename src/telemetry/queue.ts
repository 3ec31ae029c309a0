/** Telemetry over a queue. A report that cannot be sent is logged and given up: the partition's own alarm stands. */
import { LIMITS } from "../config/limits.ts";
import type { EventSummary } from "../core/event-summary.ts";
import type { Counts } from "../core/metrics/counts.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";
import type { TelemetryMessage } from "./message.ts";
import type { CountsReports, Telemetry } from "./port.ts";

/** @param takeCounts what may ride along with the next message; it is gone from where it was */
export function createTelemetry(
  queue: Pick<Queue, "send">,
  log: Logger,
  takeCounts: () => Counts | null = () => null,
): Telemetry & CountsReports {
  const send = async (message: TelemetryMessage): Promise<void> => {
    try {
      await queue.send(message, { contentType: "json" });
    } catch (thrown) {
      log.warn("telemetry_lost", { kind: message.kind, error: messageOf(thrown) });
    }
  };
  return {
    partitionOpen: (partition, dueMs) => send({ v: 1, kind: "partition_open", partition, dueMs }),
    async eventsEnded(summaries) {
      const counts = takeCounts();
      const hasRoom = JSON.stringify(counts).length <= LIMITS.telemetry.maxRidingBytes;
      for (const [at, events] of chunksOf(summaries).entries()) {
        const rides = at === 0 && counts !== null && hasRoom;
        await send({ v: 1, kind: "events", events, ...(rides ? { counts } : {}) });
      }
      if (counts !== null && !hasRoom) await send({ v: 1, kind: "counts", counts });
    },
    counts: (counts) => send({ v: 1, kind: "counts", counts }),
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
