import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createResultCache } from "../../src/cache/results.ts";
import { defineGateway } from "../../src/config/define-gateway.ts";
import { definePipeline, type InferStage } from "../../src/config/define-pipeline.ts";
import { MODEL_NOT_CONFIGURED } from "../../src/core/classify/not-configured.ts";
import { failure, type FailureClass } from "../../src/core/failure.ts";
import type { DenialReason } from "../../src/guard/port.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import type { ModelCallOutcome } from "../../src/pipeline/ports.ts";
import type { ProcessorDeps } from "../../src/pipeline/runner.ts";
import {
  answer,
  bench,
  leasedEvent,
  modelFailure,
  NOW_MS,
  recordingLogger,
  scriptedModels,
} from "./pipeline-fixtures.ts";

const output = z.object({ label: z.enum(["late", "lost"]) });
type Stage = InferStage<{ text: string }, typeof output>;
const good = { label: "lost" };

const triage = (change: Partial<Stage>) =>
  definePipeline({
    name: "triage",
    input: z.object({ text: z.string() }),
    infer: {
      model: "first",
      fallbackModels: ["second", "third"],
      promptVersion: "1",
      output,
      prompt: ({ text }) => ({ instruction: "Sort the complaint.", data: { complaint: text } }),
      ...change,
    },
    format: ({ output }) => ({ body: output.label }),
    deliver: [],
  });

type Outcomes = Readonly<Record<string, ModelCallOutcome>>;

async function run(outcomes: Outcomes, change: Partial<Stage> = {}, more: RunOptions = {}) {
  const models = scriptedModels(({ model }) => outcomes[model] ?? answer(good));
  const { processor, lines } = bench([triage(change)], { models, ...more.deps });
  const event = { ...(await leasedEvent()), attempt: more.attempt ?? 1 };
  const prepared = await processor.prepare(event, new AbortController().signal);
  return { prepared, asked: models.requests.map((request) => request.model), lines };
}

interface RunOptions {
  readonly attempt?: number;
  readonly deps?: Partial<ProcessorDeps>;
}

const failed = (failureClass: FailureClass, code: string) =>
  modelFailure(failure("infer", failureClass, code, "no luck"));
const denied = (reason: DenialReason, afterMs = 5_000): ModelCallOutcome => ({
  kind: "denied",
  untilMs: NOW_MS + afterMs,
  reason,
});

describe("the next model is asked", () => {
  it("when the one before stands behind an open breaker, at once and without using up a retry", async () => {
    const { prepared, asked } = await run({ first: denied("breaker") });
    expect(asked).toEqual(["first", "second"]);
    expect(prepared).toMatchObject({ kind: "ready", output: { model: { name: "second" } } });
  });

  it("when the one before has no key, no credit or no such model: no retry would help", async () => {
    for (const first of [
      failed("transient", MODEL_NOT_CONFIGURED),
      failed("permanent", "quota"),
      failed("permanent", "unauthorized"),
      failed("permanent", "model_not_found"),
    ]) {
      const { prepared, asked } = await run({ first });
      expect(asked).toEqual(["first", "second"]);
      expect(prepared.kind).toBe("ready");
    }
  });

  it("when the one before failed transiently in as many attempts as the pipeline grants it", async () => {
    const outcomes = { first: failed("transient", "http_503") };
    const hiccup = await run(outcomes, {}, { attempt: 1 });
    expect(hiccup.asked).toEqual(["first"]);
    expect(hiccup.prepared).toMatchObject({ kind: "failed", failure: { code: "http_503" } });
    expect((await run(outcomes, {}, { attempt: 2 })).asked).toEqual(["first", "second"]);
    const patient = { fallbackAfterAttempts: 4 };
    expect((await run(outcomes, patient, { attempt: 3 })).asked).toEqual(["first"]);
    expect((await run(outcomes, patient, { attempt: 4 })).asked).toEqual(["first", "second"]);
  });

  it("when an answer is degraded and the pipeline wants another model's, and both are paid for", async () => {
    const outcomes = { first: answer("nonsense"), second: answer({ label: "odd" }) };
    const { prepared, asked } = await run(outcomes, { onDegraded: "next-model" });
    expect(asked).toEqual(["first", "second", "third"]);
    expect(prepared).toMatchObject({
      kind: "ready",
      output: { model: { name: "third", inputTokens: 30, outputTokens: 15, costMicros: 9 } },
    });
  });
});

describe("no other model is asked", () => {
  it("when the question itself is at fault, or the guard only wants it slower", async () => {
    for (const first of [
      failed("permanent", "input_too_long"),
      failed("permanent", "http_400"),
      denied("requests"),
      denied("tokens"),
      denied("concurrency"),
      denied("unreachable"),
    ]) {
      expect((await run({ first }, {}, { attempt: 9 })).asked).toEqual(["first"]);
    }
  });

  it("when the lease is lost meanwhile", async () => {
    const lease = new AbortController();
    const models = scriptedModels(() => {
      lease.abort();
      return failed("transient", "cancelled");
    });
    const { processor } = bench([triage({})], { models });
    await processor.prepare({ ...(await leasedEvent()), attempt: 9 }, lease.signal);
    expect(models.requests).toHaveLength(1);
  });
});

