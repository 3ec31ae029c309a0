/** Leave to call a model for a stream: budgets, the nearest endpoint that is well, and what is paid afterwards. */
import { describe, expect, it } from "vitest";
import type { Admission, AdmissionRequest, CallReport } from "../../src/guard/port.ts";
import type { BudgetKeeper, BudgetVerdict } from "../../src/guard/budgets.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import { createModelRegistry } from "../../src/models/registry.ts";
import { admitCall, problemOfRefusal } from "../../src/streaming/admit-call.ts";
import type { StreamRequest } from "../../src/streaming/port.ts";
import { createLogger } from "../../src/telemetry/log.ts";

const NOW_MS = 1_800_000_000_000;
const price = { inputPerMillion: 1, outputPerMillion: 2 };
const config = new Map([
  [
    "fast",
    openaiCompatible({
      baseUrl: "https://central.example/v1",
      model: "m",
      price,
      endpoints: [
        { region: "NA", baseUrl: "https://na.example/v1" },
        { region: "EU", baseUrl: "https://eu.example/v1" },
        { region: "AS", baseUrl: { variable: "ASIA_URL" } },
      ],
    }),
  ],
  ["cheap", openaiCompatible({ baseUrl: "https://cheap.example/v1", model: "m", price })],
]);
const CALLER = { pipeline: "triage", partitionKey: "stream:strm_1" };

interface World {
  /** By guard; granted where nothing is said. */
  readonly denials?: Readonly<Record<string, Extract<Admission, { kind: "denied" }>>>;
  /** By model; within where nothing is said. */
  readonly verdicts?: Readonly<Record<string, BudgetVerdict>>;
}

function world({ denials = {}, verdicts = {} }: World = {}) {
  const asked: AdmissionRequest[] = [];
  const settled: CallReport[] = [];
  const checked: string[] = [];
  const charged: unknown[] = [];
  const flushed: string[] = [];
  const budgets: BudgetKeeper = {
    check: async (model) => {
      checked.push(model);
      return verdicts[model] ?? { kind: "within" };
    },
    charge: (model, caller, spent) => void charged.push({ model, caller, ...spent }),
    flush: async () => void flushed.push("budgets"),
  };
  const deps = {
    models: createModelRegistry(config, { binding: () => undefined, fetch }),
    guard: {
      admit: async (request: AdmissionRequest): Promise<Admission> => {
        asked.push(request);
        const permit = { settle: (report: CallReport) => void settled.push(report) };
        return denials[request.guard] ?? { kind: "granted", permit };
      },
      flush: async () => void flushed.push("guard"),
    },
    budgets,
    nowMs: () => NOW_MS,
    log: createLogger("error"),
  };
  const admit = (request: Partial<StreamRequest> = {}) =>
    admitCall(deps, { model: "fast", texts: ["Say hello."], options: { prompt: [] }, ...request });
  const guards = () => asked.map(({ guard }) => guard);
  return { admit, asked, guards, settled, checked, charged, flushed };
}

const denied = (reason: "breaker" | "requests" | "unreachable", retryAtMs = NOW_MS + 1_000) =>
  ({ kind: "denied", reason, retryAtMs }) as const;

describe("a stream's call", () => {
  it.each([
    ["EU", "model:fast@EU"],
    ["AF", "model:fast@EU"],
    ["SA", "model:fast@NA"],
    ["unknown", "model:fast@NA"],
  ])("from %s goes to the nearest endpoint, and the model keeps its name", async (region, guard) => {
    const { admit, guards } = world();
    const admitted = await admit({ region });
    expect(guards()).toEqual([guard]);
    expect(admitted).toMatchObject({ ok: true, value: { name: "fast", model: { name: guard.slice(6) } } });
  });

  it("goes to the next one when a breaker is open or a guard gives no answer, past one that is not set up", async () => {
    const { admit, guards } = world({
      denials: { "model:fast@EU": denied("breaker"), "model:fast@NA": denied("unreachable") },
    });
    const admitted = await admit({ region: "EU" });
    expect(guards()).toEqual(["model:fast@EU", "model:fast@NA", "model:fast"]);
    expect(admitted).toMatchObject({ ok: true, value: { name: "fast", model: { name: "fast" } } });
  });

  it("waits for the limit of the nearest one: a limit is not a reason to go elsewhere", async () => {
    const { admit, guards } = world({ denials: { "model:fast@EU": denied("requests") } });
    expect(await admit({ region: "EU" })).toMatchObject({ ok: false, error: { reason: "requests" } });
    expect(guards()).toEqual(["model:fast@EU"]);
  });

  it("is told the earliest turn when no endpoint is well", async () => {
    const { admit } = world({
      denials: {
        "model:fast@EU": denied("breaker", NOW_MS + 9_000),
        "model:fast@NA": denied("breaker", NOW_MS + 3_000),
        "model:fast": denied("breaker", NOW_MS + 5_000),
      },
    });
    const refused = await admit({ region: "EU" });
    expect(refused).toMatchObject({ ok: false, error: { retryAtMs: NOW_MS + 3_000 } });
  });

  it("of a run asks the endpoint that its pipeline chose, and no other", async () => {
    const { admit, guards } = world({ denials: { "model:fast@EU": denied("breaker") } });
    expect(await admit({ model: "fast@EU", isWithinBudget: true })).toMatchObject({ ok: false });
    expect(guards()).toEqual(["model:fast@EU"]);
  });

  it("to a model that nobody configured is a failure, and no guard is asked", async () => {
    const { admit, guards } = world();
    const refused = await admit({ model: "clever" });
    expect(refused).toMatchObject({ ok: false, error: { failure: { code: "model_unknown" } } });
    expect(guards()).toEqual([]);
  });
});

