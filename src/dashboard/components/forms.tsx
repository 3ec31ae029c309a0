/** Forms that change something: each carries the session's key, and none is shown to whoever may not send it. */
import type { Child } from "hono/jsx";
import { LIMITS } from "../../config/limits.ts";
import type { Visitor } from "../visitor.ts";
import { FormKey } from "./layout.tsx";

interface ActionProps {
  readonly visitor: Visitor;
  readonly action: string;
  readonly label: string;
  /** Asked before it is sent. */
  readonly confirm?: string | undefined;
  readonly tone?: "main" | "danger" | undefined;
  readonly slim?: boolean;
  /** For screen readers, where the label alone does not say what it is about. */
  readonly about?: string | undefined;
  readonly hidden?: Readonly<Record<string, string>>;
}

/** One button. */
export function ActionButton(props: ActionProps) {
  const { visitor, action, label, confirm, tone, slim, about, hidden = {} } = props;
  if (!visitor.mayOperate) return null;
  const classes = [tone ?? "", slim === true ? "slim" : ""].join(" ").trim();
  return (
    <form method="post" action={action} data-confirm={confirm}>
      <FormKey visitor={visitor} />
      <HiddenFields fields={hidden} />
      <button
        type="submit"
        class={classes}
        aria-label={about === undefined ? undefined : `${label}: ${about}`}
      >
        {label}
      </button>
    </form>
  );
}

interface ReasonFormProps extends ActionProps {
  /** Unique on the page. */
  readonly id: string;
  readonly summary: string;
  readonly children?: Child;
  readonly reasonRequired?: boolean;
}

/** Behind a summary: fields of its own, and a reason for the audit log. */
export function ReasonForm(props: ReasonFormProps) {
  const {
    visitor,
    action,
    label,
    confirm,
    tone,
    id,
    summary,
    hidden = {},
    children,
    reasonRequired = true,
  } = props;
  if (!visitor.mayOperate) return null;
  return (
    <details id={id}>
      <summary>{summary}</summary>
      <form method="post" action={action} class="fields" data-confirm={confirm}>
        <FormKey visitor={visitor} />
        <HiddenFields fields={hidden} />
        {children}
        <div class="field">
          <label for={`${id}-reason`}>{reasonRequired ? "Reason" : "Reason (optional)"}</label>
          <input
            id={`${id}-reason`}
            name="reason"
            required={reasonRequired}
            maxlength={LIMITS.operator.maxReasonCharacters}
            autocomplete="off"
          />
        </div>
        <div class="field">
          <button type="submit" class={tone ?? ""}>
            {label}
          </button>
        </div>
      </form>
    </details>
  );
}

export function HiddenFields({ fields }: { readonly fields: Readonly<Record<string, string>> }) {
  return (
    <>
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

interface JsonFormProps {
  readonly visitor: Visitor;
  readonly action: string;
  readonly id: string;
  readonly label: string;
  readonly button: string;
  readonly text: string;
  readonly error?: string | undefined;
  readonly hidden?: Readonly<Record<string, string>>;
  readonly hint: string;
}

/** A JSON value to edit. What was typed is shown again when it is not JSON. */
export function JsonForm({
  visitor,
  action,
  id,
  label,
  button,
  text,
  error,
  hidden = {},
  hint,
}: JsonFormProps) {
  if (!visitor.mayOperate) return null;
  return (
    <form method="post" action={action} class="fields">
      <FormKey visitor={visitor} />
      <HiddenFields fields={hidden} />
      <div class="field wide">
        <label for={id}>{label}</label>
        <textarea
          id={id}
          name="json"
          required
          spellcheck={false}
          aria-describedby={`${id}-hint`}
          aria-invalid={error === undefined ? undefined : "true"}
        >
          {/* Browsers drop a first line break. */}
          {`\n${text}`}
        </textarea>
        <span id={`${id}-hint`} class="hint">
          {error ?? hint}
        </span>
      </div>
      <div class="field">
        <button type="submit" class="main">
          {button}
        </button>
      </div>
    </form>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint?: string;
  readonly type?: string;
}

export function Field({ name, label, value, hint, type = "text" }: FieldProps) {
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type}
        value={value}
        autocomplete="off"
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
      />
      {hint === undefined ? null : (
        <span id={`${id}-hint`} class="hint">
          {hint}
        </span>
      )}
    </div>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, label: string])[];
}

export function Choice({ name, label, value, options }: ChoiceProps) {
  const id = `field-${name}`;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name}>
        {options.map(([option, text]) => (
          <option value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
