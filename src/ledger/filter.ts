/** A filter over summaries that are already here, and the order of lists. Pure: the same conditions as `event-query.ts` has in SQL. */
import type { EventSummary } from "../core/event-summary.ts";
import type { EventFilter, EventPageRequest, LedgerPosition } from "./port.ts";

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

/** Negative: `left` comes first in a list of this order. */
export function compareInList(
  left: LedgerPosition,
  right: LedgerPosition,
  order: EventPageRequest["order"],
): number {
  const rising =
    left.receivedAtMs === right.receivedAtMs
      ? Number(left.id > right.id) - Number(left.id < right.id)
      : left.receivedAtMs - right.receivedAtMs;
  return order === "oldest" ? rising : -rising;
}
