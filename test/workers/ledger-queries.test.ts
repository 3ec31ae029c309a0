/** Finding events again: by every condition the API offers, in pages that neither repeat nor leave out. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { DAY_MS } from "../../src/config/limits.ts";
import type { EventSummary } from "../../src/core/event-summary.ts";
import { decodeCursor, encodeCursor } from "../../src/ledger/cursor.ts";
import { eventQuery } from "../../src/ledger/event-query.ts";
import { createEventLedger } from "../../src/ledger/events.ts";
import type { EventFilter, EventPageRequest } from "../../src/ledger/port.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { retireLedger } from "../../src/ledger/retention.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";
import { emptyLedger } from "./ledger-support.ts";

const NOW_MS = 1_700_000_000_000;
const ledger = createEventLedger({ database: env.LEDGER, scanRows: 7 });

beforeEach(async () => {
  await emptyLedger();
});

function store(...summaries: readonly EventSummary[]): Promise<readonly EventSummary[]> {
  return createProjection(env.LEDGER, "rows").project(summaries);
}

/** Every page of a list, put together. */
async function all(
  filter: EventFilter,
  order: EventPageRequest["order"] = "newest",
  limit = 3,
): Promise<EventSummary[]> {
  const found: EventSummary[] = [];
  let after: EventPageRequest["after"] = null;
  do {
    const page = await ledger.list({ filter, order, limit, after });
    expect(page.events.length).toBeLessThanOrEqual(limit);
    found.push(...page.events);
    after = page.next;
  } while (after !== null);
  return found;
}

const keysOf = (events: readonly EventSummary[]) => events.map((event) => event.dedupeKey);

describe("a list", () => {
  it("goes through everything once, in order, also where many share a millisecond", async () => {
    const summaries = await Promise.all(
      Array.from({ length: 23 }, (_, index) =>
        summaryFor({
          key: `e${index}`,
          customer: `c${index % 4}`,
          receivedAtMs: NOW_MS + Math.floor(index / 6),
        }),
      ),
    );
    await store(...summaries);
    const newest = await all({});
    expect(new Set(keysOf(newest)).size).toBe(23);
    expect(newest).toHaveLength(23);
    expect(newest.map((event) => event.receivedAtMs)).toEqual(
      newest.map((event) => event.receivedAtMs).toSorted((left, right) => right - left),
    );
    expect(keysOf(await all({}, "oldest"))).toEqual(keysOf(newest).toReversed());
  });

  it("finds by source and delivery id, customer, type, pipeline, state, code, time, partition, lateness", async () => {
    const a = await summaryFor({ key: "a", customer: "ada" });
    const b = await summaryFor({ key: "b", customer: "bob", summary: { ...DEAD, type: "other" } });
    const c = await summaryFor({
      key: "c",
      customer: "bob",
      receivedAtMs: NOW_MS + 10,
      summary: { late: true },
    });
    const d = await summaryFor({ key: "d", pipeline: "fax", summary: { state: "review", source: "mail" } });
    await store(a, b, c, d);
    const expected: readonly (readonly [EventFilter, readonly string[]])[] = [
      [{ dedupeKey: "a", source: "test" }, ["a"]],
      [{ dedupeKey: "a", source: "mail" }, []],
      [{ customer: "test:bob" }, ["c", "b"]],
      [{ customer: "test:bob", states: ["dead"] }, ["b"]],
      [{ type: "other" }, ["b"]],
      [{ pipeline: "fax" }, ["d"]],
      [{ states: ["done"] }, ["c", "a"]],
      [{ states: ["dead", "review"], source: "mail" }, ["d"]],
      [{ states: ["dead"] }, ["b"]],
      [{ code: "http_400" }, ["b"]],
      [{ late: true }, ["c"]],
      [{ fromMs: NOW_MS + 10 }, ["c"]],
      [{ toMs: NOW_MS + 10, customer: "test:ada" }, ["a"]],
      [{ partition: b.partition }, ["c", "b"]],
    ];
    for (const [filter, keys] of expected)
      expect([filter, keysOf(await all(filter))]).toEqual([filter, keys]);
  });

  it("reads a bounded number of rows for what no index serves, and still finds the one among many", async () => {
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        summaryFor({ key: `e${index}`, receivedAtMs: NOW_MS + index }),
      ),
    );
    const needle = await summaryFor({ key: "needle", receivedAtMs: NOW_MS - 1, summary: { type: "rare" } });
    await store(...many, needle);
    const first = await ledger.list({ filter: { type: "rare" }, order: "newest", limit: 5, after: null });
    expect(first.events).toEqual([]);
    expect(first.next).not.toBeNull();
    expect(keysOf(await all({ type: "rare" }))).toEqual(["needle"]);
  });

  it.each([
    [{ states: ["dead"] }, "events_by_exception"],
    [{ customer: "test:bob" }, "events_by_customer"],
    [{ dedupeKey: "a", source: "test" }, "events_by_delivery"],
    [{ fromMs: 1, type: "x" }, "events_by_time"],
  ] as const)("looks %j up in an index", async (filter: EventFilter, index) => {
    const { sql, values } = eventQuery({ filter, order: "newest", limit: 5, after: null }, 100);
    const plan = await env.LEDGER.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...values)
      .all();
    expect(JSON.stringify(plan.results)).toContain(index);
  });

  it("counts what nobody has dealt with", async () => {
    await store(
      await summaryFor({ key: "a", summary: DEAD }),
      await summaryFor({ key: "b", receivedAtMs: NOW_MS + 50, summary: DEAD }),
      await summaryFor({ key: "c", summary: { state: "review" } }),
      await summaryFor({ key: "d" }),
    );
    expect(await ledger.exceptions()).toEqual([
      { state: "dead", pipeline: "echo", count: 2, oldestEndedAtMs: NOW_MS + 300 },
      { state: "review", pipeline: "echo", count: 1, oldestEndedAtMs: NOW_MS + 300 },
    ]);
  });
});

