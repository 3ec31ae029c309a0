/** What a guard is told about a call. A refusal or a truncation is an answer: the endpoint is well. */
import type { StageFailure } from "../core/failure.ts";
import type { CallReport, LimitHint } from "../guard/port.ts";
import type { TokenUsage } from "./port.ts";

export interface CallFacts {
  readonly latencyMs: number;
  readonly usage?: TokenUsage | undefined;
  readonly hint?: LimitHint | undefined;
  readonly firstTokenMs?: number | undefined;
  /** The model that really answered, as far as it said. */
  readonly modelId?: string | undefined;
}

export function callReport(facts: CallFacts, failed: StageFailure | undefined): CallReport {
  const { latencyMs, usage, hint } = facts;
  const usedTokens = usage === undefined ? null : usage.inputTokens + usage.outputTokens;
  const report = { outcome: outcomeOf(failed), latencyMs, usedTokens };
  return hint === undefined ? report : { ...report, hint };
}

function outcomeOf(failed: StageFailure | undefined): CallReport["outcome"] {
  if (failed === undefined || failed.class === "degraded") return "success";
  return failed.code === "cancelled" ? "cancelled" : failed.class;
}
