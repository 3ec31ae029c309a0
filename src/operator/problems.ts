/** The problems that several operations answer with. Public: what the caller can mend, nothing of the inside. */
import type { OperatorOutcome } from "../core/partition/operate.ts";
import { err, ok, unreachable, type Result } from "../core/result.ts";
import type { Problem } from "../platform/problem.ts";

export const UNAUTHORIZED: Problem = {
  status: 401,
  code: "unauthorized",
  title: "A valid bearer token is required",
  headers: { "www-authenticate": "Bearer" },
};

export const UNKNOWN_EVENT: Problem = {
  status: 404,
  code: "unknown-event",
  title: "There is no such event",
  detail: "It was never accepted, or it is past its retention.",
};

export const UNAVAILABLE: Problem = {
  status: 503,
  code: "unavailable",
  title: "Something this needs cannot be reached",
  detail: "Try again. Whether the call had its effect can be seen from what it was about.",
  headers: { "retry-after": "5" },
};

export function notFound(what: string): Problem {
  return { status: 404, code: "not-found", title: `There is no such ${what}` };
}

export function conflict(detail: string): Problem {
  return { status: 409, code: "conflict", title: "It is not in a state that allows this", detail };
}

/** @param detail what the event would have to be */
export function appliedOr(outcome: OperatorOutcome, detail: string): Result<null, Problem> {
  switch (outcome) {
    case "applied":
      return ok(null);
    case "not_found":
      return err(UNKNOWN_EVENT);
    case "conflict":
      return err(conflict(detail));
    default:
      return unreachable(outcome);
  }
}
