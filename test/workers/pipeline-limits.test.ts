/** Time-outs, waits and reports of the pipeline, exactly: what is bounded, from when, and what a guard hears of it. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { LIMITS } from "../../src/config/limits.ts";
import { definePipeline } from "../../src/config/define-pipeline.ts";
import { failure } from "../../src/core/failure.ts";
import type { StoredOutput } from "../../src/core/partition/model.ts";
import { err } from "../../src/core/result.ts";
import type { ProcessorDeps } from "../../src/pipeline/runner.ts";
import {
  accepted,
  answer,
  bench,
  leasedEvent,
  NOW_MS,
  scriptedDestinations,
  scriptedGuard,
  scriptedModels,
  type SendScript,
} from "./pipeline-fixtures.ts";

const live = () => new AbortController().signal;
const output: StoredOutput = {
  v: 1,
  stageVersion: "triage@3",
  value: null,
  body: {},
  type: "triage.completed",
  to: ["crm", "audit"],
  emits: [],
  model: null,
};
const limits = { maxConcurrent: 1 };

async function deliver(
  scripts: Readonly<Record<string, SendScript>>,
  deps: Partial<ProcessorDeps>,
  signal = live(),
) {
  const destinations = scriptedDestinations(scripts, limits);
  const { processor } = bench([], { destinations: destinations.find, ...deps });
  const result = await processor.deliver(await leasedEvent(), output, signal, async () => {});
  return { result, sent: destinations.sent.map(({ destination }) => destination) };
}

describe("the time for deliveries", () => {
  it("over, asks no guard for another", async () => {
    let nowMs = NOW_MS;
    const slow: SendScript = (...send) => {
      nowMs += 60_000;
      return accepted(...send);
    };
    const guard = scriptedGuard();
    const deps = { guard, nowMs: () => nowMs, timeouts: { deliverMs: 60_000 } };
    const { result, sent } = await deliver({ crm: slow, audit: slow }, deps);
    expect(sent).toEqual(["crm"]);
    expect(guard.asked).toHaveLength(1);
    expect(result).toMatchObject({ kind: "deferred", untilMs: nowMs, reason: "time is up" });
  });

  it("used up by waiting for a permit, sends nothing and gives the permit back unused", async () => {
    let nowMs = NOW_MS;
    const guard = scriptedGuard();
    const waiting = {
      ...guard,
      admit: (request: Parameters<typeof guard.admit>[0]) => {
        nowMs += 60_000;
        return guard.admit(request);
      },
    };
    const deps = { guard: waiting, nowMs: () => nowMs, timeouts: { deliverMs: 60_000 } };
    const { result, sent } = await deliver({ crm: accepted, audit: accepted }, deps);
    expect(sent).toEqual([]);
    expect(result).toEqual({ kind: "deferred", deliveries: [], untilMs: nowMs, reason: "time is up" });
    expect(guard.settled).toEqual([{ outcome: "cancelled", latencyMs: 0, usedTokens: 0, unused: true }]);
  });

  it("counts from the beginning of the first, and the message says how long was waited", async () => {
    const hanging: SendScript = () => new Promise(() => {});
    const { result } = await deliver({ crm: hanging }, { timeouts: { deliverMs: 1 } });
    expect(result).toMatchObject({ failure: { code: "deliver_timeout", message: "not done within 1 ms" } });
  });

  it("of a lease that is lost already asks no guard, and nobody else", async () => {
    const guard = scriptedGuard();
    const { result, sent } = await deliver({ crm: accepted }, { guard }, AbortSignal.abort());
    expect(sent).toEqual([]);
    expect(guard.asked).toEqual([]);
    expect(result).toMatchObject({ kind: "failed", failure: { code: "lease_lost" } });
  });

  it("and of every stage is the limit's own where nothing else is said", async () => {
    const aborted: boolean[] = [];
    const guard = scriptedGuard();
    const deps = { guard, timeouts: {} };
    const later: SendScript = async (...send) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return accepted(...send);
    };
    const { result, sent } = await deliver({ crm: later, audit: later }, deps);
    expect(result.kind).toBe("delivered");
    expect(sent).toEqual(["crm", "audit"]);
    const slow = definePipeline({
      name: "slow",
      input: z.string().refine(() => new Promise<boolean>((resolve) => setTimeout(resolve, 5, true))),
      enrich: (input: string) => new Promise<string>((resolve) => setTimeout(resolve, 5, input)),
      // Not meant to be async, but awaited: then one that is gets its time limit.
      format: (_, { signal }) =>
        new Promise((resolve) =>
          setTimeout(() => {
            aborted.push(signal.aborted);
            resolve({ body: null });
          }, 5),
        ) as never,
      deliver: [],
    });
    const event = await leasedEvent({ pipeline: "slow", body: '"x"' });
    expect((await bench([slow], deps).processor.prepare(event, live())).kind).toBe("ready");
    expect(aborted).toEqual([false]);
  });
});

describe("a guard", () => {
  const reportOf = async (code: string, retryAfterMs?: number) => {
    const guard = scriptedGuard();
    const failed = failure("deliver", "transient", code, "no", retryAfterMs);
    await deliver({ crm: () => err(failed) }, { guard });
    return guard.settled[0];
  };

  it("hears that a destination limits, and when it wants to be asked again, each also without the other", async () => {
    const base = { outcome: "transient", latencyMs: 0, usedTokens: 0 };
    expect(await reportOf("http_500")).toEqual(base);
    expect(await reportOf("rate_limited")).toEqual({ ...base, hint: { limited: true } });
    expect(await reportOf("http_503", 4_000)).toEqual({
      ...base,
      hint: { limited: false, retryAfterMs: 4_000 },
    });
    expect(await reportOf("http_429", 4_000)).toEqual({
      ...base,
      hint: { limited: true, retryAfterMs: 4_000 },
    });
  });
});

describe("what the set-up lacks", () => {
  it("is waited for, from now on, as long as it says itself or the limit does", async () => {
    const lost = await bench([]).processor.prepare(await leasedEvent({ pipeline: "gone" }), live());
    const untilMs = NOW_MS + LIMITS.stages.missingConfigRetryMs;
    expect(lost).toEqual({ kind: "deferred", untilMs, reason: "pipeline_not_configured" });
    const missing = (retryAfterMs?: number) =>
      deliver(
        { crm: () => err(failure("deliver", "transient", "destination_not_configured", "no", retryAfterMs)) },
        {},
      );
    expect((await missing()).result).toMatchObject({ kind: "deferred", untilMs, deliveries: [] });
    expect((await missing(7)).result).toMatchObject({ kind: "deferred", untilMs: NOW_MS + 7 });
  });
});

describe("an answer for a reviewer", () => {
  it("is kept up to the stored output's very limit, and left out beyond it", async () => {
    const plain = definePipeline({
      name: "triage",
      input: z.object({ text: z.string() }),
      infer: {
        model: "fast",
        promptVersion: "3",
        output: z.object({ label: z.string() }),
        prompt: ({ text }) => ({ instruction: "Sort it.", data: { text } }),
        onDegraded: "review",
      },
      format: () => ({ body: null }),
      deliver: ["crm"],
    });
    const quotes = 2;
    for (const [bytes, isKept] of [
      [LIMITS.stages.maxStoredOutputBytes, true],
      [LIMITS.stages.maxStoredOutputBytes + 1, false],
    ] as const) {
      const text = "x".repeat(bytes - quotes);
      const models = scriptedModels(() => answer(text));
      const prepared = await bench([plain], { models }).processor.prepare(await leasedEvent(), live());
      if (prepared.kind !== "review") throw new Error("expected a review");
      expect(prepared.output.value === text).toBe(isKept);
      expect(prepared.output.value === null).toBe(!isKept);
    }
  });

  it("whose formatting may work later is tried again; one that never can is shown as it is", async () => {
    const slowFormat = (outcome: "hangs" | "throws") =>
      definePipeline({
        name: "triage",
        input: z.object({ text: z.string() }),
        infer: {
          model: "fast",
          promptVersion: "3",
          output: z.object({ label: z.string() }),
          prompt: ({ text }) => ({ instruction: "Sort it.", data: { text } }),
          checks: [() => "a guess"],
          onDegraded: "review",
        },
        format: () => {
          if (outcome === "throws") throw new Error("a bug");
          // A format that never comes back: only its time limit ends it.
          return new Promise(() => {}) as never;
        },
        deliver: ["crm"],
      });
    const models = scriptedModels(() => answer({ label: "lost" }));
    const prepare = async (outcome: "hangs" | "throws") => {
      const deps = { models, timeouts: { formatMs: 1 } };
      return bench([slowFormat(outcome)], deps).processor.prepare(await leasedEvent(), live());
    };
    expect(await prepare("hangs")).toMatchObject({
      kind: "failed",
      failure: { stage: "format", class: "transient" },
    });
    expect(await prepare("throws")).toMatchObject({
      kind: "review",
      output: { value: { label: "lost" }, body: null },
    });
  });
});
