/** Whether the runtime's memory grew with the number of requests, once it was warm. */

export interface MemorySample {
  readonly cases: number;
  readonly mib: number;
}

/** What garbage collection leaves standing at one time or another. */
const SWING_MIB = 48;
const FEWEST_SAMPLES = 12;

/** Compares the second quarter of a run with its last: the first is warming up. */
export function isFlat(samples: readonly MemorySample[]): { readonly holds: boolean; readonly text: string } {
  if (samples.length < FEWEST_SAMPLES) return { holds: true, text: "too few samples" };
  const quarter = Math.floor(samples.length / 4);
  const early = median(samples.slice(quarter, 2 * quarter));
  const late = median(samples.slice(-quarter));
  const holds = late - early <= SWING_MIB;
  return {
    holds,
    text: `${early.toFixed(0)} MiB early, ${late.toFixed(0)} MiB late${holds ? "" : ": GROWS"}`,
  };
}

function median(samples: readonly MemorySample[]): number {
  const sorted = samples.map(({ mib }) => mib).toSorted((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
