/**
 * A caller whose tokens are refused again and again waits, whatever it presents next: guessing is useless long before it
 * succeeds. Counted per isolate and in memory, for every surface that takes a token, together.
 */
import type { MiddlewareHandler } from "hono";
import { LIMITS } from "../config/limits.ts";
import { callerOf } from "../platform/caller.ts";
import { problemResponse } from "../platform/problem.ts";
import { RateLimiter } from "./rate-limit.ts";

const UNAUTHORIZED = 401;

export function limitGuesses(nowMs: () => number): MiddlewareHandler {
  const { refusedTokensPerMinute, maxRatedCallers } = LIMITS.operator;
  const refusals = new RateLimiter({
    perMinute: refusedTokensPerMinute,
    burst: refusedTokensPerMinute,
    maxTokens: maxRatedCallers,
  });
  return async (context, next) => {
    const caller = callerOf(context.req.raw.headers);
    const waitMs = refusals.waitMs(caller, nowMs());
    if (waitMs > 0) {
      const headers = { "retry-after": String(Math.ceil(waitMs / 1_000)) };
      const title = "Too many wrong tokens from your address";
      return problemResponse({ status: 429, code: "too-many-requests", title, headers });
    }
    await next();
    if (context.res.status === UNAUTHORIZED) refusals.take(caller, nowMs());
    return undefined;
  };
}
