/** Logging in with an operator token, and out again; and the door before every other page. */
import type { Context, MiddlewareHandler } from "hono";
import { LIMITS } from "../../config/limits.ts";
import { RateLimiter } from "../../operator/rate-limit.ts";
import { whoAmISchema } from "../../operator/routes/overview.ts";
import { callerOf } from "../../platform/caller.ts";
import { goTo, sendDocument, sendProblem, type PageStatus } from "../answer.tsx";
import { createApiClient } from "../api-client.ts";
import { toBase64Url } from "../base64url.ts";
import { Banner, Document } from "../components/layout.tsx";
import { dropSessionCookie, readSessionCookie, writeSessionCookie } from "../cookie.ts";
import { readForm, textIn } from "../forms.ts";
import type { DashboardDependencies } from "../port.ts";
import { hasFormKey, isFromElsewhere, isFromHere } from "../protect.ts";
import { openSession, sealSession, type Session } from "../session.ts";
import type { DashboardApp, DashboardEnv } from "../visitor.ts";

const FORM_KEY_BYTES = 32;
/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]{1,512}$/;

const REASONS = {
  ended: "Your session is over, or the token no longer counts. Log in again.",
  out: "You are logged out.",
  wrong: "This token is not known, has expired, or lacks the scope to read.",
  often: "Too many tries from your address. Wait a minute.",
  elsewhere: "The form did not come from this page. Try again here.",
  unconfigured: "No secret is set that could seal a session: run `wrangler secret put SLUICE_ADMIN_TOKEN`.",
  unavailable: "The token could not be checked just now. Try again in a moment.",
} as const;
type Reason = keyof typeof REASONS;

export function registerLogin(app: DashboardApp, deps: DashboardDependencies): void {
  const { loginsPerMinute, maxRatedAddresses, sessionMs } = LIMITS.dashboard;
  const limiter = new RateLimiter({
    perMinute: loginsPerMinute,
    burst: loginsPerMinute,
    maxTokens: maxRatedAddresses,
  });
  app.get("/login", (context) => {
    const { searchParams } = new URL(context.req.url);
    const reason = searchParams.get("reason");
    const known = reason === "ended" || reason === "out" ? reason : null;
    return sendLogin(context, known, ownPath(context, searchParams.get("next")));
  });
  app.post("/login", async (context) => {
    const form = isFromHere(context) ? await readForm(context.req.raw) : null;
    if (form === null) return sendLogin(context, "elsewhere", "", 403);
    const next = ownPath(context, form.get("next"));
    if (limiter.take(callerOf(context.req.raw.headers), deps.nowMs()) > 0)
      return sendLogin(context, "often", next, 429);
    const [secret] = deps.sealingSecrets();
    if (secret === undefined) return sendLogin(context, "unconfigured", next, 503);
    const token = textIn(form, "token");
    if (!TOKEN.test(token)) return sendLogin(context, "wrong", next, 401);
    const who = await createApiClient(deps, token).get("/whoami", whoAmISchema);
    if (!who.ok) {
      const isRefused = who.error.status === 401 || who.error.status === 403;
      return isRefused
        ? sendLogin(context, "wrong", next, 401)
        : sendLogin(context, "unavailable", next, 503);
    }
    const formKey = toBase64Url(deps.randomBytes(FORM_KEY_BYTES));
    const session = { v: 1, token, formKey, untilMs: deps.nowMs() + sessionMs } as const;
    writeSessionCookie(context, await sealSession(session, secret, deps.randomBytes), sessionMs / 1_000);
    deps.log.info("dashboard_login", { token_id: who.value.tokenId });
    return goTo(context, next === "" ? "/dashboard" : next);
  });
}

