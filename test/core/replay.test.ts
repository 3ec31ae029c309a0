/** Replays of history: nothing is left out or done twice through any crash; and what a shadow's report says. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareFields } from "../../src/core/replay/compare.ts";
import {
  isFinished,
  NOT_BEGUN,
  settleChunk,
  takePage,
  wantedEvents,
  type ReplayOutcome,
  type ReplayProgress,
} from "../../src/core/replay/progress.ts";
import {
  addComparison,
  addUncompared,
  EMPTY_REPORT,
  shadowReportSchema,
} from "../../src/core/replay/shadow-report.ts";
import type { EventId } from "../../src/core/ids.ts";
import type { ModelRecord, StoredOutput } from "../../src/core/partition/model.ts";
import { quantileMs } from "../../src/core/latency-histogram.ts";
import { OUTPUT } from "../support/partition-script.ts";
import { summaryFor } from "../support/summaries.ts";

const targetsOf = (count: number) =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const { id } = await summaryFor({ key: `e${index}` });
      return { id, version: 1 };
    }),
  );

describe("a replay's progress", () => {
  it("comes to its end and does each event once, whatever crashes and whatever is out of reach", async () => {
    const history = await targetsOf(40);
    const run = fc.record({
      maxEvents: fc.integer({ min: 1, max: 60 }),
      pageSize: fc.integer({ min: 1, max: 7 }),
      /** Per event worked on: done, refused, out of reach; or the process dies before it notes what it did. */
      fate: fc.array(
        fc.constantFrom<ReplayOutcome | "crash">("applied", "refused", "again", "waits", "crash"),
        {
          minLength: 1,
          maxLength: 30,
        },
      ),
    });
    fc.assert(
      fc.property(run, ({ maxEvents, pageSize, fate }) => {
        const effects = new Map<EventId, number>();
        const moved = new Set<EventId>();
        let durable: ReplayProgress = NOT_BEGUN;
        let turn = 0;
        for (let steps = 0; !isFinished(durable, maxEvents); steps++) {
          expect(steps).toBeLessThan(2_000);
          const wanted = wantedEvents(durable, maxEvents, pageSize);
          if (wanted > 0) {
            const start = durable.seen;
            const page = history.slice(start, start + wanted);
            const more = start + wanted < history.length;
            durable = takePage(durable, page, more ? { receivedAtMs: start, id: "x" } : null);
          }
          const outcomes = new Map<EventId, ReplayOutcome>();
          let crashed = false;
          for (const { id } of durable.chunk) {
            const drawn = fate[turn++ % fate.length] ?? "applied";
            // Faults end: a guard does not say "not yet" for ever.
            const next = drawn === "waits" && turn >= 200 ? "applied" : drawn;
            if (next === "crash" && turn < 200) crashed = true;
            if (crashed) break;
            // The compare-and-set by version: an event that has moved on refuses.
            const outcome = next === "crash" ? "applied" : moved.has(id) ? "refused" : next;
            if (outcome === "applied" && !moved.has(id)) {
              effects.set(id, (effects.get(id) ?? 0) + 1);
              moved.add(id);
            }
            outcomes.set(id, outcome);
          }
          if (!crashed) durable = settleChunk(durable, outcomes, 3);
        }
        expect(durable.seen).toBe(Math.min(maxEvents, history.length));
        expect(durable.applied + durable.refused + durable.failed).toBe(durable.seen);
        expect([...effects.values()].every((times) => times === 1)).toBe(true);
      }),
    );
  });

  it("waits as long as a guard says not yet, and uses up no try", async () => {
    const [one, two] = await targetsOf(2);
    if (one === undefined || two === undefined) throw new Error("two targets");
    let progress = takePage(NOT_BEGUN, [one, two], null);
    const outcomes = new Map<EventId, ReplayOutcome>([
      [one.id, "waits"],
      [two.id, "again"],
    ]);
    for (let time = 0; time < 3; time++) progress = settleChunk(progress, outcomes, 2);
    expect(progress).toMatchObject({ chunk: [one], failed: 1, tries: 0 });
  });

  it("gives an event up that stays out of reach, and goes on", async () => {
    const [one, two] = await targetsOf(2);
    if (one === undefined || two === undefined) throw new Error("two targets");
    let progress = takePage(NOT_BEGUN, [one, two], null);
    const outcomes = new Map<EventId, ReplayOutcome>([
      [one.id, "applied"],
      [two.id, "again"],
    ]);
    progress = settleChunk(progress, outcomes, 2);
    expect(progress).toMatchObject({ chunk: [two], tries: 1, applied: 1 });
    expect(wantedEvents(progress, 10, 5)).toBe(0);
    progress = settleChunk(progress, outcomes, 2);
    expect(progress).toMatchObject({ chunk: [], failed: 1 });
    expect(isFinished(progress, 10)).toBe(true);
  });
});

