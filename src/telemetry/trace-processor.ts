/**
 * An event's processing as spans of its trace: the wait in its lane, the work up to the output, the wait in its
 * partition for the output to be stored and the turn to come, the deliveries. Adds nothing to the processing itself.
 */
import type { EventEnvelope } from "../core/envelope.ts";
import type { EventProcessor, LeasedEvent } from "../pipeline/processor.ts";
import type { SpanValue } from "../core/otlp.ts";
import type { Tracer } from "./tracer.ts";

export function traceProcessor(
  processor: EventProcessor,
  tracer: Tracer,
  nowMs: () => number,
): EventProcessor {
  /** When events that are held now became ready. */
  const readyAtMs = new Map<string, number>();
  return {
    prepare: (event, signal) => {
      const { envelope } = event;
      if (event.attempt === 1 && event.run === 1 && event.output === null) {
        const startMs = envelope.receivedAtMs;
        const attributes = { ...attributesOf(event), "messaging.system": "cloudflare_queues" };
        tracer.past(envelope.traceparent, { name: "sluice.lane", kind: "consumer", attributes, startMs });
      }
      return tracer.under(envelope.traceparent, () =>
        tracer.within({ name: "sluice.prepare", attributes: attributesOf(event) }, async (span) => {
          const prepared = await processor.prepare(event, signal);
          span.set({ "sluice.outcome": prepared.kind });
          if (prepared.kind === "failed") span.fail(prepared.failure.code);
          if (prepared.kind === "ready") readyAtMs.set(envelope.id, nowMs());
          return prepared;
        }),
      );
    },
    deliver: (event, output, signal, confirm) => {
      const { envelope } = event;
      const startMs = readyAtMs.get(envelope.id);
      readyAtMs.delete(envelope.id);
      if (startMs !== undefined) {
        const attributes = { ...attributesOf(event), "sluice.sequence": event.sequence };
        tracer.past(envelope.traceparent, { name: "sluice.partition", attributes, startMs });
      }
      return tracer.under(envelope.traceparent, () => processor.deliver(event, output, signal, confirm));
    },
  };
}

function attributesOf({ envelope, run, attempt }: LeasedEvent): Record<string, SpanValue> {
  return { ...eventAttributes(envelope), "sluice.run": run, "sluice.attempt": attempt };
}

/** Never the customer: a trace is seen by more people than the event's data. */
function eventAttributes({ id, partition, source, pipeline, priority }: EventEnvelope) {
  return {
    "sluice.event.id": id,
    "sluice.partition": partition,
    "sluice.source": source,
    "sluice.pipeline": pipeline,
    "sluice.priority": priority,
  };
}
