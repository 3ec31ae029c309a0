/** Packed successes are listed as rows would be: by the same conditions, in the same order, page by page. */
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../dev/lib/random.ts";
import { DAY_MS, LIMITS, MINUTE_MS } from "../../src/config/limits.ts";
import type { EventSummary } from "../../src/core/event-summary.ts";
import { createEventLedger } from "../../src/ledger/events.ts";
import { compareInList, matches } from "../../src/ledger/filter.ts";
import type { EventFilter, EventPageRequest } from "../../src/ledger/port.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { retireLedger } from "../../src/ledger/retention.ts";
import { DEAD, summaryFor } from "../support/summaries.ts";
import { emptyLedger } from "./ledger-support.ts";

const NOW_MS = Math.floor(1_700_000_000_000 / MINUTE_MS) * MINUTE_MS;
const ledger = createEventLedger({ database: env.LEDGER, scanRows: 9 });
const projection = createProjection(env.LEDGER, "packed");

async function all(
  filter: EventFilter,
  order: EventPageRequest["order"] = "newest",
  limit = 25,
): Promise<EventSummary[]> {
  const found: EventSummary[] = [];
  let after: EventPageRequest["after"] = null;
  let pages = 0;
  do {
    expect(++pages).toBeLessThan(500);
    const page = await ledger.list({ filter, order, limit, after });
    expect(page.events.length).toBeLessThanOrEqual(limit);
    found.push(...page.events);
    after = page.next;
  } while (after !== null);
  return found;
}

const keysOf = (events: readonly EventSummary[]) => events.map((event) => event.dedupeKey);

async function countOf(table: string): Promise<unknown> {
  return env.LEDGER.prepare(`SELECT COUNT(*) AS count FROM ${table}`).first("count");
}

describe("a list over rows and packs", () => {
  let known: readonly EventSummary[] = [];

  /** Some batches over half an hour: most went well, some died, some of those were mended, one success was replayed. */
  beforeAll(async () => {
    await emptyLedger();
    const random = seededRandom(7);
    const latest = new Map<string, EventSummary>();
    for (let batch = 0; batch < 26; batch++) {
      const told: EventSummary[] = [];
      for (let index = 0; index < 4; index++) {
        const isDead = random.next() < 0.2;
        const summary = await summaryFor({
          key: `e${batch}-${index}`,
          customer: `c${random.integer(0, 3)}`,
          pipeline: random.pick(["echo", "fax"]),
          receivedAtMs: NOW_MS + random.integer(0, 30) * MINUTE_MS + random.integer(0, 3),
          summary: isDead ? DEAD : {},
        });
        told.push(summary);
        const isMended = random.next() < (isDead ? 0.5 : 0.05);
        if (isMended)
          told.push({ ...summary, version: 3, run: 2, state: random.pick(["done", "dead"]), failure: null });
      }
      await projection.project(told);
      // Delivered once more: changes nothing.
      if (batch % 5 === 0) await projection.project(told);
      for (const summary of told) latest.set(summary.id, summary);
    }
    known = [...latest.values()];
  }, 60_000);

  it.each<[EventFilter]>([
    [{}],
    [{ states: ["done"] }],
    [{ customer: "test:c1" }],
    [{ pipeline: "fax", states: ["done"] }],
    [{ dedupeKey: "e7-2", source: "test" }],
    [{ fromMs: NOW_MS + 10 * MINUTE_MS, toMs: NOW_MS + 20 * MINUTE_MS + 2 }],
  ])("%j has what rows would have", async (filter) => {
    for (const order of ["newest", "oldest"] as const) {
      const expected = known
        .filter((event) => matches(filter, event))
        .sort((left, right) => compareInList(left, right, order));
      const limit = order === "newest" ? 25 : 12;
      expect(keysOf(await all(filter, order, limit))).toEqual(keysOf(expected));
    }
  });

  it("needs few rows", async () => {
    expect(known.filter((event) => event.state === "done").length).toBeGreaterThan(60);
    expect(Number(await countOf("events"))).toBeLessThan(known.length / 3);
  });
});

describe("packs", () => {
  beforeEach(async () => {
    await emptyLedger();
  });

  it("of one busy minute are read to its end, however many they are", async () => {
    const count = LIMITS.ledger.packsPerPage + 5;
    for (let index = 0; index < count; index++)
      await projection.project([await summaryFor({ key: `e${index}`, receivedAtMs: NOW_MS + index })]);
    await projection.project([await summaryFor({ key: "before", receivedAtMs: NOW_MS - MINUTE_MS })]);
    await projection.project([await summaryFor({ key: "after", receivedAtMs: NOW_MS + MINUTE_MS })]);
    for (const order of ["newest", "oldest"] as const)
      expect(new Set(keysOf(await all({}, order))).size).toBe(count + 2);
  });

  it("are written once, however often a batch comes, and hold no more than they should", async () => {
    const summaries = await Promise.all(
      Array.from({ length: LIMITS.ledger.eventsPerPack + 1 }, (_, index) => summaryFor({ key: `e${index}` })),
    );
    await projection.project(summaries);
    await projection.project(summaries);
    expect([await countOf("packed_events"), await countOf("events")]).toEqual([2, 0]);
  });

  it("forget a partition that is erased, and what is past its retention", async () => {
    const ada = await summaryFor({ key: "a", customer: "ada" });
    await projection.project([ada, await summaryFor({ key: "b", customer: "bob" })]);
    await projection.project([await summaryFor({ key: "old", receivedAtMs: NOW_MS - 3 * DAY_MS })]);
    await ledger.erase(ada.partition);
    expect(keysOf(await all({}))).toEqual(["b", "old"]);
    expect(
      JSON.stringify((await env.LEDGER.prepare("SELECT * FROM packed_events").all()).results),
    ).not.toContain(ada.partition);
    await retireLedger({ database: env.LEDGER, retainDays: 2 }, NOW_MS);
    expect(keysOf(await all({}))).toEqual(["b"]);
  });
});
