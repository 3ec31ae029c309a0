import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EventSummary } from "../../src/core/event-summary.ts";
import type { Jurisdiction } from "../../src/core/ids.ts";
import { compareInList, comparePositions, matches, positionIn } from "../../src/ledger/filter.ts";
import type { EventFilter, EventLedger, EventPageRequest, LedgerPosition } from "../../src/ledger/port.ts";
import { uniteLedgers } from "../../src/ledger/union.ts";
import { PerJurisdiction } from "../../src/platform/jurisdictions.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";

const NOW_MS = 1_700_000_000_000;
const EVENTS = await Promise.all(
  Array.from({ length: 24 }, (_, at) =>
    summaryFor({
      key: `e${at}`,
      customer: `c${at % 5}`,
      jurisdiction: (["none", "eu", "us"] as const)[at % 3] ?? "none",
      // Several of the same millisecond: the id decides.
      receivedAtMs: NOW_MS + Math.floor(at / 3),
      // Not in the order of acceptance.
      summary: { ...(at % 4 === 0 ? DEAD : {}), endedAtMs: NOW_MS + ((at * 7) % 24) },
    }),
  ),
);

/** Looks at so many rows at most, like the real one: a page may be short, even empty, and have a next one. */
function ledgerOf(events: readonly EventSummary[], scanRows: number): EventLedger {
  return {
    async list({ filter, order, limit, after }: EventPageRequest) {
      const sorted = events
        .toSorted((left, right) => compareInList(left, right, order))
        .filter((event) => after === null || comparePositions(positionIn(order, event), after, order) > 0);
      const scanned = sorted.slice(0, scanRows);
      const found = scanned.filter((event) => matches(filter, event));
      const page = found.slice(0, limit);
      const last =
        found.length > limit ? page.at(-1) : scanned.length < sorted.length ? scanned.at(-1) : null;
      return { events: page, next: last ? positionIn(order, last) : null };
    },
    find: async (id) => events.find((event) => event.id === id) ?? null,
    rollups: async () => [],
    exceptions: async () => [],
    erase: async () => undefined,
  };
}

const jurisdictionOfEvent = ({ partition }: EventSummary): Jurisdiction =>
  partition.startsWith("e") ? "eu" : partition.startsWith("u") ? "us" : "none";

function united(own: readonly Jurisdiction[], scanRows: number): EventLedger {
  const of = (wanted: Jurisdiction) =>
    EVENTS.filter((event) => {
      const its = jurisdictionOfEvent(event);
      return (own.includes(its) ? its : "none") === wanted;
    });
  return uniteLedgers(
    new PerJurisdiction(ledgerOf(of("none"), scanRows), (jurisdiction) =>
      own.includes(jurisdiction) ? ledgerOf(of(jurisdiction), scanRows) : null,
    ),
  );
}

async function all(ledger: EventLedger, request: Omit<EventPageRequest, "after">): Promise<string[]> {
  const ids: string[] = [];
  let after: LedgerPosition | null = null;
  for (let pages = 0; pages < 200; pages++) {
    const page = await ledger.list({ ...request, after });
    expect(page.events.length).toBeLessThanOrEqual(request.limit);
    ids.push(...page.events.map(({ id }) => id));
    if (page.next === null) return ids;
    after = page.next;
  }
  throw new Error("the pages do not end");
}

const FILTERS: readonly EventFilter[] = [
  {},
  { states: ["dead"] },
  { customer: "test:c1" },
  { partition: EVENTS[1]?.partition },
  { fromMs: NOW_MS + 2, toMs: NOW_MS + 6 },
];

describe("several ledgers", () => {
  it("are one list: every event once, in order, whatever the page, the filter and who has a ledger", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.subarray<Jurisdiction>(["eu", "us"]),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom("newest", "oldest", "longest-waiting"),
        fc.constantFrom(...FILTERS),
        async (own, limit, scanRows, order, filter) => {
          const wanted = EVENTS.filter((event) => matches(filter, event))
            .toSorted((left, right) => compareInList(left, right, order))
            .map(({ id }) => id);
          expect(await all(united(own, scanRows), { filter, order, limit })).toEqual(wanted);
        },
      ),
    );
  });

  it("know the newest of what the common one knew before a jurisdiction had its own", async () => {
    const [, old] = EVENTS;
    if (old === undefined) throw new Error("no event");
    const newer = { ...old, version: old.version + 1, state: "dead" as const };
    const ledger = uniteLedgers(
      new PerJurisdiction(ledgerOf([old], 9), (jurisdiction) =>
        jurisdiction === "eu" ? ledgerOf([newer], 9) : null,
      ),
    );
    const page = await ledger.list({ filter: {}, order: "newest", limit: 9, after: null });
    expect(page).toEqual({ events: [newer], next: null });
    expect(await ledger.find(old.id)).toEqual(newer);
  });
});
