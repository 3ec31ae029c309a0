/** What a form has done, said on the page after it. The address names the notice; its words are here alone. */
import { Banner } from "./components/layout.tsx";
import { formatCount } from "./format.ts";

const NOTICES = {
  replayed: "It runs again, at the tail of its customer's order.",
  skipped: "It was ended as a dead letter; what was behind it goes on.",
  edited: "The payload was replaced, and the original kept. Replay it when you are ready.",
  discarded: "It is off the list.",
  approved: "It was approved and is on its way.",
  "output-edited": "Your version was approved and is on its way.",
  rejected: "It was rejected: nothing is delivered.",
  paused: "The partition is paused: events are accepted and kept, none is worked on.",
  resumed: "The partition goes on.",
  draining: "The partition finishes what it has and takes nothing new.",
  tripped: "The breaker is open: what needs it waits.",
  reset: "The breaker is closed.",
  "replay-started": "The replay has begun; the cron drives it, a minute's worth at a time.",
  "replay-cancelled": "The replay was stopped.",
} as const;

export type NoticeName = keyof typeof NOTICES;

export function noticeOf(query: URLSearchParams) {
  const name = query.get("notice") ?? "";
  if (name === "bulk") return <BulkNotice query={query} />;
  if (!isNotice(name)) return null;
  return (
    <Banner tone="good">
      <p>{NOTICES[name]}</p>
    </Banner>
  );
}

function isNotice(name: string): name is NoticeName {
  return Object.hasOwn(NOTICES, name);
}

function BulkNotice({ query }: { readonly query: URLSearchParams }) {
  const refused = countIn(query, "refused");
  return (
    <Banner tone={refused > 0 ? "warn" : "good"}>
      <p>
        Done to {formatCount(countIn(query, "applied"))} dead letters
        {refused > 0 ? `; ${formatCount(refused)} were not in a state that allows it, or out of reach` : ""}.
        {query.has("more") ? " There are more: do it again for those that are left." : ""}
      </p>
    </Banner>
  );
}

function countIn(query: URLSearchParams, name: string): number {
  const text = query.get(name) ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}
