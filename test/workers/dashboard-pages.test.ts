/** What an operator does on the pages: look, find, mend, decide, stop and start. */
import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { EventEnvelope } from "../../src/core/envelope.ts";
import { createOpenPartitions } from "../../src/ledger/open-partitions.ts";
import { envelopeOf } from "../support/envelopes.ts";
import { DEAD } from "../support/summaries.ts";
import { type Visitor, visitorInside } from "./dashboard-support.ts";
import { emptyLedger } from "./ledger-support.ts";
import { end, leaseOver, OUTPUT, say, stubOf, tell } from "./operator-support.ts";

const nowMs = Date.now();
const FAILURE = {
  stage: "infer",
  class: "permanent",
  code: "http_400",
  message: "the model said no",
} as const;

let visitor: Visitor;

beforeAll(async () => {
  await emptyLedger();
});

// Of a gateway of its own: so many pages at once are more than one token may call.
beforeEach(async () => {
  visitor = await visitorInside();
});

/** In its partition, which then stands still: a test sees what the page alone has done. */
async function still(
  key: string,
  act: (envelope: EventEnvelope) => Promise<unknown>,
): Promise<EventEnvelope> {
  const envelope = await envelopeOf({ key, customer: `pages-${key}`, receivedAtMs: nowMs - 60_000 });
  await act(envelope);
  await stubOf(envelope.partition).operate({ kind: "pause", reason: "keep it still" });
  return envelope;
}

const deadLetter = (key: string) =>
  still(key, (envelope) => end(envelope, (id) => ({ kind: "fail", id, failure: FAILURE, deliveries: [] })));
const inReview = (key: string) =>
  still(key, async ({ id, partition }) => {
    const lease = await leaseOver(
      await envelopeOf({ key, customer: `pages-${key}`, receivedAtMs: nowMs - 60_000 }),
    );
    await say(partition, lease, { kind: "review", id, output: OUTPUT, reason: "unsure" });
  });
const stateOf = async ({ id, partition }: EventEnvelope) => (await stubOf(partition).read(id))?.state;

describe("events", () => {
  it("are found by their id and by the sender's own, in the one field for both", async () => {
    const { id } = await tell({ key: "delivery-7", receivedAtMs: nowMs, customer: "found" });
    expect((await visitor.get(`/dashboard/events?q=${id}`)).location).toBe(`/dashboard/events/${id}`);
    expect((await visitor.get("/dashboard/events?q=delivery-7")).text).toContain(id);
    expect((await visitor.get("/dashboard/events?q=delivery-8")).text).toContain("No event matches");
    expect((await visitor.get("/dashboard/events?customer=test:found&state=done")).text).toContain(id);
    expect((await visitor.get("/dashboard/events?customer=test:found&state=dead")).text).not.toContain(id);
  });

  it("are paged from the newest to the oldest, each shown once", async () => {
    const ids = new Set<string>();
    for (let count = 0; count < 60; count++) {
      const told = await tell({ key: `page-${count}`, receivedAtMs: nowMs - count, customer: "paged" });
      ids.add(told.id);
    }
    const first = await visitor.get("/dashboard/events?customer=test:paged");
    const next = /href="([^"]+)" rel="next"/.exec(first.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const second = await visitor.get(next);
    const shown = (text: string) => [...ids].filter((id) => text.includes(`"${id}"`));
    expect(shown(first.text)).toHaveLength(50);
    expect(shown(second.text)).toHaveLength(10);
    expect(new Set([...shown(first.text), ...shown(second.text)])).toEqual(ids);
  });

  it("show their timeline, payload, failure and trace, and where to look next", async () => {
    const envelope = await deadLetter("shown");
    const { text } = await visitor.get(`/dashboard/events/${envelope.id}`);
    for (const part of [
      "the model said no",
      "received",
      "&quot;key&quot;",
      "0af7651916cd43dd8448eb211c80319c",
    ]) {
      expect(text).toContain(part);
    }
    expect(text).toContain(`/dashboard/partitions/${envelope.partition}`);
  });

  it("that nobody knows are said to be unknown, with what to do", async () => {
    const { id } = await envelopeOf({ key: "never", customer: "nobody" });
    const shown = await visitor.get(`/dashboard/events/${id}`);
    expect(shown.status).toBe(404);
    expect(shown.text).toContain("There is no such event");
    expect((await visitor.get("/dashboard/events/evt_cut-off")).text).toContain(
      "This is not an event&#39;s id",
    );
  });
});