describe("a cursor", () => {
  it("says where a page ended, and nothing else is taken for one", () => {
    const position = { atMs: NOW_MS, id: "evt_x" };
    expect(decodeCursor(encodeCursor(position))).toEqual({ ok: true, value: position });
    for (const text of ["", "%%%", "e30", btoa('[2,1,"x"]'), btoa('[1,"1","x"]')])
      expect(decodeCursor(text)).toEqual({ ok: false, error: "invalid" });
  });
});

describe("retention", () => {
  it("takes successes first, exceptions when their partition has forgotten them too, a bounded number at a time", async () => {
    const old = (days: number) => ({ receivedAtMs: NOW_MS - days * DAY_MS });
    await store(
      await summaryFor({ key: "young", ...old(9) }),
      await summaryFor({ key: "old", ...old(11) }),
      await summaryFor({ key: "older", ...old(12) }),
      await summaryFor({ key: "dead", ...old(60), summary: DEAD }),
      await summaryFor({ key: "forgotten", ...old(91), summary: DEAD }),
    );
    const options = { database: env.LEDGER, retainDays: 10, rowsPerRun: 2 };
    await retireLedger(options, NOW_MS);
    expect(keysOf(await all({}))).toEqual(["young", "old", "dead"]);
    await retireLedger(options, NOW_MS);
    expect(keysOf(await all({}))).toEqual(["young", "dead"]);
    const rollups = await ledger.rollups({ fromMs: 0, toMs: NOW_MS, stepMs: 60_000 });
    expect(rollups.map((rollup) => rollup.fromMs)).not.toContain(NOW_MS - 91 * DAY_MS);
    expect(rollups.length).toBeGreaterThan(0);
  });

  it("erases a partition's events and no others", async () => {
    const ada = await summaryFor({ key: "a", customer: "ada" });
    await store(ada, await summaryFor({ key: "b", customer: "bob" }));
    await ledger.erase(ada.partition);
    expect(keysOf(await all({}))).toEqual(["b"]);
  });
});