describe("when no model helps", () => {
  const cases: readonly (readonly [string, Outcomes, object])[] = [
    [
      "the earliest turn counts where all stand behind breakers",
      { first: denied("breaker", 9_000), second: denied("breaker", 3_000), third: denied("breaker", 6_000) },
      { kind: "deferred", untilMs: NOW_MS + 3_000 },
    ],
    [
      "a failure that may pass outweighs a deferral: it uses up a retry, so it ends",
      { first: failed("transient", "http_503"), second: denied("requests") },
      { kind: "failed", failure: { code: "http_503" } },
    ],
    [
      "a model without credit does not kill an event whose other model may be well again",
      { first: denied("breaker"), second: failed("permanent", "quota"), third: failed("permanent", "quota") },
      { kind: "deferred" },
    ],
    [
      "it is permanent only where every model says so",
      {
        first: failed("permanent", "quota"),
        second: failed("permanent", "unauthorized"),
        third: failed("permanent", "quota"),
      },
      { kind: "failed", failure: { class: "permanent", code: "quota" } },
    ],
    [
      "a degraded answer is left to a person",
      { first: answer("nonsense"), second: failed("permanent", "http_400") },
      { kind: "review", reason: expect.stringContaining("not_json") },
    ],
  ];
  it.each(cases)("%s", async (_, outcomes, expected) => {
    const { prepared } = await run(outcomes, { onDegraded: "next-model" }, { attempt: 5 });
    expect(prepared).toMatchObject(expected);
  });
});

describe("a degraded answer", () => {
  const byCause = {
    onDegraded: "retry",
    onDegradedBy: {
      refused: "review",
      truncated: { fallback: () => ({ label: "late" as const }) },
      schema: "next-model",
      check: { fallback: () => ({ label: "late" as const }) },
    },
  } satisfies Partial<Stage>;

  it("is treated by its cause where the pipeline tells causes apart", async () => {
    const refused = await run({ first: failed("degraded", "content_policy") }, byCause);
    expect(refused.asked).toEqual(["first"]);
    expect(refused.prepared).toMatchObject({ kind: "review" });

    const truncated = await run({ first: answer(good, "length") }, byCause);
    expect(truncated.asked).toEqual(["first"]);
    expect(truncated.prepared).toMatchObject({
      kind: "ready",
      output: { body: "late", model: { degraded: "truncated" } },
    });

    const misfit = await run({ first: answer({ label: "odd" }) }, byCause);
    expect(misfit.asked).toEqual(["first", "second"]);

    const unreadable = await run({ first: answer("nonsense") }, byCause);
    expect(unreadable.asked).toEqual(["first", "first"]);

    const checks = [() => "not grounded"];
    const checked = await run({}, { ...byCause, checks });
    expect(checked.prepared).toMatchObject({
      kind: "ready",
      output: { body: "late", model: { degraded: "check" } },
    });
  });
});

describe("the cache behind fallback models", () => {
  function memoryCache(nowMs: () => number) {
    const entries = new Map<string, string>();
    const kv = {
      get: async (key: string) => entries.get(key) ?? null,
      put: async (key: string, value: string) => void entries.set(key, value),
    };
    // The two overloads in use.
    const make = () => createResultCache({ kv: kv as never, nowMs, logger: recordingLogger([]) });
    return { make };
  }

  it("keeps each model's answers apart: a stand-in's answer never passes for the first model's", async () => {
    const { make } = memoryCache(() => NOW_MS);
    const change = { cacheTtlSeconds: 600 };
    await run({ first: denied("breaker") }, change, { deps: { cache: make() } });
    const well = await run({}, change, { deps: { cache: make() } });
    expect(well.asked).toEqual(["first"]);
    const illAgain = await run({ first: denied("breaker") }, change, { deps: { cache: make() } });
    expect(illAgain.asked).toEqual([]);
  });

  it("gives an old answer when no model can be asked, if the pipeline wants that, and marks it", async () => {
    let nowMs = NOW_MS;
    const { make } = memoryCache(() => nowMs);
    const outage = Object.fromEntries(
      ["first", "second", "third"].map((name) => [name, failed("transient", "http_503")]),
    );
    const change = { cacheTtlSeconds: 600, staleOnErrorSeconds: 3_600 };
    await run({}, change, { deps: { cache: make() } });
    nowMs += 700_000;
    const stale = await run(outage, change, { deps: { cache: make() }, attempt: 5 });
    expect(stale.asked).toEqual(["first", "second", "third"]);
    expect(stale.prepared).toMatchObject({
      kind: "ready",
      output: { body: "lost", model: { cached: true, degraded: "stale" } },
    });
    const unwanted = await run(outage, { cacheTtlSeconds: 600 }, { deps: { cache: make() }, attempt: 5 });
    expect(unwanted.prepared).toMatchObject({ kind: "failed", failure: { code: "http_503" } });
    nowMs += 4_000_000;
    const tooOld = await run(outage, change, { deps: { cache: make() }, attempt: 5 });
    expect(tooOld.prepared).toMatchObject({ kind: "failed" });
  });
});

describe("a config", () => {
  it("that names a fallback model nobody has configured is refused at load, with the key and the mend", () => {
    const models = { first: openaiCompatible({ baseUrl: "https://model.test/v1", model: "m" }) };
    const load = () => defineGateway({ sources: {}, destinations: {}, models, pipelines: [triage({})] });
    expect(load).toThrow(/pipelines\.triage\.infer\.fallbackModels: no model is called "second"/);
  });
});
