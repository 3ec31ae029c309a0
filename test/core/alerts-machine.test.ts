import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { usualOf, type PastMinute } from "../../src/core/alerts/baseline.ts";
import { watch, watchStateSchema, type Notice, type WatchState } from "../../src/core/alerts/machine.ts";
import { noticeEvent, noticeId, slackMessage } from "../../src/core/alerts/notice.ts";
import {
  keyOf,
  quantileSeconds,
  readingsOf,
  readingsWithoutLedger,
  type Reading,
} from "../../src/core/alerts/readings.ts";
import { DEFAULT_RULES, rulesOf, type RuleName } from "../../src/core/alerts/rules.ts";
import type { Sample } from "../../src/core/metrics/sample.ts";
import { createCollector } from "../../src/telemetry/metrics.ts";

const MINUTE_MS = 60_000;
const START_MS = 1_700_000_040_000;

/** One subject's values, a minute each; undefined: no reading, null: unknown. */
function run(
  rule: RuleName,
  values: readonly (number | null | undefined)[],
  subject: readonly string[] = [],
) {
  let state: WatchState = {};
  const notices: (Notice & { readonly minute: number })[] = [];
  for (const [minute, value] of values.entries()) {
    const readings: Reading[] = value === undefined ? [] : [{ rule, subject, value }];
    const watched = watch(state, readings, [], DEFAULT_RULES, START_MS + minute * MINUTE_MS);
    // As stored and read back.
    state = watchStateSchema.parse(JSON.parse(JSON.stringify(watched.state)));
    notices.push(...watched.notices.map((notice) => ({ ...notice, minute })));
  }
  return notices;
}

const told = (notices: readonly (Notice & { readonly minute: number })[]) =>
  notices.map(({ kind, minute }) => `${kind}@${minute}`);

