import * as fc from "fast-check";
import parsePrometheus from "parse-prometheus-text-format";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { BUCKETS_SECONDS } from "../../src/core/metrics/catalogue.ts";
import { addCounts, countsSchema, labelOf, seriesOf, type Counts } from "../../src/core/metrics/counts.ts";
import { prometheusText } from "../../src/core/metrics/prometheus.ts";
import { depthOf, gaugesOf, oldestOpenAtMs, type Sample } from "../../src/core/metrics/sample.ts";
import { writePoints } from "../../src/telemetry/analytics.ts";
import { createFlusher } from "../../src/telemetry/flush.ts";
import { createCollector } from "../../src/telemetry/metrics.ts";

const LIMITS = { maxSeries: 400, maxLabelValues: 100 };

const familySchema = z.object({
  name: z.string(),
  type: z.string(),
  metrics: z.array(
    z.object({
      value: z.optional(z.string()),
      count: z.optional(z.string()),
      sum: z.optional(z.string()),
      buckets: z.optional(z.record(z.string(), z.string())),
      labels: z.optional(z.record(z.string(), z.string())),
    }),
  ),
});

/** By somebody else's parser. */
function parse(text: string) {
  return z.array(familySchema).parse(parsePrometheus(text));
}

describe("what is counted", () => {
  it("is read back by a Prometheus parser with the same names, labels and values", () => {
    const metrics = createCollector(LIMITS);
    metrics.count("sluice_ingest_events_total", { source: "stripe", outcome: "queued" }, 3);
    metrics.count("sluice_ingest_events_total", { source: "stripe", outcome: "duplicate" });
    metrics.count("sluice_undeliverable_total", {});
    metrics.time("sluice_model_duration_seconds", { model: "fast" }, 700);
    metrics.time("sluice_model_duration_seconds", { model: "fast" }, 15);
    metrics.time("sluice_model_duration_seconds", { model: "fast" }, 4_000_000);
    const text = prometheusText(metrics.drain() ?? { counters: {}, histograms: {} }, []);
    const families = parse(text);
    const events = families.find((family) => family.name === "sluice_ingest_events_total");
    expect(events?.type).toBe("COUNTER");
    expect(events?.metrics).toEqual([
      { value: "3", labels: { source: "stripe", outcome: "queued" } },
      { value: "1", labels: { source: "stripe", outcome: "duplicate" } },
    ]);
    const duration = families.find((family) => family.name === "sluice_model_duration_seconds");
    expect(duration?.type).toBe("HISTOGRAM");
    const [series] = duration?.metrics ?? [];
    expect(series?.buckets).toMatchObject({
      "0.01": "0",
      "0.02": "1",
      "0.64": "1",
      "1.28": "2",
      "+Inf": "3",
    });
    // The parser keeps no more of a histogram that has labels than its buckets.
    expect(text).toContain('sluice_model_duration_seconds_bucket{model="fast",le="+Inf"} 3\n');
    expect(text).toContain('sluice_model_duration_seconds_sum{model="fast"} 4000.715\n');
    expect(text).toContain('sluice_model_duration_seconds_count{model="fast"} 3\n');
    expect(families.some((family) => family.name === "sluice_undeliverable_total")).toBe(true);
  });

  it("holds no text: whatever a label is given, its value is a short word of harmless characters", () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 200 }),
        fc.double({ min: 0.001, max: 1e6, noNaN: true }),
        (text, amount) => {
          const metrics = createCollector(LIMITS);
          metrics.count(
            "sluice_stage_failures_total",
            { pipeline: text, stage: "infer", class: text, code: text },
            amount,
          );
          const counts = metrics.drain();
          expect(countsSchema.safeParse(counts).success).toBe(true);
          const [series = ""] = Object.keys(counts?.counters ?? {});
          expect(labelOf(series, "code")).toMatch(/^[A-Za-z0-9_.:/-]{0,64}$/);
          expect(labelOf(series, "stage")).toBe("infer");
        },
      ),
    );
  });

  it("becomes `other` when a label takes ever new values, and is dropped, visibly, when series do", () => {
    const metrics = createCollector({ maxSeries: 5, maxLabelValues: 3 });
    for (let at = 0; at < 10; at++) {
      metrics.count("sluice_guard_denials_total", { guard: "model:fast", reason: `reason-${at}` });
    }
    const counts = metrics.drain();
    const other = seriesOf("sluice_guard_denials_total", { guard: "model:fast", reason: "other" });
    expect(counts?.counters[other]).toBe(7);
    for (let at = 0; at < 3; at++) {
      metrics.count("sluice_cache_lookups_total", { result: `r${at}` });
      metrics.count("sluice_model_calls_total", { model: `m${at}`, outcome: "ok" });
    }
    expect(metrics.drain()?.counters["sluice_counts_dropped_total"]).toBe(1);
  });

  it("adds up the same whatever way it is put together, and never falls", () => {
    const countsArbitrary = fc.array(fc.tuple(fc.nat(5), fc.nat(1_000)), { maxLength: 20 }).map((entries) => {
      const metrics = createCollector(LIMITS);
      for (const [at, amount] of entries) {
        metrics.count("sluice_cache_lookups_total", { result: `r${at}` }, amount);
        metrics.time("sluice_ingest_duration_seconds", { source: `s${at}` }, amount * 100);
      }
      return metrics.drain() ?? { counters: {}, histograms: {} };
    });
    fc.assert(
      fc.property(fc.array(countsArbitrary, { maxLength: 8 }), (parts) => {
        const forwards: Counts = { counters: {}, histograms: {} };
        const backwards: Counts = { counters: {}, histograms: {} };
        let last = 0;
        for (const part of parts) {
          addCounts(forwards, part);
          const now = Object.values(forwards.counters).reduce((sum, amount) => sum + amount, 0);
          expect(now).toBeGreaterThanOrEqual(last);
          last = now;
        }
        for (const part of parts.toReversed()) addCounts(backwards, part);
        expect(backwards.counters).toEqual(forwards.counters);
        for (const [series, amounts] of Object.entries(forwards.histograms)) {
          const [sum = 0, ...buckets] = backwards.histograms[series] ?? [];
          expect(buckets).toEqual(amounts.slice(1));
          expect(sum).toBeCloseTo(amounts[0] ?? 0, 6);
          expect(amounts.length).toBeLessThanOrEqual(BUCKETS_SECONDS.length + 2);
        }
      }),
    );
  });
});