/** Lets in who has a session; of a POST, only with the session's form key. */
export function requireVisitor(deps: DashboardDependencies): MiddlewareHandler<DashboardEnv> {
  return async (context, next) => {
    const sealed = readSessionCookie(context);
    const session = sealed === undefined ? null : await openOngoing(deps, sealed);
    const isReading = context.req.method === "GET" || context.req.method === "HEAD";
    if (session === null) {
      // A strict cookie is not sent along a link from elsewhere, as in an alert: one step from here on it is.
      if (isReading && sealed === undefined && isFromElsewhere(context)) return sendOnwards(context);
      if (sealed !== undefined) dropSessionCookie(context);
      const { pathname, search } = new URL(context.req.url);
      const wanted = isReading && pathname !== "/dashboard" ? `${pathname}${search}` : "";
      return goTo(context, "/dashboard/login", { reason: sealed === undefined ? "" : "ended", next: wanted });
    }
    if (!isReading) {
      const form = isFromHere(context) ? await readForm(context.req.raw) : null;
      if (form === null || !hasFormKey(form, session.formKey))
        return sendLogin(context, "elsewhere", "", 403);
      context.set("form", form);
    }
    const api = createApiClient(deps, session.token);
    const who = await api.get("/whoami", whoAmISchema);
    const actor = who.ok ? who.value : { tokenId: "", name: "", scopes: [] };
    const mayOperate = actor.scopes.includes("operate");
    context.set("visitor", { actor, api, formKey: session.formKey, mayOperate, nowMs: deps.nowMs() });
    if (!who.ok) return sendProblem(context, who.error);
    return next();
  };
}

/** null: not ours, over, or logged out of. */
async function openOngoing(deps: DashboardDependencies, sealed: string): Promise<Session | null> {
  const session = await openSession(sealed, deps.sealingSecrets(), deps.nowMs());
  return session === null || (await deps.endedSessions.has(session.formKey)) ? null : session;
}

/** Ends the session itself: a copy of its cookie opens nothing any more. */
export function registerLogout(app: DashboardApp, deps: DashboardDependencies): void {
  app.post("/logout", async (context) => {
    const { formKey, nowMs } = context.get("visitor");
    await deps.endedSessions.add(formKey, nowMs + LIMITS.dashboard.sessionMs, nowMs);
    dropSessionCookie(context);
    return goTo(context, "/dashboard/login", { reason: "out" });
  });
}

/** A page of the dashboard, whatever the address says. */
function ownPath(context: Context, text: string | null): string {
  if (text === null || !text.startsWith("/dashboard")) return "";
  const { origin } = new URL(context.req.url);
  if (!URL.canParse(text, origin)) return "";
  const url = new URL(text, origin);
  const isOurs = url.origin === origin && /^\/dashboard(\/|$)/.test(url.pathname);
  return isOurs && !/^\/dashboard\/(login|logout)/.test(url.pathname) ? `${url.pathname}${url.search}` : "";
}

function sendOnwards(context: Context) {
  const { pathname, search } = new URL(context.req.url);
  return sendDocument(
    context,
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="refresh" content={`0;url=${pathname}${search}`} />
        <title>Sluice</title>
      </head>
      <body>
        <p>
          <a href={`${pathname}${search}`}>Go on to the dashboard</a>
        </p>
      </body>
    </html>,
  );
}

function sendLogin(context: Context, reason: Reason | null, next: string, status: PageStatus = 200) {
  const isFault = status !== 200;
  return sendDocument(
    context,
    <Document title="Log in">
      <main class="login" id="main">
        <h1>Sluice</h1>
        <p class="soft">The gateway's dashboard. Log in with an operator token.</p>
        {reason === null ? null : (
          <Banner tone={isFault ? "bad" : "warn"}>
            <p>{REASONS[reason]}</p>
          </Banner>
        )}
        <form method="post" action="/dashboard/login" class="card">
          <input type="hidden" name="next" value={next} />
          <div class="field">
            <label for="token">Operator token</label>
            <input
              id="token"
              name="token"
              type="password"
              required
              autofocus
              autocomplete="current-password"
              maxlength={512}
              spellcheck={false}
              aria-describedby="token-hint"
              aria-invalid={reason === "wrong" ? "true" : undefined}
            />
            <span class="hint" id="token-hint">
              The value of the secret <code>SLUICE_ADMIN_TOKEN</code>, or a token made with{" "}
              <code>POST /admin/v1/tokens</code>. It needs the scope <code>read</code>; <code>operate</code>{" "}
              to change anything.
            </span>
          </div>
          <button type="submit" class="main">
            Log in
          </button>
        </form>
      </main>
    </Document>,
    status,
  );
}
