/**
 * `GET /metrics` for a scraper: with a token of `/v1`, which needs nothing stored, or with one of the operator API that may
 * read.
 */
import { Hono } from "hono";
import { PROMETHEUS_CONTENT_TYPE } from "../core/metrics/prometheus.ts";
import { messageOf, type Result } from "../core/result.ts";
import { problemResponse, type Problem } from "../platform/problem.ts";
import { authenticate } from "./authenticate.ts";
import { opens, type TokenSource } from "./bearer-auth.ts";
import type { OperatorDependencies } from "./port.ts";
import { UNAVAILABLE } from "./problems.ts";

export interface MetricsRouteDependencies {
  readonly apiTokens: TokenSource;
  readonly operator: Pick<OperatorDependencies, "tokens" | "bootstrapTokens" | "nowMs" | "log">;
  readonly metricsText: () => Promise<Result<string, "ledger_unavailable">>;
}

const SCOPE_MISSING: Problem = {
  status: 403,
  code: "scope-missing",
  title: "The token may not do this",
  detail: 'It needs the scope "read".',
};

const LEDGER_UNAVAILABLE: Problem = {
  status: 503,
  code: "ledger-unavailable",
  title: "The ledger cannot be read just now",
  headers: { "retry-after": "15" },
};

const HEADERS = { "content-type": PROMETHEUS_CONTENT_TYPE, "cache-control": "no-store" };

export function createMetricsRoutes(deps: MetricsRouteDependencies): Hono {
  const routes = new Hono();
  routes.get("/metrics", async (context) => {
    const refusal = await refusalOf(deps, context.req.header("authorization"));
    if (refusal !== null) return problemResponse(refusal);
    const text = await deps.metricsText();
    return text.ok ? context.body(text.value, 200, HEADERS) : problemResponse(LEDGER_UNAVAILABLE);
  });
  return routes;
}

/** null: come in. */
async function refusalOf(
  { apiTokens, operator }: MetricsRouteDependencies,
  authorization: string | undefined,
): Promise<Problem | null> {
  if (await opens(apiTokens, authorization)) return null;
  try {
    const actor = await authenticate(operator, authorization);
    if (!actor.ok) return actor.error;
    return actor.value.scopes.includes("read") ? null : SCOPE_MISSING;
  } catch (thrown) {
    operator.log.warn("metrics_token_not_checked", { error: messageOf(thrown) });
    return UNAVAILABLE;
  }
}
