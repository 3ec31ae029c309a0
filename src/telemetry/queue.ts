/** Telemetry over a queue. A report that cannot be sent is logged and given up: the partition's own alarm stands. */
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";
import type { TelemetryMessage } from "./message.ts";
import type { Telemetry } from "./port.ts";

export function createTelemetry(queue: Queue, log: Logger): Telemetry {
  return {
    async partitionOpen(partition, dueMs) {
      const message: TelemetryMessage = { v: 1, kind: "partition_open", partition, dueMs };
      try {
        await queue.send(message, { contentType: "json" });
      } catch (thrown) {
        log.warn("telemetry_lost", { partition, error: messageOf(thrown) });
      }
    },
  };
}
