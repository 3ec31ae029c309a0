/** What can be done with an event, by the state it is in. */
import type { EventDetail } from "../../operator/schemas.ts";
import type { Visitor } from "../visitor.ts";
import { ActionButton, ReasonForm } from "./forms.tsx";

interface EventActionsProps {
  readonly event: EventDetail;
  readonly visitor: Visitor;
}

export function EventActions({ event, visitor }: EventActionsProps) {
  if (!event.retained) return null;
  if (!visitor.mayOperate) {
    return <p class="soft small">Your token may look, not change: it lacks the scope “operate”.</p>;
  }
  const path = `/dashboard/events/${encodeURIComponent(event.id)}`;
  switch (event.state) {
    case "dead":
    case "expired":
      return (
        <section class="card" aria-label="What can be done">
          <div class="actions">
            <ActionButton visitor={visitor} action={`${path}/replay`} label="Replay" tone="main" />
            {event.output === null ? null : (
              <ActionButton
                visitor={visitor}
                action={`${path}/replay`}
                label="Replay the delivery only"
                hidden={{ from: "deliver" }}
              />
            )}
            <a class="button" href={`${path}/payload`}>
              Edit the payload
            </a>
          </div>
          <ReasonForm
            visitor={visitor}
            id="discard"
            summary="Discard it"
            action={`${path}/discard`}
            label="Discard"
            tone="danger"
            confirm="Discard this event? It will not be delivered."
          />
        </section>
      );
    case "review":
      return (
        <section class="card" aria-label="What can be done">
          <a class="button" href={`/dashboard/reviews/${encodeURIComponent(event.id)}`}>
            Decide this review
          </a>
        </section>
      );
    case "done":
    case "filtered":
      return (
        <section class="card" aria-label="What can be done">
          <div class="actions">
            <ActionButton
              visitor={visitor}
              action={`${path}/replay`}
              label="Run it again"
              confirm={
                event.state === "done"
                  ? "Run it again? Its effects happen once more, under new idempotency keys."
                  : undefined
              }
            />
            {event.output === null ? null : (
              <ActionButton
                visitor={visitor}
                action={`${path}/replay`}
                label="Deliver its output again"
                hidden={{ from: "deliver" }}
                confirm="Deliver again? Receivers see a new idempotency key."
              />
            )}
          </div>
        </section>
      );
    case "pending":
    case "leased":
    case "retrying":
    case "deferred":
    default:
      return (
        <section class="card" aria-label="What can be done">
          <ReasonForm
            visitor={visitor}
            id="skip"
            summary="Skip it: end it as a dead letter, so that those behind it go on"
            action={`${path}/skip`}
            label="Skip"
            tone="danger"
          />
        </section>
      );
  }
}
