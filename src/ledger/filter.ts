/** A filter over summaries that are already here, and the order of lists. Pure: the same conditions as `event-query.ts` has in SQL. */
import type { EventSummary } from "../core/event-summary.ts";
import type { EventFilter, LedgerPosition, ListOrder } from "./port.ts";

export function matches(filter: EventFilter, summary: EventSummary): boolean {
  const wanted: readonly (readonly [unknown, unknown])[] = [
    [filter.source, summary.source],
    [filter.type, summary.type],
    [filter.pipeline, summary.pipeline],
    [filter.partition, summary.partition],
    [filter.customer, summary.partitionKey],
    [filter.dedupeKey, summary.dedupeKey],
    [filter.code, summary.failure?.code ?? ""],
    [filter.late, summary.late],
  ];
  const { states, fromMs, toMs } = filter;
  return (
    wanted.every(([asked, is]) => asked === undefined || asked === is) &&
    (states === undefined || states.includes(summary.state)) &&
    (fromMs === undefined || summary.receivedAtMs >= fromMs) &&
    (toMs === undefined || summary.receivedAtMs < toMs)
  );
}

/** Where an event stands in a list of this order. What is in review has ended for now: it waits since then. */
export function positionIn(order: ListOrder, { id, receivedAtMs, endedAtMs }: EventSummary): LedgerPosition {
  return { atMs: order === "longest-waiting" ? (endedAtMs ?? receivedAtMs) : receivedAtMs, id };
}

/** Negative: `left` comes first in a list of this order. */
export function comparePositions(left: LedgerPosition, right: LedgerPosition, order: ListOrder): number {
  const rising =
    left.atMs === right.atMs
      ? Number(left.id > right.id) - Number(left.id < right.id)
      : left.atMs - right.atMs;
  return order === "newest" ? -rising : rising;
}

/** Negative: the event `left` comes first in a list of this order. */
export function compareInList(left: EventSummary, right: EventSummary, order: ListOrder): number {
  return comparePositions(positionIn(order, left), positionIn(order, right), order);
}
