/** What is told of a model call that was made, for metrics and cost. */
import type { FailureClass } from "../core/failure.ts";
import type { ModelCallResult } from "../models/call.ts";
import type { ConfiguredModel, TokenUsage } from "../models/port.ts";
import { costMicros } from "../models/price.ts";
import type { Attribution } from "../guard/budgets.ts";

export interface ModelCallObservation {
  readonly model: string;
  readonly modelId: string;
  readonly provider: string;
  /** Absent: not an event's call. */
  readonly pipeline?: string;
  /** `<space>:<customer>`: for cost per customer. Never a metric's label. */
  readonly partitionKey?: string;
  /** `ok`, or the failure's code. */
  readonly code: string;
  readonly class: "ok" | FailureClass;
  /** undefined: the provider did not say, and nothing came that could be counted. */
  readonly usage: TokenUsage | undefined;
  readonly costMicros: number | null;
  readonly latencyMs: number;
  readonly firstTokenMs: number | undefined;
}

export function observationOf(
  model: ConfiguredModel,
  result: ModelCallResult,
  caller: Attribution | undefined,
): ModelCallObservation {
  const { name, definition } = model;
  const facts = result.ok ? result.value : result.error;
  const { usage, latencyMs } = facts;
  return {
    model: name,
    modelId: result.ok ? result.value.modelId : definition.modelId,
    provider: definition.provider,
    code: result.ok ? "ok" : result.error.failure.code,
    class: result.ok ? "ok" : result.error.failure.class,
    usage,
    costMicros: usage === undefined ? null : costMicros(usage, definition.price),
    latencyMs,
    ...caller,
    firstTokenMs: result.ok ? result.value.firstTokenMs : undefined,
  };
}
