import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, inject, it } from "vitest";
import { LIMITS } from "../../src/config/limits.ts";
import type { EventSummary } from "../../src/core/event-summary.ts";
import type { PartitionName } from "../../src/core/ids.ts";
import type { Counts } from "../../src/core/metrics/counts.ts";
import { createProjection } from "../../src/ledger/projection.ts";
import { createCountsStore } from "../../src/telemetry/counts-store.ts";
import { createSampleStore, readGuards, takeSample, type GaugeSources } from "../../src/telemetry/gauges.ts";
import { takeCounts } from "../../src/telemetry/intake.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { readMetricsText } from "../../src/telemetry/metrics-text.ts";
import { createSurvey, type SurveyDependencies } from "../../src/telemetry/survey.ts";
import { partitionFor } from "../support/envelopes.ts";
import { summaryFor } from "../support/summaries.ts";

const NOW_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;
const log = createLogger("error");
const SERIES = 'sluice_ingest_events_total{source="stripe",outcome="queued"}';

/** An event that a destination refused, after its model was paid. */
const DEAD: Partial<EventSummary> = {
  state: "dead",
  source: "stripe",
  failure: {
    stage: "deliver",
    class: "permanent",
    code: "http_404",
    message: "the destination answered 404",
  },
  model: {
    name: "fast",
    modelId: "m",
    inputTokens: 10,
    outputTokens: 5,
    estimatedUsage: false,
    costMicros: 1_200,
    durationMs: 300,
    cached: false,
  },
};

function counted(amount: number): Counts {
  return { counters: { [SERIES]: amount }, histograms: {} };
}

beforeEach(async () => {
  await applyD1Migrations(env.LEDGER, inject("ledgerMigrations"));
  await env.LEDGER.exec("DELETE FROM metric_parts");
  await env.LEDGER.exec("DELETE FROM metric_minutes");
  await env.LEDGER.exec("DELETE FROM metric_samples");
  await env.LEDGER.exec("DELETE FROM partition_survey");
  await env.LEDGER.exec("DELETE FROM open_partitions");
  await env.LEDGER.exec(`UPDATE metric_totals SET fold = '', counts = '{"counters":{},"histograms":{}}'`);
});

