/** Budgets: days, what isolates know of each other's spending, and what a spent budget says. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Budget } from "../../src/config/budget.ts";
import { LIMITS } from "../../src/config/limits.ts";
import { nextDayMs, spend, type BudgetState } from "../../src/core/budget.ts";
import { err, ok } from "../../src/core/result.ts";
import { createBudgetBook } from "../../src/guard/budget-book.ts";
import type { GuardTransport } from "../../src/guard/transport.ts";
import { spendCommandSchema } from "../../src/guard/wire.ts";
import { createBudgetKeeper, type BudgetKeeper } from "../../src/guard/budgets.ts";
import { createLogger } from "../../src/telemetry/log.ts";

const DAY_MS = 86_400_000;
const NOON_MS = Math.floor(1_800_000_000_000 / DAY_MS) * DAY_MS + DAY_MS / 2;
const CALLER = { pipeline: "triage", partitionKey: "shop:alice" };

let nowMs = NOON_MS;
let isDown = false;
let requests = 0;
let objects: Map<string, BudgetState>;

beforeEach(() => {
  nowMs = NOON_MS;
  isDown = false;
  requests = 0;
  objects = new Map();
});

const send: GuardTransport = async ({ guard, command, value }) => {
  requests++;
  if (isDown) return err({ code: "unreachable", message: "down" });
  const { spending } = spendCommandSchema.parse(command);
  const next = spend(objects.get(guard) ?? null, spending, nowMs);
  objects.set(guard, next);
  const parsed = value.safeParse(next);
  return parsed.success ? ok(parsed.data) : err({ code: "malformed_answer", message: "" });
};

function isolate(
  budgets: Readonly<Record<string, Budget>>,
  ways: { readonly tellsAll?: boolean } = {},
): BudgetKeeper {
  const book = createBudgetBook({ send, nowMs: () => nowMs, logger: createLogger("error") });
  return createBudgetKeeper({
    budgets: new Map(Object.entries(budgets)),
    book,
    nowMs: () => nowMs,
    random: () => 0,
    ...ways,
  });
}

const dollars = (usd: number) => ({ micros: usd * 1_000_000, isEstimated: false });
const stop = (perDayUsd: number): Budget => ({ perDayUsd, on: "stop" });

describe("a budget", () => {
  it.each(["model:fast", "pipeline:triage", "space:shop"])(
    "of %s ends when its day's money is spent",
    async (scope) => {
      const keeper = isolate({ [scope]: stop(2) });
      keeper.charge("fast", CALLER, dollars(1.99));
      expect(await keeper.check("fast", CALLER)).toEqual({ kind: "within" });
      keeper.charge("fast", CALLER, dollars(0.01));
      expect(await keeper.check("fast", CALLER)).toMatchObject({ kind: "spent", scope });
    },
  );

  it.each<[string, string, typeof CALLER]>([
    ["another model", "careful", CALLER],
    ["another pipeline", "fast", { ...CALLER, pipeline: "moderation" }],
    ["another space", "fast", { ...CALLER, partitionKey: "forum:alice" }],
  ])("does not count what is spent by %s", async (_, model, caller) => {
    const scope = {
      careful: "model:fast",
      fast: caller.pipeline === "triage" ? "space:shop" : "pipeline:triage",
    };
    const keeper = isolate({ [model === "careful" ? scope.careful : scope.fast]: stop(1) });
    keeper.charge(model, caller, dollars(5));
    expect(await keeper.check("fast", CALLER)).toEqual({ kind: "within" });
  });

  it("begins anew with the day (UTC), and waits until then, looking again in between", async () => {
    const keeper = isolate({ "model:fast": stop(1) });
    keeper.charge("fast", CALLER, dollars(1));
    expect(await keeper.check("fast", CALLER)).toMatchObject({ untilMs: nowMs + LIMITS.budget.recheckMs });
    nowMs = nextDayMs(nowMs) - 60_000;
    expect(await keeper.check("fast", CALLER)).toMatchObject({ untilMs: nowMs + 60_000 });
    nowMs += 60_000;
    expect(await keeper.check("fast", CALLER)).toEqual({ kind: "within" });
  });

  it("goes down to another model, which it then allows; one that stops is not got round by it", async () => {
    const downgrade: Budget = { perDayUsd: 1, on: "downgrade", downgradeTo: "cheap" };
    const keeper = isolate({ "pipeline:triage": downgrade, "space:shop": stop(3) });
    keeper.charge("fast", CALLER, dollars(1));
    expect(await keeper.check("fast", CALLER)).toMatchObject({ kind: "spent", downgradeTo: "cheap" });
    expect(await keeper.check("cheap", CALLER)).toEqual({ kind: "within" });
    keeper.charge("cheap", CALLER, dollars(2));
    for (const model of ["fast", "cheap"]) {
      const verdict = await keeper.check(model, CALLER);
      expect(verdict).toMatchObject({ kind: "spent", scope: "space:shop" });
      expect(verdict).not.toHaveProperty("downgradeTo");
    }
  });

  it("says how much of it is estimated", async () => {
    const keeper = isolate({ "model:fast": stop(10) });
    keeper.charge("fast", CALLER, dollars(1));
    keeper.charge("fast", CALLER, { micros: 500, isEstimated: true });
    await keeper.flush();
    expect(objects.get("budget:model:fast")?.today).toMatchObject({
      micros: 1_000_500,
      estimatedMicros: 500,
      calls: 2,
    });
  });
});

describe("isolates", () => {
  it("know of each other's spending within seconds, at a request each in that time", async () => {
    const [one, other] = [isolate({ "model:fast": stop(2) }), isolate({ "model:fast": stop(2) })];
    expect(await other.check("fast", CALLER)).toEqual({ kind: "within" });
    one.charge("fast", CALLER, dollars(2));
    expect(await one.check("fast", CALLER)).toMatchObject({ kind: "spent" });
    nowMs += LIMITS.budget.syncEveryMs;
    expect(await other.check("fast", CALLER)).toMatchObject({ kind: "spent" });
    requests = 0;
    for (let call = 0; call < 100; call++) await other.check("fast", CALLER);
    expect(requests).toBe(0);
  });

  it("of streams take nothing along: they may end with the stream", async () => {
    const keeper = isolate({ "model:fast": stop(100) }, { tellsAll: true });
    await keeper.flush();
    expect(requests).toBe(0);
    keeper.charge("fast", CALLER, dollars(0.01));
    await keeper.flush();
    expect(objects.get("budget:model:fast")?.today.micros).toBe(10_000);
  });

  it("that end take along no more than a hundredth of a day's budget", async () => {
    const keeper = isolate({ "model:fast": stop(100) });
    await keeper.check("fast", CALLER);
    keeper.charge("fast", CALLER, dollars(1));
    requests = 0;
    await keeper.flush();
    expect(requests).toBe(0);
    keeper.charge("fast", CALLER, dollars(0.01));
    await keeper.flush();
    expect(objects.get("budget:model:fast")?.today.micros).toBe(1_010_000);
  });

  it("go by what they know while the budget's object is down, and tell it later", async () => {
    const keeper = isolate({ "model:fast": stop(2) });
    isDown = true;
    keeper.charge("fast", CALLER, dollars(1.5));
    expect(await keeper.check("fast", CALLER)).toEqual({ kind: "within" });
    keeper.charge("fast", CALLER, dollars(0.5));
    expect(await keeper.check("fast", CALLER)).toMatchObject({ kind: "spent" });
    isDown = false;
    nowMs += LIMITS.budget.syncEveryMs;
    await keeper.check("fast", CALLER);
    expect(objects.get("budget:model:fast")?.today.micros).toBe(2_000_000);
  });
});

it("whatever is told in whatever order, a day's sum is what was spent on that day", () => {
  const told = fc.record({
    day: fc.integer({ min: 0, max: 3 }),
    micros: fc.nat(1_000),
    lateMs: fc.nat(2 * DAY_MS),
  });
  fc.assert(
    fc.property(fc.array(told, { maxLength: 30 }), (all) => {
      let state: BudgetState | null = null;
      let atMs = NOON_MS;
      let newest = 0;
      const sums = new Map<number, number>();
      for (const { day, micros, lateMs } of all) {
        const startMs = Math.floor(NOON_MS / DAY_MS) * DAY_MS + day * DAY_MS;
        atMs = Math.max(atMs, startMs + lateMs);
        newest = Math.max(newest, startMs, Math.floor(atMs / DAY_MS) * DAY_MS);
        if (startMs === newest) sums.set(startMs, (sums.get(startMs) ?? 0) + micros);
        state = spend(state, { dayStartMs: startMs, micros, estimatedMicros: 0, calls: 1 }, atMs);
        expect(state.today).toMatchObject({ dayStartMs: newest, micros: sums.get(newest) ?? 0 });
      }
    }),
  );
});
