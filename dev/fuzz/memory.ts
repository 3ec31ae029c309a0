/** Whether the runtime's memory grows with the number of requests, once it is warm. */

export interface MemorySample {
  readonly cases: number;
  readonly mib: number;
}

/**
 * The mean body of a run has about twenty: what kept requests would grow by more. What is below is the allocator's, and the
 * local queue's, which live in the same process.
 */
const MAX_GROWTH_KIB_PER_CASE = 10;
/** Fewer cases are all warming up: on the first some thousand, heaps grow to their working size. */
const FEWEST_CASES = 12_000;

/** Compares the third quarter of a run with its last. */
export function isFlat(samples: readonly MemorySample[]): { readonly holds: boolean; readonly text: string } {
  const quarter = Math.floor(samples.length / 4);
  const third = samples.slice(2 * quarter, 3 * quarter);
  const last = samples.slice(-quarter);
  const [before, after] = [median(third), median(last)];
  const cases = (samples.at(-1)?.cases ?? 0) / 4;
  const kibPerCase = ((after - before) * 1_024) / cases;
  const text = `${before.toFixed(0)} MiB in the third quarter, ${after.toFixed(0)} MiB in the last (${kibPerCase.toFixed(1)} KiB a case)`;
  if (cases * 4 < FEWEST_CASES) return { holds: true, text: `${text}; too few cases to judge` };
  const holds = kibPerCase <= MAX_GROWTH_KIB_PER_CASE;
  return { holds, text: holds ? text : `${text}: GROWS` };
}

function median(samples: readonly MemorySample[]): number {
  const sorted = samples.map(({ mib }) => mib).toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
