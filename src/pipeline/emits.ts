/**
 * Events that an event emits, as envelopes: same partition, same trace, linked to their parent. Ids are made
 * from the parent's, so that building them twice gives the same events. Never sends anything.
 */
import type { Pipeline } from "../config/define-pipeline.ts";
import { ENVELOPE_VERSION, type EventEnvelope } from "../core/envelope.ts";
import { makeEventId } from "../core/ids.ts";
import type { EmittedEvent } from "../core/partition/model.ts";

/**
 * That the pipelines exist is checked when `format` returns (`emit_unknown_pipeline`). One that a later deploy took away is no
 * reason to lose the event: it waits until a deploy brings the pipeline back.
 */
export function buildEmittedEnvelopes(
  parent: EventEnvelope,
  run: number,
  emits: readonly EmittedEvent[],
  pipelines: ReadonlyMap<string, Pipeline<never>>,
  nowMs: number,
): Promise<EventEnvelope[]> {
  return Promise.all(
    emits.map(async (emit, index) => {
      const occurrence = `${run}.${index}`;
      const id = await makeEventId(parent.partition, {
        source: `emit:${parent.id}`,
        dedupeKey: occurrence,
        pipeline: emit.pipeline,
      });
      return {
        v: ENVELOPE_VERSION,
        id,
        partition: parent.partition,
        partitionKey: parent.partitionKey,
        source: parent.source,
        dedupeKey: `emit:${parent.id}.${occurrence}`,
        type: emit.type,
        pipeline: emit.pipeline,
        priority: parent.priority,
        // The sender's order is the parent's; what follows from it comes at the tail, siblings in their own order.
        orderKey: null,
        receivedAtMs: nowMs + index,
        origin: parent.origin,
        traceparent: parent.traceparent,
        headers: { "content-type": "application/json" },
        body: { kind: "inline", text: JSON.stringify(emit.payload) },
        // Without a key of its own there is no gap to wait for.
        policy: { ...parent.policy, ...pipelines.get(emit.pipeline)?.policy, gapWaitMs: 0 },
        parent: { id: parent.id, depth: (parent.parent?.depth ?? 0) + 1 },
      } satisfies EventEnvelope;
    }),
  );
}
