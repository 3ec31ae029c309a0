/**
 * Real limits: requests and tokens per minute, each a bucket that refills continuously. Tokens are reserved
 * before the answer and settled after it, as providers do. No clock in here: the caller says what time it is.
 */

export interface RateLimits {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
}

export type Admission =
  | { readonly admitted: true }
  | { readonly admitted: false; readonly limit: "requests" | "tokens"; readonly retryAfterMs: number };

export interface RateLimiter {
  admit(tokens: number, nowMs: number): Admission;
  /** Gives back what was reserved and not used; takes what was used beyond it. */
  settle(reservedTokens: number, usedTokens: number, nowMs: number): void;
  levels(nowMs: number): LimitLevels;
}

export interface LimitLevel {
  readonly limit: number;
  readonly remaining: number;
  readonly untilFullMs: number;
  readonly fullAtMs: number;
}

export interface LimitLevels {
  readonly requests: LimitLevel;
  readonly tokens: LimitLevel;
}

interface Bucket {
  readonly perMinute: number;
  level: number;
  atMs: number;
}

const MINUTE_MS = 60_000;

export function createRateLimiter(limits: RateLimits, nowMs: number): RateLimiter {
  const requests: Bucket = {
    perMinute: limits.requestsPerMinute,
    level: limits.requestsPerMinute,
    atMs: nowMs,
  };
  const tokens: Bucket = { perMinute: limits.tokensPerMinute, level: limits.tokensPerMinute, atMs: nowMs };
  return {
    admit(cost, atMs) {
      refill(requests, atMs);
      refill(tokens, atMs);
      if (requests.level < 1) return denied("requests", requests, 1);
      if (tokens.level < cost) return denied("tokens", tokens, cost);
      requests.level -= 1;
      tokens.level -= cost;
      return { admitted: true };
    },
    settle(reserved, used, atMs) {
      refill(tokens, atMs);
      tokens.level = Math.min(tokens.perMinute, tokens.level + reserved - used);
    },
    levels(atMs) {
      refill(requests, atMs);
      refill(tokens, atMs);
      return { requests: levelOf(requests), tokens: levelOf(tokens) };
    },
  };
}

function refill(bucket: Bucket, nowMs: number): void {
  const gained = (Math.max(0, nowMs - bucket.atMs) * bucket.perMinute) / MINUTE_MS;
  bucket.level = Math.min(bucket.perMinute, bucket.level + gained);
  bucket.atMs = nowMs;
}

/** A request larger than the whole limit never fits; it is told a minute, like any other. */
function denied(limit: "requests" | "tokens", bucket: Bucket, cost: number): Admission {
  const missing = Math.min(cost, bucket.perMinute) - bucket.level;
  const retryAfterMs = missing <= 0 ? MINUTE_MS : Math.ceil((missing * MINUTE_MS) / bucket.perMinute);
  return { admitted: false, limit, retryAfterMs };
}

function levelOf(bucket: Bucket): LimitLevel {
  const untilFullMs = Math.ceil(((bucket.perMinute - bucket.level) * MINUTE_MS) / bucket.perMinute);
  return {
    limit: bucket.perMinute,
    remaining: Math.max(0, Math.floor(bucket.level)),
    untilFullMs,
    fullAtMs: bucket.atMs + untilFullMs,
  };
}

/** OpenAI's way of writing it: `20ms`, `6s`, `1.5s`, `6m0s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${durationMs}ms`;
  const minutes = Math.floor(durationMs / MINUTE_MS);
  const seconds = (durationMs - minutes * MINUTE_MS) / 1_000;
  const text = `${Math.round(seconds * 1_000) / 1_000}s`;
  return minutes === 0 ? text : `${minutes}m${text}`;
}
