/**
 * Structured logs: one JSON object per line. Event and trace ids, sizes, codes and durations go in;
 * payloads, headers and secrets never do, because no field of this type can hold them.
 */

export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Flat on purpose: a nested object is where a payload slips in. Names are `snake_case`, and the same thing has the same name in
 * every line: `event_id`, `trace_id`, `source`, `pipeline`, `duration_ms`.
 */
export type LogFields = Readonly<Record<Lowercase<string>, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A logger that adds these fields to every line. */
  with(fields: LogFields): Logger;
}

const WEIGHT: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function isLogLevel(text: string | undefined): text is LogLevel {
  return text !== undefined && text in WEIGHT;
}

export function createLogger(level: LogLevel, bound: LogFields = {}): Logger {
  const write = (at: LogLevel, event: string, fields: LogFields = {}) => {
    if (WEIGHT[at] < WEIGHT[level]) return;
    const line = JSON.stringify({ level: at, event, ...bound, ...fields });
    if (at === "error") console.error(line);
    else if (at === "warn") console.warn(line);
    else console.log(line);
  };
  return {
    debug: (event, fields) => write("debug", event, fields),
    info: (event, fields) => write("info", event, fields),
    warn: (event, fields) => write("warn", event, fields),
    error: (event, fields) => write("error", event, fields),
    with: (fields) => createLogger(level, { ...bound, ...fields }),
  };
}
