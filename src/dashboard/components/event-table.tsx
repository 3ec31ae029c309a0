/** Events in a list, as the ledger has them. */
import type { Child } from "hono/jsx";
import type { EventItem } from "../../operator/schemas.ts";
import { CustomerLink, shortId, State, Time } from "./text.tsx";

interface EventTableProps {
  readonly events: readonly EventItem[];
  readonly nowMs: number;
  readonly caption: string;
  /** A last column: what can be done, for instance. */
  readonly extra?: { readonly name: string; readonly cell: (event: EventItem) => Child };
}

export function EventTable({ events, nowMs, caption, extra }: EventTableProps) {
  return (
    <div class="scroll">
      <table class="cards">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Event</th>
            <th scope="col">State</th>
            <th scope="col">Type</th>
            <th scope="col">Source → pipeline</th>
            <th scope="col">Customer</th>
            <th scope="col">Accepted</th>
            {extra === undefined ? null : <th scope="col">{extra.name}</th>}
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr>
              <td data-label="Event">
                <a class="mono" href={`/dashboard/events/${encodeURIComponent(event.id)}`} title={event.id}>
                  {shortId(event.id)}
                </a>
              </td>
              <td data-label="State">
                <State state={event.state} />
                {event.late ? <span class="badge warn">late</span> : null}
                {event.failure === null ? null : <div class="small soft">{event.failure.code}</div>}
              </td>
              <td data-label="Type">{event.type}</td>
              <td data-label="Source">
                {event.source} → {event.pipeline}
              </td>
              <td data-label="Customer">
                <CustomerLink customer={event.partitionKey} />
              </td>
              <td data-label="Accepted">
                <Time atMs={event.receivedAtMs} nowMs={nowMs} />
              </td>
              {extra === undefined ? null : <td data-label={extra.name}>{extra.cell(event)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Keyset paging: forward only, and back to the start. */
export function Pages({
  path,
  query,
  next,
}: {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly next: string | null;
}) {
  const isFirst = !query.has("cursor");
  const first = new URLSearchParams(query);
  first.delete("cursor");
  const further = new URLSearchParams(query);
  if (next !== null) further.set("cursor", next);
  if (isFirst && next === null) return null;
  return (
    <nav class="pages" aria-label="Pages">
      {isFirst ? null : <a href={`${path}?${first.toString()}`}>First page</a>}
      {next === null ? null : (
        <a href={`${path}?${further.toString()}`} rel="next">
          Next page
        </a>
      )}
    </nav>
  );
}
