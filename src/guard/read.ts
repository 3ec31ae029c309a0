/** A guard's state for operators: breaker, rates, slots. */
import { guardSummarySchema, type GuardSummary } from "../core/guard/summary.ts";
import type { Result } from "../core/result.ts";
import { callGuard } from "./call.ts";
import type { GuardFailure } from "./wire.ts";

/** @param guard `model:fast` or `destination:crm`; one that was never used reads as closed and empty */
export function readGuard(
  namespace: DurableObjectNamespace,
  guard: string,
): Promise<Result<GuardSummary, GuardFailure>> {
  return callGuard(namespace, { guard, method: "read", command: {}, value: guardSummarySchema });
}