describe("a dead letter", () => {
  it("is replayed", async () => {
    const envelope = await deadLetter("replayed");
    const page = `/dashboard/events/${envelope.id}`;
    const { location } = await visitor.submit(page, `${page}/replay`);
    expect(location).toBe(`${page}?notice=replayed`);
    expect((await visitor.get(location)).text).toContain("It runs again");
    expect(await stateOf(envelope)).toBe("pending");
  });

  it("is given another payload; what is not JSON is shown again and changes nothing", async () => {
    const envelope = await deadLetter("edited");
    const page = `/dashboard/events/${envelope.id}`;
    const wrong = await visitor.submit(`${page}/payload`, `${page}/payload`, { json: '{"amount": 1' });
    expect(wrong.status).toBe(400);
    expect(wrong.text).toContain("{&quot;amount&quot;: 1");
    await visitor.submit(`${page}/payload`, `${page}/payload`, { json: '{"amount": 1}' });
    const { text } = await visitor.get(page);
    expect(text).toContain("Payload, as edited");
    expect(text).toContain("Payload, as it came");
  });

  it("is discarded with a reason, and not without", async () => {
    const envelope = await deadLetter("discarded");
    const page = `/dashboard/events/${envelope.id}`;
    expect((await visitor.submit(page, `${page}/discard`, { reason: " " })).status).toBe(400);
    expect(await stateOf(envelope)).toBe("dead");
    await visitor.submit(page, `${page}/discard`, { reason: "a test of the sender's" });
    expect(await stateOf(envelope)).toBe("filtered");
  });

  it("is replayed with all others that the search finds, and with no other", async () => {
    const [wanted, other] = [await deadLetter("wanted"), await deadLetter("other")];
    for (const [key, envelope] of [
      ["wanted", wanted],
      ["other", other],
    ] as const) {
      await tell({ key, customer: `pages-${key}`, receivedAtMs: envelope.receivedAtMs, summary: DEAD });
    }
    const list = `/dashboard/dead-letters?customer=${encodeURIComponent(wanted.partitionKey)}`;
    expect((await visitor.get(list)).text).toContain(`Replay all with customer ${wanted.partitionKey}`);
    const { location } = await visitor.submit(list, "/dashboard/dead-letters/replay", {
      customer: wanted.partitionKey,
    });
    expect((await visitor.get(location)).text).toContain("Done to 1 dead letters");
    expect([await stateOf(wanted), await stateOf(other)]).toEqual(["pending", "dead"]);
  });
});

