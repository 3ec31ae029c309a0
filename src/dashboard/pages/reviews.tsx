/** Reviews: what waits for a person, the longest first; each with its output beside its input, decided once. */
import { LIMITS } from "../../config/limits.ts";
import { reviewPageSchema } from "../../operator/routes/reviews.ts";
import { appliedSchema, type EventDetail } from "../../operator/schemas.ts";
import { goTo, sendPage, sendProblem, type DashboardContext } from "../answer.tsx";
import { Pages } from "../components/event-table.tsx";
import { OutputCards, PayloadCards, Told } from "../components/event-content.tsx";
import { EventHead } from "../components/event-facts.tsx";
import { ActionButton, JsonForm, ReasonForm } from "../components/forms.tsx";
import { Banner, Empty } from "../components/layout.tsx";
import { CustomerLink, prettyJson, shortId, Time } from "../components/text.tsx";
import { formatDuration } from "../format.ts";
import { integerIn, jsonIn, textIn } from "../forms.ts";
import type { NoticeName } from "../notices.tsx";
import type { DashboardApp } from "../visitor.ts";
import { readEvent } from "./event.tsx";

const PATH = "/dashboard/reviews";
const BACK = { href: PATH, label: "reviews" };

export function registerReviews(app: DashboardApp): void {
  app.get("/reviews", (context) => showReviews(context));
  app.get("/reviews/:id", (context) => showReview(context));
  const decide = async (context: DashboardContext, path: string, body: unknown, notice: NoticeName) => {
    const id = encodeURIComponent(context.req.param("id") ?? "");
    const answer = await context.var.visitor.api.send("POST", `/reviews/${id}/${path}`, body, appliedSchema);
    return answer.ok ? goTo(context, PATH, { notice }) : sendProblem(context, answer.error, BACK);
  };
  app.post("/reviews/:id/approve", (context) =>
    decide(context, "approve", { run: integerIn(context.var.form, "run") }, "approved"),
  );
  app.post("/reviews/:id/reject", (context) => {
    const { form } = context.var;
    return decide(
      context,
      "reject",
      { run: integerIn(form, "run"), reason: textIn(form, "reason") },
      "rejected",
    );
  });
  app.post("/reviews/:id/edit", (context) => {
    const { form } = context.var;
    const body = jsonIn(form);
    if (!body.ok) return showReview(context, body.error);
    return decide(context, "edit", { run: integerIn(form, "run"), body: body.value }, "output-edited");
  });
}

async function showReviews(context: DashboardContext) {
  const { visitor } = context.var;
  const query = new URL(context.req.url).searchParams;
  const cursor = query.get("cursor") ?? "";
  const page = await visitor.api.get("/reviews", reviewPageSchema, { cursor });
  if (!page.ok) return sendProblem(context, page.error, BACK);
  const { reviews, next } = page.value;
  return sendPage(context, {
    title: "Reviews",
    section: "Reviews",
    refreshSeconds: cursor === "" ? 15 : undefined,
    children: (
      <>
        <h1>Reviews</h1>
        <p class="soft">What a pipeline would not decide alone, the longest waiting first.</p>
        <div class="card">
          {reviews.length === 0 ? (
            <Empty>
              <p>
                Nothing waits for a decision. Events come here when a pipeline asks for a person, or says
                “review” to a doubtful answer.
              </p>
            </Empty>
          ) : (
            <div class="scroll">
              <table class="cards">
                <caption class="visually-hidden">Events in review, the longest waiting first</caption>
                <thead>
                  <tr>
                    <th scope="col">Event</th>
                    <th scope="col">Waiting for</th>
                    <th scope="col">Why</th>
                    <th scope="col">Type</th>
                    <th scope="col">Customer</th>
                    <th scope="col">Accepted</th>
                  </tr>
                </thead>
                <tbody>
                  {reviews.map((review) => (
                    <tr>
                      <td data-label="Event">
                        <a class="mono" href={`${PATH}/${encodeURIComponent(review.id)}`} title={review.id}>
                          {shortId(review.id)}
                        </a>
                      </td>
                      <td data-label="Waiting for">{formatDuration(review.ageMs)}</td>
                      <td data-label="Why">{review.reason === "" ? "not known" : review.reason}</td>
                      <td data-label="Type">
                        {review.type} → {review.pipeline}
                      </td>
                      <td data-label="Customer">
                        <CustomerLink customer={review.partitionKey} />
                      </td>
                      <td data-label="Accepted">
                        <Time atMs={review.receivedAtMs} nowMs={visitor.nowMs} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          <Pages path={PATH} query={query} next={next} />
        </div>
      </>
    ),
  });
}

async function showReview(
  context: DashboardContext,
  mistake?: { readonly text: string; readonly message: string },
) {
  const found = await readEvent(context, LIMITS.operator.maxPayloadBytes);
  if (!found.ok) return sendProblem(context, found.error, BACK);
  const event = found.value;
  const { visitor } = context.var;
  const path = `${PATH}/${encodeURIComponent(event.id)}`;
  const run = { run: String(event.run) };
  const edited = mistake?.text ?? (event.output === null ? "" : prettyJson(event.output.body));
  return sendPage(context, {
    title: `Review of ${event.type}`,
    section: "Reviews",
    ...(mistake === undefined ? {} : { status: 400 as const }),
    children: (
      <>
        <EventHead event={event} />
        <p>
          <a href={`/dashboard/events/${encodeURIComponent(event.id)}`}>Timeline and all facts</a>
        </p>
        {event.state === "review" ? (
          <>
            <Banner tone="warn">
              <p>
                <strong>Why a person is asked:</strong> {reasonOf(event)}
              </p>
            </Banner>
            <Told event={event} nowMs={visitor.nowMs} />
            {visitor.mayOperate ? (
              <section class="card" aria-label="Decide">
                <div class="actions">
                  <ActionButton
                    visitor={visitor}
                    action={`${path}/approve`}
                    label="Approve"
                    tone="main"
                    hidden={run}
                  />
                  <span class="hint">{approvalHint(event)}</span>
                </div>
                <ReasonForm
                  visitor={visitor}
                  id="reject"
                  summary="Reject it"
                  action={`${path}/reject`}
                  label="Reject"
                  tone="danger"
                  hidden={run}
                />
                {event.output === null ? null : (
                  <details id="edit" open={mistake !== undefined}>
                    <summary>Edit the output, and deliver that</summary>
                    <JsonForm
                      visitor={visitor}
                      action={`${path}/edit`}
                      id="output"
                      label="Body of the delivery (JSON)"
                      button="Deliver this instead"
                      text={edited}
                      error={mistake?.message}
                      hidden={run}
                      hint="It is delivered as you write it; the model is not asked again."
                    />
                  </details>
                )}
              </section>
            ) : (
              <p class="soft">Your token may look, not decide: it lacks the scope “operate”.</p>
            )}
          </>
        ) : (
          <Banner tone="warn">
            <p>It is not in review any more: somebody has decided it.</p>
          </Banner>
        )}
        <div class="two">
          <div>
            <PayloadCards event={event} />
          </div>
          <div>
            <OutputCards event={event} />
          </div>
        </div>
      </>
    ),
  });
}

function approvalHint({ output }: EventDetail): string {
  if (output === null) return "The payload was edited: everything is made anew, and delivered.";
  if (output.draft) return "The model's answer cannot be used: the model is asked again.";
  return "Delivers the output as it is.";
}

function reasonOf({ timeline }: EventDetail): string {
  return timeline.findLast(({ what }) => what === "review")?.detail ?? "the pipeline did not say";
}
