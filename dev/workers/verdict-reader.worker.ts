/**
 * The media platform's own service in the demo: reads verdicts from the second queue and writes them down at the
 * sink. An example of a receiver: it could drop repeats by `idempotencyKey` and stragglers by `sequence`.
 */
import * as z from "zod";

const verdictSchema = z.object({
  idempotencyKey: z.string(),
  eventId: z.string(),
  type: z.string(),
  body: z.json(),
  partition: z.string(),
  sequence: z.int(),
  late: z.boolean(),
  traceparent: z.string(),
});

interface VerdictReaderEnv {
  readonly SINK_URL: string;
}

export default {
  async queue(batch: MessageBatch, env: VerdictReaderEnv): Promise<void> {
    for (const message of batch.messages) {
      const verdict = verdictSchema.parse(message.body);
      const response = await fetch(`${env.SINK_URL}/verdicts`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "webhook-id": verdict.idempotencyKey,
          traceparent: verdict.traceparent,
          "x-sluice-partition": verdict.partition,
          "x-sluice-sequence": String(verdict.sequence),
          ...(verdict.late ? { "x-sluice-late": "true" } : {}),
        },
        body: JSON.stringify({ type: verdict.type, id: verdict.eventId, data: verdict.body }),
      });
      if (response.ok) message.ack();
      else message.retry();
    }
  },
};
