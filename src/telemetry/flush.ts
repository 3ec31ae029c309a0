/**
 * When an isolate sends what it has gathered (counts, spans): at most once in a while, and always after the answer.
 * Never throws, never holds an acknowledgement up for longer than one send.
 */
export interface Flusher {
  /**
   * For a request: what was gathered is sent soon, in a wait that the platform keeps alive after the answer. The first
   * request of a while arranges it, and the others ride along.
   */
  flushSoon(): void;
  /** For an invocation whose end others wait for: sends now if the last time is long enough ago. */
  flushIfDue(): Promise<void>;
}

export interface FlusherDependencies {
  /** Nothing is arranged while this is true. */
  readonly isEmpty: () => boolean;
  /** Must not throw. */
  readonly flush: () => Promise<void>;
  readonly nowMs: () => number;
  readonly sleep: (delayMs: number) => Promise<void>;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly everyMs: number;
}

export function createFlusher(deps: FlusherDependencies): Flusher {
  let sentAtMs = Number.NEGATIVE_INFINITY;
  /** Until when somebody else's wait will send; a wait that was cut off is forgotten after that. */
  let arrangedUntilMs = Number.NEGATIVE_INFINITY;
  const flush = async (): Promise<void> => {
    if (deps.isEmpty()) return;
    sentAtMs = deps.nowMs();
    await deps.flush();
  };
  return {
    flushSoon() {
      const nowMs = deps.nowMs();
      if (deps.isEmpty() || nowMs < arrangedUntilMs) return;
      arrangedUntilMs = nowMs + 2 * deps.everyMs;
      deps.waitUntil(
        deps.sleep(deps.everyMs).then(() => {
          arrangedUntilMs = Number.NEGATIVE_INFINITY;
          return flush();
        }),
      );
    },
    async flushIfDue() {
      if (deps.nowMs() - sentAtMs >= deps.everyMs) await flush();
    },
  };
}
