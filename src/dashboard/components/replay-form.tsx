/** A new replay of history. */
import type * as z from "zod";
import { LIMITS } from "../../config/limits.ts";
import type { configNamesSchema } from "../../operator/routes/overview.ts";
import type { Visitor } from "../visitor.ts";
import { Choice, Field } from "./forms.tsx";
import { FormKey } from "./layout.tsx";

interface ReplayFormProps {
  readonly visitor: Visitor;
  readonly names: z.output<typeof configNamesSchema>;
}

export function ReplayForm({ visitor, names }: ReplayFormProps) {
  if (!visitor.mayOperate) return null;
  const { replayMaxRatePerMinute, replayMaxEvents } = LIMITS.operator;
  return (
    <details class="card" id="new-replay">
      <summary>Start a replay</summary>
      <form
        method="post"
        action="/dashboard/replays"
        class="fields"
        data-confirm="Start it? Unless it is a shadow, effects of delivered events happen again."
      >
        <FormKey visitor={visitor} />
        <Choice
          name="states"
          label="Events that are"
          value="done"
          options={choices(["done", "dead", "expired", "filtered"])}
        />
        <Choice
          name="source"
          label="Source"
          value=""
          options={[["", "any source"], ...choices(names.sources)]}
        />
        <Choice
          name="pipeline"
          label="Pipeline"
          value=""
          options={[["", "any pipeline"], ...choices(names.pipelines)]}
        />
        <Field name="type" label="Type" value="" />
        <Field name="customer" label="Customer" value="" hint="space:key, as in lists" />
        <Field name="from" label="Accepted from (UTC)" type="datetime-local" value="" />
        <Field name="to" label="Accepted before (UTC)" type="datetime-local" value="" />
        <NumberField name="ratePerMinute" label="Events per minute" value={60} max={replayMaxRatePerMinute} />
        <NumberField name="maxEvents" label="At most, events" value={1_000} max={replayMaxEvents} />
        <Choice
          name="shadow"
          label="In shadow, with"
          value=""
          options={[["", "no: run them again"], ...choices(names.pipelines)]}
        />
        <div class="field">
          <button type="submit" class="main">
            Start
          </button>
        </div>
      </form>
    </details>
  );
}

function choices(names: readonly string[]): readonly (readonly [string, string])[] {
  return names.map((name) => [name, name] as const);
}

interface NumberFieldProps {
  readonly name: string;
  readonly label: string;
  readonly value: number;
  readonly max: number;
}

function NumberField({ name, label, value, max }: NumberFieldProps) {
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} name={name} type="number" min={1} max={max} value={value} required />
    </div>
  );
}
