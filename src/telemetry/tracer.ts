/**
 * Spans of what an isolate does. A span begun inside another one's work is its child; what belongs to an event begins
 * under the event's `traceparent`. Collects, and exports nothing. An event whose trace is not sampled costs a look at
 * one flag.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { SpanKind, SpanRecord, SpanValue } from "../core/otlp.ts";
import { childOf, formatTraceparent, parseTraceparent, type TraceContext } from "../core/trace.ts";

export interface ActiveSpan {
  /** For whoever is called: their spans become this one's children. */
  readonly traceparent: string;
  set(attributes: Readonly<Record<string, SpanValue | undefined>>): void;
  /** @param code what went wrong, as a short word */
  fail(code: string): void;
}

export interface SpanOptions {
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: Readonly<Record<string, SpanValue>>;
}

export interface Tracer {
  /** What `work` begins belongs to this trace, as a child of the named span. */
  under<Value>(traceparent: string, work: () => Promise<Value>): Promise<Value>;
  /** A span around `work`. Outside of any trace, `work` alone. */
  within<Value>(options: SpanOptions, work: (span: ActiveSpan) => Promise<Value>): Promise<Value>;
  /** A span that is over, and was not this isolate's to begin: a wait. */
  past(traceparent: string, options: SpanOptions & { readonly startMs: number }): void;
  /** A request's own span, under the id that its `traceparent` already names. */
  request(span: RequestSpan): void;
}

export interface RequestSpan extends SpanOptions {
  readonly trace: TraceContext;
  readonly parentSpanId: string | null;
  readonly startMs: number;
  readonly error: string | null;
}

export interface TracerDependencies {
  /** Must not throw. */
  readonly add: (span: SpanRecord) => void;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** What a new span's id is made of. */
const SPAN_RANDOM_BYTES = 24;

export function createTracer({ add, nowMs, randomBytes }: TracerDependencies): Tracer {
  const current = new AsyncLocalStorage<TraceContext>();

  return {
    under(traceparent, work) {
      const parent = parseTraceparent(traceparent);
      return parent?.sampled === true ? current.run(parent, work) : work();
    },
    async within({ name, kind = "internal", attributes = {} }, work) {
      const parent = current.getStore();
      if (parent === undefined) return work(NO_SPAN);
      const context = childOf(parent, randomBytes(SPAN_RANDOM_BYTES));
      const startMs = nowMs();
      let error: string | null = null;
      let known: Record<string, SpanValue> = { ...attributes };
      const span: ActiveSpan = {
        traceparent: formatTraceparent(context),
        set: (more) => {
          known = { ...known, ...definedOf(more) };
        },
        fail: (code) => {
          error = code;
        },
      };
      try {
        return await current.run(context, () => work(span));
      } catch (thrown) {
        error ??= "exception";
        throw thrown;
      } finally {
        const { traceId, spanId } = context;
        const parentSpanId = parent.spanId;
        add({
          traceId,
          spanId,
          parentSpanId,
          name,
          kind,
          startMs,
          endMs: nowMs(),
          attributes: known,
          error,
        });
      }
    },
    past(traceparent, { name, kind = "internal", attributes = {}, startMs }) {
      const parent = parseTraceparent(traceparent);
      if (parent?.sampled !== true) return;
      const { traceId, spanId } = childOf(parent, randomBytes(SPAN_RANDOM_BYTES));
      const parentSpanId = parent.spanId;
      const endMs = nowMs();
      add({ traceId, spanId, parentSpanId, name, kind, startMs, endMs, attributes, error: null });
    },
    request({ trace, parentSpanId, name, kind = "server", attributes = {}, startMs, error }) {
      if (!trace.sampled) return;
      const { traceId, spanId } = trace;
      add({ traceId, spanId, parentSpanId, name, kind, startMs, endMs: nowMs(), attributes, error });
    },
  };
}

/** Nothing is recorded; an empty traceparent is none. */
const NO_SPAN: ActiveSpan = { traceparent: "", set: () => undefined, fail: () => undefined };

function definedOf(attributes: Readonly<Record<string, SpanValue | undefined>>): Record<string, SpanValue> {
  const defined: Record<string, SpanValue> = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) defined[key] = value;
  return defined;
}

/**
 * Whether a trace that begins here is recorded: the same answer for the same trace, wherever it is asked, so that
 * a sender's retries and a gateway's parts agree. Reads the part of the id that is random by the specification.
 */
export function isSampled(traceId: string, share: number): boolean {
  if (share >= 1) return true;
  return Number.parseInt(traceId.slice(-12), 16) < share * 2 ** 48;
}
