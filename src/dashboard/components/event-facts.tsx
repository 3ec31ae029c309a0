/** What an event is: its heading and its facts. */
import type { EventDetail } from "../../operator/schemas.ts";
import { CustomerLink, Fact, shortId, State, Time } from "./text.tsx";

export function EventHead({ event }: { readonly event: EventDetail }) {
  return (
    <div class="head">
      <div>
        <h1>{event.type}</h1>
        <code>{event.id}</code>
      </div>
      <div>
        <State state={event.state} /> {event.late ? <span class="badge warn">late</span> : null}
      </div>
    </div>
  );
}

export function EventFacts({ event, nowMs }: { readonly event: EventDetail; readonly nowMs: number }) {
  const { attempts, deliveryAttempts, deferrals } = event;
  return (
    <dl class="facts">
      <Fact name="Source → pipeline">
        {event.source} → {event.pipeline}
      </Fact>
      <Fact name="Customer">
        <CustomerLink customer={event.partitionKey} />
      </Fact>
      <Fact name="Partition">
        <a class="mono" href={`/dashboard/partitions/${encodeURIComponent(event.partition)}`}>
          {event.partition}
        </a>
      </Fact>
      <Fact name="Delivery id of the sender">
        <code>{event.dedupeKey}</code>
      </Fact>
      <Fact name="Trace id">{event.traceId === null ? "none" : <code>{event.traceId}</code>}</Fact>
      <Fact name="Accepted">
        <Time atMs={event.receivedAtMs} nowMs={nowMs} />
      </Fact>
      <Fact name={event.endedAtMs === null ? "Next try" : "Ended"}>
        <WhenNext event={event} nowMs={nowMs} />
      </Fact>
      <Fact name="Run">{event.run}</Fact>
      <Fact name="Tries">
        {attempts} failed in processing, {deliveryAttempts} in delivery, {deferrals} deferred
      </Fact>
      <Fact name="Priority">{event.priority}</Fact>
      {event.parent === null ? null : (
        <Fact name="Emitted by">
          <a class="mono" href={`/dashboard/events/${encodeURIComponent(event.parent.id)}`}>
            {shortId(event.parent.id)}
          </a>
        </Fact>
      )}
    </dl>
  );
}

function WhenNext({ event, nowMs }: { readonly event: EventDetail; readonly nowMs: number }) {
  const atMs = event.endedAtMs ?? event.nextAtMs;
  return atMs === null ? <span>when its turn comes</span> : <Time atMs={atMs} nowMs={nowMs} />;
}
