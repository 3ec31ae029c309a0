/** Bearer tokens for the API. Compared by digest, so that the time taken says nothing about the token. */
import type { MiddlewareHandler } from "hono";
import { problemResponse, type Problem } from "../platform/problem.ts";

const NOT_CONFIGURED: Problem = {
  status: 503,
  code: "api-not-configured",
  title: "No API token is set",
  detail: "Run `wrangler secret put SLUICE_API_TOKEN`.",
};

const UNAUTHORIZED: Problem = {
  status: 401,
  code: "unauthorized",
  title: "A valid bearer token is required",
  headers: { "www-authenticate": "Bearer" },
};

export interface TokenSource {
  /** The active tokens' values; empty while none is configured. */
  values(): readonly string[];
}

export function bearerAuth(tokens: TokenSource): MiddlewareHandler {
  return async (context, next) => {
    const active = tokens.values();
    if (active.length === 0) {
      return problemResponse(NOT_CONFIGURED);
    }
    const isKnown = await opens(tokens, context.req.header("authorization"));
    return isKnown ? next() : problemResponse(UNAUTHORIZED);
  };
}

/** Whether an `Authorization` header holds one of the tokens. */
export async function opens(tokens: TokenSource, authorization: string | undefined): Promise<boolean> {
  const presented = /^Bearer ([\x21-\x7e]{1,512})$/.exec(authorization ?? "")?.[1];
  return presented !== undefined && (await isOneOf(presented, tokens.values()));
}

async function isOneOf(presented: string, active: readonly string[]): Promise<boolean> {
  const wanted = await digest(presented);
  let found = false;
  for (const token of active) {
    if (crypto.subtle.timingSafeEqual(wanted, await digest(token))) found = true;
  }
  return found;
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
