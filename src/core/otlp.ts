/**
 * Spans, and their form on the wire: OTLP 1.x as JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
 * Pure. Attributes hold ids, names, sizes and codes, never a payload.
 */

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export type SpanValue = string | number | boolean | readonly string[];

export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  /** null: the trace begins here. */
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, SpanValue>>;
  /** The code of what failed; null: nothing did. */
  readonly error: string | null;
}

export interface SpanSource {
  /** What the spans are of: `service.name` and the like. */
  readonly resource: Readonly<Record<string, SpanValue>>;
  readonly scope: string;
}

const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;
const STATUS_UNSET = 0;
const STATUS_ERROR = 2;

/** The body of one export request. */
export function otlpTraces(source: SpanSource, spans: readonly SpanRecord[]) {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(source.resource), droppedAttributesCount: 0 },
        scopeSpans: [{ scope: { name: source.scope }, spans: spans.map(spanOf) }],
      },
    ],
  };
}

function spanOf(span: SpanRecord) {
  const { traceId, spanId, parentSpanId, name, kind, attributes, error } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    name,
    kind: KIND[kind],
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(Math.max(span.startMs, span.endMs)),
    attributes: attributesOf(error === null ? attributes : { ...attributes, "error.type": error }),
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: error === null ? { code: STATUS_UNSET } : { code: STATUS_ERROR, message: error },
  };
}

/** 64-bit numbers are text in protobuf's JSON; they would not survive as a number. */
function nanoseconds(timeMs: number): string {
  return `${Math.max(0, Math.round(timeMs))}000000`;
}

function attributesOf(attributes: Readonly<Record<string, SpanValue>>) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }));
}

function valueOf(value: SpanValue) {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isInteger(value) ? { intValue: value } : { doubleValue: value };
  return { arrayValue: { values: value.map((text) => ({ stringValue: text })) } };
}