describe("a budget", () => {
  const until = { untilMs: NOW_MS + 60_000 };

  it("that is spent stops the call before any guard is asked, and says when to come back", async () => {
    const { admit, guards } = world({
      verdicts: { fast: { kind: "spent", scope: "model:fast", ...until } },
    });
    const refused = await admit();
    if (refused.ok) throw new Error("admitted");
    expect(guards()).toEqual([]);
    expect(problemOfRefusal(refused.error, NOW_MS)).toMatchObject({
      status: 429,
      code: "budget-spent",
      headers: { "retry-after": "60" },
    });
  });

  it("that goes down to another model has that one called, named and paid for", async () => {
    const { admit, guards, charged } = world({
      verdicts: { fast: { kind: "spent", scope: "pipeline:triage", ...until, downgradeTo: "cheap" } },
    });
    const admitted = await admit({ caller: CALLER });
    if (!admitted.ok) throw new Error("refused");
    expect(admitted.value).toMatchObject({ name: "cheap", model: { name: "cheap" } });
    expect(guards()).toEqual(["model:cheap"]);
    const usage = { inputTokens: 1, outputTokens: 1, estimated: false };
    await admitted.value.settle("strm_1", { usage, latencyMs: 5 }, undefined);
    expect(charged).toMatchObject([{ model: "cheap", caller: CALLER }]);
  });

  it("that is spent for both stops the call", async () => {
    const { admit, checked } = world({
      verdicts: {
        fast: { kind: "spent", scope: "pipeline:triage", ...until, downgradeTo: "cheap" },
        cheap: { kind: "spent", scope: "model:cheap", ...until, downgradeTo: "fast" },
      },
    });
    expect(await admit()).toMatchObject({ ok: false, error: { reason: "budget" } });
    expect(checked).toEqual(["fast", "cheap"]);
  });

  it("is charged once with what the call cost, at the model's name and not its endpoint's, and told before the settling is over", async () => {
    const { admit, charged, flushed, settled } = world();
    const admitted = await admit({ region: "EU", caller: CALLER });
    if (!admitted.ok) throw new Error("refused");
    const usage = { inputTokens: 1_000, outputTokens: 500, estimated: true };
    await admitted.value.settle("strm_1", { usage, latencyMs: 5 }, undefined);
    expect(charged).toEqual([{ model: "fast", caller: CALLER, micros: 2_000, isEstimated: true }]);
    expect(settled).toMatchObject([{ outcome: "success", usedTokens: 1_500 }]);
    expect(flushed.toSorted()).toEqual(["budgets", "guard"]);
  });

  it("is not charged for a call of which nobody knows what was used", async () => {
    const { admit, charged } = world();
    const admitted = await admit();
    if (!admitted.ok) throw new Error("refused");
    await admitted.value.settle("strm_1", { latencyMs: 5 }, undefined);
    expect(charged).toEqual([]);
  });

  it("that a run's pipeline has looked at is not looked at again, and charged all the same", async () => {
    const { admit, checked, charged } = world({
      verdicts: { fast: { kind: "spent", scope: "model:fast", ...until } },
    });
    const admitted = await admit({ model: "fast@EU", isWithinBudget: true, caller: CALLER });
    if (!admitted.ok) throw new Error("refused");
    expect(checked).toEqual([]);
    const usage = { inputTokens: 1_000, outputTokens: 0, estimated: false };
    await admitted.value.settle("strm_1", { usage, latencyMs: 5 }, undefined);
    expect(charged).toEqual([{ model: "fast", caller: CALLER, micros: 1_000, isEstimated: false }]);
  });
});
