/**
 * RFC 9457 problem documents (https://www.rfc-editor.org/rfc/rfc9457). Public and generic: what the caller
 * can mend, nothing of the inside.
 */

export interface Problem {
  readonly status: number;
  /** The last part of `type`, and what logs call it: lower case, hyphens. */
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  /** Further members, as the RFC allows. */
  readonly extensions?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const PROBLEM_TYPE_PREFIX = "urn:sluice:problem:";

export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const { status, code, title, detail, extensions } = problem;
  const body = JSON.stringify({ type: PROBLEM_TYPE_PREFIX + code, title, status, detail, ...extensions });
  return new Response(body, {
    status,
    headers: { ...headers, ...problem.headers, "content-type": "application/problem+json" },
  });
}
