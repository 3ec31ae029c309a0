/** The dashboard: pages made on the server over the operator API. To be mounted at `/dashboard`. */
import { Hono } from "hono";
import { messageOf } from "../core/result.ts";
import { goTo, sendDocument, sendProblem } from "./answer.tsx";
import { createAssetRoutes } from "./assets/routes.ts";
import { Banner, Document } from "./components/layout.tsx";
import { registerDeadLetters } from "./pages/dead-letters.tsx";
import { registerEvent } from "./pages/event.tsx";
import { registerEvents } from "./pages/events.tsx";
import { registerGuards } from "./pages/guards.tsx";
import { registerLogin, registerLogout, requireVisitor } from "./pages/login.tsx";
import { registerNow } from "./pages/now.tsx";
import { registerPartitions } from "./pages/partitions.tsx";
import { registerReplays } from "./pages/replays.tsx";
import { registerReviews } from "./pages/reviews.tsx";
import type { DashboardDependencies } from "./port.ts";
import { securityHeaders } from "./protect.ts";
import type { DashboardApp, DashboardEnv } from "./visitor.ts";

export function createDashboard(deps: DashboardDependencies): DashboardApp {
  const app = new Hono<DashboardEnv>();
  app.use(securityHeaders);
  app.route("/assets", createAssetRoutes());
  registerLogin(app, deps);
  // Everything from here on is for people with a session.
  app.use(requireVisitor(deps));
  registerLogout(app, deps);
  registerNow(app, deps);
  registerEvents(app);
  registerEvent(app);
  registerDeadLetters(app);
  registerReviews(app);
  registerPartitions(app, deps);
  registerGuards(app);
  registerReplays(app);
  app.all("*", (context) => {
    if (context.req.path === "/dashboard/") return goTo(context, "/dashboard");
    return sendProblem(context, {
      status: 404,
      code: "not-found",
      title: "There is no such page",
      detail: "The address may have been cut off.",
    });
  });
  app.onError((thrown, context) => {
    deps.log.error("dashboard_failed", { error: messageOf(thrown) });
    return sendDocument(
      context,
      <Document title="Not now">
        <main class="login" id="main">
          <h1>That did not work</h1>
          <Banner tone="bad">
            <p>
              Something the page needs cannot be reached. Events are accepted and worked on regardless; load
              the page again in a moment. The Worker's log has the cause (<code>dashboard_failed</code>).
            </p>
          </Banner>
          <p>
            <a class="button" href="/dashboard">
              Try again
            </a>
          </p>
        </main>
      </Document>,
      503,
    );
  });
  return app;
}
