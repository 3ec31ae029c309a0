/** What the builders of a config refuse: wrong types, unknown members, words and ranges, each named with its path. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  defineGateway,
  definePipeline,
  defineSource,
  httpDestination,
  openaiCompatible,
  queueDestination,
  stripe,
} from "../../src/index.ts";

type Builder = (options: unknown) => unknown;
/** As JavaScript calls it: with whatever it has. */
const loosely = (builder: (options: never) => unknown): Builder => builder as Builder; // the point of the test

const pipeline = {
  name: "triage",
  input: z.object({ text: z.string() }),
  enrich: async (input: unknown) => input,
  infer: {
    model: "fast",
    promptVersion: "1",
    output: z.object({ label: z.string() }),
    prompt: () => ({ instruction: "Sort.", data: {} }),
    checks: [() => null],
    temperature: 0.2,
    maxOutputTokens: 200,
    cacheTtlSeconds: 60,
    onDegraded: "review",
    onDegradedBy: { schema: { fallback: () => ({ label: "none" }) } },
    fallbackModels: ["slow"],
    fallbackAfterAttempts: 2,
    staleOnErrorSeconds: 60,
    onInjection: "flag",
    stream: false,
    injectionThreshold: 0.7,
  },
  format: () => ({ body: {} }),
  deliver: ["crm", "books"],
  policy: {
    ordering: "strict",
    lookahead: 2,
    settleMs: 10,
    leaseMs: 90_000,
    retry: { firstDelayMs: 1, factor: 2, jitter: 0.5, maxDelayMs: 100, maxRetries: 3 },
    maxAgeMs: 1_000,
    onDead: "pause",
    onReview: "hold",
    retainMs: 1_000,
    gapWaitMs: 0,
    quota: { perMinute: 10, burst: 5 },
  },
  budget: { perDayUsd: 5, on: "stop" },
};
const made = loosely(definePipeline)(pipeline);
const source = {
  verify: stripe({ secrets: ["STRIPE_WEBHOOK_SECRET"] }),
  events: { "invoice.paid": z.object({ id: z.string() }) },
  partitionBy: () => "cus_1",
  space: "customer",
  epoch: 2,
  previousEpoch: { epoch: 1, unkeyedShards: 4, until: "2027-01-01T00:00:00Z" },
  jurisdiction: "eu",
  unkeyedShards: 8,
  idempotency: "results",
  priority: "high",
  filter: () => true,
  onInvalid: "reject",
  maxBodyBytes: 1_000,
  routes: () => [
    { type: "*", pipeline: made, options: { mode: "sync", deadlineMs: 900, default: { label: "none" } } },
  ],
};
const model = {
  baseUrl: "https://models.example/v1",
  model: "small",
  apiKey: ["KEY"],
  limits: { requestsPerMinute: 10, slowMs: 100 },
  timeouts: { connectMs: 10, totalMs: 1_000 },
  price: { inputPerMillion: 1, outputPerMillion: 2 },
  structuredOutput: true,
  outputTokensField: "max_tokens",
};
const gateway = {
  sources: { shop: loosely(defineSource)(source) },
  models: { fast: loosely(openaiCompatible)(model), slow: loosely(openaiCompatible)(model) },
  destinations: {
    crm: httpDestination({ url: "https://crm.example/hook", secret: "CRM_SECRET" }),
    books: queueDestination({ binding: "BOOKS" }),
  },
  lanes: { low: { maxBacklog: 10 } },
  api: { tokens: ["TOKEN"], streamLimits: { perUser: { startsPerMinute: 5, maxConcurrent: 5 } } },
  ledger: { successes: "packed", retainDays: 3 },
  alerts: {
    webhooks: [{ format: "slack", url: { variable: "SLACK" } }],
    above: { depth: 5 },
    margin: { depth: 2 },
  },
};

