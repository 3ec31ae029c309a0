/** The latency histogram of rollups and reports: its bounds, and estimates from it. Pure. */

/** Upper bounds in ms; what is slower than the last falls into one more bucket. A released bound never changes. */
export const LATENCY_BOUNDS_MS = [
  100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000,
] as const;

export const LATENCY_BUCKETS = LATENCY_BOUNDS_MS.length + 1;

export function latencyBucketOf(latencyMs: number): number {
  const index = LATENCY_BOUNDS_MS.findIndex((boundMs) => latencyMs <= boundMs);
  return index === -1 ? LATENCY_BOUNDS_MS.length : index;
}

/**
 * Estimates a quantile by going evenly through the bucket it falls into. The last bucket has no end: its lower bound is
 * what is known. null: nothing was counted.
 */
export function quantileMs(counts: readonly number[], quantile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const wanted = quantile * total;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const fromMs = LATENCY_BOUNDS_MS[index - 1] ?? 0;
      const toMs = LATENCY_BOUNDS_MS[index] ?? fromMs;
      return fromMs + ((toMs - fromMs) * (wanted - below)) / count;
    }
    below += count;
  }
  return LATENCY_BOUNDS_MS.at(-1) ?? null;
}
