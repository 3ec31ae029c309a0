/** Events: found by anything the ledger knows, the newest first. */
import { configNamesSchema } from "../../operator/routes/overview.ts";
import { eventPageSchema } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem } from "../answer.tsx";
import { EventTable, Pages } from "../components/event-table.tsx";
import { FilterForm } from "../components/filter-form.tsx";
import { Empty } from "../components/layout.tsx";
import { apiQueryOf, presentFields, readFilter } from "../filters.ts";
import type { DashboardApp } from "../visitor.ts";

const STATES = ["done", "dead", "review", "filtered", "expired", "retrying", "deferred", "pending"] as const;

export function registerEvents(app: DashboardApp): void {
  app.get("/events", async (context) => {
    const { api, nowMs } = context.var.visitor;
    const query = new URL(context.req.url).searchParams;
    const wanted = (query.get("q") ?? "").trim();
    if (wanted.startsWith("evt_")) return goTo(context, `/dashboard/events/${encodeURIComponent(wanted)}`);
    const filter = readFilter(query);
    const asked = wanted === "" ? filter : { ...filter, dedupeKey: wanted };
    const [names, page] = await Promise.all([
      api.get("/config", configNamesSchema),
      api.get("/events", eventPageSchema, { ...apiQueryOf(asked), cursor: query.get("cursor") ?? "" }),
    ]);
    if (!names.ok) return sendProblem(context, names.error);
    if (!page.ok) return sendProblem(context, page.error, { href: "/dashboard/events", label: "events" });
    const fields = presentFields(asked);
    const isFiltered = Object.keys(fields).length > 0;
    const shown = new URLSearchParams(fields);
    if (query.has("cursor")) shown.set("cursor", query.get("cursor") ?? "");
    const { events, next } = page.value;
    return sendPage(context, {
      title: "Events",
      section: "Events",
      refreshSeconds: query.has("cursor") ? undefined : 15,
      children: (
        <>
          <h1>Events</h1>
          <FilterForm
            action="/dashboard/events"
            filter={asked}
            names={names.value}
            states={STATES}
            withSearch
          />
          <div class="card">
            {events.length > 0 ? (
              <EventTable events={events} nowMs={nowMs} caption="Events, the newest first" />
            ) : (
              <Empty>
                {next !== null ? (
                  <p>Nothing so far. The search goes on on the next page.</p>
                ) : isFiltered ? (
                  <p>
                    No event matches. Events are found a few seconds after they have ended;{" "}
                    <a href="/dashboard/events">show all</a>.
                  </p>
                ) : (
                  <p>
                    No event has ended yet. Send one: <code>npm run trigger -- stripe invoice.paid</code>, or
                    point a webhook at <code>/in/&lt;source&gt;</code>.
                  </p>
                )}
              </Empty>
            )}
            <Pages path="/dashboard/events" query={shown} next={next} />
          </div>
        </>
      ),
    });
  });
}