const model = (change: Partial<ModelRecord> = {}): ModelRecord => ({
  name: "fast",
  modelId: "m",
  inputTokens: 100,
  outputTokens: 10,
  estimatedUsage: false,
  costMicros: 20,
  durationMs: 400,
  cached: false,
  ...change,
});
const output = (verdict: string, spam: number, of: ModelRecord | null = model()): StoredOutput => ({
  ...OUTPUT,
  value: { spam },
  body: { id: "c1", verdict, scores: { spam } },
  model: of,
});
const LIMITS = { maxFields: 10, maxTransitions: 3, maxExamples: 2 };
// Only what the report keeps of an id.
const ID = "evt_1" as EventId;

describe("a shadow's report", () => {
  it("says per field how often both agree, and how far numbers are apart", () => {
    const pairs = [
      [output("hold", 0.5), output("hold", 0.5)],
      [output("hold", 0.4), output("approve", 0.1)],
    ] as const;
    const report = pairs.reduce(
      (sum, [before, after]) => addComparison(sum, { id: ID, before, after, decisionFields: null }, LIMITS),
      EMPTY_REPORT,
    );
    expect(report.fields["output.spam"]).toMatchObject({ compared: 2, equal: 1, numbers: 2 });
    expect(report.fields["output.spam"]?.largest).toBeCloseTo(0.3);
    expect(report.fields["body.id"]).toMatchObject({ compared: 2, equal: 2, numbers: 0 });
    expect(report).toMatchObject({
      compared: 2,
      changed: 1,
      transitions: { 'body.verdict: "hold" → "approve"': 1 },
      examples: [{ id: ID, changes: [{ path: "body.verdict", before: "hold", after: "approve" }] }],
    });
    expect(shadowReportSchema.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  });

  it("of events whose jurisdiction keeps a ledger of its own counts, and repeats nothing of what they say", () => {
    const [before, after] = [output("hold", 0.4), output("approve", 0.1)];
    const comparison = { id: ID, before, after, decisionFields: null, hidesValues: true };
    const report = addComparison(EMPTY_REPORT, comparison, LIMITS);
    expect(report).toMatchObject({ compared: 1, changed: 1, transitions: {}, examples: [] });
    expect(JSON.stringify(report)).not.toMatch(/hold|approve/);
  });

  it("takes for a decision what it is told to, and else texts and truth values", () => {
    const [before, after] = [output("hold", 0.5), output("hold", 0.6)];
    const changed = (decisionFields: readonly string[] | null) =>
      addComparison(EMPTY_REPORT, { id: ID, before, after, decisionFields }, LIMITS).changed;
    expect([changed(null), changed(["verdict"]), changed(["scores.spam"])]).toEqual([0, 0, 1]);
  });

  it("counts cost and latency of both; an answer from the cache says nothing about speed", () => {
    const after = output("hold", 0.5, model({ costMicros: null, durationMs: 90, inputTokens: 50 }));
    const cached = output("hold", 0.5, model({ cached: true, costMicros: 0, durationMs: 1 }));
    let report = addComparison(
      EMPTY_REPORT,
      { id: ID, before: output("hold", 0.5), after, decisionFields: null },
      LIMITS,
    );
    report = addComparison(report, { id: ID, before: cached, after, decisionFields: null }, LIMITS);
    expect(report.before).toMatchObject({ calls: 1, cached: 1, inputTokens: 200, priced: 2, costMicros: 20 });
    expect(report.after).toMatchObject({ calls: 2, cached: 0, inputTokens: 100, priced: 0 });
    expect(quantileMs(report.before.latencyCounts, 0.5)).toBeGreaterThan(250);
    expect(quantileMs(report.after.latencyCounts, 0.95)).toBeLessThanOrEqual(100);
    expect(quantileMs([], 0.5)).toBeNull();
  });

  it("stays small, whatever it is fed", () => {
    let report = EMPTY_REPORT;
    for (let index = 0; index < 30; index++) {
      const before = output(`v${index}`, 0);
      const after: StoredOutput = { ...before, body: { verdict: `w${index}`, [`field${index}`]: index } };
      report = addComparison(report, { id: ID, before, after, decisionFields: null }, LIMITS);
      report = addUncompared(report, `failed: ${index}`, LIMITS);
    }
    expect(Object.keys(report.fields)).toHaveLength(LIMITS.maxFields);
    expect(report.examples).toHaveLength(LIMITS.maxExamples);
    expect(Object.keys(report.transitions).length).toBeLessThanOrEqual(LIMITS.maxTransitions + 1);
    expect(Object.values(report.notCompared).reduce((sum, count) => sum + count, 0)).toBe(30);
    expect(Object.keys(report.notCompared)).toContain("others");
  });
});

describe("a comparison", () => {
  it("meets fields by their path, also where one side lacks them, and lists whole", () => {
    const before = { a: { b: 1, c: [1, 2] }, gone: "x" };
    const after = { a: { b: 1, c: [2, 1] }, come: true };
    const seen = compareFields(before, after, "body", 10).map(({ path, isEqual }) => [path, isEqual]);
    expect(Object.fromEntries(seen)).toEqual({
      "body.a.b": true,
      "body.a.c": false,
      "body.gone": false,
      "body.come": false,
    });
    expect(compareFields("same", "same", "body", 10)).toMatchObject([{ path: "body", isEqual: true }]);
  });
});