describe("a review", () => {
  it("shows the output beside the input and why a person is asked; approved, it goes on", async () => {
    const envelope = await inReview("approved");
    const page = `/dashboard/reviews/${envelope.id}`;
    const { text } = await visitor.get(page);
    for (const part of ["unsure", "&quot;verdict&quot;", "&quot;key&quot;"]) expect(text).toContain(part);
    const { location } = await visitor.submit(page, `${page}/approve`, { run: "1" });
    expect(location).toBe("/dashboard/reviews?notice=approved");
    expect(await stateOf(envelope)).toBe("pending");
    const late = await visitor.submit("/dashboard", `${page}/reject`, { run: "1", reason: "too late" });
    expect(late.status).toBe(409);
    expect(late.text).toContain("somebody has decided it");
  });

  it("is edited: what is delivered is what was typed", async () => {
    const envelope = await inReview("rewritten");
    const page = `/dashboard/reviews/${envelope.id}`;
    const wrong = await visitor.submit(page, `${page}/edit`, { run: "1", json: "not json" });
    expect(wrong.status).toBe(400);
    await visitor.submit(page, `${page}/edit`, { run: "1", json: '{"verdict": "approve"}' });
    expect((await stubOf(envelope.partition).read(envelope.id))?.output?.body).toEqual({
      verdict: "approve",
    });
  });

  it("of an answer that cannot be used says that approving it asks the model again", async () => {
    const envelope = await still("unusable", async ({ id, partition }) => {
      const lease = await leaseOver(
        await envelopeOf({ key: "unusable", customer: "pages-unusable", receivedAtMs: nowMs - 60_000 }),
      );
      const output = { ...OUTPUT, body: null, draft: true };
      await say(partition, lease, { kind: "review", id, output, reason: "not_json" });
    });
    expect((await visitor.get(`/dashboard/reviews/${envelope.id}`)).text).toContain(
      "the model is asked again",
    );
  });

  it("of an event whose sender waited shows what the sender was told, and why", async () => {
    const envelope = await still("told", async (asked) => {
      const stub = stubOf(asked.partition);
      const given = { default: { verdict: "hold it" }, remainingMs: 1_000, waitMs: 0 };
      await stub.ask({ v: 1, request: "ask", envelope: asked, ...given });
      const settlement = { kind: "default", reason: "deadline", isFinal: true, output: null } as const;
      await stub.settle({ v: 1, request: "settle", id: asked.id, settlement });
      const { lease } = await stub.claim({ v: 1, request: "claim", driver: "test" });
      if (lease === null) throw new Error("expected a lease");
      await say(asked.partition, lease, { kind: "review", id: asked.id, output: OUTPUT, reason: "unsure" });
    });
    for (const page of ["reviews", "events"]) {
      const { text } = await visitor.get(`/dashboard/${page}/${envelope.id}`);
      expect(text).toContain("What the sender was told");
      expect(text).toContain("The default answer (deadline)");
      expect(text).toContain("hold it");
    }
    expect((await visitor.get(`/dashboard/reviews/${(await inReview("silent")).id}`)).text).not.toContain(
      "What the sender was told",
    );
  });

  it("is rejected with a reason", async () => {
    const envelope = await inReview("refused");
    const page = `/dashboard/reviews/${envelope.id}`;
    await visitor.submit(page, `${page}/reject`, { run: "1", reason: "spam" });
    expect(await stateOf(envelope)).toBe("filtered");
  });
});

describe("what runs", () => {
  it("a partition is paused with a reason, drained and resumed", async () => {
    const { partition } = await envelopeOf({ key: "any", customer: "pages-stopped" });
    const page = `/dashboard/partitions/${partition}`;
    await visitor.submit("/dashboard", `${page}/pause`, { reason: "wrong books" });
    expect((await visitor.get(page)).text).toContain("wrong books");
    await visitor.submit(page, `${page}/resume`);
    await visitor.submit(page, `${page}/drain`);
    expect((await visitor.get(page)).text).toContain("draining");
    await visitor.submit(page, `${page}/resume`);
    expect((await visitor.get(page)).text).not.toContain("draining</span>");
  });

  it("a partition is shown with its customer, in the list and by itself", async () => {
    const { partition, partitionKey } = await inReview("named");
    const link = `/dashboard/events?${new URLSearchParams({ customer: partitionKey }).toString()}`;
    await createOpenPartitions(env.LEDGER).report([{ partition, dueMs: nowMs }], nowMs);
    for (const page of ["/dashboard/partitions", `/dashboard/partitions/${partition}`]) {
      expect((await visitor.get(page)).text).toContain(`<a href="${link}">${partitionKey}</a>`);
    }
  });

  it("a guard that nobody has asked yet shows the config's limits", async () => {
    const { text } = await visitor.get("/dashboard/guards");
    expect(text).toContain("Requests in the last minute</dt><dd>0 of 600");
  });

  it("a breaker is opened for a time and closed again", async () => {
    const page = "/dashboard/guards";
    await visitor.submit(page, `${page}/model%3Afast/trip`, { seconds: "300", reason: "bad answers" });
    expect((await visitor.get(page)).text).toContain("breaker open");
    expect((await visitor.submit(page, `${page}/model%3Afast/trip`, { seconds: "soon" })).status).toBe(400);
    await visitor.submit(page, `${page}/model%3Afast/reset`);
    expect((await visitor.get(page)).text).toContain("breaker closed");
  });

  it("a replay of history is started, watched and stopped", async () => {
    const fields = { states: "done", ratePerMinute: "60", maxEvents: "500", source: "stripe" };
    const { location } = await visitor.submit("/dashboard/replays", "/dashboard/replays", fields);
    const [page = ""] = location.split("?");
    const shown = await visitor.get(location);
    expect(shown.text).toContain("Replay of source stripe");
    expect(shown.text).toContain("0 seen of at most 500");
    await visitor.submit(page, `${page}/cancel`);
    expect((await visitor.get("/dashboard/replays")).text).toContain("cancelled");
  });
});

