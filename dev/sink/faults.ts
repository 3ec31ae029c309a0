/** How a destination fails on demand. */
import * as z from "zod";

export const sinkFaultSchema = z.strictObject({
  /** Only deliveries with this text in the body. */
  match: z.string().min(1).optional(),
  /** Only this path. */
  path: z.string().min(1).optional(),
  status: z.int().min(200).max(599).optional(),
  retryAfterSeconds: z.number().min(0).optional(),
  delayMs: z.int().min(0).max(600_000).optional(),
  /** Take the delivery, record it, and never answer. */
  hang: z.literal(true).optional(),
  /** Absent = for ever. */
  times: z.int().min(1).optional(),
});

export type SinkFault = z.output<typeof sinkFaultSchema>;

export function faultMatches(fault: SinkFault, path: string, body: string): boolean {
  if (fault.path !== undefined && fault.path !== path) return false;
  return fault.match === undefined || body.includes(fault.match);
}
