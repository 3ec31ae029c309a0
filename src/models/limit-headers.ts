/**
 * What a provider's response headers say about its limits, as a `LimitHint` for the guard. What doesn't
 * parse is ignored; what is absurd is clamped and named, so that it can be logged. Never trusts a
 * provider to stay within its own documentation: Azure has sent -1.
 *   OpenAI, Groq, Azure: `x-ratelimit-{remaining,reset}-{requests,tokens}`, reset a duration or seconds
 *   Anthropic: `anthropic-ratelimit-{requests,tokens,…}-{remaining,reset}`, reset an RFC 3339 time
 */
import { LIMITS } from "../config/limits.ts";
import {
  clampWait,
  parseDecimal,
  parseRfc3339,
  readRetryAfter,
  type HeaderReader,
  type Wait,
} from "../core/classify/retry-after.ts";
import type { LimitHint } from "../guard/port.ts";

export interface LimitReading {
  readonly hint: LimitHint | undefined;
  /** Names of what was clamped to `LIMITS.headers.maxRetryAfterMs`. */
  readonly clamped: readonly string[];
}

export interface LimitSource {
  readonly header: HeaderReader;
  readonly status: number | undefined;
  readonly nowMs: number;
  /** A wait that stood in the body (Gemini's `RetryInfo`); a header goes before it. */
  readonly bodyRetryAfterMs?: number | undefined;
}

type Unit = "requests" | "tokens";

/** Anthropic limits input and output apart and sums them up in `tokens`; the scarcest counts. */
const ANTHROPIC_KINDS: Readonly<Record<Unit, readonly string[]>> = {
  requests: ["requests"],
  tokens: ["tokens", "input-tokens", "output-tokens"],
};
const DURATION = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;
const MS_PER_PART = [86_400_000, 3_600_000, 60_000, 1_000, 1] as const;

export function readLimits(source: LimitSource): LimitReading {
  const maxMs = LIMITS.headers.maxRetryAfterMs;
  const inBody =
    source.bodyRetryAfterMs === undefined ? undefined : clampWait(source.bodyRetryAfterMs, maxMs);
  const waits = {
    retryAfterMs: readRetryAfter(source.header, source.nowMs, maxMs) ?? inBody,
    requestsResetMs: readReset(source, "requests"),
    tokensResetMs: readReset(source, "tokens"),
  };
  const remainingRequests = readRemaining(source.header, "requests");
  const remainingTokens = readRemaining(source.header, "tokens");
  const hint: LimitHint = {
    limited: source.status === 429,
    ...(remainingRequests === undefined ? {} : { remainingRequests }),
    ...(remainingTokens === undefined ? {} : { remainingTokens }),
    ...(waits.requestsResetMs === undefined ? {} : { requestsResetMs: waits.requestsResetMs.waitMs }),
    ...(waits.tokensResetMs === undefined ? {} : { tokensResetMs: waits.tokensResetMs.waitMs }),
    ...(waits.retryAfterMs === undefined ? {} : { retryAfterMs: waits.retryAfterMs.waitMs }),
  };
  const saysSomething = hint.limited || Object.keys(hint).length > 1;
  return {
    hint: saysSomething ? hint : undefined,
    clamped: Object.entries(waits).flatMap(([name, wait]) => (wait?.clamped === true ? [name] : [])),
  };
}

function readRemaining(header: HeaderReader, unit: Unit): number | undefined {
  const openai = parseDecimal(header(`x-ratelimit-remaining-${unit}`));
  if (openai !== undefined) return Math.floor(openai);
  const anthropic = ANTHROPIC_KINDS[unit]
    .map((kind) => parseDecimal(header(`anthropic-ratelimit-${kind}-remaining`)))
    .filter((value) => value !== undefined);
  return anthropic.length === 0 ? undefined : Math.floor(Math.min(...anthropic));
}

function readReset({ header, nowMs }: LimitSource, unit: Unit): Wait | undefined {
  const maxMs = LIMITS.headers.maxRetryAfterMs;
  const openai = parseDurationMs(header(`x-ratelimit-reset-${unit}`));
  if (openai !== undefined) return clampWait(openai, maxMs);
  const anthropic = ANTHROPIC_KINDS[unit]
    .map((kind) => parseRfc3339(header(`anthropic-ratelimit-${kind}-reset`)))
    .filter((value) => value !== undefined);
  return anthropic.length === 0 ? undefined : clampWait(Math.max(...anthropic) - nowMs, maxMs);
}

/** `6m0s`, `20ms`, `1h2m3.5s`; a bare number is seconds. */
export function parseDurationMs(text: string | null | undefined): number | undefined {
  const seconds = parseDecimal(text);
  if (seconds !== undefined) return seconds * 1_000;
  const trimmed = text?.trim() ?? "";
  const match = trimmed === "" ? null : DURATION.exec(trimmed);
  if (match === null) return undefined;
  return MS_PER_PART.reduce((sum, partMs, index) => sum + Number(match[index + 1] ?? 0) * partMs, 0);
}
