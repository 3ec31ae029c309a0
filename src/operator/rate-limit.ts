/**
 * How often one token, or one caller, may call: a token bucket per isolate, in memory. Not exact across isolates; it is there so that a
 * script that runs away harms itself alone.
 */

export interface RateLimitOptions {
  readonly perMinute: number;
  readonly burst: number;
  readonly maxTokens: number;
}

interface Bucket {
  readonly left: number;
  readonly atMs: number;
}

export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();
  private readonly options: RateLimitOptions;

  constructor(options: RateLimitOptions) {
    this.options = options;
  }

  /** @returns 0 when the call may go on, else how long to wait */
  take(key: string, nowMs: number): number {
    const { maxTokens } = this.options;
    const left = this.left(key, nowMs);
    // Written again at the end: the first entry is the one that was used longest ago.
    this.buckets.delete(key);
    this.buckets.set(key, { left: left >= 1 ? left - 1 : left, atMs: nowMs });
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= maxTokens) break;
      this.buckets.delete(oldest);
    }
    return this.waitFor(left);
  }

  /** What `take` would answer, without taking. */
  waitMs(key: string, nowMs: number): number {
    return this.waitFor(this.left(key, nowMs));
  }

  private left(key: string, nowMs: number): number {
    const { perMinute, burst } = this.options;
    const known = this.buckets.get(key);
    if (known === undefined) return burst;
    return Math.min(burst, known.left + ((nowMs - known.atMs) * perMinute) / 60_000);
  }

  private waitFor(left: number): number {
    return left >= 1 ? 0 : Math.ceil(((1 - left) * 60_000) / this.options.perMinute);
  }
}
