/** Pages as answers; problems as pages that say what to do; and where a visitor is sent after a form. */
import type { Context } from "hono";
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { ApiProblem, Query } from "./api-client.ts";
import { queryText } from "./api-client.ts";
import { Banner, Page, type PageProps } from "./components/layout.tsx";
import { dropSessionCookie } from "./cookie.ts";
import { noticeOf } from "./notices.tsx";
import type { DashboardEnv } from "./visitor.ts";

export type DashboardContext = Context<DashboardEnv>;

export type PageStatus = 200 | 400 | 401 | 403 | 404 | 409 | 413 | 429 | 500 | 503;

export function sendDocument(
  context: Context,
  document: ReturnType<typeof Page>,
  status: PageStatus = 200,
): Response | Promise<Response> {
  return context.html(html`<!doctype html>${document}`, status);
}

/** With the notice that the address asks for. */
export function sendPage(
  context: DashboardContext,
  props: Omit<PageProps, "visitor" | "children"> & { readonly children: Child; readonly status?: PageStatus },
): Response | Promise<Response> {
  const { status, notice, ...page } = props;
  const shown = notice ?? noticeOf(new URL(context.req.url).searchParams);
  return sendDocument(context, <Page {...page} visitor={context.var.visitor} notice={shown} />, status);
}

/** What an operator can do about it, by the problem's code. */
const ADVICE: Readonly<Record<string, string>> = {
  "scope-missing": "Log in with a token that has this scope; make one with POST /admin/v1/tokens.",
  "too-many-requests": "Wait a little, then load the page again.",
  unavailable:
    "The ledger or an object cannot be reached just now. Load the page again in a moment; /readyz and the Worker's log say more.",
  "unknown-event": "Check the id. Past its retention, an event is no longer kept anywhere.",
  conflict: "Somebody, or the gateway itself, was faster. Look at how it stands now.",
  "invalid-request": "Go back and correct what is named above.",
  "invalid-cursor": "Start the list anew.",
};

export function sendProblem(
  context: DashboardContext,
  problem: ApiProblem,
  back: { readonly href: string; readonly label: string } = { href: "/dashboard", label: "Now" },
): Response | Promise<Response> {
  // The token was revoked, or has expired, since the visitor logged in.
  if (problem.status === 401) {
    dropSessionCookie(context);
    return context.redirect("/dashboard/login?reason=ended", 303);
  }
  return sendPage(context, {
    title: problem.title,
    section: null,
    status: pageStatus(problem.status),
    children: (
      <>
        <h1>{problem.title}</h1>
        <ProblemBanner problem={problem} />
        <p>
          <a class="button" href={back.href}>
            Back to {back.label}
          </a>
        </p>
      </>
    ),
  });
}

export function ProblemBanner({ problem }: { readonly problem: ApiProblem }) {
  const advice = ADVICE[problem.code];
  return (
    <Banner tone="bad">
      <p>
        <strong>{problem.title}.</strong> {problem.detail}
      </p>
      {advice === undefined ? null : <p>{advice}</p>}
    </Banner>
  );
}

function pageStatus(status: number): PageStatus {
  switch (status) {
    case 400:
    case 403:
    case 404:
    case 409:
    case 413:
    case 429:
    case 503:
      return status;
    default:
      return 500;
  }
}

/** After a form: another page, so that a reload repeats nothing. */
export function goTo(context: Context, path: string, query: Query = {}): Response {
  return context.redirect(`${path}${queryText(query)}`, 303);
}
