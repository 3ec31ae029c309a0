/**
 * The operator API, `/admin/v1`: who may call what, how often, and what the audit log says of it. What the calls do is in
 * `routes/`. A call that changes something is written down before it is done; when that fails, it is not done.
 */
import { Hono, type Context } from "hono";
import { LIMITS } from "../config/limits.ts";
import type { JsonObject } from "../core/json.ts";
import { err, messageOf, ok, type Result } from "../core/result.ts";
import { problemOfRead, readBody } from "../platform/read-body.ts";
import { problemResponse, type Problem } from "../platform/problem.ts";
import { authenticate } from "./authenticate.ts";
import { createOpenApiDocument } from "./openapi.ts";
import type { Actor, OperatorDependencies } from "./port.ts";
import { UNAVAILABLE } from "./problems.ts";
import { RateLimiter } from "./rate-limit.ts";
import { referencePage } from "./reference-page.ts";
import type { ReadyCall, Route } from "./route.ts";
import { OPERATOR_ROUTES } from "./routes/all.ts";

/** To be mounted at `/admin/v1`. */
export function createOperatorRoutes(deps: OperatorDependencies): Hono {
  const { requestsPerMinute, requestBurst, maxRatedTokens } = LIMITS.operator;
  const limiter = new RateLimiter({
    perMinute: requestsPerMinute,
    burst: requestBurst,
    maxTokens: maxRatedTokens,
  });
  const api = new Hono();
  // Neither holds a secret: they say what the source code says. Made when somebody asks, once per isolate.
  let made: JsonObject | undefined;
  const document = () => (made ??= createOpenApiDocument(OPERATOR_ROUTES));
  api.get("/openapi.json", (context) => context.json(document()));
  api.get("/docs", (context) => context.html(referencePage(document())));
  for (const route of OPERATOR_ROUTES) {
    api.on(route.method.toUpperCase(), route.path, async (context) => {
      const answered = await answer(deps, limiter, route, context);
      if (!answered.ok) return problemResponse(answered.error, NOT_STORED);
      return context.json(answered.value, route.status ?? 200, NOT_STORED);
    });
  }
  return api;
}

/** Payloads and tokens are in the answers. */
const NOT_STORED = { "cache-control": "no-store" };

/** What Hono serialises. */
type Answer = Parameters<Context["json"]>[0];

async function answer(
  deps: OperatorDependencies,
  limiter: RateLimiter,
  route: Route,
  context: Context,
): Promise<Result<Answer, Problem>> {
  try {
    const actor = await admit(deps, limiter, route, context.req.header("authorization"));
    if (!actor.ok) return actor;
    const body = await readJson(route, context.req.raw);
    if (!body.ok) return body;
    const raw = { params: context.req.param(), query: context.req.query(), body: body.value };
    const ready = route.prepare(raw);
    if (!ready.ok) return ready;
    const result = await runAudited(deps, route, actor.value, ready.value);
    return result.ok ? ok(result.value as Answer) : result; // of the route's own answer schema
  } catch (thrown) {
    deps.log.error("operator_call_failed", { operation: route.id, error: messageOf(thrown) });
    return err(UNAVAILABLE);
  }
}

async function admit(
  deps: OperatorDependencies,
  limiter: RateLimiter,
  route: Route,
  authorization: string | undefined,
): Promise<Result<Actor, Problem>> {
  const actor = await authenticate(deps, authorization);
  if (!actor.ok) return actor;
  const waitMs = limiter.take(actor.value.tokenId, deps.nowMs());
  if (waitMs > 0) {
    const headers = { "retry-after": String(Math.ceil(waitMs / 1_000)) };
    return err({ status: 429, code: "too-many-requests", title: "This token calls too often", headers });
  }
  if (actor.value.scopes.includes(route.scope)) return actor;
  const detail = `It needs the scope "${route.scope}".`;
  return err({ status: 403, code: "scope-missing", title: "The token may not do this", detail });
}

async function readJson(route: Route, request: Request): Promise<Result<unknown, Problem>> {
  if (route.body === null) return ok(undefined);
  const read = await readBody(request, LIMITS.operator.maxRequestBytes);
  if (!read.ok) return err(problemOfRead(read.error));
  // A body of defaults alone may be left out.
  if (read.value.length === 0) return ok({});
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(read.value);
    const value: unknown = JSON.parse(text);
    return ok(value);
  } catch {
    return err({ status: 400, code: "malformed-body", title: "The body is not JSON" });
  }
}

async function runAudited(
  deps: OperatorDependencies,
  route: Route,
  actor: Actor,
  call: ReadyCall,
): Promise<Result<unknown, Problem>> {
  if (call.audit === null) return call.execute(actor, deps);
  const id = deps.newId();
  const { target, detail = "" } = call.audit;
  const operation = route.id;
  const who = { actor: actor.tokenId, actorName: actor.name };
  await deps.audit.begin({ id, atMs: deps.nowMs(), ...who, operation, target, detail });
  const result = await execute(deps, route, actor, call);
  const status = result.ok ? (route.status ?? 200) : result.error.status;
  const outcome = result.ok ? "ok" : result.error.code;
  try {
    await deps.audit.finish(id, status, outcome);
  } catch (thrown) {
    deps.log.error("audit_unfinished", { operation, target, outcome, error: messageOf(thrown) });
  }
  return result;
}

async function execute(deps: OperatorDependencies, route: Route, actor: Actor, call: ReadyCall) {
  try {
    return await call.execute(actor, deps);
  } catch (thrown) {
    deps.log.error("operator_call_failed", { operation: route.id, error: messageOf(thrown) });
    return err(UNAVAILABLE);
  }
}
