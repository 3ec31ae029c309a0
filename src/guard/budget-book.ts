/**
 * Budgets as an isolate knows them: what each scope has spent today by its object's last word, and what this isolate has
 * spent since and not told yet. Asks and tells at most every `syncEveryMs` per scope, so a budget costs next to no requests, and can be
 * passed by what all isolates spend within that time. Plain data, so invocations may share it.
 */
import { LIMITS } from "../config/limits.ts";
import { addSpending, budgetStateSchema, dayStartMs, noSpending, type Spending } from "../core/budget.ts";
import type { Logger } from "../telemetry/log.ts";
import type { GuardTransport } from "./transport.ts";
import { GUARD_WIRE_VERSION } from "./wire.ts";

export interface BudgetBook {
  /** Millionths of a US dollar spent today, as far as can be known. An object that gives no answer adds nothing. */
  spentToday(scope: string): Promise<number>;
  add(scope: string, spent: { readonly micros: number; readonly isEstimated: boolean }): void;
  /** Tells what would hurt to lose: an isolate may end with its invocation. */
  flush(perDayMicros: (scope: string) => number): Promise<void>;
}

interface Page {
  /** By the object's last word. */
  known: Spending;
  /** Not told yet. */
  untold: Spending;
  /** On its way. */
  telling: Spending | null;
  syncedAtMs: number;
}

export interface BudgetBookDeps {
  readonly send: GuardTransport;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

const NEVER = Number.NEGATIVE_INFINITY;

export function createBudgetBook({ send, nowMs, logger }: BudgetBookDeps): BudgetBook {
  const pages = new Map<string, Page>();

  function pageOf(scope: string): Page {
    const known = pages.get(scope);
    if (known !== undefined && known.known.dayStartMs === dayStartMs(nowMs())) return known;
    const nothing = noSpending(nowMs());
    // What an earlier day was not told any more is not worth a request.
    const page = { known: nothing, untold: nothing, telling: null, syncedAtMs: NEVER };
    pages.set(scope, page);
    return page;
  }

  /** Whoever finds it due takes it upon himself; others go by what is known meanwhile. */
  async function sync(scope: string, page: Page): Promise<void> {
    if (page.telling !== null && nowMs() - page.syncedAtMs < LIMITS.budget.syncEveryMs) return;
    const told = page.telling === null ? page.untold : addSpending(page.untold, page.telling);
    page.telling = told;
    page.untold = noSpending(told.dayStartMs);
    page.syncedAtMs = nowMs();
    const command = { v: GUARD_WIRE_VERSION, spending: told };
    const answer = await send({
      guard: `budget:${scope}`,
      method: "spend",
      command,
      value: budgetStateSchema,
    });
    if (page.telling === told) page.telling = null;
    if (answer.ok) {
      const { today } = answer.value;
      if (today.dayStartMs === page.known.dayStartMs) page.known = today;
      return;
    }
    // It may have arrived: told twice, a budget ends early, never late.
    page.untold = addSpending(page.untold, told);
    logger.warn("budget_no_answer", { scope, code: answer.error.code, message: answer.error.message });
  }

  return {
    async spentToday(scope) {
      const page = pageOf(scope);
      if (nowMs() - page.syncedAtMs >= LIMITS.budget.syncEveryMs) await sync(scope, page);
      return page.known.micros + page.untold.micros + (page.telling?.micros ?? 0);
    },
    add(scope, { micros, isEstimated }) {
      const page = pageOf(scope);
      const { dayStartMs: startMs } = page.known;
      const spent = { dayStartMs: startMs, micros, estimatedMicros: isEstimated ? micros : 0, calls: 1 };
      page.untold = addSpending(page.untold, spent);
    },
    async flush(perDayMicros) {
      const large = [...pages].filter(
        ([scope, page]) => page.untold.micros > perDayMicros(scope) * LIMITS.budget.untoldShare,
      );
      await Promise.all(large.map(([scope, page]) => sync(scope, page)));
    },
  };
}