const BUILDERS: readonly (readonly [string, Builder, object])[] = [
  ["definePipeline", loosely(definePipeline), pipeline],
  ["defineSource", loosely(defineSource), source],
  ["openaiCompatible", loosely(openaiCompatible), model],
  [
    "httpDestination",
    loosely(httpDestination),
    { url: "https://a.example", secret: "S", timeoutMs: 5, limits: {} },
  ],
  ["queueDestination", loosely(queueDestination), { binding: "QUEUE" }],
  [
    "stripe",
    loosely(stripe),
    { secrets: ["A", { name: "B", until: "2027-01-01T00:00:00Z" }], toleranceMs: 5 },
  ],
  ["defineGateway", loosely(defineGateway), gateway],
];

/** Plain objects alone: what a builder or zod has made has members of its own. */
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  !("open" in value);

function pathsOf(
  value: unknown,
  skip: ReadonlySet<string>,
  path: readonly string[] = [],
): readonly (readonly string[])[] {
  if (!isPlain(value)) return [path];
  const inner = Object.entries(value).flatMap(([key, member]) =>
    skip.has(key) ? [[...path, key]] : pathsOf(member, skip, [...path, key]),
  );
  return path.length === 0 ? inner : [path, ...inner];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (!isPlain(value)) throw new Error("no such path");
  return { ...value, [key]: replaced(value[key], rest, by) };
}

/** What builders made stays whole, and a record's keys are the deployer's own. */
const WHOLE = new Set(["verify", "events", "sources", "models", "destinations", "default"]);

describe("a builder of a config", () => {
  it.each(BUILDERS)("%s takes what it is made for", (_, build, valid) => {
    expect(() => build(valid)).not.toThrow();
  });

  it.each(BUILDERS)("%s refuses any member of the wrong type, and names it", (_, build, valid) => {
    const paths = pathsOf(valid, WHOLE);
    const wrong = fc.constantFrom<unknown>(Number.NaN, null, Symbol("no"));
    fc.assert(
      fc.property(fc.constantFrom(...paths), wrong, (path, value) => {
        expect(() => build(replaced(valid, path, value))).toThrow(path.at(-1));
      }),
    );
  });

  it.each(BUILDERS)("%s refuses a member that it does not know, wherever it stands", (_, build, valid) => {
    const objects = pathsOf(valid, WHOLE)
      .map((path) => path.slice(0, -1))
      .filter((path) => !path.some((part) => ["above", "margin"].includes(part)));
    for (const path of objects) {
      const open = path.reduce<unknown>((value, key) => (isPlain(value) ? value[key] : undefined), valid);
      if (!isPlain(open) || "secrets" in open) continue;
      expect(() => build(replaced(valid, path, { ...open, timeoutSecs: 1 }))).toThrow("timeoutSecs");
    }
  });

  it.each(BUILDERS)("%s says what is missing when it is called with nothing", (name, build) => {
    for (const nothing of [undefined, null, "text", []]) {
      expect(() => build(nothing)).toThrow(
        new RegExp(`gateway config: ${name === "stripe" ? "stripe" : name}`),
      );
    }
  });
});

describe("a pipeline that emits", () => {
  it("names pipelines that the config has", () => {
    const parts = { ...gateway, sources: {} };
    const emitting = loosely(definePipeline)({ ...pipeline, name: "first", emits: ["triag"] });
    expect(() => loosely(defineGateway)({ ...parts, pipelines: [emitting, made] })).toThrow(
      'pipelines.first.emits: no pipeline is called "triag". Did you mean "triage"?',
    );
    const right = loosely(definePipeline)({ ...pipeline, name: "first", emits: ["triage"] });
    expect(() => loosely(defineGateway)({ ...parts, pipelines: [right, made] })).not.toThrow();
  });
});

