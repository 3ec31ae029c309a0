/** A spent budget in the pipeline, in the config and in its object. */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import type { Budget } from "../../src/config/budget.ts";
import { budgetStateSchema, dayStartMs } from "../../src/core/budget.ts";
import { ok } from "../../src/core/result.ts";
import { callGuard } from "../../src/guard/call.ts";
import type { BudgetKeeper, BudgetVerdict } from "../../src/guard/budgets.ts";
import { createModelCaller } from "../../src/pipeline/model-caller.ts";
import {
  defineGateway,
  definePipeline,
  defineSource,
  openaiCompatible,
  standardWebhooks,
} from "../../src/index.ts";
import { bench, leasedEvent, NOW_MS, recordingLogger, scriptedGuard } from "./pipeline-fixtures.ts";

/** The first use of an object loads the whole Worker, which may take longer than a caller waits. */
beforeAll(() => runInDurableObject(env.GUARD.get(env.GUARD.idFromName("warm-up")), () => {}));

const priced = { baseUrl: "https://models.example/v1", price: { inputPerMillion: 1, outputPerMillion: 1 } };
type Endpoint = { readonly baseUrl: string; readonly price?: typeof priced.price };
const input = z.object({ text: z.string() });

const triage = (budget?: Budget) =>
  definePipeline({
    name: "triage",
    input,
    infer: {
      model: "fast",
      fallbackModels: ["other"],
      promptVersion: "1",
      output: z.object({ label: z.string() }),
      prompt: ({ text }) => ({ instruction: "Sort it.", data: { text } }),
    },
    format: ({ output }) => ({ body: output }),
    deliver: [],
    ...(budget === undefined ? {} : { budget }),
  });

async function prepare(verdicts: Readonly<Record<string, BudgetVerdict>>) {
  const charged: unknown[] = [];
  const called: string[] = [];
  const observed: unknown[] = [];
  const overBudget: unknown[] = [];
  const budgets: BudgetKeeper = {
    check: async (model) => verdicts[model] ?? { kind: "within" },
    charge: (model, caller, spent) => void charged.push({ model, ...caller, ...spent }),
    flush: async () => {},
  };
  const models = createModelCaller({
    models: {
      get: (name) => {
        const definition = openaiCompatible({ ...priced, model: name });
        const access = { apiKey: undefined, variable: () => undefined, fetch };
        return ok({ name, definition, model: definition.create(access), secrets: [] });
      },
    },
    call: async ({ name }) => {
      called.push(name);
      const usage = { inputTokens: 100, outputTokens: 20, estimated: name === "cheap" };
      return ok({
        text: JSON.stringify({ label: "late" }),
        finishReason: "stop",
        usage,
        modelId: name,
        latencyMs: 1,
      });
    },
    guard: scriptedGuard(),
    nowMs: () => NOW_MS,
    sleep: async () => {},
    logger: recordingLogger([]),
    observe: (call) => void observed.push(call),
    observeOverBudget: (denial) => void overBudget.push(denial),
    budgets,
  });
  const { processor, lines } = bench([triage()], { models });
  const prepared = await processor.prepare(await leasedEvent(), new AbortController().signal);
  return { prepared, called, charged, observed, overBudget, lines };
}