describe("an isolate's counts", () => {
  function flusher() {
    const sent: Counts[] = [];
    const waits: (() => void)[] = [];
    const kept: Promise<unknown>[] = [];
    const clock = { nowMs: 1_000_000 };
    const collector = createCollector(LIMITS);
    const flush = createFlusher({
      isEmpty: () => collector.isEmpty(),
      flush: async () => void sent.push(collector.drain() ?? { counters: {}, histograms: {} }),
      nowMs: () => clock.nowMs,
      sleep: () => new Promise((resolve) => void waits.push(resolve)),
      waitUntil: (work) => void kept.push(work),
      everyMs: 10_000,
    });
    const count = () => collector.count("sluice_undeliverable_total", {});
    const settle = async () => {
      for (const resolve of waits.splice(0)) resolve();
      await Promise.all(kept);
    };
    return { flush, count, sent, waits, settle, clock };
  }

  it("leave together: one message for all requests of a while", async () => {
    const { flush, count, sent, waits, settle } = flusher();
    for (let at = 0; at < 50; at++) {
      count();
      flush.flushSoon();
    }
    expect(waits).toHaveLength(1);
    expect(sent).toEqual([]);
    await settle();
    expect(sent.map((counts) => counts.counters)).toEqual([{ sluice_undeliverable_total: 50 }]);
    count();
    flush.flushSoon();
    expect(waits).toHaveLength(1);
  });

  it("are sent at an invocation's end at most once in a while, and are not lost in between", async () => {
    const { flush, count, sent, clock } = flusher();
    count();
    await flush.flushIfDue();
    count();
    clock.nowMs += 9_999;
    await flush.flushIfDue();
    expect(sent).toHaveLength(1);
    count();
    clock.nowMs += 1;
    await flush.flushIfDue();
    expect(sent.map((counts) => counts.counters["sluice_undeliverable_total"])).toEqual([1, 2]);
  });

  it("are arranged anew when the wait they relied on was cut off", () => {
    const { flush, count, waits, clock } = flusher();
    count();
    flush.flushSoon();
    clock.nowMs += 20_000;
    flush.flushSoon();
    expect(waits).toHaveLength(2);
  });

  it("go to Analytics Engine as one point per series, the labels in the catalogue's order", () => {
    const metrics = createCollector(LIMITS);
    metrics.count("sluice_model_calls_total", { outcome: "ok", model: "fast" }, 2);
    metrics.time("sluice_delivery_duration_seconds", { destination: "crm" }, 250);
    const points: unknown[] = [];
    const writer = { writeDataPoint: (point: unknown) => void points.push(point) };
    writePoints(writer, metrics.drain() ?? { counters: {}, histograms: {} }, 10);
    expect(points).toEqual([
      {
        indexes: ["sluice_model_calls_total"],
        blobs: ["sluice_model_calls_total", "fast", "ok"],
        doubles: [2],
      },
      {
        indexes: ["sluice_delivery_duration_seconds"],
        blobs: ["sluice_delivery_duration_seconds", "crm"],
        doubles: [0.25, 1],
      },
    ]);
  });
});

describe("depth", () => {
  const sample: Sample = {
    v: 1,
    atMs: 1_000_000,
    lanes: [
      { lane: "high", backlog: 3, oldestAtMs: 990_000 },
      { lane: "low", backlog: null, oldestAtMs: null },
    ],
    partitions: { open: 2, openEvents: 40, oldestOpenAtMs: 700_000, paused: [], pausedCount: 0 },
    guards: [{ guard: "model:fast", phase: "half-open", rateFactor: 0.5 }],
    deadLetters: 7,
    reviews: null,
    oldestReviewAtMs: null,
  };

  it("is the lanes' backlog and the partitions' open work together", () => {
    expect(depthOf(sample)).toBe(43);
    expect(oldestOpenAtMs(sample)).toBe(700_000);
  });

  it("and breakers are gauges a Prometheus parser reads; what nobody said is absent, not zero", () => {
    const families = parse(prometheusText({ counters: {}, histograms: {} }, gaugesOf(sample)));
    const value = (name: string) => families.find((family) => family.name === name)?.metrics[0]?.value;
    expect(value("sluice_depth_events")).toBe("43");
    expect(value("sluice_oldest_open_seconds")).toBe("300");
    expect(value("sluice_breaker_state")).toBe("1");
    expect(value("sluice_dead_letters")).toBe("7");
    expect(value("sluice_reviews")).toBeUndefined();
    const lanes = families.find((family) => family.name === "sluice_lane_backlog_messages")?.metrics;
    expect(lanes).toEqual([{ value: "3", labels: { lane: "high" } }]);
  });
});
