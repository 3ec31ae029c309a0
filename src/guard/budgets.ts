/** Whether a call may still be paid for, and what it cost afterwards. Knows budgets by scope; never calls a model. */
import type { Budget, Budgets } from "../config/budget.ts";
import { LIMITS } from "../config/limits.ts";
import { nextDayMs } from "../core/budget.ts";
import type { BudgetBook } from "./budget-book.ts";

/** Whom a call is made for. */
export interface Attribution {
  readonly pipeline: string;
  /** `<space>:<customer>`. */
  readonly partitionKey: string;
}

export type BudgetVerdict =
  | { readonly kind: "within" }
  | {
      readonly kind: "spent";
      readonly scope: string;
      readonly untilMs: number;
      /** The model to ask instead; absent: wait. */
      readonly downgradeTo?: string;
    };

export interface BudgetKeeper {
  check(model: string, caller: Attribution | undefined): Promise<BudgetVerdict>;
  charge(
    model: string,
    caller: Attribution | undefined,
    spent: { readonly micros: number; readonly isEstimated: boolean },
  ): void;
  /** When an invocation ends. */
  flush(): Promise<void>;
}

export interface BudgetKeeperDeps {
  readonly budgets: Budgets;
  readonly book: BudgetBook;
  readonly nowMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** `flush` tells everything: for isolates that hardly live longer than a call. Default: what would hurt to lose. */
  readonly tellsAll?: boolean;
}

const WITHIN: BudgetVerdict = { kind: "within" };

export function createBudgetKeeper(deps: BudgetKeeperDeps): BudgetKeeper {
  const { budgets, book } = deps;
  const scopesOf = (model: string, caller: Attribution | undefined) =>
    [`model:${model}`, ...(caller === undefined ? [] : callerScopes(caller))].filter((scope) =>
      budgets.has(scope),
    );
  return {
    async check(model, caller) {
      const spent: BudgetVerdict[] = [];
      for (const scope of scopesOf(model, caller)) {
        const budget = budgets.get(scope);
        if (budget === undefined || isExempt(budget, model)) continue;
        if ((await book.spentToday(scope)) < microsOf(budget)) continue;
        spent.push(verdictOf(scope, budget, deps));
      }
      // One that stops is not got round by one that would go on with another model.
      return spent.find((one) => !("downgradeTo" in one)) ?? spent[0] ?? WITHIN;
    },
    charge(model, caller, amount) {
      for (const scope of scopesOf(model, caller)) book.add(scope, amount);
    },
    flush: () =>
      book.flush((scope) => {
        if (deps.tellsAll === true) return 0;
        const budget = budgets.get(scope);
        return budget === undefined ? Number.POSITIVE_INFINITY : microsOf(budget);
      }),
  };
}

function callerScopes({ pipeline, partitionKey }: Attribution): readonly string[] {
  return [`pipeline:${pipeline}`, `space:${partitionKey.split(":", 1)[0] ?? ""}`];
}

/** What a budget goes down to is what it allows beyond itself. */
function isExempt(budget: Budget, model: string): boolean {
  return budget.on === "downgrade" && budget.downgradeTo === model;
}

/** The next day, a little spread; looked at before, because somebody may have raised the budget. */
function verdictOf(scope: string, budget: Budget, { nowMs, random }: BudgetKeeperDeps): BudgetVerdict {
  const { recheckMs, spreadMs } = LIMITS.budget;
  const untilMs = Math.min(nextDayMs(nowMs()), nowMs() + recheckMs) + Math.floor(random() * spreadMs);
  return budget.on === "downgrade"
    ? { kind: "spent", scope, untilMs, downgradeTo: budget.downgradeTo }
    : { kind: "spent", scope, untilMs };
}

function microsOf({ perDayUsd }: Budget): number {
  return perDayUsd * 1_000_000;
}
