/** The search of a list. A GET: what is found has an address that can be kept and sent. */
import type * as z from "zod";
import type { configNamesSchema } from "../../operator/routes/overview.ts";
import type { FilterFields } from "../filters.ts";
import { Choice, Field } from "./forms.tsx";

interface FilterFormProps {
  readonly action: string;
  readonly filter: FilterFields;
  readonly names: z.output<typeof configNamesSchema>;
  readonly states: readonly string[];
  readonly withSearch?: boolean;
}

export function FilterForm({ action, filter, names, states, withSearch = false }: FilterFormProps) {
  const isNarrow = [
    filter.type,
    filter.partition,
    filter.pipeline,
    filter.customer,
    filter.code,
    filter.late,
    filter.from,
    filter.to,
  ].some((text) => text !== "");
  return (
    <form method="get" action={action} class="card" role="search">
      <div class="fields-grid">
        {withSearch ? (
          <div class="field">
            <label for="field-q">Event id or delivery id</label>
            <input
              id="field-q"
              name="q"
              type="search"
              value={filter.dedupeKey}
              autocomplete="off"
              placeholder="evt_… or the sender's id"
            />
          </div>
        ) : null}
        <Choice
          name="source"
          label="Source"
          value={filter.source}
          options={withAny("any source", names.sources, filter.source)}
        />
        <Choice
          name="state"
          label="State"
          value={filter.state}
          options={withAny("any state", states, filter.state)}
        />
      </div>
      <details id="more-conditions" open={isNarrow}>
        <summary>More conditions</summary>
        <div class="fields-grid">
          <Field name="customer" label="Customer" value={filter.customer} hint="space:key, as in lists" />
          <Field name="type" label="Type" value={filter.type} />
          {filter.partition === "" ? null : (
            <Field name="partition" label="Partition" value={filter.partition} />
          )}
          <Choice
            name="pipeline"
            label="Pipeline"
            value={filter.pipeline}
            options={withAny("any pipeline", names.pipelines, filter.pipeline)}
          />
          <Field name="code" label="Failure code" value={filter.code} hint="http_400, schema, poison, …" />
          <Field name="from" label="Accepted from (UTC)" type="datetime-local" value={filter.from} />
          <Field name="to" label="Accepted before (UTC)" type="datetime-local" value={filter.to} />
          <Choice
            name="late"
            label="Order"
            value={filter.late}
            options={[
              ["", "any"],
              ["true", "late only"],
            ]}
          />
        </div>
      </details>
      <div class="actions">
        <button type="submit" class="main">
          Search
        </button>
        <a href={action}>Clear</a>
      </div>
    </form>
  );
}

/** What the address asks for stays a choice, also where the config no longer has it. */
function withAny(
  any: string,
  options: readonly string[],
  value: string,
): readonly (readonly [string, string])[] {
  const known = value === "" || options.includes(value) ? options : [...options, value];
  return [["", any], ...known.map((option) => [option, option] as const)];
}
