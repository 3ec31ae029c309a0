/** What the parts of the gateway tell of their work, as counts. Each observer fits the hook its part offers. */
import type { FailureClass, Stage, StageFailure } from "../core/failure.ts";
import type { GuardClient } from "../guard/port.ts";
import type { Metrics } from "./metrics.ts";

interface ModelCall {
  readonly model: string;
  readonly code: string;
  readonly class: "ok" | FailureClass;
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | undefined;
  readonly costMicros: number | null;
  readonly latencyMs: number;
  readonly firstTokenMs: number | undefined;
}

export function observeModelCalls(metrics: Metrics): (call: ModelCall) => void {
  return ({ model, code, class: outcome, usage, costMicros, latencyMs, firstTokenMs }) => {
    metrics.count("sluice_model_calls_total", { model, outcome });
    if (outcome !== "ok") metrics.count("sluice_model_errors_total", { model, class: outcome, code });
    metrics.time("sluice_model_duration_seconds", { model }, latencyMs);
    if (firstTokenMs !== undefined) metrics.time("sluice_model_first_token_seconds", { model }, firstTokenMs);
    metrics.count("sluice_model_tokens_total", { model, type: "input" }, usage?.inputTokens ?? 0);
    metrics.count("sluice_model_tokens_total", { model, type: "output" }, usage?.outputTokens ?? 0);
    metrics.count("sluice_model_cost_usd_total", { model }, (costMicros ?? 0) / 1e6);
  };
}

export function observeOverBudget(
  metrics: Metrics,
): (denial: { readonly model: string; readonly scope: string }) => void {
  return ({ model, scope }) => metrics.count("sluice_budget_denials_total", { model, scope });
}

export function observeCache(metrics: Metrics): (lookup: string) => void {
  return (result) => metrics.count("sluice_cache_lookups_total", { result });
}

interface StageWork {
  readonly pipeline: string;
  readonly stage: Stage;
  readonly destination: string | null;
  readonly durationMs: number;
  readonly failure: StageFailure | null;
}

export function observeStages(metrics: Metrics): (work: StageWork) => void {
  return ({ pipeline, stage, destination, durationMs, failure }) => {
    metrics.time("sluice_stage_duration_seconds", { pipeline, stage }, durationMs);
    if (failure !== null) {
      const { class: failureClass, code } = failure;
      metrics.count("sluice_stage_failures_total", { pipeline, stage, class: failureClass, code });
    }
    if (destination === null) return;
    metrics.count("sluice_deliveries_total", { destination, outcome: failure?.class ?? "delivered" });
    metrics.time("sluice_delivery_duration_seconds", { destination }, durationMs);
  };
}

/** The same guard, its denials counted. */
export function countDenials(guard: GuardClient, metrics: Metrics): GuardClient {
  return {
    async admit(request) {
      const admission = await guard.admit(request);
      if (admission.kind === "denied") {
        metrics.count("sluice_guard_denials_total", { guard: request.guard, reason: admission.reason });
      }
      return admission;
    },
    flush: () => guard.flush(),
  };
}