describe("an incident", () => {
  it("opens after its minutes in a row above, once, and is over after as many below the clearing value", () => {
    const values = [900, 1_000, 600, 1_000, 1_000, 1_000, 1_000, 400, 400, 0, 0, 0, 0, 0, 0, 0];
    // The limit of 900 s is not exceeded by 900; the first 1,000 stands alone. 400 is below 630.
    expect(told(run("oldest-event", values))).toEqual(["opened@5", "resolved@11"]);
  });

  it("keeps its peak, and the limit it opened at", () => {
    const [, resolved] = run("dead-letters", [11, 40, 20, 0, 0, 0, 0, 0]);
    expect(resolved?.incident).toMatchObject({ limit: 10, peak: 40, openedAtMs: START_MS });
  });

  it("neither opens nor ends by what is not known", () => {
    expect(told(run("dead-letters", [null, null, 11, null, null, null, null, null, null, null]))).toEqual([
      "opened@2",
    ]);
    expect(told(run("oldest-event", [1_000, null, 1_000, null, 1_000]))).toEqual(["opened@4"]);
  });

  it("ends when there is nothing to read any more", () => {
    const gone = Array.from({ length: 5 }, () => undefined);
    expect(told(run("paused-partition", [1, 1, ...gone], ["partition", "d1o_x"]))).toEqual([
      "opened@1",
      "resolved@6",
    ]);
  });

  it("is one per subject: names that look alike when joined never share one", () => {
    const name = fc.string({ maxLength: 6 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), fc.array(name, { maxLength: 4 }), (left, right) => {
        const isSame = JSON.stringify(left) === JSON.stringify(right);
        expect(keyOf({ rule: "depth", subject: left }) === keyOf({ rule: "depth", subject: right })).toBe(
          isSame,
        );
        const readings: Reading[] = [
          { rule: "breaker-open", subject: left, value: 1 },
          { rule: "breaker-open", subject: right, value: 1 },
        ];
        const { notices } = watch({}, readings, [], DEFAULT_RULES, START_MS);
        expect(new Set(notices.map(noticeId)).size).toBe(isSame ? 1 : 2);
        for (const notice of notices) expect(noticeId(notice)).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });

  it("is not told of when the config no longer watches its rule", () => {
    const { state } = watch(
      {},
      [{ rule: "dead-letters", subject: [], value: 50 }],
      [],
      DEFAULT_RULES,
      START_MS,
    );
    const rules = rulesOf({ above: { "dead-letters": false } });
    expect(watch(state, [], [], rules, START_MS + MINUTE_MS)).toMatchObject({ state: {}, notices: [] });
  });
});

describe("whatever the values do", () => {
  const rule = DEFAULT_RULES["oldest-event"];
  const clearAt = 630;
  const series = fc.array(fc.option(fc.integer({ min: 0, max: 2_000 }), { nil: null, freq: 12 }), {
    maxLength: 300,
  });

  it("notices alternate, with the whole of `openAfter` and `clearAfter` between them: nothing flaps", () => {
    fc.assert(
      fc.property(series, (values) => {
        const notices = run("oldest-event", values);
        for (const [at, notice] of notices.entries()) {
          expect(notice.kind).toBe(at % 2 === 0 ? "opened" : "resolved");
          const since = notices[at - 1]?.minute ?? -1;
          const known = values.slice(since + 1, notice.minute + 1).filter((value) => value !== null);
          const needed = notice.kind === "opened" ? rule.openAfter : rule.clearAfter;
          const last = known.slice(-needed);
          expect(last).toHaveLength(needed);
          for (const value of last) {
            if (notice.kind === "opened") expect(value).toBeGreaterThan(900);
            else expect(value).toBeLessThanOrEqual(clearAt);
          }
        }
      }),
    );
  });

  it("a value that jumps above and below every minute is told at most once", () => {
    const jumping = fc
      .array(fc.boolean(), { maxLength: 50 })
      .map((starts) => [
        ...[1_000, 1_000, 1_000].slice(starts.length % 4),
        ...Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? 2_000 : 0)),
      ]);
    fc.assert(
      fc.property(jumping, (values) => {
        expect(run("oldest-event", values).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("a value between clearing value and limit changes nothing", () => {
    const between = fc.array(fc.integer({ min: clearAt + 1, max: 900 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(between, (values) => {
        expect(run("oldest-event", values)).toEqual([]);
        expect(told(run("oldest-event", [1_000, 1_000, 1_000, ...values]))).toEqual(["opened@2"]);
      }),
    );
  });
});

describe("what is usual", () => {
  const key = '["depth"]';
  const nowMs = START_MS;
  const at = (agoMs: number, value: number): PastMinute => ({
    minuteMs: nowMs - agoMs,
    values: { [key]: value },
  });
  const DAY_MS = 86_400_000;

  it("is not known without a past, and is the last hour's without three days", () => {
    expect(usualOf(key, [], nowMs)).toBeNull();
    const past = [at(30 * MINUTE_MS, 40), at(31 * MINUTE_MS, 50), at(32 * MINUTE_MS, 90), at(DAY_MS, 7_000)];
    expect(usualOf(key, past, nowMs)).toBe(50);
  });

  it("is the same time of day's where that is more, and never the last ten minutes", () => {
    const days = [1, 2, 3].map((day) => at(day * DAY_MS, 2_000));
    expect(usualOf(key, [...days, at(30 * MINUTE_MS, 40), at(5 * MINUTE_MS, 90_000)], nowMs)).toBe(2_000);
  });

  it("does not hold the minutes in which the alert was open: a long incident is no new normal", () => {
    let state: WatchState = {};
    const past: PastMinute[] = Array.from({ length: 50 }, (_, minute) => at((60 - minute) * MINUTE_MS, 100));
    const kinds: string[] = [];
    for (let minute = 0; minute < 400; minute++) {
      const time = nowMs + minute * MINUTE_MS;
      const watched = watch(state, [{ rule: "depth", subject: [], value: 9_000 }], past, DEFAULT_RULES, time);
      ({ state } = watched);
      past.push({ minuteMs: time, values: watched.values });
      kinds.push(...watched.notices.map((notice) => notice.kind));
    }
    expect(kinds).toEqual(["opened"]);
  });
});

const sample: Sample = {
  v: 1,
  atMs: START_MS,
  lanes: [{ lane: "high", backlog: 20, oldestAtMs: START_MS - 60_000 }],
  partitions: {
    open: 1,
    openEvents: 5,
    oldestOpenAtMs: START_MS - 120_000,
    paused: [{ partition: "d1o_x", sinceMs: 1 }],
    pausedCount: 1,
  },
  guards: [
    { guard: "model:fast", phase: "open", rateFactor: 1 },
    { guard: "model:slow", phase: "ramping", rateFactor: 1 },
  ],
  deadLetters: 12,
  reviews: 0,
  oldestReviewAtMs: null,
};

describe("readings", () => {
  const valueOf = (readings: readonly Reading[], rule: RuleName, ...subject: string[]) =>
    readings.find((reading) => keyOf(reading) === keyOf({ rule, subject }))?.value;

  it("are shares of what was tried, per pipeline, destination and source, and none of too little", () => {
    const metrics = createCollector({ maxSeries: 400, maxLabelValues: 100 });
    for (let at = 0; at < 40; at++) {
      metrics.time("sluice_stage_duration_seconds", { pipeline: "triage", stage: "parse" }, 1);
      metrics.time("sluice_stage_duration_seconds", { pipeline: "triage", stage: "infer" }, 900);
      metrics.time("sluice_model_duration_seconds", { model: "fast" }, 900);
      metrics.count("sluice_deliveries_total", {
        destination: "crm",
        outcome: at < 4 ? "transient" : "delivered",
      });
    }
    for (let at = 0; at < 10; at++) {
      metrics.count("sluice_stage_failures_total", {
        pipeline: "triage",
        stage: "infer",
        class: "transient",
        code: "http_503",
      });
      metrics.count("sluice_stage_failures_total", {
        pipeline: "triage",
        stage: "deliver",
        class: "transient",
        code: "http_503",
      });
      metrics.time("sluice_stage_duration_seconds", { pipeline: "rare", stage: "parse" }, 1);
      metrics.count("sluice_ingest_requests_total", { source: "stripe", outcome: "refused" });
      metrics.count("sluice_ingest_requests_total", { source: "stripe", outcome: "accepted" }, 3);
      metrics.count("sluice_ingest_refused_total", {
        source: "stripe",
        status: "401",
        reason: "signature_mismatch",
      });
    }
    const readings = readingsOf(metrics.drain() ?? { counters: {}, histograms: {} }, sample);
    expect(valueOf(readings, "error-rate", "pipeline", "triage")).toBe(0.25);
    expect(valueOf(readings, "error-rate", "destination", "crm")).toBe(0.1);
    expect(valueOf(readings, "error-rate", "source", "stripe")).toBe(0.25);
    expect(valueOf(readings, "error-rate", "pipeline", "rare")).toBeUndefined();
    const latency = valueOf(readings, "model-latency", "model", "fast") ?? 0;
    expect(latency).toBeGreaterThan(0.64);
    expect(latency).toBeLessThanOrEqual(1.28);
  });

  it("of gauges are depth, ages, what waits for people, what stands still; a silent lane makes depth unknown", () => {
    const readings = readingsOf({ counters: {}, histograms: {} }, sample);
    expect(valueOf(readings, "depth")).toBe(25);
    expect(valueOf(readings, "oldest-event")).toBe(120);
    expect(valueOf(readings, "dead-letters")).toBe(12);
    expect(valueOf(readings, "paused-partition", "partition", "d1o_x")).toBe(1);
    const silent = { ...sample, lanes: [...sample.lanes, { lane: "low", backlog: null, oldestAtMs: null }] };
    expect(valueOf(readingsOf({ counters: {}, histograms: {} }, silent), "depth")).toBeNull();
  });

  it("that need no ledger are open breakers and ledgers that are down", () => {
    const readings = readingsWithoutLedger(["none", "eu"], ["eu"], sample.guards);
    expect(valueOf(readings, "breaker-open", "guard", "model:fast")).toBe(1);
    expect(valueOf(readings, "breaker-open", "guard", "model:slow")).toBe(0);
    expect(valueOf(readings, "ledger-unavailable", "ledger", "none")).toBe(0);
    expect(valueOf(readings, "ledger-unavailable", "ledger", "eu")).toBe(1);
  });

  it("estimate a quantile within its bucket", () => {
    expect(quantileSeconds([0, 0, 0, 0, 0, 0, 100], 0.5)).toBeCloseTo(0.48, 5);
    expect(quantileSeconds([], 0.95)).toBe(0);
  });
});

describe("a notice", () => {
  const context = { service: "sluice <staging>", runbooks: "https://docs.test/operations.md" };
  const [opened, resolved] = run("dead-letters", [25, 0, 0, 0, 0, 0]);

  it("is an event that says what, how much, and where the runbook is", () => {
    expect(opened && noticeEvent(opened, context)).toMatchObject({
      type: "alert.opened",
      data: {
        rule: "dead-letters",
        value: 25,
        limit: 10,
        resolvedAt: null,
        runbook: "https://docs.test/operations.md#dead-letters",
      },
    });
    expect(resolved && noticeEvent(resolved, context)).toMatchObject({
      type: "alert.resolved",
      data: { peak: 25 },
    });
  });

  it("is a Slack message whose texts cannot become markup", () => {
    const message = JSON.stringify(opened && slackMessage(opened, context));
    expect(message).toContain("Dead letters: 25, limit 10");
    expect(message).toContain("sluice &lt;staging&gt;");
    // Between underscores Slack sets italics.
    const about = opened && { ...opened, incident: { ...opened.incident, subject: ["p_d1o_x_", "`<b>`"] } };
    expect(JSON.stringify(about && slackMessage(about, context))).toContain("`p_d1o_x_ '&lt;b&gt;'`");
    expect(resolved && slackMessage(resolved, context)).toMatchObject({
      text: expect.stringContaining("over after 5 min, peak 25"),
    });
  });
});
