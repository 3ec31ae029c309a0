/** Dead letters: what failed for good or expired; replayed or discarded one at a time, or all that a search finds. */
import { configNamesSchema } from "../../operator/routes/overview.ts";
import { bulkAnswerSchema, eventPageSchema, type EventItem } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { EventTable, Pages } from "../components/event-table.tsx";
import { FilterForm } from "../components/filter-form.tsx";
import { ActionButton, ReasonForm } from "../components/forms.tsx";
import { Empty } from "../components/layout.tsx";
import { apiQueryOf, bodyFilterOf, presentFields, readFilter, type FilterFields } from "../filters.ts";
import { fromStageIn, textIn } from "../forms.ts";
import type { DashboardApp, Visitor } from "../visitor.ts";

const PATH = "/dashboard/dead-letters";
const BACK = { href: PATH, label: "dead letters" };

export function registerDeadLetters(app: DashboardApp): void {
  app.get("/dead-letters", (context) => showDeadLetters(context));
  app.post("/dead-letters/replay", (context) =>
    actOnAll(context, "/dead-letters/replay", { from: fromStageIn(context.var.form) }),
  );
  app.post("/dead-letters/discard", (context) =>
    actOnAll(context, "/dead-letters/discard", { reason: textIn(context.var.form, "reason") }),
  );
}

async function actOnAll(context: DashboardContext, path: string, rest: Readonly<Record<string, unknown>>) {
  const { form, visitor } = context.var;
  const filter = readFilter(form);
  const answer = await visitor.api.send(
    "POST",
    path,
    { filter: bodyFilterOf(filter), ...rest },
    bulkAnswerSchema,
  );
  if (!answer.ok) return sendProblem(context, answer.error, BACK);
  const { applied, refused, next } = answer.value;
  return goTo(context, PATH, {
    ...presentFields(filter),
    notice: "bulk",
    applied: applied.length,
    refused: refused.length,
    more: next === null ? "" : "1",
  });
}

async function showDeadLetters(context: DashboardContext) {
  const { visitor } = context.var;
  const query = new URL(context.req.url).searchParams;
  const filter = readFilter(query);
  const cursor = query.get("cursor") ?? "";
  const [names, page] = await Promise.all([
    visitor.api.get("/config", configNamesSchema),
    visitor.api.get("/dead-letters", eventPageSchema, { ...apiQueryOf(filter), cursor }),
  ]);
  if (!names.ok) return sendProblem(context, names.error);
  if (!page.ok) return sendProblem(context, page.error, BACK);
  const { events, next } = page.value;
  const fields = presentFields(filter);
  const shown = new URLSearchParams(cursor === "" ? fields : { ...fields, cursor });
  const cell = (event: EventItem) => <RowAction event={event} visitor={visitor} />;
  return sendPage(context, {
    title: "Dead letters",
    section: "Dead letters",
    refreshSeconds: cursor === "" ? 15 : undefined,
    children: (
      <>
        <h1>Dead letters</h1>
        <p class="soft">What failed for good, or became too old. Mend the cause, then replay.</p>
        <FilterForm action={PATH} filter={filter} names={names.value} states={["dead", "expired"]} />
        {events.length === 0 ? null : <AllOfThem filter={filter} visitor={visitor} />}
        <div class="card">
          {events.length > 0 ? (
            <EventTable
              events={events}
              nowMs={visitor.nowMs}
              caption="Dead letters, the newest first"
              {...(visitor.mayOperate ? { extra: { name: "Do", cell } } : {})}
            />
          ) : (
            <Empty>
              {Object.keys(fields).length === 0 ? (
                <p>No dead letters: everything that was accepted went its way, or is on it.</p>
              ) : (
                <p>
                  None matches. <a href={PATH}>Show all dead letters</a>.
                </p>
              )}
            </Empty>
          )}
          <Pages path={PATH} query={shown} next={next} />
        </div>
      </>
    ),
  });
}

function RowAction({ event, visitor }: { readonly event: EventItem; readonly visitor: Visitor }) {
  return (
    <ActionButton
      visitor={visitor}
      action={`/dashboard/events/${encodeURIComponent(event.id)}/replay`}
      label="Replay"
      slim
      about={event.id}
      hidden={{ back: "dead-letters" }}
    />
  );
}

/** The search's words are sent along: what is done is done to what is shown. */
function AllOfThem({ filter, visitor }: { readonly filter: FilterFields; readonly visitor: Visitor }) {
  const { state, ...conditions } = presentFields(filter);
  const words = Object.entries(conditions).map(([name, value]) => `${name} ${value}`);
  const what = words.length === 0 ? "all dead letters" : `all with ${words.join(", ")}`;
  if (!visitor.mayOperate || state !== undefined) return null;
  return (
    <section class="card" aria-label="All of them">
      <div class="actions">
        <ActionButton
          visitor={visitor}
          action={`${PATH}/replay`}
          label={`Replay ${what}`}
          confirm={`Replay ${what}? The oldest hundred go first.`}
          hidden={conditions}
        />
        <span class="hint">
          A hundred at a time, the oldest first. For thousands, start a{" "}
          <a href="/dashboard/replays">replay</a> at a rate.
        </span>
      </div>
      <ReasonForm
        visitor={visitor}
        id="discard-all"
        summary={`Discard ${what}`}
        action={`${PATH}/discard`}
        label="Discard"
        tone="danger"
        confirm={`Discard ${what}? They will not be delivered.`}
        hidden={conditions}
      />
    </section>
  );
}
