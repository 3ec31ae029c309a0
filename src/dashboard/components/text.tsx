/** Small things that every page shows: times, states, JSON, facts. */
import type { Child } from "hono/jsx";
import { formatBytes, formatExact, formatRelative } from "../format.ts";
import { LIMITS } from "../../config/limits.ts";

export function Time({ atMs, nowMs }: { readonly atMs: number; readonly nowMs: number }) {
  const exact = formatExact(atMs);
  if (exact === "unknown") return <span>unknown</span>;
  return (
    <time datetime={new Date(atMs).toISOString()} title={exact}>
      {formatRelative(atMs, nowMs)}
    </time>
  );
}

const TONE_BY_STATE: Readonly<Record<string, string>> = {
  done: "good",
  pending: "info",
  leased: "info",
  retrying: "warn",
  deferred: "warn",
  review: "warn",
  dead: "bad",
  expired: "bad",
  filtered: "",
};

/** What a state means, for whoever is new to it. */
const MEANING_BY_STATE: Readonly<Record<string, string>> = {
  done: "delivered",
  pending: "waits for its turn",
  leased: "being worked on",
  retrying: "failed, and will be tried again",
  deferred: "waits for a limit or a breaker",
  review: "waits for a person",
  dead: "failed for good",
  expired: "older than its pipeline allows",
  filtered: "ended without a delivery",
};

export function State({ state }: { readonly state: string }) {
  return (
    <span class={`badge ${TONE_BY_STATE[state] ?? ""}`} title={MEANING_BY_STATE[state]}>
      {state}
    </span>
  );
}

export function Fact({ name, children }: { readonly name: string; readonly children?: Child }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Cut where a browser would choke on it. */
export function Code({ text, label }: { readonly text: string; readonly label: string }) {
  const { maxShownCharacters } = LIMITS.dashboard;
  const isCut = text.length > maxShownCharacters;
  return (
    <>
      <pre tabindex={0} role="region" aria-label={label}>
        {isCut ? text.slice(0, maxShownCharacters) : text}
      </pre>
      {isCut ? (
        <p class="hint">
          The first {formatBytes(maxShownCharacters)} of {formatBytes(text.length)}; the operator API has all
          of it.
        </p>
      ) : null}
    </>
  );
}

/** As people read it; a text that is no JSON stays as it is. */
export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2) ?? "null";
}

/** What the ledger keeps of a customer is `space:key`. */
export function CustomerLink({ customer }: { readonly customer: string }) {
  return <a href={`/dashboard/events?${new URLSearchParams({ customer }).toString()}`}>{customer}</a>;
}

/** Everything but the hash's beginning is the same for most. */
export function shortId(id: string): string {
  return id.length <= 20 ? id : `${id.slice(0, 6)}…${id.slice(-8)}`;
}
