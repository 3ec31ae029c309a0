/**
 * What went wrong before a stream began, as a problem document. Public: names the kind of trouble and when
 * to come back, never a provider, a URL or a text of theirs.
 */
import { LIMITS } from "../config/limits.ts";
import type { FailureClass, StageFailure } from "../core/failure.ts";
import type { DenialReason } from "../guard/port.ts";
import type { Problem } from "../platform/problem.ts";

/** Refusals of what this request asks, not of what the gateway is: the client can mend them. */
const REQUEST_CODES: ReadonlySet<string> = new Set(
  "input_too_long invalid_request unsupported http_400 http_422".split(" "),
);

const MESSAGE_BY_CLASS: Readonly<Record<FailureClass, string>> = {
  transient: "The model could not finish its answer. Try again later.",
  permanent: "The model cannot answer this request.",
  degraded: "The model gave no usable answer to this request.",
};

export const UNKNOWN_STREAM: Problem = {
  status: 404,
  code: "unknown-stream",
  title: "There is no such stream",
};

export const TOO_MANY_VIEWERS: Problem = {
  status: 429,
  code: "too-many-viewers",
  title: "The stream is crowded",
};

export const UNKNOWN_EVENT: Problem = {
  status: 404,
  code: "unknown-event",
  title: "There is no such event",
};

export const BAD_TOKEN: Problem = {
  status: 401,
  code: "invalid-stream-token",
  title: "The token does not open this stream",
};

export const UNKNOWN_FORMAT: Problem = {
  status: 400,
  code: "unknown-format",
  title: "There is no such stream format",
  detail: "Use sluice, ui or openai.",
};

/** For the viewers of a stream that breaks. */
export function messageOfError(error: { readonly class: FailureClass; readonly code: string }): string {
  return error.code === "interrupted"
    ? "The stream was interrupted on our side. What came before stands."
    : MESSAGE_BY_CLASS[error.class];
}

export function problemOfFailure(failed: StageFailure): Problem {
  const detail = `${MESSAGE_BY_CLASS[failed.class]} (${failed.code})`;
  if (failed.code === "model_unknown") {
    return { status: 404, code: "unknown-model", title: "There is no such model" };
  }
  if (failed.code === "rate_limited") {
    return { status: 429, code: "model-rate-limited", title: "The model is busy", detail, ...later(failed) };
  }
  if (failed.class === "transient") {
    return {
      status: 503,
      code: "model-unavailable",
      title: "The model is not available",
      detail,
      ...later(failed),
    };
  }
  if (failed.class === "degraded" || REQUEST_CODES.has(failed.code)) {
    return { status: 422, code: "model-refused", title: "The model refused the request", detail };
  }
  return { status: 502, code: "model-failed", title: "The model could not be used", detail };
}

export function problemOfDenial(reason: DenialReason | "budget", retryAtMs: number, nowMs: number): Problem {
  const headers = retryAfter(retryAtMs - nowMs);
  if (reason === "budget") {
    return { status: 429, code: "budget-spent", title: "What may be spent today is spent", headers };
  }
  if (reason === "breaker" || reason === "unreachable") {
    return { status: 503, code: "model-unavailable", title: "The model is not available", headers };
  }
  return { status: 429, code: "limit-reached", title: "The model's limit is reached for now", headers };
}

function later(failed: StageFailure) {
  return { headers: retryAfter(failed.retryAfterMs ?? LIMITS.streams.retryAfterSeconds * 1_000) };
}

export function retryAfter(delayMs: number): Record<string, string> {
  return { "retry-after": String(Math.max(1, Math.ceil(delayMs / 1_000))) };
}
