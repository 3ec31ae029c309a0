/** The gateway's own log lines, in the trace. */
import type { LogFields, Logger } from "../../src/telemetry/log.ts";
import { short, type Trace } from "./trace.ts";

export function traceLogger(trace: Trace, name: string, bound: LogFields = {}): Logger {
  const write = (event: string, fields: LogFields = {}) => {
    const shown = Object.entries({ ...bound, ...fields }).flatMap(([key, value]) => shownField(key, value));
    trace.line(`${name} ${event} ${shown.join(" ")}`);
  };
  return {
    debug: write,
    info: write,
    warn: write,
    error: write,
    with: (fields) => traceLogger(trace, name, { ...bound, ...fields }),
  };
}

const HIDDEN = new Set(["trace_id", "run", "pipeline", "duration_ms", "class"]);

function shownField(key: string, value: LogFields[keyof LogFields]): string[] {
  if (HIDDEN.has(key) || value === undefined) return [];
  return [`${key}=${key === "event_id" || key === "partition" ? short(String(value)) : String(value)}`];
}
