/**
 * What a scope (a model, a pipeline, a space of customers) has spent today. Pure: the day is that of the time
 * it is given. Days are UTC. Spec: docs/spec/budget.md.
 */
import * as z from "zod";

const DAY_MS = 86_400_000;

export const spendingSchema = z.readonly(
  z.object({
    /** The day it was spent on. */
    dayStartMs: z.int(),
    micros: z.int().min(0),
    /** The part of it that nobody reported: estimated from what was sent and received. */
    estimatedMicros: z.int().min(0),
    calls: z.int().min(0),
  }),
);
/** Money is in millionths of a US dollar, whole. */
export type Spending = z.infer<typeof spendingSchema>;

export const budgetStateSchema = z.readonly(z.object({ v: z.literal(1), today: spendingSchema }));
export type BudgetState = z.infer<typeof budgetStateSchema>;

export function dayStartMs(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS) * DAY_MS;
}

export function nextDayMs(nowMs: number): number {
  return dayStartMs(nowMs) + DAY_MS;
}

export function noSpending(nowMs: number): Spending {
  return { dayStartMs: dayStartMs(nowMs), micros: 0, estimatedMicros: 0, calls: 0 };
}

export function addSpending(one: Spending, other: Spending): Spending {
  return {
    dayStartMs: one.dayStartMs,
    micros: one.micros + other.micros,
    estimatedMicros: one.estimatedMicros + other.estimatedMicros,
    calls: one.calls + other.calls,
  };
}

/** A new day begins at nothing; what comes late of an earlier day is that day's, which nothing waits for any more. */
export function spend(state: BudgetState | null, spending: Spending, nowMs: number): BudgetState {
  const startMs = Math.max(dayStartMs(nowMs), state?.today.dayStartMs ?? 0, spending.dayStartMs);
  const today =
    state !== null && state.today.dayStartMs === startMs
      ? state.today
      : { ...noSpending(nowMs), dayStartMs: startMs };
  return { v: 1, today: spending.dayStartMs === startMs ? addSpending(today, spending) : today };
}
