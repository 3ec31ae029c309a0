/** A filter as SQL. Says which conditions an index serves, so that the others are looked at on a bounded number of rows. */
import {
  EXCEPTION_STATES,
  type EventFilter,
  type EventPageRequest,
  type LedgerPosition,
  type LedgerState,
  type ListOrder,
} from "./port.ts";

interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

export interface EventQuery {
  readonly sql: string;
  readonly values: readonly (string | number)[];
  /** Says where a look-up ended that read `scanRows` rows; null when it reads no more rows than it returns. */
  readonly reach: { readonly sql: string; readonly values: readonly (string | number)[] } | null;
}

export function eventQuery(request: EventPageRequest, scanRows: number): EventQuery {
  const { filter, order, limit, after } = request;
  const time = order === "longest-waiting" ? "ended_at_ms" : "received_at_ms";
  const indexed = [...indexedConditions(filter), ...(after === null ? [] : [beyond(after, time, order)])];
  const others = otherConditions(filter);
  const direction = order === "newest" ? "DESC" : "ASC";
  const sorted = `ORDER BY ${time} ${direction}, id ${direction}`;
  const inner = `FROM events ${where(indexed)} ${sorted}`;
  const innerValues = valuesOf(indexed);
  // One more than is wanted: only that says whether there is a next page.
  if (others.length === 0) {
    return { sql: `SELECT summary ${inner} LIMIT ?`, values: [...innerValues, limit + 1], reach: null };
  }
  return {
    sql: `SELECT summary FROM (SELECT * ${inner} LIMIT ?) ${where(others)} ${sorted} LIMIT ?`,
    values: [...innerValues, scanRows, ...valuesOf(others), limit + 1],
    reach: {
      sql: `SELECT ${time} AS at_ms, id ${inner} LIMIT 1 OFFSET ?`,
      values: [...innerValues, scanRows - 1],
    },
  };
}

function indexedConditions(filter: EventFilter): Condition[] {
  const { states, partition, customer, dedupeKey, fromMs, toMs } = filter;
  const conditions: Condition[] = [];
  const add = (sql: string, ...values: (string | number)[]) => conditions.push({ sql, values });
  if (partition !== undefined) add("id > ? AND id < ?", `evt_${partition}_`, `evt_${partition}\``);
  if (customer !== undefined) add("customer = ?", customer);
  if (dedupeKey !== undefined) add("dedupe_key = ?", dedupeKey);
  if (fromMs !== undefined) add("received_at_ms >= ?", fromMs);
  if (toMs !== undefined) add("received_at_ms < ?", toMs);
  // The index of exceptions is used only where the query says the same words.
  if (states !== undefined && isExceptional(states))
    add(`exception = 1 AND state IN (${placeholders(states)})`, ...states);
  return conditions;
}

function otherConditions(filter: EventFilter): Condition[] {
  const { states, source, type, pipeline, code, late } = filter;
  const conditions: Condition[] = [];
  const add = (sql: string, ...values: (string | number)[]) => conditions.push({ sql, values });
  if (states !== undefined && !isExceptional(states)) add(`state IN (${placeholders(states)})`, ...states);
  if (source !== undefined) add("source = ?", source);
  if (type !== undefined) add("type = ?", type);
  if (pipeline !== undefined) add("pipeline = ?", pipeline);
  if (code !== undefined) add("code = ?", code);
  if (late !== undefined) add("late = ?", Number(late));
  return conditions;
}

function isExceptional(states: readonly LedgerState[]): boolean {
  return states.every((state) => EXCEPTION_STATES.has(state));
}

function beyond({ atMs, id }: LedgerPosition, time: string, order: ListOrder): Condition {
  const comparison = order === "newest" ? "<" : ">";
  return { sql: `(${time}, id) ${comparison} (?, ?)`, values: [atMs, id] };
}

function where(conditions: readonly Condition[]): string {
  if (conditions.length === 0) return "";
  return `WHERE ${conditions.map((condition) => condition.sql).join(" AND ")}`;
}

function valuesOf(conditions: readonly Condition[]): (string | number)[] {
  return conditions.flatMap((condition) => [...condition.values]);
}

function placeholders(values: readonly unknown[]): string {
  return values.map(() => "?").join(", ");
}
