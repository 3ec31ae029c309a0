/**
 * One producer per key and isolate; the others wait for its answer. A producer that fails, hangs or dies with
 * its invocation harms nobody: those who waited look again, and entries age out. Answers stay for a short
 * while after, because KV remembers that it did not know them.
 */

export interface FlightLimits {
  /** A flight older than this is no longer joined: its invocation may be gone. */
  readonly maxFlightMs: number;
  readonly keepAnswersMs: number;
  readonly maxKept: number;
}

export interface Flight<Answer> {
  /** Hands the answer to everyone who waits; null: there is none. Only the first call counts. */
  land(answer: Answer | null, keep: boolean): void;
}

interface Entry<Answer> {
  readonly answer: Promise<Answer | null>;
  staleAtMs: number;
}

export interface Flights<Answer> {
  /** The answer under way or just arrived; null when nobody is at it. */
  join(key: string): Promise<Answer | null> | null;
  /** Takes the lead. Call it in one go with the `join` that said null, with no `await` between. */
  lead(key: string): Flight<Answer>;
}

export function createFlights<Answer>(limits: FlightLimits, nowMs: () => number): Flights<Answer> {
  const entriesByKey = new Map<string, Entry<Answer>>();
  return {
    join: (key) => {
      const entry = entriesByKey.get(key);
      if (entry === undefined) return null;
      if (nowMs() < entry.staleAtMs) return entry.answer;
      entriesByKey.delete(key);
      return null;
    },
    lead: (key) => {
      const { promise, resolve } = Promise.withResolvers<Answer | null>();
      const entry = { answer: promise, staleAtMs: nowMs() + limits.maxFlightMs };
      entriesByKey.set(key, entry);
      return {
        land: (answer, keep) => {
          resolve(answer);
          if (entriesByKey.get(key) !== entry) return;
          entriesByKey.delete(key);
          if (answer === null || !keep) return;
          // Set anew, so that the map's order is the order of age.
          entriesByKey.set(key, { answer: promise, staleAtMs: nowMs() + limits.keepAnswersMs });
          evictOldest(entriesByKey, limits.maxKept);
        },
      };
    },
  };
}

/** Flights under way may be evicted too: that only costs a second call. */
function evictOldest<Answer>(entriesByKey: Map<string, Entry<Answer>>, maxKept: number): void {
  for (const key of entriesByKey.keys()) {
    if (entriesByKey.size <= maxKept) return;
    entriesByKey.delete(key);
  }
}
