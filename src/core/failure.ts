/**
 * Why a stage did not succeed, and whether trying again helps. One vocabulary for models, destinations,
 * schemas and checks; the partition decides from it, the mappers at the edges translate it.
 */

export type Stage = "ingest" | "parse" | "enrich" | "infer" | "format" | "deliver";

export type FailureClass =
  /** The same request may succeed later: network, limits, 5xx, time-outs. */
  | "transient"
  /** It never will: invalid input, authentication, content policy. */
  | "permanent"
  /** The model answered, but not usefully: schema mismatch, failed check, truncation, refusal. */
  | "degraded";

export interface StageFailure {
  readonly stage: Stage;
  readonly class: FailureClass;
  /** A short stable word for metrics and lists: `http_503`, `rate_limited`, `schema`, `poison`, … */
  readonly code: string;
  /** For operators. Holds no payload and no secret. */
  readonly message: string;
  /** The other side's word on when to come back, counted from now. */
  readonly retryAfterMs?: number;
  /**
   * The beginning of what a destination or a model's provider answered, without credentials (`answer-excerpt.ts`). Absent in
   * what older versions stored.
   */
  readonly answer?: string;
}

export function failure(
  stage: Stage,
  failureClass: FailureClass,
  code: string,
  message: string,
  retryAfterMs?: number,
): StageFailure {
  const base = { stage, class: failureClass, code, message: message.slice(0, MAX_MESSAGE_CHARACTERS) };
  return retryAfterMs === undefined ? base : { ...base, retryAfterMs };
}

/** The same failure with the other side's words, where it said any. */
export function withAnswer(failed: StageFailure, answer: string | undefined): StageFailure {
  return answer === undefined ? failed : { ...failed, answer };
}

/** Upstream error texts can be long; a row and a log line should not be. */
const MAX_MESSAGE_CHARACTERS = 500;
