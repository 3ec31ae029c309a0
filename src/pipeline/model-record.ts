/** What an event's model calls cost and where its answer is from. */
import type { ModelRecord } from "../core/partition/model.ts";
import type { ModelCallOutcome } from "./ports.ts";

/** Every call of an attempt is paid for. The record names the last model asked. */
export function addSpending(
  before: ModelRecord | null,
  name: string,
  outcome: Exclude<ModelCallOutcome, { kind: "denied" }>,
): ModelRecord {
  const { usage, costMicros, durationMs } = outcome;
  return {
    name,
    modelId: outcome.kind === "answer" ? outcome.modelId : (before?.modelId ?? name),
    inputTokens: (before?.inputTokens ?? 0) + (usage?.inputTokens ?? 0),
    outputTokens: (before?.outputTokens ?? 0) + (usage?.outputTokens ?? 0),
    estimatedUsage: (before?.estimatedUsage ?? false) || (usage?.estimated ?? true),
    costMicros: before === null ? costMicros : addCosts(before.costMicros, costMicros),
    durationMs: (before?.durationMs ?? 0) + durationMs,
    cached: false,
  };
}

function addCosts(left: number | null, right: number | null): number | null {
  if (left === null) return right;
  return right === null ? left : left + right;
}

/** A hit used up no tokens; what was asked in vain before it did. */
export function cachedRecord(
  spent: ModelRecord | null,
  name: string,
  modelId: string,
  durationMs: number,
): ModelRecord {
  const before = spent ?? NOTHING_SPENT;
  return { ...before, name, modelId, durationMs: before.durationMs + durationMs, cached: true };
}

const NOTHING_SPENT = {
  inputTokens: 0,
  outputTokens: 0,
  estimatedUsage: false,
  costMicros: 0,
  durationMs: 0,
} as const;