describe("a spent budget", () => {
  it("that stops puts the event off until its time, says so, and asks no model, not even a fallback", async () => {
    const spent = { kind: "spent", scope: "pipeline:triage", untilMs: NOW_MS + 5_000 } as const;
    const { prepared, called, overBudget } = await prepare({ fast: spent });
    expect(prepared).toEqual({ kind: "deferred", untilMs: NOW_MS + 5_000, reason: "model fast: budget" });
    expect(called).toEqual([]);
    expect(overBudget).toEqual([{ model: "fast", scope: "pipeline:triage" }]);
  });

  it("that goes down asks the other model, and the output says why", async () => {
    const spent = { kind: "spent", scope: "model:fast", untilMs: NOW_MS, downgradeTo: "cheap" } as const;
    const { prepared, called, charged, lines } = await prepare({ fast: spent });
    expect(called).toEqual(["cheap"]);
    expect(prepared).toMatchObject({
      kind: "ready",
      output: { model: { name: "cheap", degraded: "budget" } },
    });
    expect(charged).toEqual([
      { model: "cheap", pipeline: "triage", partitionKey: "test:customer-1", micros: 120, isEstimated: true },
    ]);
    expect(lines.map(({ event }) => event)).toContain("model_downgraded");
  });

  it("of the model it goes down to stops: nothing goes round in circles", async () => {
    const down = { kind: "spent", scope: "model:fast", untilMs: NOW_MS, downgradeTo: "cheap" } as const;
    const back = { kind: "spent", scope: "model:cheap", untilMs: NOW_MS + 9, downgradeTo: "fast" } as const;
    const { prepared, called } = await prepare({ fast: down, cheap: back });
    expect(called).toEqual([]);
    expect(prepared).toMatchObject({ kind: "deferred", untilMs: NOW_MS + 9 });
  });
});

it("every call is told with the pipeline and the customer it was made for", async () => {
  const { observed } = await prepare({});
  expect(observed).toEqual([
    expect.objectContaining({
      model: "fast",
      pipeline: "triage",
      partitionKey: "test:customer-1",
      costMicros: 120,
    }),
  ]);
});

describe("the config", () => {
  const source = (budget?: Budget) =>
    defineSource({
      verify: standardWebhooks({ secrets: ["SHOP_SECRET"] }),
      events: { complaint: input },
      routes: (route) => [route("complaint", triage(budget))],
    });
  const define = (
    pipelineBudget?: Budget,
    spaceBudgets: Readonly<Record<string, Budget>> = {},
    model: Endpoint = priced,
  ) =>
    defineGateway({
      sources: { shop: source(pipelineBudget) },
      models: {
        fast: openaiCompatible({ ...model, model: "fast" }),
        other: openaiCompatible({ ...priced, model: "other", budget: { perDayUsd: 3, on: "stop" } }),
      },
      destinations: {},
      spaceBudgets,
    });

  it("gives budgets to models, pipelines and spaces", () => {
    const budgets = define({ perDayUsd: 1, on: "stop" }, { shop: { perDayUsd: 2, on: "stop" } }).budgets;
    expect([...budgets.keys()].toSorted()).toEqual(["model:other", "pipeline:triage", "space:shop"]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      "an amount that is none",
      () => define({ perDayUsd: 0, on: "stop" }),
      /triage\.budget\.perDayUsd: 0 is no amount/,
    ],
    [
      "a model that does not exist",
      () => define({ perDayUsd: 1, on: "downgrade", downgradeTo: "gone" }),
      /downgradeTo: no model is called "gone"/,
    ],
    [
      "a model without a price",
      () => define({ perDayUsd: 1, on: "stop" }, {}, { baseUrl: priced.baseUrl }),
      /the model "fast" has no price, so nothing it does could be counted/,
    ],
    [
      "a space that does not exist",
      () => define(undefined, { forum: { perDayUsd: 1, on: "stop" } }),
      /spaceBudgets\.forum: no source has this space.*shop/,
    ],
  ])("refuses %s", (_, defining, message) => {
    expect(defining).toThrow(message);
  });
});

it("what was spent survives its object's restart", async () => {
  const spending = { dayStartMs: dayStartMs(Date.now()), micros: 700, estimatedMicros: 0, calls: 1 };
  const told = () =>
    callGuard(env.GUARD, {
      guard: "budget:model:fast",
      method: "spend",
      command: { v: 1, spending },
      value: budgetStateSchema,
    });
  expect(await told()).toMatchObject({ ok: true, value: { today: { micros: 700 } } });
  await abortAllDurableObjects();
  expect(await told()).toMatchObject({ ok: true, value: { today: { micros: 1_400, calls: 2 } } });
});
