/** Telemetry over a queue. A report that cannot be sent is logged and given up: the partition's own alarm stands. */
import { LIMITS } from "../config/limits.ts";
import type { EventSummary } from "../core/event-summary.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";
import type { TelemetryMessage } from "./message.ts";
import type { CountsReports, Telemetry } from "./port.ts";

export function createTelemetry(queue: Pick<Queue, "send">, log: Logger): Telemetry & CountsReports {
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
      for (const events of chunksOf(summaries)) await send({ v: 1, kind: "events", events });
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
    if (last === undefined || bytes + size > LIMITS.ingest.maxMessageBytes) {
      chunks.push([summary]);
      bytes = size;
    } else {
      last.push(summary);
      bytes += size;
    }
  }
  return chunks;
}
