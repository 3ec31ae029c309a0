/**
 * The HTTP surface: which path is answered by whom. Ingest is reached before any framework work; everything
 * else is Hono's.
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { messageOf } from "./core/result.ts";
import { bearerAuth } from "./operator/bearer-auth.ts";
import { createEventRoutes } from "./operator/event-routes.ts";
import { limitGuesses } from "./operator/guess-limit.ts";
import { createMetricsRoutes } from "./operator/metrics-routes.ts";
import { createSchemaRoutes } from "./operator/schema-routes.ts";
import { canonicalPath } from "./platform/canonical-path.ts";
import { problemResponse } from "./platform/problem.ts";
import type { Services } from "./services.ts";
import { createChatRoutes, openaiErrors } from "./streaming/chat-routes.ts";
import { comesBack } from "./streaming/come-back.ts";
import { createEventStreamRoutes, createEventTokenRoutes } from "./streaming/event-stream-routes.ts";
import { createStreamRoutes } from "./streaming/routes.ts";
import { createTokenViewRoutes, createViewRoutes } from "./streaming/view-routes.ts";

const INGEST_PATH = /^\/in\/([^/%]+)$/;

/** `/*` takes the path before it too: a path that two of these match would have its headers twice. */
const STREAM_PATHS = ["/v1/streams/*", "/v1/events/:id/stream", "/v1/chat/*"];
const STAINLESS = [
  "arch",
  "custom-poll-interval",
  "helper-method",
  "lang",
  "os",
  "package-version",
  "poll-helper",
  "raw-response",
  "retry-count",
  "runtime",
  "runtime-version",
  "timeout",
];
/** What a page's script may send, and what it may see of the answer. */
const STREAM_CORS = {
  allowMethods: ["GET", "POST", "DELETE"],
  allowHeaders: [
    "authorization",
    "content-type",
    "last-event-id",
    "traceparent",
    // What OpenAI's own client sends: https://github.com/openai/openai-node/blob/master/src/client.ts
    "user-agent",
    "idempotency-key",
    "openai-organization",
    "openai-project",
    "openai-beta",
    "x-client-request-id",
    ...STAINLESS.map((name) => `x-stainless-${name}`),
  ],
  exposeHeaders: ["location", "retry-after", "x-vercel-ai-ui-message-stream"],
  maxAge: 600,
};

export type App = (request: Request, context: ExecutionContext) => Promise<Response>;

export function createApp(services: Services): App {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/readyz", (context) => {
    const report = services.readiness(new URL(context.req.url));
    return context.json(report, report.status === "ready" ? 200 : 503);
  });
  const guesses = limitGuesses(services.nowMs);
  app.use("/metrics", guesses);
  app.route(
    "/",
    createMetricsRoutes({
      apiTokens: services.apiTokens,
      operator: services.operator,
      metricsText: () => services.watch.metricsText(),
    }),
  );
  const streaming = services.streaming();
  if (services.corsOrigins.length > 0) {
    const pages = cors({ origin: [...services.corsOrigins], ...STREAM_CORS });
    for (const path of STREAM_PATHS) app.use(path, pages);
  }
  app.use("/v1/chat/*", openaiErrors());
  // Around everything that may refuse: an address that is held off passes too.
  for (const path of ["/v1/streams/*", "/v1/events/*"]) app.use(path, comesBack());
  for (const path of ["/v1/*", "/admin/v1/*", "/dashboard/*"]) app.use(path, guesses);
  // Before the bearer check: a stream's own token is enough.
  app.route("/", createTokenViewRoutes(streaming));
  app.route("/", createEventTokenRoutes(streaming));
  app.use("/v1/*", bearerAuth(services.apiTokens));
  app.route("/v1", createEventRoutes(services.events));
  app.route("/v1", createSchemaRoutes(services.schemas));
  app.route("/", createStreamRoutes(streaming));
  app.route("/", createViewRoutes(streaming));
  app.route("/", createEventStreamRoutes(streaming));
  app.route("/", createChatRoutes(streaming));
  app.all("/admin/v1/*", async (context) => (await operatorApi(services)).fetch(context.req.raw));
  app.all("/dashboard/*", async (context) => (await dashboard(services)).fetch(context.req.raw));
  app.notFound(() => problemResponse(NOT_FOUND));
  app.onError((thrown) => {
    services.events.log.error("request_failed", { error: messageOf(thrown) });
    return problemResponse({ status: 503, code: "unavailable", title: "Something went wrong on our side" });
  });
  return async (request, context) => {
    const path = canonicalPath(request.url);
    if (path === null) return problemResponse(NOT_FOUND);
    const source = INGEST_PATH.exec(path)?.[1];
    return source === undefined ? app.fetch(request, {}, context) : services.ingest(request, source);
  };
}

/** Made once each; kept when they are made. A promise of a visitor that leaves would never settle for the others. */
const operatorApis = new WeakMap<Services, Hono>();
const dashboards = new WeakMap<Services, Hono>();

/** Its schemas take a part of a start-up that nobody else should wait for: they are made when the first operator comes. */
async function operatorApi(services: Services): Promise<Hono> {
  const known = operatorApis.get(services);
  if (known !== undefined) return known;
  const { createOperatorRoutes } = await import("./operator/admin-routes.ts");
  const api = new Hono().route("/admin/v1", createOperatorRoutes(services.operator));
  api.notFound(() => problemResponse(NOT_FOUND));
  // Two that came together have made one each; the first stays, so that its counts do.
  const made = operatorApis.get(services) ?? api;
  operatorApis.set(services, made);
  return made;
}

/** Likewise: with the first visitor. */
async function dashboard(services: Services): Promise<Hono> {
  const known = dashboards.get(services);
  if (known !== undefined) return known;
  const operator = await operatorApi(services);
  const { createDashboard } = await import("./dashboard/dashboard.tsx");
  const pages = createDashboard({ ...services.dashboard, api: (request) => operator.fetch(request) });
  const made = dashboards.get(services) ?? new Hono().route("/dashboard", pages);
  dashboards.set(services, made);
  return made;
}

const NOT_FOUND = { status: 404, code: "not-found", title: "There is nothing here" };
