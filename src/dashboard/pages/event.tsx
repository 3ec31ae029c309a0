/** One event: what it is, what happened to it, what it came with, what was made of it, and what can be done. */
import { LIMITS } from "../../config/limits.ts";
import { appliedSchema, eventDetailSchema, type EventDetail } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import type { ApiProblem } from "../api-client.ts";
import { EventActions } from "../components/event-actions.tsx";
import { EventFacts, EventHead } from "../components/event-facts.tsx";
import { Deliveries, ModelFacts, OutputCards, PayloadCards, Told } from "../components/event-content.tsx";
import { JsonForm } from "../components/forms.tsx";
import { Waterfall } from "../components/waterfall.tsx";
import { Banner } from "../components/layout.tsx";
import { prettyJson } from "../components/text.tsx";
import { fromStageIn, jsonIn, optional, textIn } from "../forms.ts";
import type { NoticeName } from "../notices.tsx";
import type { DashboardApp } from "../visitor.ts";

export const eventPath = (id: string) => `/dashboard/events/${encodeURIComponent(id)}`;
export const apiPath = (id: string) => `/events/${encodeURIComponent(id)}`;
const BACK = { href: "/dashboard/events", label: "events" };

export function registerEvent(app: DashboardApp): void {
  app.get("/events/:id", (context) => showEvent(context));
  app.get("/events/:id/payload", async (context) => {
    const found = await readEvent(context, LIMITS.operator.maxPayloadBytes);
    return found.ok
      ? showEditor(context, found.value, found.value.payload?.text ?? "")
      : sendProblem(context, found.error, BACK);
  });
  app.post("/events/:id/payload", async (context) => {
    const { visitor, form } = context.var;
    const id = context.req.param("id");
    const payload = jsonIn(form);
    if (!payload.ok) {
      const found = await readEvent(context, 0);
      if (!found.ok) return sendProblem(context, found.error, BACK);
      return showEditor(context, found.value, payload.error.text, payload.error.message);
    }
    const body = { payload: payload.value, ...optional("reason", textIn(form, "reason")) };
    const answer = await visitor.api.send("PUT", `${apiPath(id)}/payload`, body, appliedSchema);
    return answer.ok
      ? backTo(context, "edited")
      : sendProblem(context, answer.error, { href: eventPath(id), label: "the event" });
  });
  const act = (
    name: "replay" | "skip" | "discard",
    notice: NoticeName,
    bodyOf: (form: URLSearchParams) => unknown,
  ) =>
    app.post(`/events/:id/${name}`, async (context) => {
      const id = context.req.param("id");
      const { visitor, form } = context.var;
      const answer = await visitor.api.send("POST", `${apiPath(id)}/${name}`, bodyOf(form), appliedSchema);
      return answer.ok
        ? backTo(context, notice)
        : sendProblem(context, answer.error, { href: eventPath(id), label: "the event" });
    });
  act("replay", "replayed", (form) => ({ from: fromStageIn(form) }));
  act("skip", "skipped", (form) => ({ reason: textIn(form, "reason") }));
  act("discard", "discarded", (form) => ({ reason: textIn(form, "reason") }));
}

/** Where the form was: the list that it names, or the event. */
function backTo(context: DashboardContext, notice: NoticeName): Response {
  const isFromList = textIn(context.var.form, "back") === "dead-letters";
  return goTo(context, isFromList ? "/dashboard/dead-letters" : eventPath(context.req.param("id") ?? ""), {
    notice,
  });
}

export function readEvent(context: DashboardContext, payloadUpTo: number) {
  const id = context.req.param("id") ?? "";
  return context.var.visitor.api.get(apiPath(id), eventDetailSchema, { payload: "1", payloadUpTo });
}

async function showEvent(context: DashboardContext) {
  const { visitor } = context.var;
  const found = await readEvent(context, LIMITS.operator.maxPayloadBytes);
  if (!found.ok) return sendProblem(context, notAnEvent(found.error), BACK);
  const event = found.value;
  return sendPage(context, {
    title: `${event.type} ${event.id}`,
    section: "Events",
    refreshSeconds: event.endedAtMs === null ? 5 : undefined,
    children: (
      <>
        <EventHead event={event} />
        {event.failure === null ? null : (
          <Banner tone="bad">
            <p>
              <strong>
                {event.failure.stage}: {event.failure.code}
              </strong>{" "}
              ({event.failure.class})
            </p>
            <p>{event.failure.message}</p>
            {event.failure.answer === undefined ? null : (
              <details open>
                <summary>What the other side answered</summary>
                <pre>{event.failure.answer}</pre>
              </details>
            )}
          </Banner>
        )}
        <EventActions event={event} visitor={visitor} />
        <section class="card" aria-label="Facts">
          <EventFacts event={event} nowMs={visitor.nowMs} />
        </section>
        <section class="card">
          <h2>Timeline</h2>
          {event.timeline.length === 0 ? (
            <p class="soft">Past its retention: only what the ledger knows is left.</p>
          ) : (
            <Waterfall event={event} />
          )}
        </section>
        <div class="two">
          <div>
            <PayloadCards event={event} />
          </div>
          <div>
            <Told event={event} nowMs={visitor.nowMs} />
            <OutputCards event={event} />
            <ModelFacts event={event} />
            <Deliveries event={event} nowMs={visitor.nowMs} />
          </div>
        </div>
      </>
    ),
  });
}

/** An id that is none was most likely cut off when it was copied. */
function notAnEvent(problem: ApiProblem): ApiProblem {
  if (problem.code !== "invalid-request") return problem;
  return { ...problem, status: 404, code: "unknown-event", title: "This is not an event's id", detail: "" };
}

function showEditor(context: DashboardContext, event: EventDetail, text: string, error?: string) {
  const { visitor } = context.var;
  const shown = error === undefined ? prettyPayload(event, text) : text;
  return sendPage(context, {
    title: "Edit the payload",
    section: "Dead letters",
    ...(error === undefined ? {} : { status: 400 as const }),
    children: (
      <>
        <EventHead event={event} />
        <section class="card">
          <h2>Edit the payload</h2>
          {event.payload?.omittedBytes === undefined ? (
            <JsonForm
              visitor={visitor}
              action={`${eventPath(event.id)}/payload`}
              id="payload"
              label="Payload (JSON)"
              button="Save the payload"
              text={shown}
              error={error}
              hint="The event stays where it is until you replay it. The original is kept."
            />
          ) : (
            <p>This payload is too large to be edited.</p>
          )}
          <p>
            <a href={eventPath(event.id)}>Leave it as it is</a>
          </p>
        </section>
      </>
    ),
  });
}

function prettyPayload(event: EventDetail, text: string): string {
  const value = event.payload?.value ?? null;
  return value === null ? text : prettyJson(value);
}
