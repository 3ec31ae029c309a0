/** Composition root of tracing: the collector the config names, or nothing. Part of `services.ts`. */
import type { GatewayConfig, TraceOptions } from "../config/gateway-options.ts";
import { LIMITS } from "../config/limits.ts";
import { checkEndpointUrl } from "../core/classify/endpoint-url.ts";
import type { RequestTraces } from "../ingest/ports.ts";
import { createSpanExporter } from "../telemetry/export-spans.ts";
import { createFlusher, type Flusher } from "../telemetry/flush.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createTracer, isSampled, type Tracer } from "../telemetry/tracer.ts";

export interface Traces extends Pick<Flusher, "flushSoon"> {
  readonly tracer: Tracer;
  readonly requests: RequestTraces;
  /** Resolves when what was traced has been sent, or given up. */
  flush(): Promise<void>;
}

export interface TraceParts {
  readonly text: (binding: string) => string | undefined;
  readonly fetch: typeof fetch;
  readonly nowMs: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** null: the config asks for no traces, or what it names is not set. The log says so, and everything else works. */
export function createTraces({ traces }: Pick<GatewayConfig, "traces">, parts: TraceParts): Traces | null {
  if (traces === null) return null;
  const access = accessOf(traces, parts);
  if (typeof access === "string") {
    parts.log.warn("traces_not_configured", { reason: access });
    return null;
  }
  const exporter = createSpanExporter({
    ...access,
    source: { resource: { "service.name": traces.serviceName ?? "sluice" }, scope: "sluice" },
    fetch: parts.fetch,
    nowMs: parts.nowMs,
    log: parts.log,
    onDropped: (reason, spans) => parts.metrics.count("sluice_spans_dropped_total", { reason }, spans),
    limits: LIMITS.telemetry,
  });
  const tracer = createTracer({
    add: (span) => exporter.add(span),
    nowMs: parts.nowMs,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  });
  const flusher = createFlusher({
    isEmpty: () => exporter.isEmpty(),
    flush: () => exporter.flush(),
    nowMs: parts.nowMs,
    sleep: parts.sleep,
    waitUntil: parts.waitUntil,
    everyMs: LIMITS.telemetry.exportEveryMs,
  });
  const share = traces.sampleShare ?? 1;
  return {
    tracer,
    requests: { isSampled: (traceId) => isSampled(traceId, share), request: (span) => tracer.request(span) },
    flushSoon: () => flusher.flushSoon(),
    flush: () => exporter.flush(),
  };
}

function accessOf({ endpoint, headers = {} }: TraceOptions, { text }: TraceParts) {
  const address = typeof endpoint === "string" ? endpoint : text(endpoint.variable);
  if (address === undefined) return "the endpoint's variable is not set";
  const url = checkEndpointUrl(address);
  if (!url.ok) return `the endpoint ${url.error}`;
  const values: Record<string, string> = {};
  for (const [name, binding] of Object.entries(headers)) {
    const value = text(binding);
    if (value === undefined) return `the secret ${binding} is not set`;
    values[name] = value;
  }
  return { endpoint: url.value.href, headers: values };
}
