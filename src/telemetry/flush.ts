/**
 * When an isolate's counts are sent: as one telemetry message and as Analytics Engine points, at most once in a while,
 * and always after the answer. Never throws, never holds an acknowledgement up.
 */
import type { Counts } from "../core/metrics/counts.ts";
import type { Collector } from "./metrics.ts";

export interface CountsFlusher {
  /**
   * For a request: what was counted is sent soon, in a wait that the platform keeps alive after the answer. The first
   * request of a while arranges it, and the others ride along.
   */
  flushSoon(): void;
  /** For an invocation whose end others wait for: sends now if the last time is long enough ago. */
  flushIfDue(): Promise<void>;
}

export interface FlusherDependencies {
  readonly collector: Collector;
  readonly send: (counts: Counts, nowMs: number) => Promise<void>;
  readonly nowMs: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly flushEveryMs: number;
}

export function createCountsFlusher(deps: FlusherDependencies): CountsFlusher {
  let sentAtMs = Number.NEGATIVE_INFINITY;
  /** Until when somebody else's wait will send; a wait that was cut off is forgotten after that. */
  let arrangedUntilMs = Number.NEGATIVE_INFINITY;
  const flush = async (): Promise<void> => {
    const counts = deps.collector.drain();
    if (counts === null) return;
    sentAtMs = deps.nowMs();
    await deps.send(counts, sentAtMs);
  };
  return {
    flushSoon() {
      const nowMs = deps.nowMs();
      if (nowMs < arrangedUntilMs) return;
      arrangedUntilMs = nowMs + 2 * deps.flushEveryMs;
      deps.waitUntil(
        deps.sleep(deps.flushEveryMs).then(() => {
          arrangedUntilMs = Number.NEGATIVE_INFINITY;
          return flush();
        }),
      );
    },
    async flushIfDue() {
      if (deps.nowMs() - sentAtMs >= deps.flushEveryMs) await flush();
    },
  };
}
