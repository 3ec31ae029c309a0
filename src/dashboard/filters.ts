/** The conditions of a list: as the page's address has them, as the API's query takes them, as a bulk action's body does. */
import type { Query } from "./api-client.ts";
import { parseUtcField } from "./format.ts";

/** As typed. */
export interface FilterFields {
  readonly state: string;
  readonly source: string;
  readonly pipeline: string;
  readonly type: string;
  readonly customer: string;
  readonly dedupeKey: string;
  readonly partition: string;
  readonly code: string;
  readonly late: string;
  readonly from: string;
  readonly to: string;
}

const NAMES = [
  "state",
  "source",
  "pipeline",
  "type",
  "customer",
  "dedupeKey",
  "partition",
  "code",
  "late",
  "from",
  "to",
] as const satisfies readonly (keyof FilterFields)[];

const CONDITIONS = ["source", "pipeline", "type", "customer", "dedupeKey", "partition", "code"] as const;

export function readFilter(query: URLSearchParams): FilterFields {
  const text = (name: string) => (query.get(name) ?? "").trim();
  return {
    state: text("state"),
    source: text("source"),
    pipeline: text("pipeline"),
    type: text("type"),
    customer: text("customer"),
    dedupeKey: text("dedupeKey"),
    partition: text("partition"),
    code: text("code"),
    late: text("late"),
    from: text("from"),
    to: text("to"),
  };
}

/** Only what is set: for addresses and hidden fields. */
export function presentFields(filter: FilterFields): Readonly<Record<string, string>> {
  return Object.fromEntries(NAMES.flatMap((name) => (filter[name] === "" ? [] : [[name, filter[name]]])));
}

export function apiQueryOf(filter: FilterFields): Query {
  return {
    ...Object.fromEntries(CONDITIONS.map((name) => [name, filter[name]])),
    state: filter.state,
    late: filter.late,
    fromMs: parseUtcField(filter.from),
    toMs: parseUtcField(filter.to),
  };
}

/** Without the state: a bulk action says itself which it is for. */
export function bodyFilterOf(filter: FilterFields): Readonly<Record<string, unknown>> {
  const [fromMs, toMs] = [parseUtcField(filter.from), parseUtcField(filter.to)];
  return {
    ...Object.fromEntries(CONDITIONS.flatMap((name) => (filter[name] === "" ? [] : [[name, filter[name]]]))),
    ...(filter.late === "" ? {} : { late: filter.late === "true" }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  };
}
