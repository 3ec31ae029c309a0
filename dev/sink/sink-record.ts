/** What the sink keeps of a delivery. */
import * as z from "zod";

export const sinkRecordSchema = z.object({
  id: z.string(),
  receivedAtMs: z.number(),
  path: z.string(),
  webhookId: z.string().nullable(),
  /** Seconds, as sent. */
  webhookTimestamp: z.string().nullable(),
  /** Null when the sink has no secret to check with. */
  signatureValid: z.boolean().nullable(),
  traceparent: z.string().nullable(),
  /** Every `x-sluice-*` header. */
  sluiceHeaders: z.record(z.string(), z.string()),
  contentType: z.string().nullable(),
  bodyBytes: z.number(),
  /** Parsed when it is JSON, else the text. */
  body: z.json(),
  /** What it was answered; null when the sink was told to hang. */
  status: z.number().nullable(),
  fault: z.string().nullable(),
});

export type SinkRecord = Readonly<z.output<typeof sinkRecordSchema>>;

export function parseSinkRecord(value: unknown): SinkRecord | null {
  const parsed = sinkRecordSchema.safeParse(value);
  return parsed.success ? parsed.data : null;
}
