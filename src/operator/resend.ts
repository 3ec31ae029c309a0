/** Sends a kept message the way it was going: an event to its lane (or its partition, where the order is strict), a report to the ledger. */
import { parseLaneMessage } from "../lanes/wire/message.ts";
import type { EventEnvelope } from "../core/envelope.ts";
import type { PartitionName } from "../core/ids.ts";
import type { JsonValue } from "../core/json.ts";
import type { Priority } from "../core/policy.ts";
import { err, ok, type Result } from "../core/result.ts";
import { parseTelemetry, type TelemetryMessage } from "../telemetry/message.ts";

export interface ResendDependencies {
  append(
    envelopes: readonly EventEnvelope[],
  ): Promise<readonly { readonly status: "queued" | "duplicate" | "refused" }[]>;
  ring(partition: PartitionName, priority: Priority): Promise<void>;
  report(message: TelemetryMessage): Promise<void>;
}

export async function resend(
  deps: ResendDependencies,
  body: JsonValue,
): Promise<Result<null, "unreadable" | "pushed_back">> {
  const message = parseLaneMessage(body);
  if (message.ok) {
    if (message.value.kind === "ring") {
      await deps.ring(message.value.partition, message.value.priority);
      return ok(null);
    }
    const appended = await deps.append([message.value.envelope]);
    return appended.some(({ status }) => status === "refused") ? err("pushed_back") : ok(null);
  }
  const report = parseTelemetry(body);
  if (!report.ok) return err("unreadable");
  await deps.report(report.value);
  return ok(null);
}
