/** How long to wait before trying again. Pure: chance is an argument. */

export interface RetryPolicy {
  readonly firstDelayMs: number;
  readonly factor: number;
  /** Share of the delay added at random, 0 to 1: spreads callers that failed together. */
  readonly jitter: number;
  /** No delay is longer than this, jitter included. `Retry-After` may be. */
  readonly maxDelayMs: number;
  /** Retries after the first attempt. */
  readonly maxRetries: number;
}

/** Transient failures of a model stage: 1 s, × 2, up to 50 % jitter, at most 60 s, five retries. */
export const MODEL_RETRY: RetryPolicy = {
  firstDelayMs: 1_000,
  factor: 2,
  jitter: 0.5,
  maxDelayMs: 60_000,
  maxRetries: 5,
};

/** Deliveries span more than 24 hours: 5 s doubling to 4 h, twenty retries (about 39 h without jitter). */
export const DELIVERY_RETRY: RetryPolicy = {
  firstDelayMs: 5_000,
  factor: 2,
  jitter: 0.2,
  maxDelayMs: 4 * 3_600_000,
  maxRetries: 20,
};

/**
 * @param failedAttempts attempts that have failed so far, at least 1
 * @param random uniform in [0, 1)
 * @param retryAfterMs the other side's wish; never waits less than it
 */
export function retryDelayMs(
  policy: RetryPolicy,
  failedAttempts: number,
  random: number,
  retryAfterMs = 0,
): number {
  const exponent = Math.max(0, failedAttempts - 1);
  const base = Math.min(policy.firstDelayMs * policy.factor ** exponent, policy.maxDelayMs);
  const jittered = Math.min(base * (1 + policy.jitter * random), policy.maxDelayMs);
  return Math.round(Math.max(jittered, retryAfterMs));
}
