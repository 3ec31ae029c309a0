/**
 * What happened, in order: in memory, and as JSON lines when a file is named. An entry may be put again
 * under its id; the last line of an id is its truth, so the file is only ever appended to and a crash
 * loses nothing that was written. Never interprets an entry.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { DEV_LIMITS } from "./limits.ts";

export interface RecordBook<Entry extends { readonly id: string }> {
  put(entry: Entry): void;
  entries(): readonly Entry[];
  /** How many of the oldest no longer are in memory. */
  dropped(): number;
  /** Forgets everything, the file's lines included. */
  clear(): void;
  /** Resolves as soon as the entries satisfy the predicate; rejects with what there is when time is up. */
  waitUntil(predicate: (entries: readonly Entry[]) => boolean, timeoutMs?: number): Promise<readonly Entry[]>;
}

export interface RecordBookOptions<Entry> {
  readonly file?: string | undefined;
  /** Parses a line that an earlier process wrote; null for one that is not an entry. */
  readonly parse: (value: unknown) => Entry | null;
  readonly maxEntries?: number;
}

export function createRecordBook<Entry extends { readonly id: string }>(
  options: RecordBookOptions<Entry>,
): RecordBook<Entry> {
  const { file, maxEntries = DEV_LIMITS.maxRecords } = options;
  const entriesById = new Map<string, Entry>();
  const listeners = new Set<() => void>();
  let droppedCount = 0;

  function keep(entry: Entry): void {
    entriesById.set(entry.id, entry);
    if (entriesById.size <= maxEntries) return;
    const oldest = entriesById.keys().next();
    if (oldest.done === true) return;
    entriesById.delete(oldest.value);
    droppedCount += 1;
  }

  if (file !== undefined && existsSync(file)) {
    for (const line of readFileSync(file, "utf8").split("\n")) {
      const entry = parseLine(line, options.parse);
      if (entry !== null) keep(entry);
    }
  }

  return {
    put(entry) {
      // Synchronous, so that the line is out of this process before anyone is answered.
      if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`);
      keep(entry);
      for (const listener of listeners) listener();
    },
    entries: () => [...entriesById.values()],
    dropped: () => droppedCount,
    clear() {
      entriesById.clear();
      droppedCount = 0;
      if (file !== undefined) writeFileSync(file, "");
    },
    waitUntil(predicate, timeoutMs = DEV_LIMITS.recordWaitMs) {
      return new Promise((resolve, reject) => {
        const check = (): void => {
          const entries = [...entriesById.values()];
          if (!predicate(entries)) return;
          settle();
          resolve(entries);
        };
        const timer = setTimeout(() => {
          settle();
          const seen = JSON.stringify([...entriesById.values()].slice(-5));
          reject(new Error(`not recorded within ${timeoutMs} ms; the last of ${entriesById.size}: ${seen}`));
        }, timeoutMs);
        const settle = (): void => {
          clearTimeout(timer);
          listeners.delete(check);
        };
        listeners.add(check);
        check();
      });
    },
  };
}

function parseLine<Entry>(line: string, parse: (value: unknown) => Entry | null): Entry | null {
  if (line === "") return null;
  try {
    return parse(JSON.parse(line));
  } catch {
    // The last line of a process that was killed may be half a line.
    return null;
  }
}