describe("counts in the ledger", () => {
  const deps = { database: env.LEDGER, newId: () => crypto.randomUUID(), nowMs: () => NOW_MS };
  const store = () => createCountsStore(deps);
  const IN_TIME = NOW_MS + 1;
  const parts = async () =>
    (await env.LEDGER.prepare("SELECT COUNT(*) AS parts FROM metric_parts").first<{ parts: number }>())
      ?.parts;

  it("are seen at once, and not twice when a batch is delivered again", async () => {
    const counts = store();
    await counts.add("m1", NOW_MS, counted(3));
    await counts.add("m1", NOW_MS, counted(3));
    await counts.add("m2", NOW_MS, counted(2));
    expect((await counts.totals()).counters[SERIES]).toBe(5);
  });

  it("keep their sum when minutes are joined, however late a part comes, and are found by minute", async () => {
    const counts = store();
    await counts.add("m1", NOW_MS, counted(3));
    await counts.add("m2", NOW_MS + MINUTE_MS, counted(2));
    await counts.fold(NOW_MS + 2 * MINUTE_MS, IN_TIME);
    expect((await counts.totals()).counters[SERIES]).toBe(5);
    await counts.add("m3", NOW_MS, counted(10));
    await counts.fold(NOW_MS + 2 * MINUTE_MS, IN_TIME);
    await counts.fold(NOW_MS + 2 * MINUTE_MS, IN_TIME);
    expect((await counts.totals()).counters[SERIES]).toBe(15);
    const minutes = await counts.minutes(NOW_MS - MINUTE_MS, NOW_MS + 2 * MINUTE_MS);
    expect([...minutes.values()].map((minute) => minute.counters[SERIES])).toEqual([13, 2]);
  });

  it("are joined by one of two folds that run at once, never by both", async () => {
    const counts = store();
    for (let at = 0; at < 10; at++) await counts.add(`m${at}`, NOW_MS, counted(1));
    await Promise.all([
      counts.fold(NOW_MS + MINUTE_MS, IN_TIME),
      counts.fold(NOW_MS + MINUTE_MS, IN_TIME),
      counts.fold(NOW_MS + MINUTE_MS, IN_TIME),
    ]);
    expect((await counts.totals()).counters[SERIES]).toBe(10);
    expect(await parts()).toBe(0);
  });

  /** Limits so small that a test reaches them. */
  const small = {
    ...LIMITS.telemetry,
    maxFoldedParts: 10,
    maxReadParts: 15,
    maxWaitingParts: 20,
    maxShedParts: 100,
  };
  const manyParts = async (count: number) => {
    const counts = createCountsStore({ ...deps, limits: small });
    for (let at = 0; at < count; at++) {
      await counts.add(`m${String(at).padStart(3, "0")}`, NOW_MS - (at % 7) * MINUTE_MS, counted(1));
    }
    return counts;
  };

  it("are joined in one minute however many there are", async () => {
    const counts = await manyParts(63);
    await counts.fold(NOW_MS + MINUTE_MS, IN_TIME);
    expect(await parts()).toBe(0);
    expect((await counts.totals()).counters[SERIES]).toBe(63);
  });

  it("are joined the oldest first, as far as the time goes; what is beyond the bound is given up and counted", async () => {
    const counts = await manyParts(63);
    await counts.fold(NOW_MS + MINUTE_MS, NOW_MS);
    expect(await parts()).toBe(20);
    const { counters } = await counts.totals();
    expect(counters["sluice_counts_shed_total"]).toBe(33);
    const oldest = await env.LEDGER.prepare("SELECT MIN(minute_ms) AS at FROM metric_minutes").first();
    expect(oldest).toEqual({ at: Math.floor((NOW_MS - 6 * MINUTE_MS) / MINUTE_MS) * MINUTE_MS });
  });

  it("are joined with no more queries than an invocation may spend on them", async () => {
    await manyParts(63);
    const counts = createCountsStore({ ...deps, limits: { ...small, maxFoldQueries: 20 } });
    await counts.fold(NOW_MS + MINUTE_MS, IN_TIME);
    // Ten parts lie in two minutes, which is seven queries a transaction: the third is the last that begins.
    expect(await parts()).toBe(20);
    expect((await counts.totals()).counters["sluice_counts_shed_total"]).toBe(13);
  });

  it("are given up in as many rounds as the bound needs", async () => {
    const counts = createCountsStore({ ...deps, limits: { ...small, maxShedParts: 5 } });
    await manyParts(63);
    await counts.fold(NOW_MS + MINUTE_MS, NOW_MS);
    expect(await parts()).toBe(20);
    expect((await counts.totals()).counters["sluice_counts_shed_total"]).toBe(33);
  });

  it.each(['{"v":2}', "{", '{"counters":{"a":null},"histograms":{}}'])(
    "are joined and shown though one beside them cannot be read (%s), which is given up and counted",
    async (unreadable) => {
      const counts = await manyParts(12);
      await env.LEDGER.prepare("INSERT INTO metric_parts VALUES (?1, 'bad', ?2)")
        .bind(Math.floor(NOW_MS / MINUTE_MS) * MINUTE_MS - MINUTE_MS, unreadable)
        .run();
      expect((await counts.totals()).counters[SERIES]).toBe(12);
      expect((await counts.minutes(0, NOW_MS + MINUTE_MS)).size).toBe(7);
      await counts.fold(NOW_MS + MINUTE_MS, IN_TIME);
      expect(await parts()).toBe(0);
      expect((await counts.totals()).counters).toEqual({ [SERIES]: 12, sluice_counts_shed_total: 1 });
    },
  );

  it("never fall while a backlog is joined bit by bit, though a look reads only some of it", async () => {
    const counts = await manyParts(19);
    const seen = [(await counts.totals()).counters[SERIES] ?? 0];
    for (let minute = 0; minute < 3; minute++) {
      await counts.fold(NOW_MS + MINUTE_MS, NOW_MS);
      seen.push((await counts.totals()).counters[SERIES] ?? 0);
    }
    expect(seen).toEqual([15, 19, 19, 19]);
  });

  it("outlive the minutes they were counted in", async () => {
    const counts = store();
    await counts.add("m1", NOW_MS, counted(4));
    await counts.fold(NOW_MS + MINUTE_MS, IN_TIME);
    await counts.fold(NOW_MS + 16 * 24 * 3_600_000, IN_TIME);
    expect((await counts.minutes(0, NOW_MS * 2)).size).toBe(0);
    expect((await counts.totals()).counters[SERIES]).toBe(4);
  });
});

