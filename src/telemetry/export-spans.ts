/**
 * Sends spans to an OpenTelemetry collector over HTTP, in batches, after the work they tell of. Bounded in memory and
 * time, never throws, never retries: a collector that is down or slow costs spans, which are counted, and no event waits.
 */
import type { SpanRecord, SpanSource } from "../core/otlp.ts";
import { otlpTraces } from "../core/otlp.ts";
import { messageOf } from "../core/result.ts";
import type { Logger } from "./log.ts";

export interface SpanExporterDependencies {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly source: SpanSource;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly onDropped: (reason: "full" | "failed" | "paused", spans: number) => void;
  readonly limits: {
    readonly maxBufferedSpans: number;
    readonly exportTimeoutMs: number;
    /** After a failed export nothing is tried for this long. */
    readonly exportPauseMs: number;
  };
}

export interface SpanExporter {
  add(span: SpanRecord): void;
  isEmpty(): boolean;
  /** Sends what there is, in one request. Resolves whatever became of it. */
  flush(): Promise<void>;
}

export function createSpanExporter(deps: SpanExporterDependencies): SpanExporter {
  const { limits, onDropped } = deps;
  let buffered: SpanRecord[] = [];
  let pausedUntilMs = Number.NEGATIVE_INFINITY;

  const post = async (spans: readonly SpanRecord[]): Promise<void> => {
    const response = await deps.fetch(deps.endpoint, {
      method: "POST",
      headers: { ...deps.headers, "content-type": "application/json" },
      body: JSON.stringify(otlpTraces(deps.source, spans)),
      redirect: "manual",
      signal: AbortSignal.timeout(limits.exportTimeoutMs),
    });
    // Whatever it says beyond its status: nobody would act on it, and an unread body holds the connection.
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the collector answered ${response.status}`);
  };
  return {
    add(span) {
      if (deps.nowMs() < pausedUntilMs) onDropped("paused", 1);
      else if (buffered.length >= limits.maxBufferedSpans) onDropped("full", 1);
      else buffered.push(span);
    },
    isEmpty: () => buffered.length === 0,
    async flush() {
      const spans = buffered;
      buffered = [];
      if (spans.length === 0) return;
      try {
        await post(spans);
      } catch (thrown) {
        pausedUntilMs = deps.nowMs() + limits.exportPauseMs;
        onDropped("failed", spans.length);
        deps.log.warn("spans_not_exported", { spans: spans.length, error: messageOf(thrown) });
      }
    },
  };
}
