/**
 * W3C trace context, level 2 (https://www.w3.org/TR/trace-context/). Pure: random bytes are an argument.
 */
import { encodeHex } from "./hex.ts";

export interface TraceContext {
  /** 32 lower-case hex characters, not all zero. */
  readonly traceId: string;
  /** 16 lower-case hex characters, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const ZERO = /^0+$/;

/** A header that breaks the rules is ignored, as the specification asks: null. */
export function parseTraceparent(header: string | null | undefined): TraceContext | null {
  const match = TRACEPARENT.exec(header?.trim() ?? "");
  if (!match) return null;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || ZERO.test(traceId) || ZERO.test(spanId)) return null;
  if (version === "00" && rest !== undefined) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-${context.sampled ? "01" : "00"}`;
}

/** A new span under `parent`, or a new sampled trace. @param random at least 24 random bytes */
export function childOf(parent: TraceContext | null, random: Uint8Array): TraceContext {
  const spanId = nonZeroHex(random.subarray(0, 8));
  if (parent) return { ...parent, spanId };
  return { traceId: nonZeroHex(random.subarray(8, 24)), spanId, sampled: true };
}

function nonZeroHex(bytes: Uint8Array): string {
  const text = encodeHex(bytes);
  return ZERO.test(text) ? `${text.slice(0, -1)}1` : text;
}