describe("a survey of the partitions", () => {
  function survey(status: SurveyDependencies["status"], nowMs = () => NOW_MS) {
    return createSurvey({ database: env.LEDGER, status, nowMs, log, maxPartitions: 2, concurrency: 2 });
  }
  const open = (openEvents: number, pausedSinceMs: number | null = null) => ({
    openEvents,
    oldestOpenAtMs: NOW_MS - openEvents * 1_000,
    partition: { paused: pausedSinceMs === null ? null : { sinceMs: pausedSinceMs } },
  });
  const report = (partition: PartitionName) =>
    env.LEDGER.prepare("INSERT INTO open_partitions VALUES (?1, 0, 0)").bind(partition).run();

  it("adds up what is open, names what is paused, and forgets what is neither", async () => {
    const [busy, paused, idle] = [
      await partitionFor("busy"),
      await partitionFor("paused"),
      await partitionFor("idle"),
    ];
    await report(busy);
    const asked: PartitionName[] = [];
    let now = NOW_MS;
    const surveyed = survey(
      async (partition) => {
        asked.push(partition);
        if (partition === busy) return open(30);
        return partition === paused ? open(5, NOW_MS - 60_000) : open(0);
      },
      () => now++,
    );
    await surveyed.suspect([paused, idle]);
    await surveyed.run();
    await surveyed.run();
    // Two at a time, those first that were asked longest ago.
    expect(new Set(asked)).toEqual(new Set([busy, paused, idle]));
    expect(await surveyed.summary()).toEqual({
      open: 2,
      openEvents: 35,
      oldestOpenAtMs: NOW_MS - 30_000,
      paused: [{ partition: paused, sinceMs: NOW_MS - 60_000 }],
      pausedCount: 1,
    });
  });

  it("keeps the last word of a partition that does not answer", async () => {
    const busy = await partitionFor("busy");
    await report(busy);
    await survey(async () => open(30)).run();
    await survey(() => Promise.reject(new Error("unreachable"))).run();
    expect((await survey(async () => null).summary()).openEvents).toBe(30);
  });
});

describe("a minute's sample", () => {
  it("leaves out what fails or hangs, and keeps the rest", async () => {
    const sources: GaugeSources = {
      lanes: [
        {
          lane: "high",
          metrics: async () => ({ backlogCount: 4, oldestMessageTimestamp: new Date(NOW_MS - 9_000) }),
        },
        { lane: "low", metrics: () => Promise.reject(new Error("no metrics")) },
      ],
      guards: await readGuards(
        [
          { guard: "model:fast", read: async () => ({ phase: "open", rateFactor: 1 }) },
          { guard: "model:slow", read: () => new Promise(() => undefined) },
        ],
        { log, timeoutMs: 20 },
      ),
      partitions: async () => ({ open: 1, openEvents: 6, oldestOpenAtMs: null, paused: [], pausedCount: 0 }),
      waiting: async () => null,
      ledger: "none",
      ledgerBytes: async () => 7_000_000_000,
      nowMs: () => NOW_MS,
      log: createLogger("error"),
      timeoutMs: 20,
    };
    const samples = createSampleStore(env.LEDGER);
    await samples.put(await takeSample(sources));
    const counts = createCountsStore({ database: env.LEDGER, newId: () => "fold", nowMs: () => NOW_MS });
    await counts.add("m1", NOW_MS, counted(3));
    const text = await readMetricsText({ counts, samples, log });
    expect(text.ok && text.value).toContain("sluice_depth_events 10\n");
    expect(text.ok && text.value).toContain('sluice_breaker_state{guard="model:fast"} 2\n');
    expect(text.ok && text.value).toContain('sluice_lane_oldest_seconds{lane="high"} 9\n');
    expect(text.ok && text.value).toContain(`${SERIES} 3\n`);
    expect(text.ok && text.value).toContain('sluice_ledger_bytes{ledger="none"} 7000000000\n');
    expect(text.ok && text.value).not.toContain("model:slow");
  });

  it("is asked of the real lanes: the platform tells their backlog", async () => {
    expect(await env.LANE_LOW.metrics()).toMatchObject({ backlogCount: expect.any(Number) });
  });
});

describe("a telemetry batch", () => {
  it("counts the isolates' own counts and one end per event", async () => {
    const added: Counts[] = [];
    const suspects: PartitionName[] = [];
    const partition = await partitionFor("dead");
    await takeCounts(
      {
        counts: { add: async (_, __, counts) => void added.push(counts) },
        survey: { suspect: async (some) => void suspects.push(...some) },
      },
      {
        part: "m1",
        atMs: NOW_MS,
        counts: [counted(1), counted(2)],
        ended: [await summaryFor({ key: "e1", customer: "dead", pipeline: "payments", summary: DEAD })],
      },
    );
    expect(added[0]?.counters).toMatchObject({
      [SERIES]: 3,
      'sluice_events_total{source="stripe",pipeline="payments",state="dead"}': 1,
      'sluice_event_failures_total{pipeline="payments",stage="deliver",class="permanent",code="http_404"}': 1,
      'sluice_event_cost_usd_total{pipeline="payments",model="fast"}': 0.0012,
    });
    expect(suspects).toEqual([partition]);
  });

  it("tells of an event's end once, however often its partition says it again", async () => {
    await env.LEDGER.exec("DELETE FROM events");
    const projection = createProjection(env.LEDGER, "none");
    const dead = await summaryFor({ key: "e1", summary: DEAD });
    const again = { ...dead, version: 2 };
    expect(await projection.project([dead, dead])).toEqual([dead]);
    expect(await projection.project([dead])).toEqual([]);
    expect(await projection.project([again, dead])).toEqual([again]);
  });
});
