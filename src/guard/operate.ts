/** What operators say to a guard, and how it stands afterwards. */
import type { GuardOperation } from "../core/guard/operate.ts";
import { guardSummarySchema, type GuardSummary } from "../core/guard/summary.ts";
import type { Result } from "../core/result.ts";
import { callGuard } from "./call.ts";
import { GUARD_WIRE_VERSION, type GuardFailure, type OperateCommand } from "./wire.ts";

/** @param guard `model:fast` or `destination:crm` */
export function operateGuardObject(
  namespace: DurableObjectNamespace,
  guard: string,
  operation: GuardOperation,
): Promise<Result<GuardSummary, GuardFailure>> {
  const command: OperateCommand = { v: GUARD_WIRE_VERSION, operation };
  return callGuard(namespace, { guard, method: "operate", command, value: guardSummarySchema });
}