describe("a mistake", () => {
  const refusal = (build: Builder, options: unknown): string => {
    try {
      build(options);
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
    return "nothing was refused";
  };

  it.each([
    [{ partitonBy: () => null }, 'defineSource: "partitonBy" is not known here. Did you mean "partitionBy"?'],
    [
      { priority: "urgent" },
      'defineSource.priority: "urgent" is neither a function nor one of "high", "normal", "low"',
    ],
    [
      { policy: { ordering: "Strict" } },
      '.policy.ordering: "Strict" is not one of "none", "arrival", "strict". Did you mean "strict"?',
    ],
    [{ policy: { leaseMs: Number.NaN } }, ".policy.leaseMs: expected number, received NaN"],
    [{ policy: { settleMs: -1 } }, ".policy.settleMs: Too small"],
    [{ policy: { maxAgeMs: 0 } }, ".policy.maxAgeMs: Too small"],
    [{ policy: { retainMs: -1 } }, ".policy.retainMs: Too small"],
    [{ unkeyedShards: 0 }, ".unkeyedShards: Too small"],
    [{ maxBodyBytes: 1e12 }, ".maxBodyBytes: Too big"],
    [{ space: "" }, ".space: is no usable name"],
    [{ space: "a:b" }, ".space: is no usable name"],
    [{ epoch: 0.5 }, ".epoch: expected int"],
    [{ jurisdiction: "de" }, '.jurisdiction: "de" is not one of'],
    [{ filter: "paid" }, ".filter: is no function"],
    [{ verify: {} }, ".verify: is no verification"],
  ])("in a source is told with its place and what is right: %j", (change, told) => {
    expect(refusal(loosely(defineSource), { ...source, ...change })).toContain(told);
  });

  it.each([
    [{ deliver: ["crm", "crm"] }, "definePipeline.deliver: names a destination twice"],
    [{ infer: { ...pipeline.infer, model: undefined } }, "definePipeline.infer.model: expected string"],
    [{ infer: { ...pipeline.infer, injectionThreshold: 7 } }, ".infer.injectionThreshold: Too big"],
    [{ format: undefined }, "definePipeline.format: is no function"],
    [{ policy: { retry: { firstDelayMs: 1 } } }, ".policy.retry.factor: expected number"],
  ])("in a pipeline: %j", (change, told) => {
    expect(refusal(loosely(definePipeline), { ...pipeline, ...change })).toContain(told);
  });

  it.each([
    [{ sources: {}, models: {} }, "sources: there is none, and no model either"],
    [{ source: {} }, '"source" is not known here. Did you mean "sources"?'],
    [
      { ledger: { successes: "row" } },
      '.ledger.successes: "row" is not one of "rows", "packed", "none". Did you mean "rows"?',
    ],
    [
      { alerts: { webhooks: [], above: { "dead-leters": 1 } } },
      'there is no such rule. Did you mean "dead-letters"?',
    ],
    [
      { alerts: { webhooks: [], margin: { depth: Number.POSITIVE_INFINITY } } },
      ".alerts.margin.depth: expected number",
    ],
    [
      { alerts: { webhooks: [], margin: { "dead-letters": 2 } } },
      "alerts.margin.dead-letters: there is no such rule",
    ],
    [{ sources: { shop: source.verify } }, ".sources.shop: is no source: make it with defineSource"],
    [{ models: { fast: model } }, ".models.fast: is no model: make it with openaiCompatible"],
    [
      { destinations: { books: queueDestination({ binding: "books" }) } },
      "Name the producer binding of a queue in wrangler.toml",
    ],
  ])("in the whole: %j", (change, told) => {
    expect(refusal(loosely(defineGateway), { ...gateway, ...change })).toContain(told);
  });

  it("does not hide the next: all are told at once, a line each", () => {
    const told = refusal(loosely(defineSource), { ...source, epoch: -1, onInvalid: "drop", partitonBy: 1 });
    expect(told.split("\n")).toHaveLength(3);
  });

  it("in a model's time-outs and a destination's", () => {
    expect(refusal(loosely(openaiCompatible), { ...model, timeouts: { totalMs: 1e12 } })).toContain(
      "openaiCompatible.timeouts.totalMs: Too big",
    );
    expect(
      refusal(loosely(httpDestination), { url: "https://a.example", secret: "S", timeoutMs: 1e12 }),
    ).toContain("httpDestination.timeoutMs: Too big");
  });
});