describe("the first page", () => {
  it("says how it stands: rates, latency, cost, depth, breakers, what waits for people, incidents", async () => {
    const model = {
      name: "fast",
      modelId: "m",
      inputTokens: 10,
      outputTokens: 5,
      estimatedUsage: false,
      costMicros: 1_250_000,
      durationMs: 700,
      cached: false,
    };
    await tell({ key: "now-1", receivedAtMs: nowMs - 2_000, summary: { endedAtMs: nowMs - 500, model } });
    const minuteMs = Math.floor(nowMs / 60_000) * 60_000;
    const sample = {
      v: 1,
      atMs: nowMs,
      lanes: [{ lane: "high", backlog: 41, oldestAtMs: nowMs - 90_000 }],
      partitions: { open: 1, openEvents: 1, oldestOpenAtMs: null, paused: [], pausedCount: 0 },
      guards: [],
      deadLetters: 0,
      ledgers: [{ ledger: "none", bytes: 6_000_000_000 }],
      reviews: 0,
      oldestReviewAtMs: null,
    };
    await env.LEDGER.batch([
      env.LEDGER.prepare("INSERT INTO metric_samples VALUES (?1, ?2)").bind(minuteMs, JSON.stringify(sample)),
      env.LEDGER.prepare("INSERT INTO metric_parts VALUES (?1, 'a', ?2)").bind(
        minuteMs,
        JSON.stringify({
          counters: {
            'sluice_ingest_events_total{source="stripe",outcome="queued"}': 17,
            'sluice_ingest_events_total{source="stripe",outcome="duplicate"}': 400,
            'sluice_ingest_refused_total{source="stripe",status="401",reason="signature"}': 3,
          },
          histograms: {},
        }),
      ),
      env.LEDGER.prepare(
        "INSERT INTO alert_incidents VALUES ('depth@1', 'depth', '[]', ?1, NULL, 500, 1234)",
      ).bind(nowMs - 300_000),
    ]);
    const { text } = await visitor.get("/dashboard");
    const tiles = text.replaceAll(/<[^>]+>/g, "|").replaceAll(/\|+/g, "|");
    expect(tiles).toContain("|Depth|42|");
    expect(tiles).toContain("|Oldest waits|90 s|");
    expect(tiles).toContain("|Accepted|17|in the last hour; 3 refused|");
    expect(tiles).toContain("|Ledger|60.0 %|of the 10 GB that D1 takes|");
    expect(tiles).toContain("$1.25");
    expect(tiles).toContain("1,234 at its worst, the limit is 500");
    expect(tiles).toContain("breaker closed");
    expect((await visitor.get("/dashboard?range=7d")).text).toContain("The last 7 days");
  });

  it("serves its style, script and icon under addresses that change with them", async () => {
    const { text } = await visitor.get("/dashboard");
    const assets = [...text.matchAll(/(?:href|src)="(\/dashboard\/assets\/[^"]+)"/g)].map(
      ([, path]) => path ?? "",
    );
    expect(assets).toHaveLength(3);
    for (const path of assets) {
      const asset = await visitor.get(path);
      expect(asset.status).toBe(200);
      expect(asset.headers.get("cache-control")).toContain("immutable");
    }
  });
});
